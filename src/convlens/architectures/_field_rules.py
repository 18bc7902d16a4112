"""Receptive fields, operator by operator.

An operator that moves numbers across pixels and has no rule here makes a field unknown; none is guessed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from convlens.architectures._fields import (
    Field,
    Flat,
    Map,
    OperatorCall,
    Unknown,
    Whole,
    furthest,
    joined,
    moved,
    spread,
    tensors_in,
    with_reaches,
)
from convlens.errors import ShapeError


def field_after(call: OperatorCall, read: Sequence[Field]) -> Field:
    """Say what the units that an operator makes read of the image.

    Args:
        call: what it is called with.
        read: the fields of those inputs that depend on the image, at least one.

    Returns:
        Their field.
    """
    unknown = next((field for field in read if isinstance(field, Unknown)), None)
    if unknown:
        return unknown
    if all(isinstance(field, Whole) for field in read):
        return Whole(furthest([field.reaches for field in read if isinstance(field, Whole)]))
    rule = _pointwise if call.is_pointwise else _RULES.get(call.name)
    if rule is None:
        return Unknown(f"No rule says across which pixels {call.name} moves numbers.")
    try:
        return rule(call)
    except ShapeError as error:
        return Unknown(str(error))


# Operators that leave every number at its place.


def _pointwise(call: OperatorCall) -> Field:
    """The places of all inputs, broadcast to the output's axes."""
    inputs = [call.named["src"]] if call.name == "copy_" else tensors_in(call.named.values())
    fields = []
    for tensor in inputs:
        field = call.field(tensor)
        if field is None:
            continue
        shift = call.output.ndim - tensor.ndim
        if isinstance(field, Map):
            moved = tuple(axis + shift for axis in field.axes)
            if any(call.output.shape[new] != tensor.shape[old] for new, old in zip(moved, field.axes, strict=True)):
                return Unknown("A map of one place is spread over many.")
            field = replace(field, axes=moved)
        elif isinstance(field, Flat):
            field = replace(field, axis=field.axis + shift)
        fields.append(field)
    return joined(fields) if fields else Unknown("What is copied does not depend on the image.")


def _concatenate(call: OperatorCall) -> Field:
    dim = call.named.get("dim", 0) % call.output.ndim
    fields = [field for tensor in call.named["tensors"] if (field := call.field(tensor)) is not None]
    if call.name == "stack":
        fields = [moved(field, lambda axis: axis + (axis >= dim)) for field in fields]
    result = joined(fields)
    if isinstance(result, Map) and dim in result.axes:
        return Unknown("Maps are put side by side along rows or columns.")
    return result


# Windows.


def _window(call: OperatorCall) -> Field:
    """Convolutions and pools: a window along the last axes."""
    field, tensor = call.field(call.input), call.input
    is_convolution = call.name.endswith("convolution")
    if call.named.get("transposed"):
        return Unknown("A transposed convolution takes steps of less than a pixel.")
    if not isinstance(field, Map) or (is_convolution and call.field(call.named["weight"]) is not None):
        return Unknown(f"{call.name} reads what is not a map, or has weights computed from the image.")
    kernel = call.named["weight"].shape[2:] if is_convolution else call.named["kernel_size"]
    count = tensor.ndim - 2 if is_convolution else _axes_of_pool(call)
    first = tensor.ndim - count
    if is_convolution and first - 1 in field.axes:
        return Unknown("Rows or columns are read as channels.")
    kernel = _each(kernel, count)
    stride = _each(call.named.get("stride") or kernel, count)
    if not is_convolution and _is_global(call, field, kernel=dict(enumerate(kernel, first))):
        return Whole(field.reaches)
    return _slide(
        field,
        first=first,
        kernel=kernel,
        stride=stride,
        padding=_each(call.named.get("padding", 0), count),
        dilation=_each(call.named.get("dilation", 1), count),
    )


def _slide(
    field: Map, *, first: int, kernel: list[int], stride: list[int], padding: list[int], dilation: list[int]
) -> Map:
    reaches = list(field.reaches)
    for place, axis in enumerate(field.axes):
        reach, window = reaches[place], axis - first
        if reach is not None and window >= 0:
            reaches[place] = reach.after_window(
                kernel[window], stride=stride[window], padding=padding[window], dilation=dilation[window]
            )
    return replace(field, reaches=tuple(reaches))


def _axes_of_pool(call: OperatorCall) -> int:
    return next(count for count in (1, 2, 3) if f"pool{count}d" in call.name)


