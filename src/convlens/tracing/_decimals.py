"""Printing numbers so that they add up as printed.

All numbers of one explanation get the same count of decimals. Terms are rounded once, to whole multiples of the last
decimal; subtotals and totals are the exact sums of those. The page (`page/src/numbers.ts`) does the same.
"""

import math

import numpy as np

_MOST = 2**53  # whole numbers below it are exact in float64, which is all that the page has
_FEWEST = 4
_MOST_DECIMALS = 20


def count_decimals(rounded: int, *, tolerance: float, magnitude: float) -> int:
    """Choose how many decimals to print.

    Args:
        rounded: how many numbers are rounded on their own and then summed.
        tolerance: what the sum may differ by; 0 for exact operators.
        magnitude: the sum of the numbers' absolute values.

    Returns:
        The fewest decimals, at least 4, with which all roundings together stay below a tenth of the tolerance; with a
        tolerance of 0 nine significant digits, which tell any two float32 numbers apart. Never so many that a sum
        reaches 2**53 units of the last decimal.
    """
    decimals = _FEWEST
    if magnitude == 0:
        return decimals
    if tolerance > 0:
        while 5 * (rounded + 1) > tolerance * 10.0**decimals and decimals < _MOST_DECIMALS:
            decimals += 1
    else:
        decimals = max(_FEWEST, 8 - math.floor(math.log10(magnitude)))
    while decimals > 0 and magnitude * 10.0**decimals >= _MOST:
        decimals -= 1
    return decimals


def to_units(value: float, decimals: int) -> int:
    """Round a number to a whole multiple of its last decimal; halves go up, as in the page."""
    return math.floor(value * 10.0**decimals + 0.5)


def round_to_units(values: np.ndarray, decimals: int) -> list[int]:
    """Round many numbers as `to_units` does."""
    return [int(units) for units in np.floor(values * 10.0**decimals + 0.5).tolist()]


def format_units(units: int, decimals: int) -> str:
    """Print a whole multiple of the last decimal, with a true minus sign.

    >>> format_units(-1250, 3)
    '−1.250'
    """
    digits = str(abs(units)).rjust(decimals + 1, "0")
    sign = "\N{MINUS SIGN}" if units < 0 else ""
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def nine_digits(number: float) -> str:
    """Print a number with nine digits, which tell any two float32 numbers apart, and a true minus sign."""
    return f"{number:.9g}".replace("-", "\N{MINUS SIGN}")


def format_tolerance(value: float) -> str:
    """Print a bound with two digits, rounded up so that the printed bound is not below the true one.

    >>> format_tolerance(1.231e-6)
    '1.3e-06'
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return nine_digits(value)
    exponent = math.floor(math.log10(value)) - 1
    return f"{math.ceil(value / 10.0**exponent) * 10.0**exponent:.1e}"
