"""How far a number recorded in float32 may lie from the same arithmetic in float64.

Source: Higham, "Accuracy and Stability of Numerical Algorithms" (2nd ed., 2002), section 3.1: a sum of k products
evaluated in any order differs from the exact one by at most gamma(k) times the sum of their absolute values.
"""

import torch

# Unit roundoff of each type: half the distance from 1 to the next larger number.
_ROUNDOFF = {
    torch.float16: 2.0**-11,
    torch.bfloat16: 2.0**-8,
    torch.float32: 2.0**-24,
    torch.float64: 2.0**-53,
}
DERIVED_WEIGHT_ROUNDINGS = 8  # batch normalisation: square root, reciprocal, products, and storing scale and shift
FUNCTION_ROUNDINGS = 8  # tanh, exp and the like: vectorised ones err by some units in the last place


def gamma(roundings: float, dtype: torch.dtype) -> float:
    """Bound the relative error of this many roundings, one after another.

    Args:
        roundings: how many, n.
        dtype: what was computed in.

    Returns:
        n u / (1 - n u), u the unit roundoff; infinite where n u reaches 1.
    """
    spent = roundings * _ROUNDOFF[dtype]
    return spent / (1 - spent) if spent < 1 else float("inf")
