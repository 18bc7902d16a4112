"""The one table of operators: from a call's arguments to its form.

An entry gets a `Reader`, which knows the keys of tensors, and the call's arguments as torch's schema names them.
A new operator is one entry here. What an entry cannot describe it refuses with `NoFormError` and a reason.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from convlens.tracing._forms import Form, Maximum, Normalisation, Pointwise, Rearrangement, WeightedSum

aten = torch.ops.aten


class NoFormError(Exception):
    """A call that no form describes; the message is the reason, in a sentence."""


@runtime_checkable
class Reader(Protocol):
    """What an entry may ask of the capture."""

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


def _entry(*operators: Any) -> Callable[[Entry], Entry]:
    def register(entry: Entry) -> Entry:
        OPERATORS.update(dict.fromkeys(operators, entry))
        return entry

    return register


def _per_axis(values: Sequence[int], axes: int) -> tuple[int, ...]:
    """Repeat a single number for every axis, as torch does."""
    return tuple(values) * axes if len(values) == 1 else tuple(values)


@_entry(aten.convolution.default)
def _convolution(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["transposed"]:
        raise NoFormError("A transposed convolution has no form yet.")
    axes = output.dim() - 2
    return WeightedSum(
        input=reader.activation(call["input"]),
        weight=reader.weight(call["weight"], "weight"),
        bias=None if call["bias"] is None else reader.weight(call["bias"], "bias"),
        shift=None,
        groups=call["groups"],
        kernel=tuple(call["weight"].shape[2:]),
        stride=_per_axis(call["stride"], axes),
        padding=_per_axis(call["padding"], axes),
        dilation=_per_axis(call["dilation"], axes),
        divisor=None,
    )


def _linear_form(reader: Reader, features: Tensor, weight: Tensor, bias: Tensor | None) -> Form:
    return WeightedSum(
        input=reader.activation(features),
        weight=reader.weight(weight, "weight"),
        bias=None if bias is None else reader.weight(bias, "bias"),
        shift=None,
        groups=1,
        kernel=(),
        stride=(),
        padding=(),
        dilation=(),
        divisor=None,
    )


@_entry(aten.addmm.default)
def _linear_with_bias(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["beta"] != 1 or call["alpha"] != 1 or call["self"].dim() != 1:
        raise NoFormError("addmm has a form as a linear layer calls it: a bias for each column, beta and alpha of 1.")
    return _linear_form(reader, call["mat1"], call["mat2"].t(), call["self"])


@_entry(aten.mm.default)
def _linear_without_bias(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return _linear_form(reader, call["self"], call["mat2"].t(), None)


@_entry(aten.native_batch_norm.default)
def _batch_norm(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["training"]:
        raise NoFormError("Batch normalisation in training mode reads the whole batch, and has no form.")
    scale = (call["running_var"].double() + call["eps"]).rsqrt()
    if call["weight"] is not None:
        scale = scale * call["weight"].double()
    shift = -call["running_mean"].double() * scale
    axes = output.dim() - 2
    return WeightedSum(
        input=reader.activation(call["input"]),
        weight=reader.weight(scale.float().reshape(-1, 1, *[1] * axes), "scale"),
        bias=None if call["bias"] is None else reader.weight(call["bias"], "bias"),
        shift=reader.weight(shift.float(), "shift"),
        groups=len(scale),
        kernel=(1,) * axes,
        stride=(1,) * axes,
        padding=(0,) * axes,
        dilation=(1,) * axes,
        divisor=None,
    )


def _average(
    source: str, *, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], divisor: Any
) -> Form:
    return WeightedSum(
        input=source,
        weight=None,
        bias=None,
        shift=None,
        groups=1,
        kernel=tuple(kernel),
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=(1,) * len(kernel),
        divisor=divisor,
    )


def _average_pool_entry(axes: int) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        _want_batch(output, axes=axes)
        if call["ceil_mode"]:
            raise NoFormError("Average pooling with ceil_mode has no form yet.")
        padding = _per_axis(call["padding"], axes)
        kernel = _per_axis(call["kernel_size"], axes)
        counted = call["count_include_pad"] or not any(padding)
        return _average(
            reader.activation(call["self"]),
            kernel=kernel,
            stride=_per_axis(call["stride"], axes) or kernel,
            padding=padding,
            divisor=call["divisor_override"] or ("window" if counted else "inside"),
        )

    return entry


_entry(aten.avg_pool2d.default)(_average_pool_entry(2))
_entry(aten.avg_pool3d.default)(_average_pool_entry(3))


@_entry(aten._adaptive_avg_pool2d.default)
def _adaptive_average_pool(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    _want_batch(output, axes=2)
    sizes = list(zip(call["self"].shape[2:], output.shape[2:], strict=True))
    if any(before % after for before, after in sizes):
        raise NoFormError("Adaptive pooling has a form where the output's size divides the input's.")
    kernel = [before // after for before, after in sizes]
    return _average(reader.activation(call["self"]), kernel=kernel, stride=kernel, padding=(0, 0), divisor="window")


@_entry(aten.mean.dim)
def _mean(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    before = call["self"]
    averaged = sorted(axis % before.dim() for axis in call["dim"] or range(before.dim()))
    if averaged != list(range(2, before.dim())) or not call["keepdim"]:
        raise NoFormError("A mean has a form as global average pooling: over all rows and columns, which are kept.")
    kernel = before.shape[2:]
    return _average(
        reader.activation(before), kernel=kernel, stride=kernel, padding=[0] * len(kernel), divisor="window"
    )


@_entry(aten.max_pool2d_with_indices.default)
def _max_pool(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    _want_batch(output, axes=2)
    kernel = _per_axis(call["kernel_size"], 2)
    return Maximum(
        input=reader.activation(call["self"]),
        kernel=kernel,
        stride=_per_axis(call["stride"], 2) or kernel,
        padding=_per_axis(call["padding"], 2),
        dilation=_per_axis(call["dilation"], 2),
    )


def _want_batch(output: Tensor, *, axes: int) -> None:
    if output.dim() != axes + 2:
        raise NoFormError("Pooling has a form for whole batches: item, channel, row, column.")


def _function_entry(function: Any) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        return Pointwise(function=function, inputs=(reader.activation(call["self"]),), scales=None, constant=None)

    return entry


for _name in ("relu", "tanh", "sigmoid"):
    _entry(getattr(aten, _name).default, getattr(aten, f"{_name}_").default)(_function_entry(_name))


def _held(number: float, output: Tensor) -> float:
    """Return a constant as an operator reads it: rounded to the type of what it makes."""
    held = torch.tensor(number, dtype=output.dtype).item() if output.is_floating_point() else float(number)
    if not math.isfinite(held):
        raise NoFormError("A constant that is infinity or no number has no form: JSON cannot hold it.")
    return held


def _addition_entry(sign: int) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        first, second, scale = call["self"], call["other"], sign * float(call["alpha"])
        if not isinstance(second, Tensor):
            return Pointwise("add", (reader.activation(first),), scales=(1.0,), constant=_held(scale * second, output))
        return Pointwise("add", (reader.number(first), reader.number(second)), scales=(1.0, scale), constant=None)

    return entry


_entry(aten.add.Tensor, aten.add_.Tensor)(_addition_entry(1))
_entry(aten.sub.Tensor, aten.sub_.Tensor)(_addition_entry(-1))


@_entry(aten.mul.Tensor, aten.mul_.Tensor)
def _multiply(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    first, second = call["self"], call["other"]
    if not isinstance(second, Tensor):
        return Pointwise("multiply", (reader.activation(first),), scales=None, constant=_held(second, output))
    return Pointwise("multiply", (reader.number(first), reader.number(second)), scales=None, constant=None)


@_entry(aten.div.Tensor, aten.div_.Tensor)
def _divide(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    first, second = call["self"], call["other"]
    if not isinstance(second, Tensor):
        return Pointwise("divide", (reader.activation(first),), scales=None, constant=_held(second, output))
    return Pointwise("divide", (reader.number(first), reader.number(second)), scales=None, constant=None)


@_entry(aten.pow.Tensor_Scalar, aten.pow_.Scalar)
def _power(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    constant = _held(call["exponent"], output)
    return Pointwise("power", (reader.activation(call["self"]),), scales=None, constant=constant)


def _normalisation_entry(function: Any) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        return Normalisation(function, reader.activation(call["self"]), axis=call["dim"] % output.dim())

    return entry


_entry(aten._softmax.default)(_normalisation_entry("softmax"))
_entry(aten._log_softmax.default)(_normalisation_entry("log_softmax"))


@_entry(aten.cat.default)
def _concatenate(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    keys = tuple(reader.number(tensor) for tensor in call["tensors"] if tensor.numel())
    return Rearrangement("concatenate", keys, axis=call["dim"] % output.dim())


@_entry(
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.unsqueeze.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.clone.default,
)
def _reshape(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Rearrangement("reshape", (reader.activation(call["self"]),))


@_entry(aten.as_strided_.default)
def _other_strides(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    # Global average pooling of channels-last maps ends so: sides of length 1 get the strides of that order.
    before = call["self"]
    axes = zip(call["size"], before.shape, call["stride"], before.stride(), strict=True)
    if call["storage_offset"] or any(size != own or (size > 1 and new != old) for size, own, new, old in axes):
        raise NoFormError("Other strides have a form where they leave every number in its place.")
    return Rearrangement("reshape", (reader.activation(before),))


@_entry(aten.permute.default)
def _permute(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = tuple(axis % output.dim() for axis in call["dims"])
    return Rearrangement("permute", (reader.activation(call["self"]),), axes=axes)


@_entry(aten.transpose.int, aten.t.default)
def _transpose(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = list(range(output.dim()))
    first, second = call.get("dim0", 0) % len(axes), call.get("dim1", 1) % len(axes)
    axes[first], axes[second] = axes[second], axes[first]
    return Rearrangement("permute", (reader.activation(call["self"]),), axes=tuple(axes))


@_entry(aten.constant_pad_nd.default)
def _pad(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    before = call["pad"][::2]  # of the last axis first
    starts = (0,) * (output.dim() - len(before)) + tuple(-number for number in reversed(before))
    return Rearrangement("pad", (reader.activation(call["self"]),), starts=starts, fill=_held(call["value"], output))


@_entry(aten.slice.Tensor)
def _slice(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    size, axis = call["self"].shape[call["dim"]], call["dim"] % output.dim()
    starts, steps = [0] * output.dim(), [1] * output.dim()
    starts[axis], _, steps[axis] = slice(call["start"], call["end"], call["step"]).indices(size)
    return Rearrangement("slice", (reader.activation(call["self"]),), starts=tuple(starts), steps=tuple(steps))