def _each(value: Any, count: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def _is_global(call: OperatorCall, field: Map, *, kernel: dict[int, int]) -> bool:
    sizes = [call.input.shape[axis] for axis in field.axes]
    covers = all(kernel.get(axis) == size for axis, size in zip(field.axes, sizes, strict=True))
    return covers and max(sizes, default=1) > 1 and all(call.output.shape[axis] == 1 for axis in field.axes)


def _adaptive_pool(call: OperatorCall) -> Field:
    field = call.field(call.input)
    if not isinstance(field, Map):
        return Unknown(f"{call.name} reads what is not a map.")
    before = [call.input.shape[axis] for axis in field.axes]
    after = [call.output.shape[axis] for axis in field.axes]
    if before != after and all(size == 1 for size in after):
        return Whole(field.reaches)
    if any(many % few for many, few in zip(before, after, strict=True)):
        return Unknown("Adaptive pooling has windows of different lengths here.")
    kernel = [many // few for many, few in zip(before, after, strict=True)]
    reaches = [
        reach and reach.after_window(size, stride=size) for reach, size in zip(field.reaches, kernel, strict=True)
    ]
    return replace(field, reaches=tuple(reaches))


def _pad(call: OperatorCall) -> Field:
    field, amounts = call.field(call.input), call.named["pad"]
    if not isinstance(field, Map):
        return Unknown("What is not a map is padded.")
    reaches = []
    for axis, reach in zip(field.axes, field.reaches, strict=True):
        place = 2 * (call.input.ndim - 1 - axis)
        before = amounts[place] if place < len(amounts) else 0
        reaches.append(reach and reach.after_window(1, padding=before))
    return replace(field, reaches=tuple(reaches))


def _slice(call: OperatorCall) -> Field:
    field, dim = call.field(call.input), call.named.get("dim", 0) % call.input.ndim
    if not isinstance(field, Map):
        return _along(call)
    if dim not in field.axes:
        return field
    start, step, size = call.named.get("start") or 0, call.named.get("step") or 1, call.input.shape[dim]
    start = min(max(start + size if start < 0 else start, 0), size)
    place = field.axes.index(dim)
    reach = field.reaches[place]
    cut = reach and reach.after_window(1, stride=step, padding=-start)
    return replace(field, reaches=(*field.reaches[:place], cut, *field.reaches[place + 1 :]))


# Sums over axes.


def _reduce(call: OperatorCall) -> Field:
    field, dims = call.field(call.input), call.dims()
    axes = field.axes if isinstance(field, Map) else (field.axis,) if isinstance(field, Flat) else ()
    assert isinstance(field, Map | Flat)
    if set(axes) <= dims:
        return Whole(field.reaches)
    if call.named.get("keepdim"):
        return spread(field, dims)
    if set(axes) & dims:
        return Unknown("Only rows, or only columns, are summed up.")
    return moved(field, lambda axis: axis - sum(dim < axis for dim in dims))


def _along(call: OperatorCall) -> Field:
    """Operators that mix the numbers along one axis, and no others."""
    if "normalized_shape" in call.named:
        dims = set(range(call.input.ndim - len(call.named["normalized_shape"]), call.input.ndim))
    else:
        dims = call.dims()
    field = call.field(call.input)
    assert field is not None
    return Whole(field.reaches) if isinstance(field, Flat) and field.axis in dims else spread(field, dims)


def _pick(call: OperatorCall) -> Field:
    """Operators that choose places along one axis, kept or dropped."""
    field, dims = call.field(call.input), call.dims()
    if spread(field, dims) != field or (isinstance(field, Flat) and field.axis in dims):
        return Unknown(f"{call.name} chooses rows or columns.")
    if call.name in ("select", "unbind"):
        return moved(field, lambda axis: axis - sum(dim < axis for dim in dims))
    return field


def _index(call: OperatorCall) -> Field:
    field, indices = call.field(call.input), call.named["indices"]
    chosen = [axis for axis, index in enumerate(indices) if index is not None]
    if isinstance(field, Map) and len(chosen) == 1 and chosen[0] not in field.axes and indices[chosen[0]].ndim == 1:
        return field
    return Unknown("Places are chosen by a list of indices.")


def _normalise(call: OperatorCall) -> Field:
    """Batch, instance and group normalisation: with the statistics of this batch each unit reads the whole image."""
    field = call.field(call.input)
    by_batch = call.name == "native_group_norm" or call.named.get("training", call.named.get("train", False))
    if "no_training" in call.name or not by_batch:
        return _pointwise(call)
    return with_reaches(field, tuple(None for _ in field.reaches)) if isinstance(field, Map) else Unknown(call.name)


def _multiply(call: OperatorCall) -> Field:
    """Matrix products with weights: they mix the numbers of one axis."""
    names = ("mat1", "mat2") if call.name == "addmm" else ("batch1", "batch2") if call.name == "baddbmm" else None
    left, right = (call.named[name] for name in names or ("self", "mat2"))
    fields = call.field(left), call.field(right)
    if None not in fields or (names and call.field(call.named["self"]) is not None):
        return Unknown("Numbers computed from the image are multiplied with each other as matrices.")
    field, mixed = (fields[0], left.ndim - 1) if fields[0] is not None else (fields[1], right.ndim - 2)
    if isinstance(field, Flat):
        return Whole(field.reaches) if field.axis == mixed else field
    if isinstance(field, Map) and mixed in field.axes:
        return Whole(field.reaches) if len(field.axes) == 1 else Unknown("Rows or columns are read as channels.")
    assert field is not None
    return field


# Operators that only name places anew.


def _permute(call: OperatorCall) -> Field:
    count = call.input.ndim
    if call.name == "permute":
        order = [dim % count for dim in call.named["dims"]]
    else:
        order = list(range(count))
        one, other = (0, 1) if call.name == "t" else (call.named["dim0"] % count, call.named["dim1"] % count)
        order[one], order[other] = other, one
    return moved(call.field(call.input), order.index)


def _reshape(call: OperatorCall) -> Field:
    """View, squeeze, unsqueeze, flatten: runs of axes whose sizes have the same product correspond."""
    field, before, after = call.field(call.input), tuple(call.input.shape), tuple(call.output.shape)
    held = set(field.axes) if isinstance(field, Map) else {field.axis} if isinstance(field, Flat) else set()
    moves = {}
    for olds, news in _runs(before, after):
        touched = [axis for axis in olds if axis in held]
        others = [axis for axis in olds if axis not in held and before[axis] > 1]
        long = [axis for axis in news if after[axis] > 1] or news[:1]
        if not touched:
            continue
        if len(touched) == 1 and not others and len(long) == 1:
            moves[touched[0]] = long[0]
        elif isinstance(field, Flat) and not others and tuple(after[axis] for axis in news) == field.sizes:
            return Map(tuple(news[place] for place in field.places), field.reaches)
        elif isinstance(field, Map) and len(touched) == len(held) and len(long) == 1:
            sizes = tuple(before[axis] for axis in olds)
            return Flat(long[0], sizes, tuple(map(olds.index, field.axes)), field.reaches)
        else:
            return Unknown("Rows or columns are cut up or merged.")
    return moved(field, moves.__getitem__)


def _runs(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Match the shortest runs of axes with equal products, from the last axis, where rows and columns are."""
    runs, old, new = [], len(before), len(after)
    while old > 0 or new > 0:
        olds, news = ([old - 1] if old else []), ([new - 1] if new else [])
        old, new = old - len(olds), new - len(news)
        while (a := _product(before, olds)) != (b := _product(after, news)):
            if a < b:
                old -= 1
                olds.insert(0, old)
            else:
                new -= 1
                news.insert(0, new)
        runs.append((olds, news))
    return runs


def _product(sizes: tuple[int, ...], axes: list[int]) -> int:
    product = 1
    for axis in axes:
        product *= sizes[axis]
    return product


def _rules() -> dict[str, Callable[[OperatorCall], Field]]:
    by_rule = {
        _pointwise: "clone detach alias contiguous _to_copy copy_ lift_fresh native_dropout dropout expand bernoulli_",
        _window: "convolution _convolution avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d "
        "max_pool2d_with_indices max_pool3d_with_indices max_pool1d_with_indices",
        _adaptive_pool: "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_max_pool2d adaptive_max_pool3d",
        _pad: "constant_pad_nd",
        _slice: "slice narrow",
        _reduce: "mean sum amax amin max min var std var_mean logsumexp linalg_vector_norm prod all any argmax argmin",
        _along: "softmax _softmax log_softmax _log_softmax cumsum cumprod sort topk native_layer_norm glu "
        "_fused_rms_norm _safe_softmax",
        _pick: "select unbind split split_with_sizes chunk index_select",
        _index: "index",
        _concatenate: "cat stack concatenate",
        _normalise: "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training "
        "_batch_norm_with_update _batch_norm_no_update cudnn_batch_norm native_group_norm",
        _multiply: "mm addmm bmm baddbmm",
        _permute: "permute transpose t",
        _reshape: "view _unsafe_view reshape squeeze unsqueeze flatten squeeze_ unsqueeze_ _reshape_alias",
    }
    return {name: rule for rule, names in by_rule.items() for name in names.split()}


_RULES = _rules()
