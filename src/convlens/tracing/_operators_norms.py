"""Operators that set a number beside others: normalisations."""

from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import Entry, Reader, entry_for
from convlens.tracing._forms import Form, Normalisation, Standardisation, WeightedSum

aten = torch.ops.aten


@entry_for(aten.native_layer_norm.default)
def _layer_norm(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = tuple(range(output.dim() - len(call["normalized_shape"]), output.dim()))
    return _standardisation(reader, call, axes=axes, groups=1, shape=tuple(call["normalized_shape"]))


@entry_for(aten.native_group_norm.default)
def _group_norm(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = tuple(range(1, output.dim()))
    return _standardisation(reader, call, axes=axes, groups=call["group"], shape=(-1, *[1] * (output.dim() - 2)))


@entry_for(aten.native_batch_norm.default)
def _batch_norm(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if not call["training"]:
        return _fixed_batch_norm(reader, call, output)
    axes = (0, *range(2, output.dim()))
    return _standardisation(reader, call, axes=axes, groups=1, shape=(-1, *[1] * (output.dim() - 2)))


def _fixed_batch_norm(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    scale = (call["running_var"].double() + call["eps"]).rsqrt()
    if call["weight"] is not None:
        scale = scale * call["weight"].double()
    shift = -call["running_mean"].double() * scale
    kind = torch.float64 if output.dtype == torch.float64 else torch.float32  # never narrower: both are derived
    axes = output.dim() - 2
    return WeightedSum(
        input=reader.activation(call["input"]),
        weight=reader.weight(scale.to(kind).reshape(-1, 1, *[1] * axes), "scale"),
        bias=None if call["bias"] is None else reader.weight(call["bias"], "bias"),
        shift=reader.weight(shift.to(kind), "shift"),
        groups=len(scale),
        kernel=(1,) * axes,
        stride=(1,) * axes,
        padding=(0,) * axes,
        dilation=(1,) * axes,
        divisor=None,
    )


def _standardisation(
    reader: Reader, call: dict[str, Any], *, axes: tuple[int, ...], groups: int, shape: tuple[int, ...]
) -> Form:
    weight, bias = (None if call[role] is None else call[role].reshape(shape) for role in ("weight", "bias"))
    return Standardisation(
        input=reader.activation(call["input"]),
        weight=None if weight is None else reader.weight(weight, "scale"),
        bias=None if bias is None else reader.weight(bias, "shift"),
        axes=axes,
        groups=groups,
        epsilon=call["eps"],
    )


def _normalisation_entry(function: Any) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        return Normalisation(function, reader.activation(call["self"]), axis=call["dim"] % output.dim())

    return entry


entry_for(aten._softmax.default, aten._safe_softmax.default)(_normalisation_entry("softmax"))
entry_for(aten._log_softmax.default)(_normalisation_entry("log_softmax"))
