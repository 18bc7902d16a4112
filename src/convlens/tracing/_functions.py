"""The functions of pointwise forms: their values in float64, and how far float32 may lie from them.

Each is applied to the numbers at one place of the form's inputs. The page (`page/src/functions.ts`) has the same table.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from convlens.tracing._bounds import FUNCTION_ROUNDINGS
from convlens.tracing._forms import Pointwise


class Function(NamedTuple):
    """One function of pointwise forms.

    Attributes:
        of: from the numbers read and the form to the value.
        roundings: how many torch may make, one after another; vectorised functions err by some units in the last place.
        of_value: whether these are relative to the number read, because near zeros of the function what is rounded is
            larger than what comes out; else to what comes out.
    """

    of: Callable[[Sequence[float], Pointwise], float]
    roundings: int
    of_value: bool = False


def _sigmoid(value: float) -> float:
    small = math.exp(-abs(value))  # of the two branches the one that cannot overflow
    return (1.0 if value >= 0 else small) / (1.0 + small)


def _softplus(value: float) -> float:
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


def _gelu_tanh(value: float) -> float:
    return 0.5 * value * (1 + math.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value * value * value)))


def _relu(value: float) -> float:
    return value if value > 0 or math.isnan(value) else 0.0


def _sign(value: float) -> float:
    return float(value > 0) - float(value < 0)  # of NaN torch makes 0, too


def _clamp(value: float, form: Pointwise) -> float:
    low, high = form.low, form.high
    if low is not None and value < low:
        value = low
    return high if high is not None and value > high else value


def _elu(value: float, *, alpha: float) -> float:
    return value if value > 0 else alpha * math.expm1(value)


def _quotient(values: Sequence[float], form: Pointwise) -> float:
    divisor = values[1] if form.constant is None else form.constant
    return float(np.float64(values[0]) / np.float64(divisor))


def _of_one(function: Callable[[float], float]) -> Callable[[Sequence[float], Pointwise], float]:
    def of(values: Sequence[float], form: Pointwise) -> float:
        return function(values[0])

    return of


def _product(values: Sequence[float], form: Pointwise) -> float:
    return math.prod(values) * (1.0 if form.constant is None else form.constant)


def _leaky(values: Sequence[float], form: Pointwise) -> float:
    slope = values[1] if form.constant is None else form.constant
    return values[0] if values[0] > 0 else values[0] * slope


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. (2017)
FUNCTIONS: dict[str, Function] = {
    "relu": Function(_of_one(_relu), 0),
    "abs": Function(_of_one(abs), 0),
    "clamp": Function(lambda values, form: _clamp(values[0], form), 0),
    "leaky_relu": Function(_leaky, 1),
    "elu": Function(lambda values, form: _elu(values[0], alpha=form.constant or 0.0), FUNCTION_ROUNDINGS),
    "selu": Function(_of_one(lambda value: SELU_SCALE * _elu(value, alpha=SELU_ALPHA)), 10),
    "tanh": Function(_of_one(math.tanh), FUNCTION_ROUNDINGS),
    "sigmoid": Function(_of_one(_sigmoid), FUNCTION_ROUNDINGS),
    "silu": Function(_of_one(lambda value: value * _sigmoid(value)), 9),
    "mish": Function(_of_one(lambda value: value * math.tanh(_softplus(value))), 16, of_value=True),
    "softplus": Function(_of_one(_softplus), FUNCTION_ROUNDINGS),
    "log_sigmoid": Function(_of_one(lambda value: -_softplus(-value)), FUNCTION_ROUNDINGS),
    "gelu": Function(
        _of_one(lambda value: 0.5 * value * math.erfc(-value / math.sqrt(2))), FUNCTION_ROUNDINGS, of_value=True
    ),
    "gelu_tanh": Function(_of_one(_gelu_tanh), 16, of_value=True),
    "hardsigmoid": Function(_of_one(lambda value: min(max(value + 3.0, 0.0), 6.0) / 6), 4),
    "hardswish": Function(_of_one(lambda value: value * min(max(value + 3.0, 0.0), 6.0) / 6), 5),
    "exp": Function(_of_one(lambda value: float(np.exp(value))), FUNCTION_ROUNDINGS),
    "log": Function(_of_one(lambda value: float(np.log(value))), FUNCTION_ROUNDINGS),
    "erf": Function(_of_one(math.erf), FUNCTION_ROUNDINGS),
    "sign": Function(_of_one(_sign), 0),
    "sin": Function(_of_one(lambda value: float(np.sin(value))), FUNCTION_ROUNDINGS),
    "cos": Function(_of_one(lambda value: float(np.cos(value))), FUNCTION_ROUNDINGS),
    "maximum": Function(lambda values, form: float(np.max(values)), 0),
    "minimum": Function(lambda values, form: float(np.min(values)), 0),
    "multiply": Function(_product, 2),
    "divide": Function(_quotient, 2),  # instead of dividing by a constant torch may multiply by its reciprocal
    "power": Function(
        lambda values, form: float(np.float64(values[0]) ** np.float64(form.constant)), FUNCTION_ROUNDINGS
    ),
}


def takes_inputs(form: Pointwise) -> int | None:
    """Count the inputs that a function has; None for any number."""
    if form.function in ("add", "multiply", "maximum", "minimum"):
        return None
    if form.function in ("leaky_relu", "divide") and form.constant is None:
        return 2
    return 3 if form.function == "multiply_add" else 1
