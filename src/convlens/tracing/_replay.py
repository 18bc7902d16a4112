"""Evaluate a form for a whole output at once, in torch: in any float type, and differentiable by autograd."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from convlens.tracing._forms import (
    Contraction,
    Form,
    Maximum,
    Normalisation,
    Pointwise,
    Rearrangement,
    Reduction,
    Resampling,
    Standardisation,
    WeightedSum,
)

Shape = tuple[int, ...]


def evaluate(form: Form, numbers: Mapping[str, Tensor], *, shape: Shape) -> Tensor:
    """Compute all that a call makes.

    Args:
        form: of the call.
        numbers: the tensors that it names, by key, all (but for tables of places) of the type to compute in.
        shape: of the call's output.

    Returns:
        The output.
    """
    if isinstance(form, WeightedSum):
        return _weighted_sum(form, numbers, shape=shape)
    if isinstance(form, Contraction):
        return numbers[form.left] @ numbers[form.right]
    if isinstance(form, Maximum):
        padded = _padded(form, numbers[form.input], shape=shape, fill=-math.inf)
        pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(form.kernel) - 1]
        return pool(padded, form.kernel, form.stride, 0, form.dilation)
    if isinstance(form, Pointwise):
        return POINTWISE[form.function]([numbers[key] for key in form.inputs], form)
    if isinstance(form, Normalisation):
        function = torch.softmax if form.function == "softmax" else torch.log_softmax
        return function(numbers[form.input], form.axis)
    if isinstance(form, Standardisation):
        return _standardise(form, numbers)
    if isinstance(form, Reduction):
        return _reduce(form, numbers[form.input])
    if isinstance(form, Resampling):
        return _resample(form, numbers)
    inputs = [numbers[key] for key in form.inputs]
    if form.table is not None:
        return _gather(inputs, numbers[form.table], fill=form.outside)
    return _rearrange(form, inputs, shape=shape)


def _weighted_sum(form: WeightedSum, numbers: Mapping[str, Tensor], *, shape: Shape) -> Tensor:
    maps = numbers[form.input]
    if form.weight is None:
        return _average(form, maps, shape=shape)
    weight = numbers[form.weight]
    addends = [numbers[key] for key in (form.bias, form.shift) if key is not None]
    bias = torch.stack(addends).sum(0) if addends else None
    axes = len(form.kernel)
    if form.groups == maps.shape[1] == len(weight) and maps.shape == shape and math.prod(form.kernel) == 1:
        # Batch normalisation: as a convolution of single maps it is many times slower.
        scaled = maps * weight.reshape(-1, *[1] * axes)
        return scaled if bias is None else scaled + bias.reshape(-1, *[1] * axes)
    if axes == 0:
        return F.linear(maps, weight, bias)
    if form.transposed:
        return _transposed(form, maps, weight, bias=bias, shape=shape)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    return convolve(maps, weight, bias, form.stride, form.padding, form.dilation, form.groups)


def _transposed(form: WeightedSum, maps: Tensor, weight: Tensor, *, bias: Tensor | None, shape: Shape) -> Tensor:
    # torch has the weights as (input channel, output channel of the group, tap ...).
    parts = weight.reshape(form.groups, -1, *weight.shape[1:]).transpose(1, 2)
    weight = parts.reshape(maps.shape[1], -1, *form.kernel)
    convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(form.kernel) - 1]
    axes = zip(maps.shape[2:], form.kernel, form.stride, form.padding, form.dilation, shape[2:], strict=True)
    beyond = [
        found - ((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1)
        for size, kernel, stride, padding, dilation, found in axes
    ]
    return convolve(maps, weight, bias, form.stride, form.padding, beyond, form.groups, form.dilation)


def _average(form: WeightedSum, maps: Tensor, *, shape: Shape) -> Tensor:
    sums = _window_sums(form, maps, shape=shape)
    if form.divisor == "window":
        return sums / math.prod(form.kernel)
    if form.divisor == "inside":
        return sums / _window_sums(form, torch.ones_like(maps[:1, :1]), shape=shape)
    assert form.divisor is not None  # capture and trace files give every average one
    return sums / form.divisor


def _window_sums(form: WeightedSum, maps: Tensor, *, shape: Shape) -> Tensor:
    windows = _padded(form, maps, shape=shape, fill=0.0)
    for axis, (kernel, stride, dilation) in enumerate(zip(form.kernel, form.stride, form.dilation, strict=True)):
        windows = windows.unfold(2 + axis, (kernel - 1) * dilation + 1, stride)[..., ::dilation]
    return windows.sum(tuple(range(maps.dim(), windows.dim()))) if form.kernel else windows


def _padded(form: WeightedSum | Maximum, maps: Tensor, *, shape: Shape, fill: float) -> Tensor:
    """Pad maps so that the windows of all places lie inside, and no pixel beyond them is left."""
    ends: list[int] = []
    for axis in reversed(range(len(form.kernel))):  # F.pad wants the last axis first
        span = (shape[2 + axis] - 1) * form.stride[axis] + (form.kernel[axis] - 1) * form.dilation[axis] + 1
        ends += [form.padding[axis], span - form.padding[axis] - maps.shape[2 + axis]]
    return F.pad(maps, ends, value=fill) if any(ends) else maps


def divide_into_sets(form: Standardisation, maps: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Shape numbers so that each set lies along axes of its own, and say which these are."""
    if 1 not in form.axes:
        return maps, form.axes
    sets = maps.reshape(len(maps), form.groups, -1, *maps.shape[2:])  # the channels of a group lie along axis 2
    return sets, tuple(axis + (axis > 0) for axis in form.axes)


