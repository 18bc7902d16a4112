"""State dicts from PyTorch's .pth files, both formats, without running any of the pickle in them.

The zip format (PyTorch 1.6 and later) holds NAME/data.pkl, which describes the tensors, and NAME/data/KEY, the raw
numbers of each storage. The older format is one stream: three pickles (a magic number, the version 1001, facts of the
machine), the pickle that describes the tensors, a pickle of the storages' keys, then each storage as a count of its
numbers (int64) and the raw numbers.
"""

import io
import math
import mmap
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convlens.architectures._plain_pickle import Name, RefusedError, read_plain_pickle
from convlens.errors import NetError

ZIP_START, LEGACY_START = b"PK\x03\x04", b"\x80"  # how the two formats begin

_DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.storage.UntypedStorage": torch.uint8,
}
_TENSOR, _OLD_TENSOR = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"
_PARAMETER = "torch._utils._rebuild_parameter"
_NAMES = frozenset({*_DTYPES, _TENSOR, _OLD_TENSOR, _PARAMETER})
_WRAPPERS = ("state_dict", "model")  # keys under which a checkpoint of a training keeps its state dict
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the older format
_MOST_AXES = 64  # that torch can take
_MOST_SIZE = 1 << 40  # of one axis; an empty tensor's other axes may be long
_MOST_PICKLE = 1 << 22  # bytes; a state dict of 1000 tensors needs 200 kB
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip's member: the lengths of its name and its extra field stand last
_LENGTH = struct.Struct("<q")


@dataclass(frozen=True)
class _Storage:
    """A row of numbers that tensors lie in."""

    key: str
    dtype: torch.dtype
    length: int  # numbers


@dataclass(frozen=True)
class _Place:
    """Where a file says that a tensor lies, all in numbers, not bytes; `_view` checks it."""

    storage: _Storage
    offset: int
    sizes: tuple
    strides: tuple


