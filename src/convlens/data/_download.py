"""Fetch a file whose checksum is known from one of several mirrors."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from convlens.errors import DownloadError
from convlens.files import put_in_place

_ATTEMPTS = 5  # connections to one mirror, each of which must bring new bytes
_BLOCK = 1 << 16  # bytes
_FAILURES = (DownloadError, OSError, http.client.HTTPException, ValueError)  # URLError and time-outs are OSErrors


def download(urls: Sequence[str], path: Path, *, size: int, sha256: str, seconds: float = 30) -> None:
    """Fetch a file, whole and checked, or say why not.

    Bytes go to `path` with ".part" added, which a later call resumes if the server can; the file takes its name when
    size and checksum are right. Progress is shown on a terminal only.

    Args:
        urls: where the same file is, in order of preference; http or https.
        path: where it goes; missing folders are made.
        size: of the file, in bytes; no more is read.
        sha256: of the file, in hexadecimal.
        seconds: how long a server may keep silent.

    Raises:
        DownloadError: no mirror delivered the file.
    """
    part = path.with_name(f"{path.name}.part")
    reasons = []
    from rich.console import Console  # 0.1 s that only a download pays
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(path.name, total=size)
        for url in urls:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _complete(
                    part, url, size=size, sha256=sha256, seconds=seconds, report=lambda n: bar.update(task, completed=n)
                )
                put_in_place(part, path)
            except _FAILURES as error:
                reasons.append(f"  {url}: {error}\n")
            else:
                return
    raise DownloadError(
        f"A file is fetched from the first mirror that delivers it. Received {path.name} from none of {len(urls)}:\n"
        f"{''.join(reasons)}Check the connection and try again (what arrived is kept), or fetch the file by hand into "
        "a folder and set the environment variable CONVLENS_DATA to that folder."
    )


def _complete(part: Path, url: str, *, size: int, sha256: str, seconds: float, report: Callable[[int], None]) -> None:
    """Bring a partial file to its full size and check it; connect again as long as that brings new bytes."""
    for left in reversed(range(_ATTEMPTS)):
        before = _length(part)
        if before < size:
            try:
                _append(part, url, size=size, seconds=seconds, report=report)
            except _FAILURES:
                if left == 0 or _length(part) <= before:
                    raise
        if _length(part) >= size:
            found = _checksum(part)
            if found == sha256:
                return
            part.unlink()
            if before == 0:
                raise DownloadError(f"the file has another checksum: {found}, not {sha256}")
            # Else the bytes from before may be the wrong ones: begin again.
        elif _length(part) <= before:
            raise DownloadError(f"the server ended the file after {_length(part):,} of {size:,} bytes")
    raise DownloadError(f"the connection was cut {_ATTEMPTS} times")


def _append(part: Path, url: str, *, size: int, seconds: float, report: Callable[[int], None]) -> None:
    """Read on where a partial file ends, or from the beginning if the server cannot."""
    length = _length(part)
    request = urllib.request.Request(url, headers={"User-Agent": "convlens"})  # noqa: S310  # _opener knows http alone
    if length:
        request.add_header("Range", f"bytes={length}-")
    try:
        response = _opener().open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        with closing(error):
            raise DownloadError(f"HTTP {error.code} {error.reason}") from None
    with closing(response), part.open("ab") as file:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            file.truncate(0)
            length = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {length}-"):
            raise DownloadError(f"asked for bytes from {length}, got {response.headers.get('Content-Range')}")
        stated = response.headers.get("Content-Length")
        if stated is not None and int(stated) != size - length:
            raise DownloadError(f"the server's file has {length + int(stated):,} bytes, not {size:,}")
        while length < size and (block := response.read1(min(_BLOCK, size - length))):
            file.write(block)
            length += len(block)
            report(length)


def _opener() -> urllib.request.OpenerDirector:
    """Speak http and https only, after redirects too (urlopen would also open file: and ftp: addresses)."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