def _standardise(form: Standardisation, numbers: Mapping[str, Tensor]) -> Tensor:
    maps = numbers[form.input]
    sets, axes = divide_into_sets(form, maps)
    mean = sets.mean(axes, keepdim=True)
    variance = (sets - mean).square().mean(axes, keepdim=True)
    result = ((sets - mean) * (variance + form.epsilon).rsqrt()).reshape(maps.shape)
    if form.weight is not None:
        result = result * numbers[form.weight]
    return result if form.bias is None else result + numbers[form.bias]


def _reduce(form: Reduction, numbers: Tensor) -> Tensor:
    axes, keep = form.axes, form.keep
    if form.function == "sum":
        return numbers.sum(axes, keepdim=keep)
    if form.function == "mean":
        return numbers.mean(axes, keepdim=keep)
    if form.function == "norm":
        return torch.linalg.vector_norm(numbers, dim=axes, keepdim=keep)
    if form.function == "variance":
        return numbers.var(axes, correction=form.correction, keepdim=keep)
    others = [axis for axis in range(numbers.dim()) if axis not in axes]
    rows = numbers.permute(*others, *axes).flatten(len(others))
    # Of equal numbers one alone is taken; amax would divide a gradient among them.
    taken = (rows.max(-1) if form.function == "maximum" else rows.min(-1)).values
    return taken.reshape([1 if axis in axes else size for axis, size in enumerate(numbers.shape)]) if keep else taken


def _resample(form: Resampling, numbers: Mapping[str, Tensor]) -> Tensor:
    maps = numbers[form.input]
    for axis, (starts, key) in enumerate(zip(form.starts, form.weights, strict=True), start=2):
        weights = numbers[key]
        places = torch.tensor(starts, device=maps.device)[:, None] + torch.arange(weights.shape[1], device=maps.device)
        size = maps.shape[axis]
        matrix = weights.new_zeros(len(starts), size).scatter_add(1, places.clamp(max=size - 1), weights)
        maps = (maps.movedim(axis, -1) @ matrix.to(maps.dtype).T).movedim(-1, axis)
    return maps


def _gather(inputs: Sequence[Tensor], table: Tensor, *, fill: float) -> Tensor:
    numbers = torch.cat([each.reshape(-1) for each in inputs])
    taken = numbers[table.clamp(min=0)]
    return torch.where(table < 0, fill, taken) if (table < 0).any() else taken


