"""Muon: momentum whose every step is a matrix of equally strong directions.

It is written out here, although torch has `torch.optim.Muon` (a test compares the two): that one takes no filters and
no biases, and torch.optim imports torch's compiler when its first optimiser is made, 1.6 s on two cores.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

# The odd polynomial a s + b s^3 + c s^5, applied again and again, draws every s of (0, 1] towards 1. Three times are
# enough: five, as Jordan et al. have it, trained LeNet no better.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_TIMES = 3
_LEAST_NORM = 1e-7  # a gradient of zeros is no division by zero


class Muon:
    """Move a net's parameters along their gradients, each weight matrix by the same length in all its directions.

    A gradient of a matrix is mostly a few strong directions; the weak ones matter as much and are learned as fast here.
    A filter bank is the matrix that has one filter a row. A bias has one direction: its step has length 1.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). Differs from it: the first
    layer, the last layer and the biases are moved likewise, not by Adam.
    """

    def __init__(self, net: nn.Module, *, momentum: float) -> None:
        self._parameters = {name: value for name, value in net.named_parameters() if value.requires_grad}
        self._means = {name: torch.zeros_like(value) for name, value in self._parameters.items()}
        self._momentum = momentum

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Take one step and drop the gradients. A parameter without a gradient took no part and stays."""
        for name, value in self._parameters.items():
            if value.grad is None:
                continue
            mean = self._means[name].lerp_(value.grad, 1 - self._momentum)
            ahead = value.grad.lerp(mean, self._momentum)  # Nesterov's momentum
            value.grad = None
            if value.ndim < 2:
                direction = ahead / ahead.norm().clamp(min=_LEAST_NORM)
            else:
                direction = orthogonalise(ahead.flatten(1)).view(value.shape)
            value.sub_(direction, alpha=learning_rate)

    def state(self) -> dict[str, Tensor]:
        """Return what must be kept to go on later: the running mean of each gradient, by the parameter's name."""
        return self._means

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned."""
        for name, mean in self._means.items():
            mean.copy_(state[name])


def orthogonalise(matrix: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """Bring the singular values of a matrix near 1 and keep its singular vectors, by matrix products alone.

    Args:
        matrix: of any size; the cost grows with the square of its shorter side.

    Returns:
        About U V^T where the matrix is U S V^T, times sqrt(rows / columns) for one of more rows than columns, so
        that what it adds to a layer's output is as large for wide layers as for narrow ones.
    """
    rows, columns = matrix.shape
    wide = matrix if rows <= columns else matrix.mT
    wide = wide / wide.norm().clamp(min=_LEAST_NORM)  # the largest singular value is at most 1
    for _ in range(_TIMES):
        square = wide @ wide.mT
        wide = torch.addmm(wide, torch.addmm(square, square, square, beta=_B, alpha=_C), wide, beta=_A)
    return wide if rows <= columns else wide.mT * (rows / columns) ** 0.5
