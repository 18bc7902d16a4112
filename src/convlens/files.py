"""Files that are whole or not there: a temporary name, flushed, synced, renamed. And one process at a time."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a power cut, finds the old content or the new, never half.

    Args:
        path: the file's final name; its folder must exist.
        content: all its bytes.
    """
    with made_whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def made_whole(path: Path) -> Generator[Path]:
    """Offer a temporary file to write to, which takes its final name when the block ends well, and goes if it fails.

    Args:
        path: the final name; its folder must exist. Who may read the file is as for any new one (the umask).

    Yields:
        The temporary file, empty, in the same folder.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        put_in_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a finished file its final name, so that a power cut leaves the old content or the new, never half.

    Args:
        temporary: the file as written, in the same folder; it is gone afterwards.
        path: the final name; a file of this name is replaced.
    """
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if os.name == "posix":  # Windows cannot open a folder to sync it
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Let one process at a time make a file. The system lets go of a lock when its process ends, however it ends.

    Args:
        path: what is made; the lock is an empty file beside it, which stays. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("ab") as file:
        if os.name == "posix":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # waits ten seconds
                    break
                except OSError:
                    continue
        yield
