"""Evaluate a form at one unit."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from convlens.errors import UnsupportedError
from convlens.tracing._bounds import DERIVED_WEIGHT_ROUNDINGS, FUNCTION_ROUNDINGS, gamma
from convlens.tracing._explanation import Explanation
from convlens.tracing._forms import (
    Call,
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
from convlens.tracing._functions import FUNCTIONS
from convlens.tracing._reads import Index, broadcast_index, reads

_SMALLEST = 2.0**-126  # float32 has fewer digits below it: what a rounding may lose beyond its relative share


def explain_unit(call: Call, index: Index, *, numbers: Mapping[str, np.ndarray], dtype: torch.dtype) -> Explanation:
    """Evaluate a call's form at one index of its output.

    Args:
        call: with a form.
        index: into the call's whole output, item of the batch first.
        numbers: the tensors of all keys.
        dtype: what the net computed in: it decides the tolerance.

    Returns:
        All terms, the total in float64 and the check against the recorded value.

    Raises:
        UnsupportedError: the call has no form.
    """
    if call.form is None:
        raise UnsupportedError(
            f"A unit is explained by its operator's form. Received layer={call.name!r}, operator={call.operator}. "
            f"{call.reason} Its values are in trace[{call.name!r}].maps."
        )
    read = reads(call, index, shape_of=lambda key: numbers[key].shape, weights=numbers)
    # A tensor may be a single number without axes: that has one index, of no columns.
    parts = [numbers[part.key][tuple(part.indices.T)].reshape(len(part.indices)) for part in read]
    with np.errstate(invalid="ignore"):  # memory that a net made and never wrote may hold what NumPy warns of
        values = np.concatenate(parts).astype(np.float64)
    weights = [part.weights for part in read if part.weights is not None]
    factors = np.concatenate(weights) if weights else None
    with np.errstate(all="ignore"):  # as for torch, what is undefined is NaN, and what is too large infinite
        if isinstance(call.form, Standardisation):
            evaluation = _standardise(call.form, index, read[0].indices, values=values, numbers=numbers, dtype=dtype)
        else:
            evaluation = _evaluate(call.form, index, values, factors=factors, numbers=numbers, dtype=dtype)
    if abs(evaluation.total) > torch.finfo(dtype).max:  # what the net computes in cannot hold it
        evaluation = evaluation._replace(total=math.copysign(math.inf, evaluation.total))
    return Explanation(
        call=call,
        index=index[1:],
        reads=read,
        values=values,
        weights=factors,
        recorded=float(numbers[call.output][index]),
        **evaluation._asdict(),
    )


class _Evaluation(NamedTuple):
    """The attributes of the same names of an Explanation."""

    products: np.ndarray
    total: float
    tolerance: float
    addends: dict[str, float]
    winner: int | None = None


def _evaluate(
    form: Form,
    index: Index,
    values: np.ndarray,
    *,
    factors: np.ndarray | None,
    numbers: Mapping[str, np.ndarray],
    dtype: torch.dtype,
) -> _Evaluation:
    if isinstance(form, WeightedSum):
        roles = {"bias": form.bias, "shift": form.shift}
        addends = {role: float(numbers[key][index[1]]) for role, key in roles.items() if key is not None}
        roundings = len(values) + 1 + (DERIVED_WEIGHT_ROUNDINGS if form.shift else 0)
        return _sum(values * factors, addends, roundings=roundings, dtype=dtype)
    if isinstance(form, Contraction):
        return _sum(values * factors, {}, roundings=len(values) + 1, dtype=dtype)
    if isinstance(form, Resampling):  # torch adds up axis by axis
        return _sum(values * factors, {}, roundings=len(values) + DERIVED_WEIGHT_ROUNDINGS, dtype=dtype)
    if isinstance(form, Reduction):
        return _reduce(form, values, factors=factors, dtype=dtype)
    if isinstance(form, Maximum):
        winner = int(values.argmax())  # NaN counts as the largest, for torch as for NumPy
        return _Evaluation(values, float(values[winner]), tolerance=0.0, addends={}, winner=winner)
    if isinstance(form, Pointwise):
        constant = {} if form.constant is None else {"constant": form.constant}
        if form.function == "add":
            return _sum(values * factors, constant, roundings=len(values) + 1, dtype=dtype)
        if form.function == "multiply_add":
            return _multiply_add(form, values, dtype=dtype)
        function = FUNCTIONS[form.function]
        total = function.of(values.tolist(), form)
        magnitude = abs(float(values[0]) if function.of_value else total)
        tolerance = _rounding(magnitude, function.roundings, dtype=dtype)
        return _Evaluation(values, total, tolerance, constant)
    if isinstance(form, Normalisation):
        return _normalise(form, index[form.axis], values, dtype=dtype)
    assert isinstance(form, Rearrangement)
    if len(values) == 0:
        return _Evaluation(values, form.outside, tolerance=0.0, addends={"padding": form.outside})
    return _Evaluation(values, float(values[0]), tolerance=0.0, addends={})


def _sum(products: np.ndarray, addends: dict[str, float], *, roundings: int, dtype: torch.dtype) -> _Evaluation:
    magnitude = float(np.abs(products).sum()) + sum(map(abs, addends.values()))
    total = float(products.sum()) + sum(addends.values())
    return _Evaluation(products, total, _rounding(magnitude, roundings, dtype=dtype), addends)


def _multiply_add(form: Pointwise, values: np.ndarray, *, dtype: torch.dtype) -> _Evaluation:
    first, product = float(values[0]), float(values[1] * values[2]) * (form.constant or 0.0)
    tolerance = _rounding(abs(first) + abs(product), 3, dtype=dtype)
    return _Evaluation(values, first + product, tolerance, {"constant": form.constant or 0.0})


def _reduce(form: Reduction, values: np.ndarray, *, factors: np.ndarray | None, dtype: torch.dtype) -> _Evaluation:
    if factors is not None:
        return _sum(values * factors, {}, roundings=len(values) + 2, dtype=dtype)
    if form.function in ("maximum", "minimum"):
        winner = int(values.argmax() if form.function == "maximum" else values.argmin())
        return _Evaluation(values, float(values[winner]), tolerance=0.0, addends={}, winner=winner)
    if form.function == "norm":
        squares = values**2
        total = math.sqrt(float(squares.sum()))
        return _Evaluation(squares, total, _rounding(total, len(values) + 2, dtype=dtype), addends={})
    mean, count = float(values.mean()), len(values) - form.correction
    squares = (values - mean) ** 2 / np.float64(count)
    # As of a standardisation: also where it is computed as the mean of squares less the square of the mean.
    magnitude = (float((values**2).mean()) + mean**2) * len(values) / np.float64(count)
    tolerance = _rounding(float(magnitude), len(values) + 4, dtype=dtype)
    return _Evaluation(squares, float(squares.sum()), tolerance, addends={"mean": mean})


def _rounding(magnitude: float, roundings: int, *, dtype: torch.dtype) -> float:
    """Bound how far this many roundings lead from a number of this magnitude."""
    return gamma(roundings, dtype) * magnitude + roundings * _SMALLEST if roundings else 0.0


def _normalise(form: Normalisation, own: int, values: np.ndarray, *, dtype: torch.dtype) -> _Evaluation:
    largest = float(values.max())
    exponentials = np.exp(values - largest)
    # Rounding value - largest moves its exponential by that difference once more, relatively.
    smallest = float(values.min(where=np.isfinite(values), initial=largest))  # minus infinity has no share to round
    relative = gamma(len(values) + FUNCTION_ROUNDINGS + largest - smallest, dtype)
    if form.function == "softmax":
        total = float(exponentials[own] / exponentials.sum())
        tolerance = relative * total + _SMALLEST
    else:
        total = float(values[own] - largest - math.log(exponentials.sum()))
        tolerance = relative * (1 + abs(total))
    return _Evaluation(exponentials, total, tolerance, addends={"largest": largest}, winner=own)


def _standardise(
    form: Standardisation,
    index: Index,
    members: np.ndarray,
    *,
    values: np.ndarray,
    numbers: Mapping[str, np.ndarray],
    dtype: torch.dtype,
) -> _Evaluation:
    own = float(numbers[form.input][index])
    mean = float(values.mean())
    squares = (values - mean) ** 2 / len(values)
    variance = float(squares.sum())
    scale, bias = (
        default if key is None else float(numbers[key][broadcast_index(index, numbers[key].shape)])
        for key, default in ((form.weight, 1.0), (form.bias, 0.0))
    )
    root = (variance + form.epsilon) ** -0.5
    total = (own - mean) * root * scale + bias
    # How far mean and variance may be off, also where the variance is computed as the mean of squares less the square
    # of the mean; then what the last few roundings add, also where scale and shift are made first.
    mean_error = gamma(len(values) + 1, dtype) * float(np.abs(values).mean())
    variance_error = gamma(len(values) + 4, dtype) * (float((values**2).mean()) + mean**2)
    least = variance + form.epsilon - variance_error
    root_error = least**-0.5 - root if least > 0 else math.inf
    spread = mean_error * (root + root_error) + abs(own - mean) * root_error
    rest = abs(scale) * root * (abs(own) + abs(mean)) + abs(bias)
    tolerance = abs(scale) * spread + gamma(FUNCTION_ROUNDINGS, dtype) * rest + _SMALLEST
    addends = {"mean": mean, "variance": variance, "epsilon": form.epsilon, "scale": scale, "bias": bias}
    own_place = int(np.flatnonzero((members == index).all(axis=1))[0])
    return _Evaluation(squares, total, tolerance, addends, winner=own_place)
