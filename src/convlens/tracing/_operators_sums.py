"""Operators that add up what lies under a window, or take the largest of it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import Entry, NoFormError, Reader, entry_for, per_axis
from convlens.tracing._forms import Contraction, Form, Maximum, WeightedSum
from convlens.tracing._operators_reductions import reduced
from convlens.tracing._operators_resampling import cut_average, uneven_average

aten = torch.ops.aten


@entry_for(aten.convolution.default)
def _convolution(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = output.dim() - 2
    weight = call["weight"]
    if call["transposed"]:  # whose weights are (input channel, output channel of the group, tap ...)
        groups = call["groups"]
        parts = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2)
        weight = parts.reshape(groups * weight.shape[1], -1, *weight.shape[2:])
    return WeightedSum(
        input=reader.activation(call["input"]),
        weight=reader.weight(weight, "weight"),
        bias=None if call["bias"] is None else reader.weight(call["bias"], "bias"),
        shift=None,
        groups=call["groups"],
        kernel=tuple(call["weight"].shape[2:]),
        stride=per_axis(call["stride"], axes),
        padding=per_axis(call["padding"], axes),
        dilation=per_axis(call["dilation"], axes),
        divisor=None,
        transposed=call["transposed"],
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


@entry_for(aten.addmm.default)
def _linear_with_bias(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["beta"] != 1 or call["alpha"] != 1 or call["self"].dim() != 1:
        raise NoFormError("addmm has a form as a linear layer calls it: a bias for each column, beta and alpha of 1.")
    return _linear_form(reader, call["mat1"], call["mat2"].t(), call["self"])


@entry_for(aten.bmm.default)
def _matrix_product(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Contraction(reader.number(call["self"]), reader.number(call["mat2"]))


@entry_for(aten.mm.default)
def _linear_without_bias(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if reader.is_computed(call["mat2"]):
        return _matrix_product(reader, call, output)
    return _linear_form(reader, call["self"], call["mat2"].t(), None)


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
            return cut_average(reader, call, output)
        padding = per_axis(call["padding"], axes)
        kernel = per_axis(call["kernel_size"], axes)
        counted = call["count_include_pad"] or not any(padding)
        return _average(
            reader.activation(call["self"]),
            kernel=kernel,
            stride=per_axis(call["stride"], axes) or kernel,
            padding=padding,
            divisor=call["divisor_override"] or ("window" if counted else "inside"),
        )

    return entry


entry_for(aten.avg_pool2d.default)(_average_pool_entry(2))
entry_for(aten.avg_pool3d.default)(_average_pool_entry(3))


def _even_windows(call: dict[str, Any], output: Tensor) -> list[int] | None:
    """Return the sides of the windows of adaptive pooling where they are all alike."""
    sizes = list(zip(call["self"].shape[2:], output.shape[2:], strict=True))
    return None if any(before % after for before, after in sizes) else [before // after for before, after in sizes]


@entry_for(aten._adaptive_avg_pool2d.default, aten._adaptive_avg_pool3d.default)
def _adaptive_average_pool(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = len(call["output_size"])
    _want_batch(output, axes=axes)
    kernel = _even_windows(call, output)
    if kernel is None:
        return uneven_average(reader, call, output)
    padding = [0] * axes
    return _average(reader.activation(call["self"]), kernel=kernel, stride=kernel, padding=padding, divisor="window")


@entry_for(aten.adaptive_max_pool2d.default, aten.adaptive_max_pool3d.default)
def _adaptive_max_pool(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = len(call["output_size"])
    _want_batch(output, axes=axes)
    kernel = _even_windows(call, output)
    if kernel is None:
        raise NoFormError("Adaptive max pooling has a form where the output's size divides the input's.")
    sides = tuple(kernel)
    return Maximum(reader.activation(call["self"]), sides, sides, padding=(0,) * axes, dilation=(1,) * axes)


@entry_for(aten.mean.dim)
def _mean(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    before = call["self"]
    averaged = sorted(axis % before.dim() for axis in call["dim"] or range(before.dim()))
    if before.dim() < 3 or averaged != list(range(2, before.dim())) or not call["keepdim"]:
        return reduced(reader, call, "mean")
    kernel = before.shape[2:]  # global average pooling
    return _average(
        reader.activation(before), kernel=kernel, stride=kernel, padding=[0] * len(kernel), divisor="window"
    )


def _max_pool_entry(axes: int) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        _want_batch(output, axes=axes)
        kernel = per_axis(call["kernel_size"], axes)
        return Maximum(
            input=reader.activation(call["self"]),
            kernel=kernel,
            stride=per_axis(call["stride"], axes) or kernel,
            padding=per_axis(call["padding"], axes),
            dilation=per_axis(call["dilation"], axes),
        )

    return entry


entry_for(aten.max_pool2d_with_indices.default)(_max_pool_entry(2))
entry_for(aten.max_pool3d_with_indices.default)(_max_pool_entry(3))


def _want_batch(output: Tensor, *, axes: int) -> None:
    if output.dim() != axes + 2:
        raise NoFormError("Pooling has a form for whole batches: item, channel, row, column.")
