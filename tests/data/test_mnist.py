import gzip
import hashlib
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from convlens.data import _mnist, load
from convlens.errors import DataError, DownloadError


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start without any data, on Linux, with an empty cache and no way out."""
    monkeypatch.delenv("CONVLENS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(_mnist, "_MIRRORS", ())


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which it is served."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("below", [True, False])
def test_mnist_has_its_published_digits(mnist_folder: Path, monkeypatch: pytest.MonkeyPatch, below: bool) -> None:
    monkeypatch.setenv("CONVLENS_DATA", str(mnist_folder.parent if below else mnist_folder))
    data = load("mnist")
    assert [tuple(part.images.shape) for part in (data.train, data.val, data.test)] == [
        (55_000, 1, 28, 28),
        (5_000, 1, 28, 28),
        (10_000, 1, 28, 28),
    ]
    assert (data.train.labels.bincount() + data.val.labels.bincount()).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert data.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert [data.test[index].label for index in range(10)] == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_files_that_are_not_mnist_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_four(tmp_path / "data" / "mnist")
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match=r"known checksums .*Received .*data.mnist with .*Remove these files"):
        load("mnist")


def write_four(folder: Path) -> None:
    """Write four small files under MNIST's names, gzipped."""
    folder.mkdir(parents=True, exist_ok=True)
    images = bytes([0, 0, 8, 3, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1]) + bytes(range(12))
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 12]) + bytes([0, 1] * 6)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def test_what_is_nowhere_is_downloaded_into_the_cache_once(
    mirror: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = mirror
    write_four(folder)
    published = {}
    for path in folder.iterdir():
        zipped = path.read_bytes()
        sums = [hashlib.sha256(content).hexdigest() for content in (zipped, gzip.decompress(zipped))]
        published[path.name.removesuffix(".gz")] = _mnist._PublishedFile(len(zipped), *sums)
    monkeypatch.setattr(_mnist, "_FILES", published)
    monkeypatch.setattr(_mnist, "_MIRRORS", (address + "gone/", address))

    assert (len(load("mnist").train), len(load("mnist").val)) == (11, 1)
    cached = sorted(path.name for path in (tmp_path / "cache" / "convlens" / "mnist").iterdir())
    assert cached == sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr(_mnist, "_MIRRORS", ())
    assert len(load("mnist").test) == 12


def test_without_data_and_mirrors_the_error_says_how_to_bring_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mnist, "_MIRRORS", ("http://127.0.0.1:1/",))
    with pytest.raises(DownloadError, match=r"(?s)train-images-idx3-ubyte.gz from none of 1:.*set .*CONVLENS_DATA"):
        load("mnist")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/convlens"),
        ("linux", {"XDG_CACHE_HOME": "", "HOME": "/home/ada"}, "/home/ada/.cache/convlens"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Caches/convlens"),
        ("win32", {"LOCALAPPDATA": "C:/ada/Local"}, "C:/ada/Local/convlens"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _mnist.cache_folder().as_posix() == expected
