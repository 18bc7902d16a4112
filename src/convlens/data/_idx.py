"""The IDX format: numbers of one type in one block, as the MNIST family is published.

A file is two zero bytes, a byte for the type of number, a byte for the count of axes, the length of each axis (32 bits,
big-endian), then the numbers (big-endian, row-major). It may be gzipped; the content tells, not the name.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998), section "File formats".
"""

import gzip
import hashlib
import io
import math
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from convlens.errors import DataError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_MOST = 1032  # bytes that one compressed byte can stand for, at most


class IdxFile(NamedTuple):
    """The content of one IDX file.

    Attributes:
        numbers: of the file's own type and shape.
        sha256: checksum of the file's bytes after decompression, in hexadecimal.
    """

    numbers: Tensor
    sha256: str


def read_idx(path: Path) -> IdxFile:
    """Read an IDX file, plain or gzipped.

    Lengths in the header are believed only if so many bytes can be there: a short file never asks for much memory.

    Args:
        path: the file.

    Returns:
        Its numbers, with a checksum.

    Raises:
        DataError: the file is missing, not IDX, truncated, damaged, or longer than its header says.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            zipped = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            if zipped:
                with gzip.GzipFile(fileobj=file) as payload:
                    return _read_payload(payload, most=size * _DEFLATE_MOST)
            return _read_payload(file, most=size)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
        raise DataError(f"{path} cannot be read: {error}. Fetch the file again, or name another.") from error


def _read_payload(payload: io.BufferedIOBase, *, most: int) -> IdxFile:
    magic = payload.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise DataError(
            "An IDX file begins with two zero bytes, a type (8, 9, 11, 12, 13 or 14) and a count of axes. "
            f"Received {magic.hex(' ') or 'nothing'}. Name a file such as train-images-idx3-ubyte, plain or gzipped."
        )
    lengths = payload.read(4 * magic[3])
    shape = tuple(int.from_bytes(lengths[at : at + 4], "big") for at in range(0, len(lengths), 4))
    if len(lengths) < 4 * magic[3] or 0 in shape:
        raise DataError(
            f"An IDX header states the length of each axis, at least 1. Received axes={magic[3]}, "
            f"header={lengths.hex(' ') or 'nothing'}. Fetch the file again."
        )
    dtype = np.dtype(_TYPES[magic[2]])
    stated = math.prod(shape) * dtype.itemsize
    header = len(magic) + len(lengths)
    # A read of more than `most` bytes cannot be filled, so that it need not be tried (nor its memory asked for).
    content = payload.read(stated + 1) if header + stated <= most else b""
    if len(content) != stated:
        found = f"more than {stated:,}" if len(content) > stated else f"{len(content):,}" if content else "fewer"
        raise DataError(
            f"An IDX file holds the bytes that its header states. Received shape={shape}, type={dtype.name}: "
            f"{stated:,} bytes stated, {found} found. Fetch the file again."
        )
    digest = hashlib.sha256(magic + lengths)
    digest.update(content)
    native = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))  # a copy, which torch may write to
    return IdxFile(torch.from_numpy(native).reshape(shape), digest.hexdigest())
