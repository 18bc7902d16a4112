import gzip
import hashlib
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convlens.data._idx import read_idx
from convlens.errors import DataError


def idx(code: int, shape: tuple[int, ...], numbers: bytes) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + numbers


IMAGES = idx(0x08, (3, 2, 2), bytes(range(12)))


def written(folder: Path, content: bytes, *, name: str = "train-images-idx3-ubyte") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("code", "layout", "dtype", "values"),
    [
        (0x08, "B", torch.uint8, [0, 1, 255]),
        (0x09, "b", torch.int8, [-128, 0, 127]),
        (0x0B, "h", torch.int16, [-32768, 258, 32767]),
        (0x0C, "i", torch.int32, [-(2**31), 66051, 2**31 - 1]),
        (0x0D, "f", torch.float32, [-0.5, 0.0, 1e30]),
        (0x0E, "d", torch.float64, [-0.1, 0.0, 1e300]),
    ],
)
def test_every_type_of_number_is_read(tmp_path: Path, code: int, layout: str, dtype: torch.dtype, values: list) -> None:
    path = written(tmp_path, idx(code, (3,), struct.pack(f">3{layout}", *values)))
    assert torch.equal(read_idx(path).numbers, torch.tensor(values, dtype=dtype))


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_the_content_tells_whether_a_file_is_gzipped(tmp_path: Path, name: str, pack: type) -> None:
    read = read_idx(written(tmp_path, pack(IMAGES), name=name))
    assert read.numbers.tolist() == np.arange(12).reshape(3, 2, 2).tolist()
    assert read.sha256 == hashlib.sha256(IMAGES).hexdigest()


def test_a_file_of_several_gzip_members_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(IMAGES[:9]) + gzip.compress(IMAGES[9:]))
    assert read_idx(path).numbers.shape == (3, 2, 2)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("length", range(len(IMAGES)))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, length: int, pack: type) -> None:
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte: An IDX (file|header) .* Received"):
        read_idx(written(tmp_path, pack(IMAGES[:length])))


@given(length=st.integers(1, len(gzip.compress(IMAGES)) - 1))
def test_gzip_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    with pytest.raises(DataError, match=r"(cannot be read: .*Fetch the file again|An IDX file)"):
        read_idx(written(tmp_path_factory.mktemp("cut"), gzip.compress(IMAGES)[:length]))


def test_a_flipped_bit_in_gzip_is_noticed(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(IMAGES))
    content[-6] ^= 1  # in the checksum
    with pytest.raises(DataError, match="cannot be read: CRC check failed"):
        read_idx(written(tmp_path, bytes(content)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_bytes_too_many_are_refused(tmp_path: Path, pack: type) -> None:
    with pytest.raises(DataError, match=r"shape=\(3, 2, 2\), type=uint8: 12 bytes stated, more than 12 found"):
        read_idx(written(tmp_path, pack(IMAGES + b"x")))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"\0\0\x0a\x01", b"\0\0\x08\0", b"", b"\1\0\x08\1"])
def test_other_formats_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(
        DataError, match=r"An IDX file begins with two zero bytes, a type .* Received (nothing|[0-9a-f ]+)"
    ):
        read_idx(written(tmp_path, content))


def test_an_axis_of_no_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"length of each axis, at least 1. Received axes=2"):
        read_idx(written(tmp_path, idx(0x08, (0, 5), b"")))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_a_header_that_lies_asks_for_no_memory(tmp_path: Path, pack: type) -> None:
    path = written(tmp_path, pack(idx(0x0E, (2**32 - 1,) * 3, bytes(100))))
    tracemalloc.start()
    with pytest.raises(DataError, match="bytes stated, fewer found"):
        read_idx(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_a_gzip_bomb_is_not_inflated(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(idx(0x08, (10,), bytes(100_000_000))))
    tracemalloc.start()
    with pytest.raises(DataError, match="10 bytes stated, more than 10 found"):
        read_idx(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere cannot be read: .*No such file"):
        read_idx(tmp_path / "nowhere")
