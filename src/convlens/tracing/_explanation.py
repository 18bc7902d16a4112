"""The arithmetic of one unit: every term, the total in float64, and the check against the recorded value."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np

from convlens.tracing._forms import Call
from convlens.tracing._printable import Printable
from convlens.tracing._reads import Reads
from convlens.tracing._statement import Document


class Term(NamedTuple):
    """One number that a unit is made of.

    Attributes:
        source: name of the layer that it was read from, or "input".
        index: channel, row, column there (or feature); the item of the batch is left out. Of a weight all of its axes.
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


class Channel(NamedTuple):
    """The terms of one explanation that were read from one channel (of a vector: from one feature).

    Attributes:
        source: name of the layer, or "input".
        channel: which one; None where the source is a single number.
        terms: in row-major order of its window.
        subtotal: the exact sum of what is printed of them, as printed.
    """

    source: str
    channel: int | None
    terms: list[Term]
    subtotal: str


@dataclass(frozen=True)
class Explanation(Printable):
    """A form evaluated at one unit. `print` it to read it; a notebook shows it as a table.

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

    @property
    def adds(self) -> bool:
        """Whether the value is the sum of terms and addends: it is wherever terms have weights."""
        return self.weights is not None

    @property
    def kind(self) -> str:
        """What makes the value of the terms: "sum", "maximum", "relu", "softmax", "reshape" ..."""
        form = self.call.form
        named = getattr(form, "function", None) or getattr(form, "how", None)
        if named or self.adds or form is None:
            return named or "sum"
        return str(form.__struct_config__.tag).replace("_", " ")

    @property
    def recorded_by(self) -> str:
        """Who computed the recorded value."""
        return "the net"

    @property
    def unit(self) -> str:
        """The unit's name, such as conv2[3, 5, 7]."""
        return name_unit(self.call.name, self.index)

    @property
    def title(self) -> str:
        """What is explained, in a line."""
        count = len(self.products)
        return f"{self.unit}: {self.kind} of {count} {'number' if count == 1 else 'numbers'} [{self.call.operator}]"

    @cached_property
    def terms(self) -> list[Term]:
        """Every number that the unit is made of, channel by channel, in row-major order of its window."""
        places = [_named(part.key, index) for part in self.reads for index in part.indices.tolist()]
        weights = [None] * len(places) if self.weights is None else self.weights.tolist()
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

    @property
    def channels(self) -> list[Channel]:
        """The terms channel by channel, each with the subtotal that is printed of it."""
        from convlens.tracing._printed import channels_of  # it reads explanations, and so imports this file

        return channels_of(self)

    def _document(self, most: int | None) -> Document:
        from convlens.tracing._lines import state  # it reads explanations, and so imports this file

        return Document(None, [state(self, most=most)])

    def _plain(self) -> dict[str, Any]:
        return {
            "layer": self.call.name,
            "index": self.index,
            "operator": self.call.operator,
            "form": msgspec.to_builtins(self.call.form),
            "terms": [term._asdict() for term in self.terms],
            "addends": self.addends,
            "total": self.total,
            "recorded": self.recorded,
            "difference": self.difference,
            "tolerance": self.tolerance,
            "closes": self.closes,
            "winner": self.winner,
        }


def name_unit(layer: str, index: tuple[int, ...]) -> str:
    """Write a unit's name, such as conv2[3, 5, 7]; a weight that is a single number has no index."""
    return f"{layer}[{', '.join(map(str, index))}]" if index else layer


def _named(key: str, index: list[int]) -> tuple[str, tuple[int, ...]]:
    """Name a place in a tensor: the layer, and the index without the item of the batch, which weights do not have."""
    kind, name = key.split("/", 1)
    return name, tuple(index if kind == "weight" else index[1:])
