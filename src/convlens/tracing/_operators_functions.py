"""Operators that apply a function to the numbers at the same place of their inputs."""

from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import Entry, NoFormError, Reader, entry_for, held
from convlens.tracing._forms import Form, Pointwise
from convlens.tracing._functions import SELU_ALPHA, SELU_SCALE

aten = torch.ops.aten


def _function_entry(function: Any, *, constant: float | None = None) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        return Pointwise(function, (reader.activation(call["self"]),), constant=constant)

    return entry


for _name in ("relu", "tanh", "sigmoid", "silu", "mish", "hardsigmoid", "hardswish", "exp", "log", "erf", "abs",
              "sign", "sin", "cos"):  # fmt: skip
    entry_for(getattr(aten, _name).default, getattr(aten, f"{_name}_").default)(_function_entry(_name))
for _name, _exponent in (("sqrt", 0.5), ("rsqrt", -0.5), ("reciprocal", -1.0)):
    entry_for(getattr(aten, _name).default, getattr(aten, f"{_name}_").default)(
        _function_entry("power", constant=_exponent)
    )


entry_for(aten.log_sigmoid_forward.default)(_function_entry("log_sigmoid"))


@entry_for(aten.neg.default, aten.neg_.default)
def _negative(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Pointwise("add", (reader.activation(call["self"]),), scales=(-1.0,))


@entry_for(aten.gelu.default, aten.gelu_.default)
def _gelu(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    function = "gelu_tanh" if call["approximate"] == "tanh" else "gelu"
    return Pointwise(function, (reader.activation(call["self"]),))


@entry_for(aten.leaky_relu.default, aten.leaky_relu_.default)
def _leaky_relu(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Pointwise("leaky_relu", (reader.activation(call["self"]),), constant=held(call["negative_slope"], output))


@entry_for(aten._prelu_kernel.default)
def _prelu(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Pointwise("leaky_relu", (reader.activation(call["self"]), reader.weight(call["weight"], "weight")))


@entry_for(aten.elu.default, aten.elu_.default)
def _elu(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    source = (reader.activation(call["self"]),)
    if (call["alpha"], call["scale"], call["input_scale"]) == (SELU_ALPHA, SELU_SCALE, 1):
        return Pointwise("selu", source)
    if call["scale"] != 1 or call["input_scale"] != 1:
        raise NoFormError("An ELU has a form with scales of 1, and as SELU.")
    return Pointwise("elu", source, constant=held(call["alpha"], output))


@entry_for(aten.softplus.default)
def _softplus(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["beta"] != 1 or call["threshold"] != 20:
        raise NoFormError("Softplus has a form with a beta of 1 and a threshold of 20.")
    return Pointwise("softplus", (reader.activation(call["self"]),))


@entry_for(aten.hardtanh.default, aten.hardtanh_.default)
def _hardtanh(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return _clamped(reader, call["self"], output, low=call["min_val"], high=call["max_val"])


@entry_for(aten.clamp.default, aten.clamp_.default, aten.clamp_min.default, aten.clamp_min_.default,
           aten.clamp_max.default, aten.clamp_max_.default)  # fmt: skip
def _clamp(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return _clamped(reader, call["self"], output, low=call.get("min"), high=call.get("max"))


def _clamped(reader: Reader, source: Tensor, output: Tensor, *, low: float | None, high: float | None) -> Form:
    low, high = (None if bound is None else held(bound, output) for bound in (low, high))
    return Pointwise("clamp", (reader.activation(source),), low=low, high=high)


def _addition_entry(sign: int) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        first, second, scale = call["self"], call["other"], sign * float(call["alpha"])
        if not isinstance(second, Tensor):
            return Pointwise("add", (reader.activation(first),), scales=(1.0,), constant=held(scale * second, output))
        return Pointwise("add", (reader.number(first), reader.number(second)), scales=(1.0, scale))

    return entry


entry_for(aten.add.Tensor, aten.add_.Tensor, aten.add.Scalar, aten.add_.Scalar)(_addition_entry(1))
entry_for(aten.sub.Tensor, aten.sub_.Tensor, aten.sub.Scalar, aten.sub_.Scalar)(_addition_entry(-1))


@entry_for(aten.rsub.Scalar)
def _subtract_from_constant(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    source, scale = (reader.activation(call["self"]),), -float(call["alpha"])
    return Pointwise("add", source, scales=(scale,), constant=held(call["other"], output))


def _two_entry(function: Any) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        first, second = call["self"], call["other"]
        if not isinstance(second, Tensor):
            return Pointwise(function, (reader.activation(first),), constant=held(second, output))
        return Pointwise(function, (reader.number(first), reader.number(second)))

    return entry


entry_for(aten.mul.Tensor, aten.mul_.Tensor, aten.mul.Scalar, aten.mul_.Scalar)(_two_entry("multiply"))
entry_for(aten.div.Tensor, aten.div_.Tensor, aten.div.Scalar, aten.div_.Scalar)(_two_entry("divide"))


@entry_for(aten.pow.Tensor_Scalar, aten.pow_.Scalar)
def _power(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Pointwise("power", (reader.activation(call["self"]),), constant=held(call["exponent"], output))


for _name in ("maximum", "minimum"):
    entry_for(getattr(aten, _name).default)(_two_entry(_name))


@entry_for(aten.addcmul.default, aten.addcmul_.default)
def _multiply_add(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    keys = tuple(reader.number(call[name]) for name in ("self", "tensor1", "tensor2"))
    return Pointwise("multiply_add", keys, constant=held(call["value"], output))


@entry_for(aten.celu.default, aten.celu_.default)
def _celu(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["alpha"] != 1:
        raise NoFormError("CELU has a form with an alpha of 1, where it is ELU.")
    return Pointwise("elu", (reader.activation(call["self"]),), constant=1.0)


@entry_for(aten.square.default, aten.square_.default)
def _square(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Pointwise("power", (reader.activation(call["self"]),), constant=2.0)
