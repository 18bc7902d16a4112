"""The derivatives of one number of a trace by all others, and each as the sum that it is.

The chain rule, call by call, backwards: a number's derivative is the sum, over all numbers that read it, of their
derivatives times how much they change with it. It is taken at what was recorded: a ReLU that was off, and a number that
was not the largest, pass nothing on.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors" (1986).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from convlens.errors import TraceError, UnsupportedError
from convlens.tracing._bounds import gamma
from convlens.tracing._explanation import Explanation, name_unit
from convlens.tracing._forms import (
    Call,
    Form,
    Maximum,
    Normalisation,
    Pointwise,
    Reduction,
    Standardisation,
    WeightedSum,
    sources,
    weight_keys,
)
from convlens.tracing._reads import Index, Reads
from convlens.tracing._replay import divide_into_sets, evaluate

_EXACT = {"add", "multiply", "multiply_add", "relu", "leaky_relu", "clamp", "abs", "sign", "maximum", "minimum"}
_ROUNDINGS = 24  # of a derivative, beside those of its sum: functions, squares and quotients
_SMALLEST = 2.0**-126  # what one rounding may lose where float32 has fewer digits


@dataclass(frozen=True)
class Gradients:
    """The derivatives of one number by all numbers that it depends on.

    Attributes:
        of: the number: a unit, or "loss".
        value: what it is.
        calls: of the trace.
        numbers: tensors of all keys.
        tensors: derivatives, by key of the activation or weight, in its shape.
        label: of a loss the class; else None.
    """

    of: str
    value: float
    calls: tuple[Call, ...]
    numbers: Mapping[str, Tensor]
    tensors: dict[str, Tensor]
    label: int | None = None

    def __getitem__(self, name: str) -> Tensor:
        """Return the derivatives by a layer's numbers ("conv1", "input") or by a weight ("conv1.weight").

        Raises:
            TraceError: the number does not depend on it, or it is not there.
        """
        return self.tensors[self._key(name)]

    def explain(self, name: str, *index: int, item: int = 0) -> Explanation:
        """Show a derivative as the sum that it is.

        Args:
            name: a layer, "input", or a weight, such as "conv1.weight".
            *index: channel, row, column of a layer's unit; of a weight its whole index.
            item: which image of the batch, of a layer.

        Returns:
            Every term: the derivative by a number that reads this one, times how much that changes with it (of a
            weight: times the number which it is multiplied with). "Recorded" is what torch's autograd computes.

        Raises:
            TraceError: the number does not depend on it, or there is no such unit.
        """
        key = self._key(name)
        place = index if key.startswith("weight/") else (item, *index)
        shape = tuple(self.tensors[key].shape)
        if len(place) != len(shape) or not all(0 <= at < size for at, size in zip(place, shape, strict=True)):
            raise TraceError(
                f"A derivative is named by one number an axis, below {shape} with the item of the batch first. "
                f"Received name={name!r}, index={index}, item={item}."
            )
        return _explain(self, key, place)

    def step(self, name: str, *index: int, learning_rate: float) -> str:
        """Write what gradient descent makes of a weight: new = old - learning rate * derivative.

        Args:
            name: a weight, such as "conv1.weight".
            *index: into it.
            learning_rate: how far it goes down the slope.

        Returns:
            A line of arithmetic, computed in float64.

        Raises:
            TraceError: it is no weight, or the number does not depend on it.
        """
        key = self._key(name)
        if not key.startswith("weight/"):
            raise TraceError(
                f"Gradient descent changes weights. Received name={name!r}, a layer's output. "
                f"There are: {', '.join(self.weights)}."
            )
        old, slope = float(self.numbers[key][index]), float(self.explain(name, *index).recorded)
        new = old - learning_rate * slope
        return f"{name_unit(name, index)}: {new:.9g} = {old:.9g} - {learning_rate:.9g} x ({slope:.9g})"

    @property
    def weights(self) -> list[str]:
        """Names of the weights that the number depends on."""
        return [key.removeprefix("weight/") for key in self.tensors if key.startswith("weight/")]

    def _key(self, name: str) -> str:
        for key in (f"activation/{name}", f"weight/{name}"):
            if key in self.tensors:
                return key
        known = [key.split("/", 1)[1] for key in self.tensors]
        raise TraceError(
            f"A number has derivatives by what it depends on. Received {self.of}, name={name!r}. "
            f"There are: {', '.join(known)}."
        )


class Derivative(Explanation):
    """A derivative as the sum that it is."""

    @property
    def recorded_by(self) -> str:
        """Who computed the recorded value."""
        return "autograd"


def propagate(calls: Sequence[Call], numbers: Mapping[str, Tensor], *, seed: dict[str, Tensor]) -> dict[str, Tensor]:
    """Carry derivatives back through calls.

    Args:
        calls: of a trace, in order.
        numbers: tensors of all keys: where the derivatives are taken, and in which type.
        seed: derivatives by key, in the shape of what lies there.

    Returns:
        The derivatives by every activation and weight that is read on the way, and the seed.

    Raises:
        UnsupportedError: a call on the way has no form.
    """
    found = dict(seed)
    for call in reversed(calls):
        upstream = found.get(call.output)
        if upstream is None:
            continue
        if call.form is None:
            raise UnsupportedError(
                f"Derivatives go back through forms. Received {call.name!r} on the way, operator={call.operator}. "
                f"{call.reason}"
            )
        read = {
            key: numbers[key].detach().requires_grad_()
            for key in dict.fromkeys([*sources(call.form), *weight_keys(call.form)])
            if numbers[key].is_floating_point()
        }
        with torch.enable_grad():
            output = evaluate(call.form, {**numbers, **read}, shape=tuple(upstream.shape))
        slopes = torch.autograd.grad(output, list(read.values()), upstream, allow_unused=True)
        for key, slope in zip(read, slopes, strict=True):
            if slope is not None:
                found[key] = found[key] + slope if key in found else slope
    return found


class _Part(NamedTuple):
    """What reaches a derivative through one call."""

    reads: Reads
    values: np.ndarray
    magnitude: float  # of what is added up and rounded on the way, at least the sum of the absolute products
    roundings: int


def _explain(gradients: Gradients, key: str, place: Index) -> Explanation:
    readers = [call for call in gradients.calls if call.output in gradients.tensors and key in _read_by(call)]
    parts = [_part(gradients, call, key=key, place=place) for call in readers]
    values = np.concatenate([np.empty(0), *(part.values for part in parts)])
    weights = np.concatenate([np.empty(0), *(part.reads.weights for part in parts)])
    products = values * weights
    own = gradients.tensors[key]
    if not readers:
        parts = [_first_part(gradients, key, place=place)]
        values, weights = parts[0].values, np.ones(len(parts[0].values))
        products = values
    roundings = 1 + sum(part.roundings for part in parts)
    magnitude = sum(part.magnitude for part in parts)
    return Derivative(
        call=Call(f"d {gradients.of} / d {key.split('/', 1)[1]}", "", "derivative", key, form=None, reason=None),
        index=place if key.startswith("weight/") else place[1:],
        reads=[part.reads for part in parts],
        values=values,
        weights=weights,
        products=products,
        addends={},
        total=float(products.sum()),
        recorded=float(own[place]),
        tolerance=gamma(roundings, own.dtype) * magnitude + roundings * _SMALLEST,
        winner=None,
    )


def _first_part(gradients: Gradients, key: str, *, place: Index) -> _Part:
    """Begin: a unit changes by itself as much as it changes, cross-entropy by a score with probability less label."""
    if gradients.label is None:
        values, roundings = [float(gradients.tensors[key][place])], 0
    else:
        scores = widened(gradients.numbers[key][place[0]])
        probability = float(scores.softmax(0)[place[1]])
        is_there = bool((gradients.tensors[key][place[0]] != 0).any())
        values = [probability * is_there, -1.0 * is_there] if place[1] == gradients.label else [probability * is_there]
        roundings = len(scores) + _ROUNDINGS + int(scores.max() - scores.min())
    indices = np.array([place] * len(values))
    read = Reads(f"derivative/d {gradients.of} / d {key.split('/', 1)[1]}", indices, np.ones(len(values)))
    return _Part(read, np.array(values), float(np.abs(values).sum()), roundings)


def _read_by(call: Call) -> tuple[str, ...]:
    return () if call.form is None else (*sources(call.form), *weight_keys(call.form))


def _part(gradients: Gradients, call: Call, *, key: str, place: Index) -> _Part:
    form, upstream = call.form, gradients.tensors[call.output].cpu()
    assert form is not None
    wide = {each: widened(gradients.numbers[each]) for each in _read_by(call)}
    direction = torch.zeros_like(wide[key])
    direction[place] = 1
    slopes = carry_forward(form, wide, directions={key: direction}, shape=tuple(upstream.shape))
    reaches = (slopes != 0) | _passed_by(form, direction, shape=tuple(upstream.shape))
    places = reaches & (upstream != 0)  # what has no derivative passes nothing on
    indices = places.nonzero()
    weights = slopes[places]
    values = upstream[places].double()
    beside = _beside(form, wide, key=key, place=place)
    if isinstance(form, Normalisation):  # differences of products with all of its numbers
        magnitude = beside * float(upstream.double().abs().sum())
        roundings = 2 * wide[form.input].shape[form.axis]
    else:
        magnitude = float((values.abs() * (weights.abs() + beside)).sum())
        roundings = wide[form.input].numel() if isinstance(form, Standardisation | Reduction) else 0
    read = Reads(f"derivative/d {gradients.of} / d {call.name}", indices.numpy(), weights.numpy())
    return _Part(read, values.numpy(), magnitude, len(indices) + roundings + _ROUNDINGS)


def widened(tensor: Tensor) -> Tensor:
    """Return a tensor in float64, to compute in without rounding that matters; tables of places as they are."""
    tensor = tensor.detach().cpu()
    return tensor.double() if tensor.is_floating_point() else tensor


def carry_forward(form: Form, numbers: Mapping[str, Tensor], *, directions: dict[str, Tensor], shape: Index) -> Tensor:
    """Say how much each output number changes where what is read moves in these directions, in float64."""
    # The derivative of a derivative that is linear in what comes back: forward mode would load torch's compiler.
    back = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        varied = {key: numbers[key].detach().requires_grad_() for key in directions}
        output = evaluate(form, {**numbers, **varied}, shape=shape)
        slopes = torch.autograd.grad(output, list(varied.values()), back, create_graph=True, allow_unused=True)
        moved = [
            (slope * direction).sum()
            for slope, direction in zip(slopes, directions.values(), strict=True)
            if slope is not None
        ]
    if not any(each.requires_grad for each in moved):  # a sign has no slope anywhere
        return torch.zeros(shape, dtype=torch.float64)
    (forward,) = torch.autograd.grad(torch.stack(moved).sum(), back, allow_unused=True)
    return torch.zeros(shape, dtype=torch.float64) if forward is None else forward


def _passed_by(form: Form, direction: Tensor, *, shape: Index) -> Tensor:
    """Mark the outputs that read a number, though they may not change with it: a ReLU that is off, a lost maximum."""
    if isinstance(form, Pointwise):
        return torch.broadcast_to(direction != 0, shape)
    if isinstance(form, Maximum):
        window = {name: getattr(form, name) for name in ("input", "kernel", "stride", "padding", "dilation")}
        counting = WeightedSum(weight=None, bias=None, shift=None, groups=1, divisor=1, **window)
        return evaluate(counting, {form.input: direction}, shape=shape) != 0
    return torch.zeros(shape, dtype=torch.bool)


def _beside(form: Form, numbers: Mapping[str, Tensor], *, key: str, place: Index) -> float:
    """Bound what cancels in a derivative: beside its own size, its roundings are relative to this."""
    if isinstance(form, Pointwise):
        return 0.0 if form.function in _EXACT else 1.0 + abs(float(numbers[key][place]))
    if isinstance(form, Normalisation):
        values = numbers[form.input]
        finite = values[values.isfinite()]  # what is masked with minus infinity has no share
        return 2.0 + (float(finite.max() - finite.min()) if finite.numel() else 0.0)
    if isinstance(form, Reduction) and form.function == "variance":
        return 4.0 * float(numbers[form.input].abs().max())
    if isinstance(form, Standardisation):
        return _beside_standardised(form, numbers, key=key)
    return 0.0


def _beside_standardised(form: Standardisation, numbers: Mapping[str, Tensor], *, key: str) -> float:
    sets, axes = divide_into_sets(form, numbers[form.input])
    count = math.prod(sets.shape[axis] for axis in axes)
    root = float((sets.var(axes, correction=0) + form.epsilon).min()) ** -0.5
    size = float(sets.abs().max()) * root  # a mean may be off by its last digits, in deviations
    if key == form.weight:
        return size
    if key == form.bias:
        return 0.0
    scale = 1.0 if form.weight is None else float(numbers[form.weight].abs().max())
    farthest = float((sets - sets.mean(axes, keepdim=True)).abs().max()) * root
    return scale * root * (1 + size) * (1 + farthest**2) / count
