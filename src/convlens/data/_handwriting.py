"""How a hand departs from the model: a skeleton becomes a curve of points, each with the radius of the pen there."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from convlens.data._skeletons import POINTS, SkeletonTable

BOX = 20  # pixels: the larger side of a digit, as in MNIST

# Chosen by how well a LeNet that learnt from these digits reads training digits of MNIST. What says nothing else is a
# standard deviation, in heights of a digit.
_PLACE = 0.035  # of a control point along each axis
_END_PLACE = 0.06  # of one where the pen lands or lifts
_MOST_DEVIATIONS = 2.0  # that a control point is moved along each axis
_SLANT, _SLANT_SPREAD = 0.14, 0.23  # mean and deviation: heights to the right for each height up
_TURN = 0.1  # radians
_STRETCH = 0.12  # of the logarithm by which a digit grows in width and shrinks in height
_WAVES = 3  # that bend a digit: a count
_WAVE_HEIGHT = 0.06  # along each axis
_WAVES_A_HEIGHT = 0.45  # along each axis
_PEN, _PEN_SPREAD = 0.074, 0.33  # radius in larger sides of a digit: median, and deviation of its logarithm
_BROADEST_PEN = 0.2  # radius in smaller sides of a digit: the most at which its loops stay open
_PRESSURE = 0.2  # of the logarithm of the radius where the pen is pressed most
_MOST_PRESSURE_WAVES = 1.5  # along the pen's way: the most, down from which all are as likely


def write(
    table: SkeletonTable,
    variants: Int64[Tensor, " digit"],
    *,
    is_line: Bool[Tensor, " digit"],
    rng: np.random.Generator,
) -> tuple[Float32[Tensor, "digit point 2"], Float32[Tensor, "digit point"]]:
    """Write each digit in a hand of its own.

    Args:
        table: the skeletons.
        variants: which skeleton each digit follows.
        is_line: a digit has no loops that a broad pen could close, as a 1.
        rng: what each hand is drawn from; the count of digits alone decides how many numbers are taken.

    Returns:
        The pen's way (row and column, in pixels) and its radius there (in pixels). The larger side of the ink fills a
        box of 20 x 20 pixels, the smaller is in its middle.
    """
    count = len(variants)

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal((count, *shape), dtype=np.float32))

    def uniform(*shape: int) -> Tensor:
        return torch.from_numpy(rng.random((count, *shape), dtype=np.float32))

    controls = table.controls[variants]
    deviation = _PLACE + (_END_PLACE - _PLACE) * table.is_end[variants, :, None]
    moved = controls + deviation * normal(*controls.shape[1:]).clamp(-_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    way = table.curves[variants] @ moved

    way = way @ _hand(slant=_SLANT + _SLANT_SPREAD * normal(), turn=_TURN * normal(), stretch=_STRETCH * normal()).mT
    along = 2 * math.pi * (way @ (_WAVES_A_HEIGHT * normal(2, _WAVES)) + uniform(1, _WAVES))
    way = way + along.sin() @ (_WAVE_HEIGHT * normal(_WAVES, 2))

    sides = way.amax(1) - way.amin(1)
    larger, smaller = sides.amax(1), sides.amin(1)
    pen = larger * _PEN * (_PEN_SPREAD * normal()).exp()
    pen = torch.where(is_line, pen, pen.minimum(_BROADEST_PEN * smaller))
    progress = torch.linspace(0, 1, POINTS)
    wave = (2 * math.pi * (_MOST_PRESSURE_WAVES * uniform(1) * progress + uniform(1))).sin()
    return _fit(way, pen[:, None] * (_PRESSURE * normal(1) * wave).exp())


def _hand(*, slant: Tensor, turn: Tensor, stretch: Tensor) -> Float32[Tensor, "digit 2 2"]:
    """Combine a stretch, a slant and a turn, in this order, into one matrix for columns of (row, column)."""
    wider = stretch.exp()
    zero = torch.zeros_like(slant)
    stretched = torch.stack([1 / wider, zero, -slant / wider, wider], dim=1).view(-1, 2, 2)
    turned = torch.stack([turn.cos(), turn.sin(), -turn.sin(), turn.cos()], dim=1).view(-1, 2, 2)
    return turned @ stretched


def _fit(
    way: Float32[Tensor, "digit point 2"], radius: Float32[Tensor, "digit point"]
) -> tuple[Float32[Tensor, "digit point 2"], Float32[Tensor, "digit point"]]:
    """Scale and move ink so that its larger side fills the box and its middle is the box's."""
    low = (way - radius[..., None]).amin(1, keepdim=True)
    high = (way + radius[..., None]).amax(1, keepdim=True)
    scale = BOX / (high - low).amax(2, keepdim=True)
    return (way - (low + high) / 2) * scale + BOX / 2, radius * scale[..., 0]
