"""Which numbers an output number is made of: one function for all forms, and its inverse for whole masks."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from convlens.geometry import transposed_taps, window_taps
from convlens.tracing._forms import (
    Call,
    Contraction,
    Maximum,
    Normalisation,
    Pointwise,
    Rearrangement,
    Reduction,
    Resampling,
    Standardisation,
    WeightedSum,
)

Index = tuple[int, ...]
Shape = tuple[int, ...]


class Reads(NamedTuple):
    """Numbers that one unit reads from one tensor.

    Attributes:
        key: the tensor.
        indices: into it; one row a number, one column a dimension.
        weights: one a number, float64; None where the form has no weights.
        weight_key: the tensor that the weights were read from, where that was computed as well; else None.
        weight_indices: into it, one row a weight; else None.
    """

    key: str
    indices: np.ndarray
    weights: np.ndarray | None
    weight_key: str | None = None
    weight_indices: np.ndarray | None = None


def reads(
    call: Call, index: Index, *, shape_of: Callable[[str], Shape], weights: Mapping[str, np.ndarray]
) -> list[Reads]:
    """List what the output number at an index is made of.

    Args:
        call: with a form.
        index: into its whole output, item of the batch first.
        shape_of: the shape of the tensor of any key.
        weights: tensors of the keys that begin with "weight/", and of those that a contraction reads.

    Returns:
        One entry an input, in the form's order. Taps outside the input are left out.
    """
    form = call.form
    assert form is not None
    if isinstance(form, WeightedSum):
        return [_weighted_reads(form, index, shape=shape_of(form.input), weights=weights)]
    if isinstance(form, Maximum):
        _, places = _window(form, index[2:], shape_of(form.input)[2:])
        return [Reads(form.input, _with_prefix([index[:2]], places), None)]
    if isinstance(form, Pointwise):
        scales = form.scales or [None] * len(form.inputs)
        return [
            Reads(
                key,
                np.array([broadcast_index(index, shape_of(key))]),
                None if scale is None else np.array([scale], dtype=np.float64),
            )
            for key, scale in zip(form.inputs, scales, strict=True)
        ]
    if isinstance(form, Normalisation):
        size = shape_of(form.input)[form.axis]
        indices = np.tile(np.array(index), (size, 1))
        indices[:, form.axis] = np.arange(size)
        return [Reads(form.input, indices, None)]
    if isinstance(form, Contraction):
        return [_contracted_reads(form, index, count=shape_of(form.left)[-1], numbers=weights)]
    if isinstance(form, Standardisation):
        shape = shape_of(form.input)
        return [Reads(form.input, _members(form, index, shape), None)]
    if isinstance(form, Reduction):
        return [_reduced_reads(form, index, shape_of(form.input))]
    if isinstance(form, Resampling):
        return [_resampled_reads(form, index, weights)]
    if form.table is not None:
        return [_gathered_read(form, int(weights[form.table][index]), shape_of)]
    return [_rearranged_read(form, index, shape_of, output_shape=shape_of(call.output))]


def _contracted_reads(form: Contraction, index: Index, *, count: int, numbers: Mapping[str, np.ndarray]) -> Reads:
    left, right = (np.tile(np.array(index), (count, 1)) for _ in range(2))
    left[:, -1] = right[:, -2] = np.arange(count)
    weights = numbers[form.right][tuple(right.T)].astype(np.float64)
    return Reads(form.left, left, weights, form.right, right)


def _grid(spans: Sequence[Sequence[int]]) -> np.ndarray:
    """List every choice of one number from each span, in row-major order; one row a choice."""
    return np.stack([places.reshape(-1) for places in np.meshgrid(*spans, indexing="ij")], axis=1)


def _reduced_reads(form: Reduction, index: Index, shape: Shape) -> Reads:
    places = iter(index)
    spans = []
    for axis, size in enumerate(shape):
        at = next(places) if form.keep or axis not in form.axes else 0
        spans.append(range(size) if axis in form.axes else range(at, at + 1))
    indices = _grid(spans)
    weight = {"sum": 1.0, "mean": 1 / max(len(indices), 1)}.get(form.function)
    return Reads(form.input, indices, None if weight is None else np.full(len(indices), weight))


def _resampled_reads(form: Resampling, index: Index, weights: Mapping[str, np.ndarray]) -> Reads:
    rows = [weights[key][place].astype(np.float64) for key, place in zip(form.weights, index[2:], strict=True)]
    rows = [np.trim_zeros(row, "b") for row in rows]
    firsts = [starts[place] for starts, place in zip(form.starts, index[2:], strict=True)]
    spans = [range(first, first + len(row)) for first, row in zip(firsts, rows, strict=True)]
    products = math.prod(np.ix_(*rows), start=np.ones(()))
    return Reads(form.input, _with_prefix([index[:2]], _grid(spans)), np.asarray(products).reshape(-1))


def _gathered_read(form: Rearrangement, place: int, shape_of: Callable[[str], Shape]) -> Reads:
    if place < 0:
        return Reads(form.inputs[0], np.empty((0, len(shape_of(form.inputs[0]))), dtype=np.int64), None)
    for key in form.inputs:  # the loop ends at the input that holds the place
        count = math.prod(shape_of(key))
        if place < count:
            break
        place -= count
    return Reads(key, np.array([np.unravel_index(place, shape_of(key))], dtype=np.int64), None)


def _members(form: Standardisation, index: Index, shape: Shape) -> np.ndarray:
    """List the indices of the set that a number is standardised in, in row-major order; one row a number."""
    spans = [
        range(size) if axis in form.axes else range(at, at + 1)
        for axis, (at, size) in enumerate(zip(index, shape, strict=True))
    ]
    if 1 in form.axes:
        size = shape[1] // form.groups
        first: int = index[1] // size * size
        spans[1] = range(first, first + size)
    return _grid(spans)


def _window(form: WeightedSum | Maximum, place: Index, size: Shape) -> tuple[np.ndarray, np.ndarray]:
    """List taps and pixels under a window, each as rows of one column an axis, in row-major order."""
    taps_of = transposed_taps if isinstance(form, WeightedSum) and form.transposed else window_taps
    axes = [
        taps_of(place[axis], size[axis], form.kernel[axis], **_slide(form, axis)) for axis in range(len(form.kernel))
    ]
    pairs = list(product(*axes))
    table = np.array(pairs, dtype=np.int64).reshape(len(pairs), len(axes), 2)  # without axes: one tap, no coordinates
    return table[:, :, 0], table[:, :, 1]


def _slide(form: WeightedSum | Maximum, axis: int) -> dict[str, int]:
    return {"stride": form.stride[axis], "padding": form.padding[axis], "dilation": form.dilation[axis]}


def _with_prefix(prefixes: Sequence[Index], places: np.ndarray) -> np.ndarray:
    """Combine every prefix (item, channel) with every place, prefixes outermost."""
    left = np.repeat(np.array(prefixes, dtype=np.int64), len(places), axis=0)
    return np.concatenate([left, np.tile(places, (len(prefixes), 1))], axis=1)


def _weighted_reads(form: WeightedSum, index: Index, *, shape: Shape, weights: Mapping[str, np.ndarray]) -> Reads:
    item, channel = index[:2]
    taps, places = _window(form, index[2:], shape[2:])
    if form.weight is None:
        counts = {"window": int(np.prod(form.kernel)), "inside": len(places)}
        divisor = counts[form.divisor] if isinstance(form.divisor, str) else form.divisor
        assert divisor is not None  # capture and trace files give every average one
        return Reads(form.input, _with_prefix([(item, channel)], places), np.full(len(places), 1 / divisor))
    weight = weights[form.weight]
    group_size = weight.shape[1]
    first: int = channel // (weight.shape[0] // form.groups) * group_size
    kernel = weight[channel].reshape(group_size, *form.kernel)
    values = kernel[(slice(None), *taps.T)].astype(np.float64)
    channels = [(item, at) for at in range(first, first + group_size)]
    return Reads(form.input, _with_prefix(channels, places), values.reshape(-1))


def broadcast_index(index: Index, shape: Shape) -> Index:
    aligned = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else position for position, size in zip(aligned, shape, strict=True))


def _rearranged_read(
    form: Rearrangement, index: Index, shape_of: Callable[[str], Shape], *, output_shape: Shape
) -> Reads:
    key, source = form.inputs[0], list(index)
    if form.how == "reshape":
        flat = np.ravel_multi_index(index, output_shape)
        source = np.unravel_index(flat, shape_of(key))
    elif form.how == "concatenate":
        for key in form.inputs:  # the loop ends at the input that holds the index
            length = shape_of(key)[form.axis]
            if source[form.axis] < length:
                break
            source[form.axis] -= length
    elif form.how == "stack":
        key = form.inputs[source.pop(form.axis)]
    elif form.how == "permute":
        for output_axis, input_axis in enumerate(form.axes):
            source[input_axis] = index[output_axis]
    elif form.how == "slice":
        source = [start + position * step for start, position, step in zip(form.starts, index, form.steps, strict=True)]
    elif form.how == "strided":
        source = np.unravel_index(form.start + int(np.dot(index, form.strides)), shape_of(key))
    elif form.how == "pad":
        source = [start + position for start, position in zip(form.starts, index, strict=True)]
        if not all(0 <= at < size for at, size in zip(source, shape_of(key), strict=True)):
            return Reads(key, np.empty((0, len(source)), dtype=np.int64), None)
    return Reads(key, np.array([source]), None)