def _rearrange(form: Rearrangement, inputs: Sequence[Tensor], *, shape: Shape) -> Tensor:
    first = inputs[0]
    if form.how == "reshape":
        return first.reshape(shape)
    if form.how == "concatenate":
        return torch.cat(list(inputs), form.axis)
    if form.how == "stack":
        return torch.stack(list(inputs), form.axis)
    if form.how == "permute":
        return first.permute(form.axes)
    if form.how == "slice":
        places = zip(form.starts, form.steps, shape, strict=True)
        return first[tuple(slice(start, start + step * (count - 1) + 1, step) for start, step, count in places)]
    if form.how == "pad":
        ends: list[int] = []
        for start, size, count in reversed(list(zip(form.starts, first.shape, shape, strict=True))):
            ends += [-start, start + count - size]
        return F.pad(first, ends, value=form.outside)
    places = torch.full((), form.start, device=first.device)
    for stride, size in zip(form.strides, shape, strict=True):
        places = places[..., None] + stride * torch.arange(size, device=first.device)
    return first.reshape(-1)[places]


def _add(inputs: Sequence[Tensor], form: Pointwise) -> Tensor:
    assert form.scales is not None  # capture and trace files give every sum scales
    scaled = [number if scale == 1 else number * scale for number, scale in zip(inputs, form.scales, strict=True)]
    total = scaled[0]
    for number in scaled[1:]:
        total = total + number
    return total if form.constant is None else total + form.constant


def _multiply(inputs: Sequence[Tensor], form: Pointwise) -> Tensor:
    product = inputs[0]
    for number in inputs[1:]:
        product = product * number
    return product if form.constant is None else product * form.constant


def _leaky(inputs: Sequence[Tensor], form: Pointwise) -> Tensor:
    slope = inputs[1] if form.constant is None else form.constant
    return torch.where(inputs[0] > 0, inputs[0], inputs[0] * slope)


def _of_one(function: Callable[[Tensor], Tensor]) -> Callable[[Sequence[Tensor], Pointwise], Tensor]:
    return lambda inputs, form: function(inputs[0])


POINTWISE: dict[str, Callable[[Sequence[Tensor], Pointwise], Tensor]] = {
    "add": _add,
    "multiply": _multiply,
    "divide": lambda inputs, form: inputs[0] / (inputs[1] if form.constant is None else form.constant),
    "power": lambda inputs, form: inputs[0] ** (1.0 if form.constant is None else form.constant),
    "leaky_relu": _leaky,
    "elu": lambda inputs, form: F.elu(inputs[0], form.constant or 0.0),
    "clamp": lambda inputs, form: inputs[0].clamp(
        -math.inf if form.low is None else form.low, math.inf if form.high is None else form.high
    ),
    "multiply_add": lambda inputs, form: inputs[0] + inputs[1] * inputs[2] * (form.constant or 0.0),
    "maximum": lambda inputs, form: functools.reduce(torch.maximum, inputs),
    "minimum": lambda inputs, form: functools.reduce(torch.minimum, inputs),
    "gelu_tanh": lambda inputs, form: F.gelu(inputs[0], approximate="tanh"),
    **{
        name: _of_one(function)
        for name, function in {
            "relu": torch.relu,
            "selu": F.selu,
            "gelu": F.gelu,
            "silu": F.silu,
            "mish": F.mish,
            "softplus": F.softplus,
            # torch's own two can be differentiated once, and derivatives are explained by differentiating twice.
            "hardsigmoid": lambda numbers: F.relu6(numbers + 3) / 6,
            "hardswish": lambda numbers: numbers * F.relu6(numbers + 3) / 6,
            "tanh": torch.tanh,
            "sigmoid": torch.sigmoid,
            "exp": torch.exp,
            "log": torch.log,
            "erf": torch.erf,
            "abs": torch.abs,
            "log_sigmoid": F.logsigmoid,
            "sign": torch.sign,
            "sin": torch.sin,
            "cos": torch.cos,
        }.items()
    },
}
