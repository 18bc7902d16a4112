"""A trace in one safetensors file: tensors, and a JSON header in the metadata. Nothing in it is executed."""

import math
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from convlens.errors import ShapeError, TraceFileError
from convlens.files import made_whole
from convlens.geometry import output_size
from convlens.tracing._forms import (
    Call,
    Contraction,
    Form,
    Maximum,
    Normalisation,
    Pointwise,
    Rearrangement,
    Reduction,
    Resampling,
    Standardisation,
    WeightedSum,
    sources,
    weight_keys,
)
from convlens.tracing._functions import takes_inputs
from convlens.tracing._receptive_field import INPUT

_HEADER = "convlens.trace"  # the key in the file's metadata
_IMAGE = "image"
_ADVICE = "Write traces with Trace.save; a file that was changed or cut off cannot be repaired."


class TraceHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a trace file says beside its tensors."""

    net: str
    calls: tuple[Call, ...]
    classes: tuple[str, ...]
    preprocessing: dict[str, Any] | None
    inputs: tuple[str, ...] = ("input",)
    format: Literal["convlens-trace"] = "convlens-trace"
    version: Literal[1] = 1


def write_trace(path: Path, header: TraceHeader, *, tensors: dict[str, Tensor], image: Tensor | None) -> None:
    """Write a trace file, whole or not at all."""
    content = tensors | ({} if image is None else {_IMAGE: image})
    stored: set[int] = set()
    for key, tensor in content.items():
        # safetensors refuses tensors that share memory, as a map and its flattened view do: the second one is copied.
        copied = tensor.untyped_storage().data_ptr() in stored
        content[key] = tensor.clone(memory_format=torch.contiguous_format) if copied else tensor.contiguous()
        stored.add(content[key].untyped_storage().data_ptr())
    with made_whole(path) as temporary:
        save_file(content, temporary, metadata={_HEADER: msgspec.json.encode(header).decode()})


def read_trace(path: Path) -> tuple[TraceHeader, dict[str, Tensor], Tensor | None]:
    """Read a trace file, and check that every form fits the tensors that it names.

    Args:
        path: what `write_trace` wrote.

    Returns:
        The header, the tensors of all keys, and the fitted image or None.

    Raises:
        TraceFileError: the file is missing, damaged, of another version, or contradicts itself.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise TraceFileError(
            f"A trace is read from a whole safetensors file. Received path={str(path)!r}: {error}. {_ADVICE}"
        ) from error
    try:
        header = msgspec.json.decode(metadata.get(_HEADER, "{}"), type=TraceHeader)
    except msgspec.DecodeError as error:
        raise TraceFileError(
            f"A trace file has a header of version 1 under {_HEADER!r}. Received path={str(path)!r}: {error}. {_ADVICE}"
        ) from error
    image = tensors.pop(_IMAGE, None)
    inputs = [f"activation/{name}" for name in header.inputs]
    tensors = {key: tensors[key] for key in dict.fromkeys([*inputs, *tensors]) if key in tensors}  # inputs in order
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    known = {key for key in shapes if key.startswith("weight/")} | {*inputs}
    for call in header.calls:
        problem = _contradiction(call, shapes, known) or _reads_outside(call.form, tensors)
        if problem:
            raise TraceFileError(
                f"A trace's forms fit its tensors. Received path={str(path)!r}, call={call.name!r}: {problem}. "
                + _ADVICE
            )
        known.add(call.output)
    return header, tensors, image


def _contradiction(call: Call, shapes: dict[str, tuple[int, ...]], known: set[str]) -> str | None:
    """Say what is wrong with a call, or None."""
    if call.output not in shapes or INPUT not in shapes:
        return f"the tensor {call.output!r} or the input is missing"
    if call.output in known:
        return f"{call.output!r} is computed twice"
    if call.form is None:
        return None
    keys = [*sources(call.form), *weight_keys(call.form)]
    unknown = [key for key in keys if key not in known or key not in shapes]
    if unknown or not keys:
        return f"it reads {unknown or 'nothing'}, which no earlier call made"
    try:
        expected = _output_shape(call.form, shapes, output=shapes[call.output])
    except (ShapeError, ValueError, IndexError, ZeroDivisionError, TypeError) as error:
        return str(error)
    found = shapes[call.output]
    return None if expected == found else f"its output is {found}, its form makes {expected}"


