"""One message with tensors as one binary frame.

    bytes           what
    4               length of the header, uint32, little-endian; a multiple of 4
    length          the header: a JSON object in UTF-8, padded with spaces; its `tensors` say what follows
    the rest        the numbers of the tensors, little-endian, each beginning at a multiple of 8

A frame can come from anywhere: everything that it says of itself is checked before it is believed.
"""

import math
import struct
from collections.abc import Mapping

import msgspec
import numpy as np
import torch
from torch import Tensor

from convlens.errors import WireError

HEADER_LIMIT = 4 << 20  # bytes; the calls of a net with a thousand layers need a tenth of it
DIMENSION_LIMIT = 8
_ALIGNMENT = 8  # bytes: the widest number on the wire

_NUMBERS = {torch.float32: "float32", torch.uint8: "uint8", torch.int64: "int64"}
_FORMATS = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1"), "int64": np.dtype("<i8")}


class _Place(msgspec.Struct, forbid_unknown_fields=True):
    """Where a tensor lies in a frame: `offset` counts bytes from the end of the header."""

    dtype: str
    shape: list[int]
    offset: int


def encode_frame(header: Mapping[str, object], tensors: Mapping[str, Tensor]) -> bytes:
    """Pack a message and its tensors.

    Args:
        header: the message's fields, as plain data, without `tensors`.
        tensors: float32, uint8 or int64, of any shape with numbers in it, on any device.

    Returns:
        The frame. Its numbers begin at a multiple of 8 bytes from its start, so that a reader needs no copy.

    Raises:
        WireError: a tensor has another dtype, or no numbers.
    """
    places: dict[str, object] = {}
    numbers: list[memoryview | bytes] = []
    offset = 0
    for key, tensor in tensors.items():
        dtype = _NUMBERS.get(tensor.dtype)
        if dtype is None or tensor.numel() == 0 or tensor.dim() > DIMENSION_LIMIT:
            raise WireError(
                f"A tensor on the wire is float32, uint8 or int64, with 1 number or more in at most {DIMENSION_LIMIT} "
                f"dimensions. Received key={key!r}, dtype={tensor.dtype}, shape={tuple(tensor.shape)}. "
                "Convert it to float32 first."
            )
        array = tensor.detach().cpu().contiguous().numpy().reshape(-1).astype(_FORMATS[dtype], copy=False)
        places[key] = {"dtype": dtype, "shape": list(tensor.shape), "offset": offset}
        gap = -array.nbytes % _ALIGNMENT
        numbers += [array.view(np.uint8).data, bytes(gap)]
        offset += array.nbytes + gap
    text = msgspec.json.encode({**header, "tensors": places})
    text += b" " * (-(4 + len(text)) % _ALIGNMENT)
    return b"".join([struct.pack("<I", len(text)), text, *numbers])


def decode_frame(frame: bytes) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Unpack what `encode_frame` packed, and nothing else.

    Args:
        frame: from anywhere.

    Returns:
        The message's fields, without `tensors`; the tensors, which own their memory.

    Raises:
        WireError: the frame is cut off, its header is no JSON object, or a tensor is misdescribed: an unknown dtype, a
            shape without numbers, an offset that is misaligned, out of range, or inside another tensor; bytes are left.
    """
    if len(frame) < 4:
        raise WireError(f"A frame begins with 4 bytes, the length of its header. Received {len(frame)} bytes.")
    (length,) = struct.unpack_from("<I", frame)
    if length % 4 or length > min(HEADER_LIMIT, len(frame) - 4):
        raise WireError(
            f"A frame's header is a multiple of 4 bytes long, at most {HEADER_LIMIT}, and lies inside the frame. "
            f"Received length={length} in a frame of {len(frame)} bytes."
        )
    numbers = memoryview(frame)[4 + length :]
    header, places = _read_header(frame[4 : 4 + length])
    tensors = {}
    used = 0
    for key, place in sorted(places.items(), key=lambda item: item[1].offset):
        size = _size(key, place)
        if place.offset % _ALIGNMENT or place.offset < used or place.offset + size > len(numbers):
            raise WireError(
                f"A tensor begins at a multiple of {_ALIGNMENT} bytes, after the one before it, and ends inside the "
                f"frame. Received key={key!r}, offset={place.offset}, {size} bytes, where {used} of {len(numbers)} "
                "bytes are taken."
            )
        used = place.offset + size
        raw = np.frombuffer(numbers[place.offset : used], dtype=_FORMATS[place.dtype])
        # One copy: the frame's bytes cannot be written to, and torch wants memory of its own.
        tensors[key] = torch.from_numpy(raw.astype(raw.dtype.newbyteorder("="))).reshape(place.shape)
    if len(numbers) - used >= _ALIGNMENT:
        raise WireError(
            f"A frame ends with its last tensor. Received {len(numbers)} bytes after the header, of which the tensors "
            f"{sorted(tensors)} take {used}."
        )
    return header, {key: tensors[key] for key in places}


def _read_header(text: bytes) -> tuple[dict[str, object], dict[str, _Place]]:
    try:
        header = msgspec.json.decode(text, type=dict[str, object])
        places = msgspec.convert(header.pop("tensors", {}), dict[str, _Place])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(
            f"A frame's header is a JSON object whose `tensors` give each tensor's dtype, shape and offset. "
            f"Received {excerpt(text)}: {error}."
        ) from error
    return header, places


def _size(key: str, place: _Place) -> int:
    """Count a tensor's bytes. A shape without zeros cannot promise more numbers than the frame holds."""
    if (
        place.dtype not in _FORMATS
        or len(place.shape) > DIMENSION_LIMIT
        or any(length < 1 for length in place.shape)
        or place.offset < 0
    ):
        raise WireError(
            f"A tensor is {', '.join(_FORMATS)}, has at most {DIMENSION_LIMIT} dimensions of 1 or more, and an offset "
            f"of 0 or more. Received key={key!r}, dtype={place.dtype!r}, shape={place.shape}, offset={place.offset}."
        )
    return math.prod(place.shape) * _FORMATS[place.dtype].itemsize


def excerpt(received: str | bytes) -> str:
    """Quote the beginning of something that may be long, for a message."""
    return repr(received[:60]) + (" ..." if len(received) > 60 else "")
