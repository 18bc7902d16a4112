"""What the tables of operators are written with: the decorator, and what an entry may ask.

An entry gets a `Reader`, which knows the keys of tensors, and the call's arguments as torch's schema names them.
A new operator is one entry in one of the tables (`_operators_*.py`). What an entry cannot describe it refuses with
`NoFormError` and a reason.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from convlens.tracing._forms import Form


class NoFormError(Exception):
    """A call that no form describes; the message is the reason, in a sentence."""


@runtime_checkable
class Reader(Protocol):
    """What an entry may ask of the capture.

    Attributes:
        operator: torch's, that is called.
        output: which of several outputs the form is for, counted from 0.
    """

    operator: Any
    output: int

    def is_computed(self, tensor: Tensor) -> bool:
        """Say whether a tensor was computed from the net's input."""
        ...

    def activation(self, tensor: Tensor) -> str:
        """Find the key of a tensor that the net computed from its input."""
        ...

    def number(self, tensor: Tensor) -> str:
        """Find the key of any tensor, activation or weight."""
        ...

    def weight(self, tensor: Tensor, role: str) -> str:
        """Find the key of a parameter, or keep a tensor derived from parameters under this role."""
        ...


Entry = Callable[[Reader, dict[str, Any], Tensor], Form]
OPERATORS: dict[Any, Entry] = {}


def entry_for(*operators: Any) -> Callable[[Entry], Entry]:
    """Register an entry under these operators, such as `torch.ops.aten.relu.default`."""

    def register(entry: Entry) -> Entry:
        OPERATORS.update(dict.fromkeys(operators, entry))
        return entry

    return register


def per_axis(values: Sequence[int], axes: int) -> tuple[int, ...]:
    """Repeat a single number for every axis, as torch does."""
    return tuple(values) * axes if len(values) == 1 else tuple(values)


def held(number: float, output: Tensor) -> float:
    """Return a constant as an operator reads it: rounded to the type of what it makes."""
    read = torch.tensor(number, dtype=output.dtype).item() if output.is_floating_point() else float(number)
    if not math.isfinite(read):
        raise NoFormError("A constant that is infinity or no number has no form: JSON cannot hold it.")
    return read


def filling(number: float, output: Tensor) -> float | None:
    """Return what stands where no number is read, likewise; None for minus infinity."""
    return None if number == -math.inf else held(number, output)