def _reads_outside(form: Form | None, tensors: dict[str, Tensor]) -> str | None:
    """Say which places that are written in tensors lie outside of what is read, or None."""
    if isinstance(form, Rearrangement) and form.table is not None:
        table, count = tensors[form.table], sum(tensors[key].numel() for key in form.inputs)
        if table.dtype != torch.int64 or (table.numel() and not -1 <= int(table.min()) <= int(table.max()) < count):
            return f"the table {form.table!r} names places that are not there"
    if isinstance(form, Resampling):
        for starts, key, size in zip(form.starts, form.weights, tensors[form.input].shape[2:], strict=True):
            taps = [len(np.trim_zeros(row, "b")) for row in tensors[key].float().numpy()]
            if any(start + count > size for start, count in zip(starts, taps, strict=True)):
                return f"the weights {key!r} lie over more than {size} places"
    return None


def _output_shape(form: Form, shapes: dict[str, tuple[int, ...]], *, output: tuple[int, ...]) -> tuple[int, ...]:
    """Work out a form's output shape (of a reshape and a slice: check it); raise where its parts do not fit."""
    before = [shapes[key] for key in sources(form)]
    if isinstance(form, Normalisation):
        return _at_axis(before[0], form.axis)
    if isinstance(form, Standardisation):
        return _standardised(form, before[0], [shapes[key] for key in weight_keys(form)])
    if isinstance(form, Contraction):
        left, right = before
        if len(left) != len(right) or len(left) < 2 or left[:-2] != right[:-2] or left[-1] != right[-2]:
            raise ShapeError(f"a product of {left} and {right}")
        return (*left[:-1], right[-1])
    if isinstance(form, Pointwise):
        return _broadcast(before, form)
    if isinstance(form, Reduction):
        return _reduced(form, before[0])
    if isinstance(form, Resampling):
        return _resampled(form, before[0], [shapes[key] for key in form.weights])
    if isinstance(form, Rearrangement):
        return _rearranged(form, before, output, table=None if form.table is None else shapes[form.table])
    _want_axes(form, len(before[0]) - 2)
    windows = zip(before[0][2:], form.kernel, form.stride, form.padding, form.dilation, output[2:], strict=True)
    places = tuple(
        _places(form, size, kernel, stride=stride, padding=padding, dilation=dilation, found=found)
        for size, kernel, stride, padding, dilation, found in windows
    )
    channels = before[0][1]
    if isinstance(form, WeightedSum) and form.weight is not None:
        weight = shapes[form.weight]
        if form.groups < 1 or weight[0] % form.groups or weight[1:] != (channels // form.groups, *form.kernel):
            raise ShapeError(
                f"a weight of {weight} for {channels} channels, groups={form.groups}, kernel={form.kernel}"
            )
        channels = weight[0]
        if any(shapes[key] != (channels,) for key in (form.bias, form.shift) if key is not None):
            raise ShapeError(f"bias and shift are one number for each of {channels} channels")
    elif isinstance(form, WeightedSum) and (form.divisor is None or form.bias or form.shift or form.groups != 1):
        raise ShapeError("an average has a divisor and neither bias nor shift nor groups")
    return (before[0][0], channels, *places)


def _places(
    form: WeightedSum | Maximum, size: int, kernel: int, *, stride: int, padding: int, dilation: int, found: int
) -> int:
    """Count the places of a window along one axis; as many as were found, where there may be more or fewer."""
    if not isinstance(form, WeightedSum):  # with ceil_mode a last window may begin inside and end outside
        fewest = output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
        return found if found == fewest + 1 and fewest * stride < size + padding else fewest
    if not form.transposed:
        return output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
    if min(kernel, stride, dilation) < 1 or padding < 0:
        raise ShapeError(f"kernel {kernel}, stride {stride}, dilation {dilation}, padding {padding}")
    fewest = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
    return found if 0 <= found - fewest < max(stride, dilation) else fewest


def _standardised(form: Standardisation, shape: tuple[int, ...], weights: list[tuple[int, ...]]) -> tuple[int, ...]:
    if not form.axes or sorted({*form.axes}) != list(form.axes) or not 0 <= form.axes[0] <= form.axes[-1] < len(shape):
        raise ShapeError(f"axes {form.axes} of {shape}")
    if form.groups < 1 or (form.groups > 1 and (1 not in form.axes or shape[1] % form.groups)):
        raise ShapeError(f"groups={form.groups} for {shape}, axes {form.axes}")
    for weight in weights:
        if np.broadcast_shapes(weight, shape) != shape:
            raise ShapeError(f"a weight of {weight} for {shape}")
    return shape


def _reduced(form: Reduction, shape: tuple[int, ...]) -> tuple[int, ...]:
    if not form.axes or sorted({*form.axes}) != list(form.axes) or not 0 <= form.axes[0] <= form.axes[-1] < len(shape):
        raise ShapeError(f"axes {form.axes} of {shape}")
    if 0 in shape:
        raise ShapeError(f"no numbers in {shape}")
    sizes = (1 if axis in form.axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(sizes) if form.keep or axis not in form.axes)


def _resampled(form: Resampling, shape: tuple[int, ...], weights: list[tuple[int, ...]]) -> tuple[int, ...]:
    if not len(form.starts) == len(weights) == len(shape) - 2:
        raise ShapeError(f"{len(form.starts)} axes of starts and {len(weights)} of weights for {shape}")
    for starts, weight, size in zip(form.starts, weights, shape[2:], strict=True):
        if len(weight) != 2 or weight[0] != len(starts) or not all(0 <= start < size for start in starts):
            raise ShapeError(f"starts {starts} and weights {weight} along an axis of {size}")
    return (*shape[:2], *map(len, form.starts))


def _want_axes(form: WeightedSum | Maximum, axes: int) -> None:
    if axes < 0 or any(len(part) != axes for part in (form.kernel, form.stride, form.padding, form.dilation)):
        raise ShapeError(f"a window of {len(form.kernel)} axes over an input of {axes}")


def _at_axis(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    if not 0 <= axis < len(shape):
        raise ShapeError(f"axis {axis} of {len(shape)}")
    return shape


def _broadcast(shapes: list[tuple[int, ...]], form: Pointwise) -> tuple[int, ...]:
    takes = takes_inputs(form)
    if takes is not None and len(shapes) != takes:
        raise ShapeError(f"{form.function} of {len(shapes)} inputs")
    if form.function in ("power", "elu", "multiply_add") and form.constant is None:
        raise ShapeError(f"{form.function} has a constant")
    if (form.scales is not None) != (form.function == "add") or len(form.scales or shapes) != len(shapes):
        raise ShapeError("add has one scale an input, other functions none")
    longest = max(map(len, shapes))
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    sizes = [set(axis) - {1} for axis in zip(*padded, strict=True)]
    if any(len(size) > 1 for size in sizes):
        raise ShapeError(f"shapes {shapes} do not broadcast")
    return tuple(size.pop() if size else 1 for size in sizes)


def _rearranged(
    form: Rearrangement, before: list[tuple[int, ...]], after: tuple[int, ...], *, table: tuple[int, ...] | None
) -> tuple[int, ...]:
    first = before[0]
    if form.how == "stack":
        if any(shape != first for shape in before) or not 0 <= form.axis <= len(first):
            raise ShapeError(f"shapes {before} do not stack along axis {form.axis}")
        return (*first[: form.axis], len(before), *first[form.axis :])
    if form.how == "concatenate":
        axis = form.axis
        _at_axis(first, axis)
        if any(shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :] for shape in before):
            raise ShapeError(f"shapes {before} do not join along axis {axis}")
        return (*first[:axis], sum(shape[axis] for shape in before), *first[axis + 1 :])
    if (form.how == "gather") != (table is not None):
        raise ShapeError(f"{form.how} and table={form.table}")
    if table is not None:
        return table
    if len(before) != 1:
        raise ShapeError(f"{form.how} of {len(before)} inputs")
    if form.how == "reshape":
        if math.prod(first) != math.prod(after):
            raise ShapeError(f"{math.prod(first)} numbers into {math.prod(after)}")
        return after
    if form.how == "permute":
        if sorted(form.axes) != list(range(len(first))):
            raise ShapeError(f"axes {form.axes} of {len(first)}")
        return tuple(first[axis] for axis in form.axes)
    if form.how == "strided":
        last = form.start + sum(stride * (size - 1) for stride, size in zip(form.strides, after, strict=True))
        if min(form.start, *form.strides, 0) < 0 or last >= math.prod(first) or 0 in after:
            raise ShapeError(f"places {form.start} to {last} of {first}")
        return after
    if form.how == "pad":
        if not len(form.starts) == len(first) == len(after):
            raise ShapeError(f"a padding of {len(form.starts)} axes of {first} to {after}")
        return after
    ends = [start + step * (count - 1) for start, step, count in zip(form.starts, form.steps, after, strict=True)]
    if any(
        not (start >= 0 and step > 0 and end < size)
        for start, step, end, size in zip(form.starts, form.steps, ends, first, strict=True)
    ):
        raise ShapeError(f"a slice from {form.starts} to {ends} of {first}")
    return after
