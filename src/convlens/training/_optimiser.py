"""Muon: momentum whose every step is a matrix of about equally strong directions.

It is written out here, although torch has `torch.optim.Muon`: that one takes no filters and no biases, and torch.optim
imports torch's compiler when its first optimiser is made, 1.6 s on two cores.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Two odd polynomials a s + b s^3 + c s^5, applied one after the other, bring every s from 0.01 to 1 between 0.19 and
# 1.97. They are the first two of algorithm 1 of Amsel et al. More of them trained LeNet no better, and each
# costs as much.
_POLYNOMIALS = ((8.2872, -23.5959, 17.3004), (4.1071, -2.9478, 0.5448))
# A larger matrix is cut into blocks of rows: whole, one of 4096 x 9216 as AlexNet has takes 19 s of a core, so 2 s.
# With its matrices cut into four or eight, LeNet read as much of MNIST as with whole ones (99.21 and 99.21 for 99.25 %,
# three seeds each).
_MOST_ROWS = 512
_LEAST_NORM = 1e-7  # a gradient of zeros is no division by zero


class Muon:
    """Move a net's parameters along their gradients, each weight matrix by the same length in all its directions.

    A gradient of a matrix is mostly a few strong directions; the weak ones matter as much and are learned as fast here.
    A filter bank is the matrix that has one filter a row. A bias has one direction: its step has length 1.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). Differs from it: the first
    layer, the last layer and the biases are moved likewise, not by Adam; two iterations of other polynomials.
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
    """Bring the singular values of a matrix near each other and keep its singular vectors, by matrix products alone.

    Args:
        matrix: of any size. If its shorter side is longer than 512, blocks of it are brought to this form, each alone.

    Returns:
        Roughly U V^T where the matrix is U S V^T, times sqrt(rows / columns) for one of more rows than columns, so
        that what it adds to a layer's output is as large for wide layers as for narrow ones.

    Source:
        Amsel, Persson, Musco and Gower, "The Polar Express: optimal matrix sign methods and their application to the
        Muon algorithm" (2025), algorithm 1.
    """
    rows, columns = matrix.shape
    wide = matrix if rows <= columns else matrix.mT
    blocks = [_even_out(block) for block in wide.split(_MOST_ROWS)]
    wide = blocks[0] if len(blocks) == 1 else torch.cat(blocks)
    return wide if rows <= columns else wide.mT * (rows / columns) ** 0.5


def _even_out(wide: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """Apply the polynomials to the singular values of a matrix of no more rows than columns."""
    wide = wide / wide.norm().clamp(min=_LEAST_NORM)  # the largest singular value is at most 1
    for a, b, c in _POLYNOMIALS:
        square = wide @ wide.mT
        wide = torch.addmm(wide, torch.addmm(square, square, square, beta=b, alpha=c), wide, beta=a)
    return wide
