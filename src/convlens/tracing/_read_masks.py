"""Masks of what whole masks of output numbers are made of: the inverse of a form, for any mask."""

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from convlens.tracing._forms import (
    Contraction,
    Form,
    Maximum,
    Normalisation,
    Pointwise,
    Reduction,
    Resampling,
    Standardisation,
    WeightedSum,
)
from convlens.tracing._reads import Shape


def read_masks(
    form: Form, mask: np.ndarray, *, shapes: Mapping[str, Shape], weights: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """Turn a mask of output units into masks of what they read: one an input, in the form's order."""
    if isinstance(form, WeightedSum):
        return [_window_mask(form, _channels_read(form, mask, shapes[form.input]), shapes[form.input])]
    if isinstance(form, Maximum):
        return [_window_mask(form, mask, shapes[form.input])]
    if isinstance(form, Pointwise):
        return [_unbroadcast(mask, shapes[key]) for key in form.inputs]
    if isinstance(form, Normalisation):
        return [np.broadcast_to(mask.any(axis=form.axis, keepdims=True), mask.shape)]
    if isinstance(form, Contraction):
        rows, columns = mask.any(axis=-1, keepdims=True), mask.any(axis=-2, keepdims=True)
        return [np.broadcast_to(rows, shapes[form.left]), np.broadcast_to(columns, shapes[form.right])]
    if isinstance(form, Standardisation):
        return [_set_mask(form, mask)]
    if isinstance(form, Reduction):
        kept = mask if form.keep else np.expand_dims(mask, form.axes)
        return [np.broadcast_to(kept, shapes[form.input])]
    if isinstance(form, Resampling):
        return [_resampled_mask(form, mask, shape=shapes[form.input], weights=weights)]
    if form.table is not None:
        places = weights[form.table][mask]
        counts = [math.prod(shapes[key]) for key in form.inputs]
        read = np.zeros(sum(counts), dtype=bool)
        read[places[places >= 0]] = True
        parts = np.split(read, np.cumsum(counts[:-1]))
        return [part.reshape(shapes[key]) for key, part in zip(form.inputs, parts, strict=True)]
    if form.how == "stack":
        return list(np.moveaxis(mask, form.axis, 0))
    if form.how == "reshape":
        return [mask.reshape(shapes[form.inputs[0]])]
    if form.how == "permute":
        return [mask.transpose(np.argsort(form.axes))]
    if form.how == "slice":
        read = np.zeros(shapes[form.inputs[0]], dtype=bool)
        read[_strided(form.starts, form.steps, mask.shape)] = mask
        return [read]
    if form.how == "strided":
        read = np.zeros(shapes[form.inputs[0]], dtype=bool)
        read.reshape(-1)[form.start + np.argwhere(mask) @ np.array(form.strides, dtype=np.int64)] = True
        return [read]
    if form.how == "pad":
        sizes = shapes[form.inputs[0]]
        spans = [
            (max(start, 0), max(min(start + count, size), start, 0))
            for start, count, size in zip(form.starts, mask.shape, sizes, strict=True)
        ]
        read = np.zeros(sizes, dtype=bool)
        kept = tuple(slice(first - start, end - start) for (first, end), start in zip(spans, form.starts, strict=True))
        read[tuple(slice(first, end) for first, end in spans)] = mask[kept]
        return [read]
    ends = np.cumsum([shapes[key][form.axis] for key in form.inputs])
    return np.split(mask, ends[:-1], axis=form.axis)


def _resampled_mask(
    form: Resampling, mask: np.ndarray, *, shape: Shape, weights: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Spread marks along one axis after the other to the pixels that the places there are made of."""
    for axis, (starts, key) in enumerate(zip(form.starts, form.weights, strict=True), start=2):
        reads = places_read(starts, weights[key], size=shape[axis])
        mask = np.moveaxis(np.moveaxis(mask, axis, -1) @ reads, -1, axis)
    return mask


def places_read(starts: Sequence[int], weights: np.ndarray, *, size: int) -> np.ndarray:
    """Mark, for each place along an axis, the pixels that a resampling makes it of."""
    reads = np.zeros((len(starts), size), dtype=bool)
    for place, (start, row) in enumerate(zip(starts, weights, strict=True)):
        reads[place, start : start + len(np.trim_zeros(row, "b"))] = True
    return reads


def _set_mask(form: Standardisation, mask: np.ndarray) -> np.ndarray:
    """Mark every number of a set of which one is marked."""
    if 1 not in form.axes:
        return np.broadcast_to(mask.any(axis=form.axes, keepdims=True), mask.shape)
    groups = mask.reshape(mask.shape[0], form.groups, -1, *mask.shape[2:])
    axes = tuple(axis + (axis > 0) for axis in form.axes)  # the channels of a group lie along axis 2
    return np.broadcast_to(groups.any(axis=axes, keepdims=True), groups.shape).reshape(mask.shape)


def _channels_read(form: WeightedSum, mask: np.ndarray, input_shape: Shape) -> np.ndarray:
    """Spread a mask over output channels to the input channels of the same group."""
    if form.weight is None:
        return mask
    items, channels = mask.shape[:2]
    grouped = mask.reshape(items, form.groups, channels // form.groups, *mask.shape[2:]).any(axis=2)
    return np.repeat(grouped, input_shape[1] // form.groups, axis=1)


def _window_mask(form: WeightedSum | Maximum, mask: np.ndarray, input_shape: Shape) -> np.ndarray:
    """Mark every pixel under a window whose place is marked; of a transposed one, every pixel that reaches it."""
    transposed = isinstance(form, WeightedSum) and form.transposed
    read = np.zeros(input_shape, dtype=bool)
    # Which of the two slides, and what it slides over.
    counts, sizes = mask.shape[2:], input_shape[2:]
    if transposed:
        counts, sizes = sizes, counts
    for taps in product(*map(range, form.kernel)):
        # Along each axis: the places p for which p * stride - padding + tap * dilation lies inside the input.
        starts = [tap * step - pad for tap, step, pad in zip(taps, form.dilation, form.padding, strict=True)]
        places, pixels = [], []
        for start, stride, size, count in zip(starts, form.stride, sizes, counts, strict=True):
            first = max(0, -(start // stride))
            last = min(count, (size - 1 - start) // stride + 1)
            places.append(slice(first, max(first, last)))
            pixels.append(slice(first * stride + start, max(first, last) * stride + start, stride))
        if all(place.stop > place.start for place in places):
            under = (..., *_clipped(pixels, sizes))
            if transposed:
                read[(..., *places)] |= mask[under]
            else:
                read[under] |= mask[(..., *places)]
    return read


def _clipped(pixels: list[slice], sizes: Shape) -> list[slice]:
    return [slice(pixel.start, min(pixel.stop, size), pixel.step) for pixel, size in zip(pixels, sizes, strict=True)]


def _unbroadcast(mask: np.ndarray, shape: Shape) -> np.ndarray:
    """Undo NumPy's broadcasting: mark a number if any of the places it was spread to is marked."""
    missing = mask.ndim - len(shape)
    spread = tuple(axis + missing for axis, size in enumerate(shape) if size == 1)
    return np.asarray(mask.any(axis=(*range(missing), *spread))).reshape(shape)


def _strided(starts: Sequence[int], steps: Sequence[int], counts: Shape) -> tuple[slice, ...]:
    return tuple(
        slice(start, start + step * count, step) for start, step, count in zip(starts, steps, counts, strict=True)
    )
