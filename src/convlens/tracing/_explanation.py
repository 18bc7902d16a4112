"""The arithmetic of one unit: every term, the total in float64, and the check against the recorded value."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from convlens.tracing._forms import Call
from convlens.tracing._reads import Reads


class Term(NamedTuple):
    """One number that a unit is made of.

    Attributes:
        source: name of the layer that it was read from, or "input".
        index: channel, row, column there (or feature); the item of the batch is left out.
        value: what was read.
        weight: what it is multiplied by, or None where the form has no weights.
        weight_source: name of the layer that the weight was read from, where it was computed as well; else None.
        weight_index: its index there, the item of the batch left out; else None.
        product: what it adds: value * weight; the value itself in a maximum; e^(value - largest) in a softmax;
            (value - mean)^2 / count in a standardisation.
    """

    source: str
    index: tuple[int, ...]
    value: float
    weight: float | None
    product: float
    weight_source: str | None = None
    weight_index: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Explanation:
    """A form evaluated at one unit. `print` it to read it.

    Attributes:
        call: the operator call that made the unit.
        index: channel, row, column (or feature); the item of the batch is left out.
        reads: which numbers it reads, one entry an input.
        values: those numbers, float64.
        weights: of the same length, or None.
        products: what each adds, float64.
        addends: what counts beside the terms, by name: "bias", "shift", "constant"; in a softmax "largest"; where a
            padded input is left "padding"; of a standardisation "mean", "variance", "epsilon", "scale" and "bias".
        total: the form's value in float64.
        recorded: what the net computed.
        tolerance: how far the two may lie apart by rounding alone (`_bounds.py`).
        winner: which term a maximum takes, or which is the unit's own in a softmax or a standardisation; else None.
    """

    call: Call
    index: tuple[int, ...]
    reads: list[Reads]
    values: np.ndarray
    weights: np.ndarray | None
    products: np.ndarray
    addends: dict[str, float]
    total: float
    recorded: float
    tolerance: float
    winner: int | None

    @property
    def difference(self) -> float:
        """Total minus recorded value."""
        return 0.0 if self.total == self.recorded else self.total - self.recorded

    @property
    def closes(self) -> bool:
        """Whether the recorded value is the form's value, up to rounding."""
        both_nan = math.isnan(self.total) and math.isnan(self.recorded)
        return both_nan or abs(self.difference) <= self.tolerance

    @cached_property
    def terms(self) -> list[Term]:
        """Every number that the unit is made of, channel by channel, in row-major order of its window."""
        places = [_named(part.key, index) for part in self.reads for index in part.indices.tolist()]
        weights = [None] * len(self.values) if self.weights is None else self.weights.tolist()
        weight_places = [
            (None, None) if part.weight_key is None else _named(part.weight_key, index)
            for part in self.reads
            for index in (part.indices if part.weight_indices is None else part.weight_indices).tolist()
        ]
        return [
            Term(*place, value, weight, product, *weight_place)
            for place, value, weight, product, weight_place in zip(
                places, self.values.tolist(), weights, self.products.tolist(), weight_places, strict=True
            )
        ]

    def __str__(self) -> str:
        from convlens.tracing._printed import as_text  # it reads explanations, and so imports this file

        return as_text(self)


def _named(key: str, index: list[int]) -> tuple[str, tuple[int, ...]]:
    """Name a place in a tensor: the layer, and the index without the item of the batch."""
    return key.split("/", 1)[1], tuple(index[1:])
