"""Which pixels can reach a unit: forms followed back, call by call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convlens.tracing._forms import Call, Form, sources
from convlens.tracing._read_masks import read_masks
from convlens.tracing._read_products import Product, joined, read_products, to_mask, to_products
from convlens.tracing._reads import Index, Shape

INPUT = "activation/input"


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that a unit reads, by any path and whatever the weights are.

    Attributes:
        mask: channel, row, column of the net's input: True where the unit reads it.
        rows: the first row and one past the last; (0, 0) if it reads none.
        columns: the first column and one past the last; (0, 0) if it reads none.
        kind: "exact": these pixels and no others; "whole input": all of them, because an operator on the way has no
            form, and what it reads is not known.
    """

    mask: np.ndarray
    rows: tuple[int, int]
    columns: tuple[int, int]
    kind: Literal["exact", "whole input"] = "exact"


# Marks as products, which are joined; or, where there are too many or they are none, as a mask.
_Marks = list[Product] | np.ndarray
_MOST_PRODUCTS = 8


def receptive_field(
    calls: Sequence[Call],
    position: int,
    index: Index,
    *,
    shapes: Mapping[str, Shape],
    weights: Mapping[str, np.ndarray],
) -> ReceptiveField:
    """Follow one unit back to the pixels.

    Args:
        calls: of a trace, in order.
        position: of the call that made the unit.
        index: into that call's whole output, item of the batch first.
        shapes: of the tensors of all keys.
        weights: tensors of the keys that begin with "weight/".

    Returns:
        Exactly the pixels that it reads: a change of any other one leaves it as it is. All pixels, if a call on the way
        has no form.
    """
    output = calls[position].output
    unit: Product = [np.arange(size) == at for at, size in zip(index, shapes[output], strict=True)]
    found: dict[str, _Marks] = {output: [unit]}
    for call in reversed(calls[: position + 1]):
        marks = found.pop(call.output, None)
        if marks is None:
            continue
        if call.form is None:
            return _field(np.ones(shapes[INPUT][1:], dtype=bool), "whole input")
        parts = _read(call.form, marks, output=shapes[call.output], shapes=shapes, weights=weights)
        for key, part in zip(sources(call.form), parts, strict=True):
            if len(part) and key.startswith("activation/"):
                found[key] = _union(found[key], part, shapes[key]) if key in found else part
    pixels = _as_mask(found.get(INPUT, []), shapes[INPUT])
    return _field(np.asarray(pixels.any(axis=0)), "exact")  # whichever item of the batch it is


def _read(
    form: Form, marks: _Marks, *, output: Shape, shapes: Mapping[str, Shape], weights: Mapping[str, np.ndarray]
) -> list[_Marks]:
    """Turn marks of output units into marks of what they read: one an input, in the form's order."""
    if isinstance(marks, list):
        each = [read_products(form, axes, shapes=shapes, weights=weights) for axes in marks]
        if None not in each:
            parts = [[axes for axes in part if axes is not None] for part in zip(*filter(None, each), strict=True)]
            return [_pruned(part, shapes[key]) for part, key in zip(parts, sources(form), strict=True)]
    masks = read_masks(form, _as_mask(marks, output), shapes=shapes, weights=weights)
    return [_simplest(mask) for mask in masks]


def _pruned(products: list[Product], shape: Shape) -> _Marks:
    return products if len(products) < 2 else _union(products[:1], products[1:], shape)


def _union(first: _Marks, second: _Marks, shape: Shape) -> _Marks:
    if isinstance(first, list) and isinstance(second, list):
        products = joined(first, second)
        if len(products) <= _MOST_PRODUCTS:
            return products
    return _simplest(_as_mask(first, shape) | _as_mask(second, shape))


def _as_mask(marks: _Marks, shape: Shape) -> np.ndarray:
    return to_mask(marks, shape) if isinstance(marks, list) else marks


def _simplest(mask: np.ndarray) -> _Marks:
    products = to_products(mask)
    return mask if products is None else products


def _field(pixels: np.ndarray, kind: Literal["exact", "whole input"]) -> ReceptiveField:
    return ReceptiveField(pixels, _extent(pixels, axis=-2), _extent(pixels, axis=-1), kind)


def _extent(pixels: np.ndarray, *, axis: int) -> tuple[int, int]:
    others = tuple(other for other in range(pixels.ndim) if other != axis % pixels.ndim)
    found = np.flatnonzero(pixels.any(axis=others))
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)
