"""The downloads are tested against a real server on this machine, over real sockets."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from convlens.data._download import download, read_headers
from convlens.errors import DownloadError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """How the server behaves, and what it was asked."""

    address: str = ""
    content: bytes = CONTENT
    knows_ranges: bool = True
    answers_from: int | None = None  # first byte of an answer to a Range, whatever was asked
    says_its_length: bool = True
    cut_after: int | None = None  # bytes of one answer after which the connection is closed
    asked: list[str] = field(default_factory=list)  # path and Range of each request


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(f"{self.path} {wanted}")
            if self.path == "/missing":
                self.send_error(404)
                return
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "file:///etc/hostname")
                self.end_headers()
                return
            if self.path == "/linked":
                self.send_response(302)
                self.send_header("Location", "/file")
                self.send_header("X-Linked-Size", "256000")
                self.end_headers()
                return
            if wanted == f"bytes={len(state.content)}-" and state.knows_ranges:
                self.send_error(416)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and state.knows_ranges else 0
            if start and state.answers_from is not None:
                start = state.answers_from
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            if state.says_its_length:
                self.send_header("Content-Length", str(len(state.content) - start))
            self.end_headers()
            if self.path == "/silent":
                self.wfile.write(state.content[start : start + 10])
                self.wfile.flush()
                released.wait(20)
                return
            self.wfile.write(state.content[start:][: state.cut_after])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.address = f"http://127.0.0.1:{http.server_port}"
        yield state
        released.set()
        http.shutdown()
        thread.join()


def fetch(
    path: Path,
    *urls: str,
    seconds: float = 10,
    size: int | None = len(CONTENT),
    sha256: str = SHA256,
    most: int = 10**9,
) -> None:
    download(urls, path, size=size, sha256=sha256, seconds=seconds, most=most)


def test_a_file_arrives_whole_and_leaves_no_part_behind(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "new folder" / "file", f"{server.address}/file")
    assert (tmp_path / "new folder" / "file").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["file"]


def test_a_download_that_is_cut_reads_on_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.cut_after = 100_000
    fetch(tmp_path / "file", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == ["/file None", "/file bytes=100000-", "/file bytes=200000-"]


def test_a_later_call_reads_on_where_an_earlier_one_ended(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:123_456])
    fetch(tmp_path / "file", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == ["/file bytes=123456-"]


def test_a_server_that_knows_no_ranges_sends_the_whole_file_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    (tmp_path / "file.part").write_bytes(CONTENT[:123_456])
    fetch(tmp_path / "file", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_and_always_cuts_is_given_up(server: Server, tmp_path: Path) -> None:
    server.knows_ranges, server.cut_after = False, 100_000
    with pytest.raises(DownloadError, match="the server ended the file after 100,000 of 256,000 bytes"):
        fetch(tmp_path / "file", f"{server.address}/file")


def test_wrong_bytes_from_before_are_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"x" * 1000)
    fetch(tmp_path / "file", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_is_already_too_long_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT + b"x")
    fetch(tmp_path / "file", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(DownloadError, match=f"another checksum: .*, not {SHA256}"):
        fetch(tmp_path / "file", f"{server.address}/file")
    assert list(tmp_path.iterdir()) == []


def test_the_second_mirror_helps_where_the_first_has_no_such_file(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", f"{server.address}/missing", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == ["/missing None", "/file None"]


def test_the_second_mirror_reads_on_where_the_first_fell_silent(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", f"{server.address}/silent", f"{server.address}/file", seconds=0.2)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked[-1] == "/file bytes=50-"  # 10 bytes came over each of 5 connections


def test_a_silent_server_is_named_as_such(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="/silent: timed out"):
        fetch(tmp_path / "file", f"{server.address}/silent", seconds=0.05)


def test_a_refused_connection_names_every_mirror_and_the_way_by_hand(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"  # nothing listens here once the block ends
    with pytest.raises(
        DownloadError, match=r"(?s)file from none of 2.*/one: .*refused.*/two: .*refused.*CONVLENS_DATA"
    ):
        fetch(tmp_path / "file", f"{closed}/one", f"{closed}/two")


def test_a_file_of_another_size_is_refused_before_it_is_read(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="the server's file has 256,000 bytes, not 1,000"):
        fetch(tmp_path / "file", f"{server.address}/file", size=1000)


def test_no_more_is_read_than_the_size_that_is_known(server: Server, tmp_path: Path) -> None:
    server.says_its_length, server.content = False, CONTENT * 10
    fetch(tmp_path / "file", f"{server.address}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_an_answer_that_begins_elsewhere_is_refused(server: Server, tmp_path: Path) -> None:
    server.answers_from = 5
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DownloadError, match="asked for bytes from 1000, got bytes 5-255999/256000"):
        fetch(tmp_path / "file", f"{server.address}/file")


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://localhost/file", "no address"])
def test_only_http_is_spoken(address: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="unknown url type"):
        fetch(tmp_path / "file", address)


def test_a_redirect_to_a_local_file_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not allowed"):
        fetch(tmp_path / "file", f"{server.address}/elsewhere")


@pytest.mark.parametrize("says_its_length", [True, False])
def test_a_file_of_unknown_size_arrives_whole(server: Server, tmp_path: Path, says_its_length: bool) -> None:
    server.says_its_length = says_its_length
    fetch(tmp_path / "file", f"{server.address}/file", size=None, most=len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_of_unknown_size_that_is_cut_is_read_on(server: Server, tmp_path: Path) -> None:
    server.cut_after = 100_000
    fetch(tmp_path / "file", f"{server.address}/file", size=None)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == ["/file None", "/file bytes=100000-", "/file bytes=200000-"]


def test_a_part_that_was_already_whole_takes_its_name(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    fetch(tmp_path / "file", f"{server.address}/file", size=None)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == ["/file bytes=256000-"]


def test_a_whole_but_wrong_part_of_unknown_size_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:-1] + b"x")
    fetch(tmp_path / "file", f"{server.address}/file", size=None)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_of_unknown_size_without_its_end_is_refused_by_its_checksum(server: Server, tmp_path: Path) -> None:
    server.says_its_length, server.cut_after = False, 1000
    with pytest.raises(DownloadError, match="another checksum"):
        fetch(tmp_path / "file", f"{server.address}/file", size=None)


@pytest.mark.parametrize(
    ("says_its_length", "said"), [(True, "has 256,000 bytes; 255,999 are"), (False, "has more than the 255,999 bytes")]
)
def test_more_than_the_most_is_not_read(server: Server, tmp_path: Path, says_its_length: bool, said: str) -> None:
    server.says_its_length = says_its_length
    with pytest.raises(DownloadError, match=f"the server's file {said}.* read at most"):
        fetch(tmp_path / "file", f"{server.address}/file", size=None, most=len(CONTENT) - 1)


def test_the_first_digits_of_a_checksum_are_enough(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", f"{server.address}/file", sha256=SHA256[:8])
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_other_first_digits_are_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"another checksum: {SHA256}, not 12345678"):
        fetch(tmp_path / "file", f"{server.address}/file", sha256="12345678")


def test_a_redirect_answers_with_its_own_headers(server: Server) -> None:
    assert read_headers(f"{server.address}/linked")["x-linked-size"] == "256000"
    assert server.asked == ["/linked None"]


def test_headers_of_a_missing_file_are_an_error(server: Server) -> None:
    with pytest.raises(DownloadError, match=r"/missing answers HTTP 404 Not Found\. Check the name"):
        read_headers(f"{server.address}/missing")


def test_headers_from_no_server_are_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(DownloadError, match=r"does not answer: .*refused.* Check the connection"):
        read_headers(closed)
