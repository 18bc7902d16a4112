"""Evaluate a form at one unit."""

import math
from collections.abc import Mapping

import numpy as np
import torch

from convlens.errors import UnsupportedError
from convlens.tracing._bounds import DERIVED_WEIGHT_ROUNDINGS, FUNCTION_ROUNDINGS, gamma
from convlens.tracing._explanation import Explanation
from convlens.tracing._forms import Call, Maximum, Normalisation, Pointwise, Rearrangement, WeightedSum
from convlens.tracing._reads import Index, reads

_SMALLEST = 2.0**-126  # float32 loses digits below it: each rounding may add as much, at most


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
    values = np.concatenate([numbers[part.key][tuple(part.indices.T)] for part in read]).astype(np.float64)
    weights = None if read[0].weights is None else np.concatenate([part.weights for part in read])
    evaluated = _EVALUATIONS[type(call.form)](call.form, index, values, weights=weights, numbers=numbers, dtype=dtype)
    return Explanation(
        call=call,
        index=index[1:],
        values=values,
        weights=weights,
        reads=read,
        recorded=float(numbers[call.output][index]),
        **evaluated,
    )


def _weighted_sum(
    form: WeightedSum,
    index: Index,
    values: np.ndarray,
    *,
    weights: np.ndarray,
    numbers: Mapping[str, np.ndarray],
    dtype: torch.dtype,
) -> dict:
    addends = {
        role: float(numbers[key][index[1]])
        for role, key in (("bias", form.bias), ("shift", form.shift))
        if key is not None
    }
    roundings = len(values) + len(addends) + (DERIVED_WEIGHT_ROUNDINGS if form.shift else 0)
    return _sum(values * weights, addends, roundings=roundings, dtype=dtype)


def _sum(products: np.ndarray, addends: dict[str, float], *, roundings: int, dtype: torch.dtype) -> dict:
    total = float(products.sum()) + sum(addends.values())
    magnitude = float(np.abs(products).sum()) + sum(map(abs, addends.values()))
    return {
        "products": products,
        "addends": addends,
        "total": total,
        "tolerance": gamma(roundings, dtype) * magnitude + roundings * _SMALLEST,
        "winner": None,
    }


def _maximum(form: Maximum, index: Index, values: np.ndarray, **_: object) -> dict:
    # torch takes NaN for the largest, and so does NumPy's argmax.
    winner = int(values.argmax())
    return {"products": values, "addends": {}, "total": float(values[winner]), "tolerance": 0.0, "winner": winner}


def _pointwise(
    form: Pointwise, index: Index, values: np.ndarray, *, weights: np.ndarray | None, dtype: torch.dtype, **_: object
) -> dict:
    constant = {} if form.constant is None else {"constant": form.constant}
    if form.function == "add":
        return _sum(values * weights, constant, roundings=len(values) + 1, dtype=dtype)
    if form.function == "multiply":
        total = math.prod(values) * constant.get("constant", 1.0)
        tolerance = gamma(len(values), dtype) * abs(total) + _SMALLEST
    elif form.function == "relu":
        total, tolerance = (max(0.0, values[0]) if values[0] == values[0] else values[0]), 0.0
    else:
        total = math.tanh(values[0]) if form.function == "tanh" else _sigmoid(values[0])
        tolerance = gamma(FUNCTION_ROUNDINGS, dtype) * abs(total) + _SMALLEST
    return {"products": values, "addends": constant, "total": float(total), "tolerance": tolerance, "winner": None}


def _sigmoid(value: float) -> float:
    """1 / (1 + e^-value), by the branch that cannot overflow."""
    small = math.exp(-abs(value))
    return (1.0 if value >= 0 else small) / (1.0 + small)


def _normalisation(form: Normalisation, index: Index, values: np.ndarray, *, dtype: torch.dtype, **_: object) -> dict:
    largest = values.max()
    exponentials = np.exp(values - largest)
    own = index[form.axis]
    # Rounding value - largest moves its exponential by that much again, relatively.
    relative = gamma(len(values) + FUNCTION_ROUNDINGS + float(largest - values.min()), dtype)
    if form.function == "softmax":
        total = exponentials[own] / exponentials.sum()
        tolerance = relative * total + _SMALLEST
    else:
        total = values[own] - largest - math.log(exponentials.sum())
        tolerance = relative * (1 + abs(total))
    return {
        "products": exponentials,
        "addends": {"largest": float(largest)},
        "total": float(total),
        "tolerance": float(tolerance),
        "winner": own,
    }


def _rearrangement(form: Rearrangement, index: Index, values: np.ndarray, **_: object) -> dict:
    return {"products": values, "addends": {}, "total": float(values[0]), "tolerance": 0.0, "winner": None}


_EVALUATIONS = {
    WeightedSum: _weighted_sum,
    Maximum: _maximum,
    Pointwise: _pointwise,
    Normalisation: _normalisation,
    Rearrangement: _rearrangement,
}
