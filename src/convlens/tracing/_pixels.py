"""A unit as a sum over pixels: what the net computes of them is, near this image, a constant and a weight for each.

Source: Montufar, Pascanu, Cho and Bengio, "On the number of linear regions of deep neural networks" (2014): a net of
convolutions, ReLUs and maxima is linear wherever the same ReLUs are on and the same numbers are the largest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor

from convlens.tracing._bounds import DERIVED_WEIGHT_ROUNDINGS, gamma
from convlens.tracing._explanation import Explanation
from convlens.tracing._forms import (
    Call,
    Contraction,
    Form,
    Maximum,
    Pointwise,
    Rearrangement,
    Reduction,
    Resampling,
    WeightedSum,
    sources,
    weight_keys,
)
from convlens.tracing._gradients import carry_forward, propagate, widened
from convlens.tracing._reads import Index, Reads
from convlens.tracing._receptive_field import INPUT
from convlens.tracing._replay import evaluate

_BROKEN_LINES = {"relu", "leaky_relu", "clamp", "abs", "sign", "maximum", "minimum", "add"}  # linear, piece by piece


@dataclass(frozen=True)
class PixelSum(Explanation):
    """A unit as the sum of pixels times weights, plus a constant. `print` it to read it.

    Attributes:
        bends: names of the layers on the way that are not linear piece by piece, such as GELU or softmax. Where there
            are any, the sum is the tangent at this image, and holds for it alone; where there are none, it is the net
            itself for all images that switch the same ReLUs and maxima.
        derivatives: of the unit by every layer's numbers on the way, by name: where one is not 0, the unit is reached
            through it.
        pixel_weights: of every number of the input, float64: channel, row, column.
    """

    bends: tuple[str, ...]
    derivatives: dict[str, Tensor]
    pixel_weights: np.ndarray

    @property
    def is_exact(self) -> bool:
        """Whether the sum is what the net computes, and not a tangent."""
        return not self.bends

    @property
    def closes(self) -> bool:
        """Whether the sum is exact, and what the net recorded up to rounding."""
        return self.is_exact and super().closes

    @property
    def constant(self) -> float:
        """What the unit would be at an image of zeros, if the same ReLUs were on and the same numbers the largest."""
        return self.addends["constant"]

    @property
    def title(self) -> str:
        """What is explained, in a line."""
        kind = "linear here" if self.is_exact else f"a tangent only, because of {', '.join(self.bends)}"
        return f"{self.unit}: sum of {len(self.products)} pixels [{kind}]"

    def path(self) -> dict[str, tuple[int, int]]:
        """Count, for each layer on the way, the numbers through which the unit is reached, and all that it has."""
        return {name: (int((each != 0).sum()), each.numel()) for name, each in self.derivatives.items()}


def sum_over_pixels(calls: Sequence[Call], tensors: Mapping[str, Tensor], *, call: Call, place: Index) -> PixelSum:
    """Write a unit as a sum over pixels.

    The weights are the unit's derivatives, carried back; the constant is carried forward from an image of zeros, with
    the switches as they were. So that the sum is the recorded value is a check of both.

    Args:
        calls: of a trace, in order.
        tensors: of all keys.
        call: that made the unit.
        place: its index, item of the batch first.

    Returns:
        The sum, in float64, and how far rounding may have led the net from it.

    Raises:
        UnsupportedError: a call on the way has no form.
    """
    wide = {key: widened(tensor) for key, tensor in tensors.items()}
    seed = torch.zeros_like(wide[call.output])
    seed[place] = 1
    slopes = propagate(calls, wide, seed={call.output: seed})
    on_the_way = [each for each in calls if each.output in slopes]
    constants = {INPUT: torch.zeros_like(wide[INPUT])}
    tolerance = 0.0
    for each in on_the_way:
        assert each.form is not None  # or there were no derivatives
        output = wide[each.output]
        shape = tuple(output.shape)
        directions = {key: constants[key] - wide[key] for key in sources(each.form) if key in constants}
        moved = carry_forward(each.form, wide, directions=directions, shape=shape)
        constants[each.output] = evaluate(each.form, wide, shape=shape) + moved
        tolerance += float((slopes[each.output].abs() * _rounding(each.form, wide, output=tensors[each.output])).sum())
    item = place[0]
    weights = slopes.get(INPUT, torch.zeros_like(wide[INPUT])).numpy()
    indices = np.argwhere(weights != 0)
    read = weights[tuple(indices.T)]
    values = wide[INPUT].numpy()[tuple(indices.T)]
    constant = float(constants[call.output][place])
    products = read * values
    return PixelSum(
        call=Call(call.name, call.module, "pixels", call.output, form=None, reason=None),
        index=place[1:],
        reads=[Reads(INPUT, indices, read)],
        values=values,
        weights=read,
        products=products,
        addends={"constant": constant},
        total=float(products.sum()) + constant,
        recorded=float(tensors[call.output][place]),
        tolerance=tolerance,
        winner=None,
        bends=tuple(each.name for each in on_the_way if each.form is not None and _bends(each.form)),
        derivatives={key.split("/", 1)[1]: each for key, each in slopes.items() if key.startswith("activation/")},
        pixel_weights=weights[item],
    )


def _bends(form: Form) -> bool:
    """Say whether a form is not linear piece by piece in what was computed from the image."""
    if isinstance(form, Pointwise):
        computed = sum(key.startswith("activation/") for key in form.inputs)
        if form.function in ("multiply", "leaky_relu"):
            return computed > 1
        if form.function == "divide":
            return form.inputs[-1].startswith("activation/") and len(form.inputs) > 1
        if form.function == "multiply_add":
            return sum(key.startswith("activation/") for key in form.inputs[1:]) > 1
        return form.function not in _BROKEN_LINES
    if isinstance(form, Contraction):
        return form.left.startswith("activation/") and form.right.startswith("activation/")
    if isinstance(form, Reduction):
        return form.function in ("norm", "variance")
    return not isinstance(form, WeightedSum | Maximum | Rearrangement | Resampling)


def _rounding(form: Form, numbers: Mapping[str, Tensor], *, output: Tensor) -> Tensor:
    """Bound how far each number that a linear form makes may be rounded: 0 for what only moves or chooses numbers."""
    dtype, count = output.dtype, 2
    sums = isinstance(form, WeightedSum | Contraction | Resampling)
    if isinstance(form, Reduction) and form.function in ("sum", "mean"):
        sums, count = True, math.prod(numbers[form.input].shape[axis] for axis in form.axes)
    if isinstance(form, Pointwise) and form.function in ("add", "multiply", "divide", "leaky_relu", "multiply_add"):
        scales = None if form.scales is None else tuple(map(abs, form.scales))
        form = msgspec.structs.replace(form, scales=scales, constant=form.constant and abs(form.constant))
        sums, count = True, len(form.inputs) + 1
    if not sums:
        return torch.zeros((), dtype=torch.float64)
    if isinstance(form, WeightedSum):
        channels = 1 if form.weight is None else numbers[form.weight].shape[1]
        count = channels * math.prod(form.kernel) + (DERIVED_WEIGHT_ROUNDINGS if form.shift else 0)
    elif isinstance(form, Contraction):
        count = numbers[form.left].shape[-1]
    elif isinstance(form, Resampling):
        count = math.prod(numbers[key].shape[1] for key in form.weights) + DERIVED_WEIGHT_ROUNDINGS
    sizes = {
        key: tensor.abs() if tensor.is_floating_point() else tensor for key, tensor in _read(form, numbers).items()
    }
    return evaluate(form, sizes, shape=tuple(output.shape)).abs() * gamma(count + 1, dtype)


def _read(form: Form, numbers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: numbers[key] for key in (*sources(form), *weight_keys(form))}