def read_pth(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a .pth file. Nothing in it is executed, and no more is allocated than its size.

    Args:
        path: a state dict as torch.save writes it, in either format, alone or under the key "state_dict" or "model".

    Returns:
        The tensors by name. Those of a zip share its memory, mapped and copied on write: the file must not be
        cut while they are in use.

    Raises:
        NetError: the file is missing, damaged, or holds anything but tensors, numbers and names.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return _read_zip(content) if content[:4] == ZIP_START else _read_legacy(content)
    except (RefusedError, OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise NetError(
            "Weights are read from a whole .pth file that holds named tensors and nothing else. "
            f"Received path={str(path)!r}: {error}. Fetch it anew, or write it with torch.save(net.state_dict(), path)."
        ) from error


def _read_zip(content: mmap.mmap) -> dict[str, Tensor]:
    members = _list_members(content)
    description = next((name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")), None)
    if description is None:
        raise RefusedError("it is a zip without a data.pkl, which would describe tensors")
    folder = description.removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and content[order] != b"little":
        raise RefusedError("its numbers begin with the high byte; convert it on the machine that wrote it")
    stated, storages = _read_pickle(io.BytesIO(content[members[description]]))
    found = {key: members[f"{folder}data/{key}"] for key in storages if f"{folder}data/{key}" in members}
    return _view_all(content, stated, places=found)


def _list_members(content: mmap.mmap) -> dict[str, slice]:
    """Find a zip's members, which lie in it as they are, and check their CRC-32."""
    members = {}
    try:
        with zipfile.ZipFile(content) as archive:  # ty: ignore[no-matching-overload]  # it reads, seeks and tells
            entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise RefusedError(f"its member {entry.filename[:50]!r} is compressed or encrypted")
            name, extra = _LOCAL_HEADER.unpack_from(content, entry.header_offset)
            start = entry.header_offset + _LOCAL_HEADER.size + name + extra
            where = slice(start, start + entry.file_size)
            if not 0 <= start <= where.stop <= len(content):
                raise RefusedError(f"its member {entry.filename[:50]!r} reaches beyond the file's end")
            if entry.filename.endswith("/data.pkl") and entry.file_size > _MOST_PICKLE:
                raise RefusedError(f"its data.pkl has {entry.file_size:,} bytes; {_MOST_PICKLE:,} are read at most")
            with memoryview(content) as view, view[where] as part:
                found = zlib.crc32(part)
            if found != entry.CRC:
                raise RefusedError(f"its member {entry.filename[:50]!r} has another checksum than was written with it")
            members[entry.filename] = where
    except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError, LookupError) as error:
        raise RefusedError(f"it is not a whole zip ({error})") from error
    return members


def _read_legacy(content: mmap.mmap) -> dict[str, Tensor]:
    at = 0
    parts, storages = [], {}
    for _ in range(5):
        stream = io.BytesIO(content[at : at + _MOST_PICKLE])
        part, named = _read_pickle(stream)
        parts.append(part)
        storages |= named
        at += stream.tell()
        if parts[0] != _MAGIC:
            raise RefusedError("it begins neither as a zip nor with PyTorch's magic number")
    _, protocol, machine, stated, keys = parts
    if protocol != _PROTOCOL or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise RefusedError("it is in another version of the format, or its numbers begin with the high byte")
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages for key in keys):
        raise RefusedError("its list of storages is damaged")
    places: dict[str, slice] = {}
    for key in keys:
        start = at + _LENGTH.size
        if start > len(content):
            raise RefusedError(f"it ends before storage {key[:50]!r}")
        (count,) = _LENGTH.unpack_from(content, at)
        at = start + count * storages[key].dtype.itemsize
        if not start <= at <= len(content):
            raise RefusedError(f"it ends inside storage {key[:50]!r}")
        places[key] = slice(start, at)
    return _view_all(content, stated, places=places)


def _read_pickle(stream: io.BytesIO) -> tuple[Any, dict[str, _Storage]]:
    """Read one pickle, and which storages it speaks of."""
    storages: dict[str, _Storage] = {}

    def persistent(identity: Any) -> _Storage:
        match identity:
            case ("storage", Name(kind), str(key), str(), int(length), *views) if kind in _DTYPES and length >= 0:
                if any(view is not None for view in views):
                    raise RefusedError("it has views of storages, as PyTorch before 0.4 wrote them")
                storage = _Storage(key, _DTYPES[kind], length)
                if storages.setdefault(key, storage) != storage:
                    raise RefusedError(f"storage {key[:50]!r} has two types or lengths")
                return storage
        raise RefusedError("it refers to something that is no storage of a known type")

    return read_plain_pickle(stream, names=_NAMES, call=_rebuild, persistent=persistent), storages


def _rebuild(function: str, arguments: tuple) -> _Place:
    """Note where a tensor lies, in place of calling one of torch's functions."""
    match function, arguments:
        case (_, (_Storage() as storage, int(offset), tuple(sizes), tuple(strides), *_)) if function in (
            _TENSOR,
            _OLD_TENSOR,
        ):
            return _Place(storage, offset, sizes, strides)
        case (_, (_Place() as place, *_)) if function == _PARAMETER:
            return place
    raise RefusedError(f"it calls {function!r} with what that does not take")


def _named_places(stated: Any) -> dict[str, _Place]:
    """Find the state dict in what a file holds."""
    if not isinstance(stated, dict):
        raise RefusedError(f"it holds a {type(stated).__name__.lstrip('_').lower()}, not named tensors")
    for wrapper in _WRAPPERS:
        if isinstance(inner := stated.get(wrapper), dict):
            stated = inner
    for name, place in stated.items():
        if not (isinstance(name, str) and isinstance(place, _Place)):
            raise RefusedError(f"{str(name)[:100]!r} is not the name of a tensor")
    return stated


def _view_all(content: mmap.mmap, stated: Any, *, places: Mapping[str, slice]) -> dict[str, Tensor]:
    numbers: dict[str, Tensor] = {}
    tensors = {}
    for name, place in _named_places(stated).items():
        storage = place.storage
        if storage.key not in numbers:
            if storage.key not in places:
                raise RefusedError(f"the numbers of storage {storage.key[:50]!r} are not there")
            numbers[storage.key] = _view_storage(content, storage, where=places[storage.key])
        tensors[name] = _view(numbers[storage.key], place, name=name)
    return tensors


def _view_storage(content: mmap.mmap, storage: _Storage, *, where: slice) -> Tensor:
    size = where.stop - where.start
    if size != storage.length * storage.dtype.itemsize:
        raise RefusedError(f"storage {storage.key[:50]!r} has {size:,} bytes, not {storage.length:,} numbers")
    if size == 0:
        return torch.empty(0, dtype=storage.dtype)
    numbers = torch.frombuffer(content, dtype=torch.uint8, offset=where.start, count=size)
    if storage.dtype == torch.bool:
        return numbers != 0  # a byte of 2 is no bool
    if numbers.data_ptr() % storage.dtype.itemsize:
        numbers = numbers.clone()  # the older format aligns nothing
    return numbers.view(storage.dtype)


def _view(numbers: Tensor, place: _Place, *, name: str) -> Tensor:
    """Make a tensor of part of its storage, after checking that it is a part."""
    sizes, strides = place.sizes, place.strides
    whole = all(isinstance(value, int) and 0 <= value < _MOST_SIZE for value in (place.offset, *sizes, *strides))
    if not whole or len(sizes) != len(strides) or len(sizes) > _MOST_AXES:
        raise RefusedError(f"tensor {name[:100]!r} has no proper shape")
    count = math.prod(sizes)
    # A stride of 0 repeats numbers: a small file could claim a tensor that fills the memory once it is copied.
    last = place.offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True)) if count else 0
    if count > len(numbers) or place.offset > len(numbers) or last >= max(len(numbers), 1):
        raise RefusedError(
            f"tensor {name[:100]!r} reaches beyond its storage of {len(numbers):,} numbers "
            f"(offset {place.offset}, sizes {sizes}, strides {strides})"
        )
    if count == 0:
        return torch.empty(sizes, dtype=numbers.dtype)
    return numbers.as_strided(sizes, strides, place.offset)
