"""Operators that make one number of all those along some axes."""

from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import Entry, NoFormError, Reader, entry_for
from convlens.tracing._forms import Form, Reduction

aten = torch.ops.aten


def reduced(reader: Reader, call: dict[str, Any], function: Any, *, correction: float = 0.0) -> Form:
    """Describe a call that reduces the axes `dim`; all of them where it names none."""
    before = call["self"]
    named = call.get("dim")
    named = [named] if isinstance(named, int) else list(named or range(before.dim()))
    if not before.numel() or not before.dim():
        raise NoFormError("A reduction has a form where there are numbers and axes to reduce.")
    axes = tuple(sorted(axis % before.dim() for axis in named))
    return Reduction(
        function, reader.activation(before), axes, keep=bool(call.get("keepdim", False)), correction=correction
    )


def _entry(function: Any) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        return reduced(reader, call, function)

    return entry


entry_for(aten.sum.dim_IntList, aten.sum.default)(_entry("sum"))
entry_for(aten.mean.default)(_entry("mean"))
entry_for(aten.amax.default, aten.max.dim, aten.max.default)(_entry("maximum"))
entry_for(aten.amin.default, aten.min.dim, aten.min.default)(_entry("minimum"))


@entry_for(aten.linalg_vector_norm.default)
def _norm(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["ord"] != 2:
        raise NoFormError("A vector norm has a form where it is the root of the sum of squares.")
    return reduced(reader, call, "norm")


@entry_for(aten.var.correction)
def _variance(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return reduced(reader, call, "variance", correction=1.0 if call["correction"] is None else call["correction"])
