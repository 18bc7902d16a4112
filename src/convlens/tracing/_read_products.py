"""What products of marks are made of: rows times columns times channels, one short mask an axis instead of one large.

A convolution turns such a product into another one, axis by axis. Where a form does not, `read_masks` has the answer.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from convlens.tracing._forms import (
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
)
from convlens.tracing._read_masks import places_read
from convlens.tracing._reads import Shape

Product = list[np.ndarray]  # for each axis which places are marked; none of them is empty


def to_mask(products: Sequence[Product], shape: Shape) -> np.ndarray:
    """Mark what is in any of the products."""
    mask = np.zeros(shape, dtype=bool)
    for axes in products:
        mask[np.ix_(*axes)] = True
    return mask


def to_products(mask: np.ndarray) -> list[Product] | None:
    """Write a mask as one product, or as none if nothing is marked; None where it is not one."""
    count = int(np.count_nonzero(mask))
    if count == 0:
        return []
    every = range(mask.ndim)
    axes = [np.asarray(mask.any(axis=tuple(other for other in every if other != axis))) for axis in every]
    return [axes] if math.prod(int(np.count_nonzero(marks)) for marks in axes) == count else None


def joined(first: Sequence[Product], second: Sequence[Product]) -> list[Product]:
    """Return the products of both lists, without those that lie inside another."""
    kept = list(first)
    for axes in second:
        if not any(_is_inside(axes, other) for other in kept):
            kept = [other for other in kept if not _is_inside(other, axes)] + [axes]
    return kept


def _is_inside(inner: Product, outer: Product) -> bool:
    return all(few is many or not np.any(few & ~many) for few, many in zip(inner, outer, strict=True))


def read_products(
    form: Form, axes: Product, *, shapes: Mapping[str, Shape], weights: Mapping[str, np.ndarray]
) -> list[Product | None] | None:
    """Turn a product of output units into products of what they read.

    Args:
        form: of a call.
        axes: for each axis of its output which places are marked.
        shapes: of the tensors of all keys.
        weights: tensors of the keys that begin with "weight/".

    Returns:
        One product an input, in the form's order, None for an input that is not read. None instead of the list where
        what is read is not a product.
    """
    if isinstance(form, WeightedSum | Maximum):
        return [_under_windows(form, axes, shapes[form.input])]
    if isinstance(form, Pointwise):
        return [_unbroadcast(axes, shapes[key]) for key in form.inputs]
    if isinstance(form, Normalisation):
        return [_filled(axes, (form.axis,))]
    if isinstance(form, Contraction):
        left, right = shapes[form.left], shapes[form.right]
        return [[*axes[:-1], _all(left[-1])], [*axes[:-2], _all(right[-2]), axes[-1]]]
    if isinstance(form, Standardisation):
        spread = _filled(axes, tuple(axis for axis in form.axes if axis != 1))
        if 1 in form.axes:
            spread[1] = _in_groups(axes[1], form.groups, len(axes[1]))
        return [spread]
    if isinstance(form, Reduction):
        shape = shapes[form.input]
        rest = iter([marks for axis, marks in enumerate(axes) if not (form.keep and axis in form.axes)])
        return [[_all(size) if axis in form.axes else next(rest) for axis, size in enumerate(shape)]]
    if isinstance(form, Resampling):
        return [_resampled(form, axes, shape=shapes[form.input], weights=weights)]
    return _moved(form, axes, shapes)


def _all(size: int) -> np.ndarray:
    return np.ones(size, dtype=bool)


def _filled(axes: Product, whole: tuple[int, ...]) -> Product:
    return [_all(len(marks)) if axis in whole else marks for axis, marks in enumerate(axes)]


def _in_groups(marks: np.ndarray, groups: int, size: int) -> np.ndarray:
    """Spread marks over channels to all the channels of their groups, of which there are as many as `size` says."""
    if groups == len(marks) == size:
        return marks
    return np.repeat(marks.reshape(groups, -1).any(axis=1), size // groups)


def _under_windows(form: WeightedSum | Maximum, axes: Product, shape: Shape) -> Product | None:
    item, channels, *places = axes
    if isinstance(form, WeightedSum) and form.weight is not None:
        channels = _in_groups(channels, form.groups, shape[1])
    transposed = isinstance(form, WeightedSum) and form.transposed
    read = [item, channels]
    windows = zip(places, shape[2:], form.kernel, form.stride, form.padding, form.dilation, strict=True)
    for marks, size, kernel, stride, padding, dilation in windows:
        if kernel == stride == 1 and padding == 0:
            read.append(marks)
            continue
        starts = np.arange(size) if transposed else np.flatnonzero(marks)
        pixels = (starts * stride - padding)[:, None] + np.arange(kernel) * dilation
        if transposed:
            inside = (pixels >= 0) & (pixels < len(marks))
            read.append((marks[pixels * inside] & inside).any(axis=1))
        else:
            under = np.zeros(size, dtype=bool)
            under[pixels[(pixels >= 0) & (pixels < size)]] = True
            read.append(under)
        if not read[-1].any():
            return None
    return read


def _unbroadcast(axes: Product, shape: Shape) -> Product:
    aligned = axes[len(axes) - len(shape) :]
    return [_all(1) if size == 1 else marks for marks, size in zip(aligned, shape, strict=True)]


def _resampled(form: Resampling, axes: Product, *, shape: Shape, weights: Mapping[str, np.ndarray]) -> Product:
    rows = zip(axes[2:], form.starts, form.weights, shape[2:], strict=True)
    return axes[:2] + [marks @ places_read(starts, weights[key], size=size) for marks, starts, key, size in rows]


def _moved(form: Rearrangement, axes: Product, shapes: Mapping[str, Shape]) -> list[Product | None] | None:
    shape = shapes[form.inputs[0]]
    if form.how == "reshape":
        return _reshaped(axes, shape)
    if form.how == "concatenate":
        ends = np.cumsum([shapes[key][form.axis] for key in form.inputs])
        parts = np.split(axes[form.axis], ends[:-1])
        return [[*axes[: form.axis], part, *axes[form.axis + 1 :]] if part.any() else None for part in parts]
    if form.how == "stack":
        rest = axes[: form.axis] + axes[form.axis + 1 :]
        return [rest if is_read else None for is_read in axes[form.axis]]
    if form.how == "permute":
        return [[axes[place] for place in np.argsort(form.axes)]]
    if form.how in ("slice", "pad"):
        steps = form.steps or (1,) * len(axes)
        read = [_shifted(*each) for each in zip(axes, form.starts, steps, shape, strict=True)]
        return [read if all(marks.any() for marks in read) else None]
    if form.how == "strided":
        return _viewed(form, axes, shape)
    return None


def _shifted(marks: np.ndarray, start: int, step: int, size: int) -> np.ndarray:
    places = start + step * np.flatnonzero(marks)
    read = np.zeros(size, dtype=bool)
    read[places[(places >= 0) & (places < size)]] = True
    return read


def _reshaped(axes: Product, shape: Shape) -> list[Product | None] | None:
    """Divide both shapes into the shortest runs of axes that hold as many numbers, and reshape run by run."""
    sizes = [len(marks) for marks in axes]
    read: Product = []
    made = taken = 0
    while made < len(sizes) or taken < len(shape):
        first, begin = made, taken
        made, taken = min(made + 1, len(sizes)), min(taken + 1, len(shape))
        while (few := math.prod(sizes[first:made])) != (many := math.prod(shape[begin:taken])):
            made, taken = made + (few < many), taken + (few > many)
        part, run = axes[first:made], shape[begin:taken]
        if sizes[first:made] != list(run):
            products = to_products(to_mask([part], tuple(sizes[first:made])).reshape(run))
            if not products:
                return None
            part = products[0]
        read += part
    return [read]


def _viewed(form: Rearrangement, axes: Product, shape: Shape) -> list[Product | None] | None:
    """Read a strided view along the axes of its input, where every stride is a number of places along one of them."""
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    places = [np.array([at]) for at in np.unravel_index(form.start, shape)]
    for marks, stride in zip(axes, form.strides, strict=True):
        if stride == 0 or len(marks) == 1:
            continue
        along = next(axis for axis, own in enumerate(strides) if own <= stride and shape[axis] > 1)
        if stride % strides[along]:
            return None
        steps = np.flatnonzero(marks) * (stride // strides[along])
        places[along] = np.add.outer(places[along], steps).reshape(-1)
    if any(along.max() >= size for along, size in zip(places, shape, strict=True)):
        return None
    read = [np.zeros(size, dtype=bool) for size in shape]
    for marks, along in zip(read, places, strict=True):
        marks[along] = True
    return [read]
