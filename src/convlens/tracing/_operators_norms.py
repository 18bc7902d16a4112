"""Operators that set a number beside the others along an axis."""

from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import Entry, Reader, entry_for
from convlens.tracing._forms import Form, Normalisation

aten = torch.ops.aten


def _normalisation_entry(function: Any) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        return Normalisation(function, reader.activation(call["self"]), axis=call["dim"] % output.dim())

    return entry


entry_for(aten._softmax.default)(_normalisation_entry("softmax"))
entry_for(aten._log_softmax.default)(_normalisation_entry("log_softmax"))
