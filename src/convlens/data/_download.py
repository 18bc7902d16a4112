"""Fetch a file whose checksum is known from one of several mirrors."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from convlens.errors import DownloadError
from convlens.files import put_in_place

_ATTEMPTS = 5  # connections to one mirror, each of which must bring new bytes
_BLOCK = 1 << 16  # bytes
_MOST = 1 << 30  # bytes
_FAILURES = (DownloadError, OSError, http.client.HTTPException, ValueError)  # URLError and time-outs are OSErrors


def download(
    urls: Sequence[str],
    path: Path,
    *,
    size: int | None,
    sha256: str,
    most: int = _MOST,
    seconds: float = 30,
    by_hand: str = "a folder and set the environment variable CONVLENS_DATA to that folder",
) -> None:
    """Fetch a file, whole and checked, or say why not.

    Bytes go to `path` with ".part" added, which a later call resumes if the server can; the file takes its name when
    size and checksum are right. Progress is shown on a terminal only.

    Args:
        urls: where the same file is, in order of preference; http or https.
        path: where it goes; missing folders are made.
        size: of the file, in bytes; no more is read. None: what the server says.
        sha256: of the file, in hexadecimal, or its first digits; empty for a file whose checksum nobody knows.
        most: where the size is not known, the bytes that are read at most.
        seconds: how long a server may keep silent.
        by_hand: where a file fetched by hand would be found, for the error.

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
        wanted = _Wanted(
            size, most, sha256.lower(), seconds, lambda n, total: bar.update(task, completed=n, total=total)
        )
        for url in urls:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _complete(part, url, wanted=wanted)
                put_in_place(part, path)
            except _FAILURES as error:
                reasons.append(f"  {url}: {error}\n")
            else:
                return
    raise DownloadError(
        f"A file is fetched from the first mirror that delivers it. Received {path.name} from none of {len(urls)}:\n"
        f"{''.join(reasons)}Check the connection and try again (what arrived is kept), or fetch the file by hand into "
        f"{by_hand}."
    )


def read_headers(url: str, *, seconds: float = 30) -> dict[str, str]:
    """Ask a server about a file without fetching it.

    Args:
        url: http or https. A redirect is not followed: its own headers are the answer.
        seconds: how long a server may keep silent.

    Returns:
        The headers of the answer, by their names in small letters.

    Raises:
        DownloadError: there was no answer, or it is an error.
    """
    try:
        with _opener(redirects=False).open(_request(url), timeout=seconds) as response:
            headers = response.headers
    except urllib.error.HTTPError as error:
        with closing(error):
            headers = error.headers
            if error.code >= http.HTTPStatus.BAD_REQUEST:
                raise DownloadError(f"{url} answers HTTP {error.code} {error.reason}. Check the name.") from None
    except _FAILURES as error:
        raise DownloadError(f"{url} does not answer: {error}. Check the connection and try again.") from error
    return {name.lower(): value for name, value in headers.items()}


class _Wanted(NamedTuple):
    """What a download must be, and how it goes."""

    size: int | None
    most: int
    sha256: str
    seconds: float
    report: Callable[[int, int | None], None]  # bytes so far, of how many


def _complete(part: Path, url: str, *, wanted: _Wanted) -> None:
    """Bring a partial file to its full size and check it; connect again as long as that brings new bytes."""
    for left in reversed(range(_ATTEMPTS)):
        before = _length(part)
        size = wanted.size
        if size is None or before < size:
            try:
                size = _append(part, url, wanted=wanted)
            except _FAILURES:
                if left == 0 or _length(part) <= before:
                    raise
                continue
        if _length(part) >= size:
            found = _checksum(part)
            if found.startswith(wanted.sha256):
                return
            part.unlink()
            if before == 0:
                raise DownloadError(f"the file has another checksum: {found}, not {wanted.sha256}")
            # Else the bytes from before may be the wrong ones: begin again.
        elif _length(part) <= before:
            raise DownloadError(f"the server ended the file after {_length(part):,} of {size:,} bytes")
    raise DownloadError(f"the connection was cut {_ATTEMPTS} times")


def _append(part: Path, url: str, *, wanted: _Wanted) -> int:
    """Read on where a partial file ends, or from the beginning if the server cannot; return the file's full size."""
    length = _length(part)
    request = _request(url)
    if length:
        request.add_header("Range", f"bytes={length}-")
    try:
        response = _opener().open(request, timeout=wanted.seconds)
    except urllib.error.HTTPError as error:
        with closing(error):
            if (
                length and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            ):  # nothing follows: all is there
                return length
            raise DownloadError(f"HTTP {error.code} {error.reason}") from None
    with closing(response), part.open("ab") as file:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            file.truncate(0)
            length = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {length}-"):
            raise DownloadError(f"asked for bytes from {length}, got {response.headers.get('Content-Range')}")
        stated = response.headers.get("Content-Length")
        total = None if stated is None else length + int(stated)
        if total is not None and wanted.size is not None and total != wanted.size:
            raise DownloadError(f"the server's file has {total:,} bytes, not {wanted.size:,}")
        most = wanted.most if wanted.size is None else wanted.size
        if total is not None and total > most:
            raise DownloadError(f"the server's file has {total:,} bytes; {most:,} are read at most")
        total = wanted.size if total is None else total
        while block := response.read1(_BLOCK if length + _BLOCK <= most else most - length):
            file.write(block)
            length += len(block)
            wanted.report(length, total)
        if total is None and length == most and response.read1(1):
            raise DownloadError(f"the server's file has more than the {most:,} bytes that are read at most")
    return length if total is None else total


def _request(url: str) -> urllib.request.Request:
    return urllib.request.Request(url, headers={"User-Agent": "convlens"})  # noqa: S310  # _opener knows http alone


def _opener(*, redirects: bool = True) -> urllib.request.OpenerDirector:
    """Speak http and https only, after redirects too (urlopen would also open file: and ftp: addresses)."""
    opener = urllib.request.OpenerDirector()
    if redirects:
        opener.add_handler(urllib.request.HTTPRedirectHandler())
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
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
