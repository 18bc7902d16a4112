"""Pictures a little moved, turned and scaled, differently at each step: what survives is no artefact of one place."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def swayed(
    pixels: Float[Tensor, "picture channel row column"],
    generator: torch.Generator,
    *,
    jitter: float,
    turn: float,
    scale: float,
) -> Float[Tensor, "picture channel row column"]:
    """Move, turn and scale each picture at random; what comes in from outside is mirrored.

    Args:
        pixels: the pictures.
        generator: draws how far.
        jitter: the furthest move along each axis, in pixels.
        turn: the furthest turn, in degrees.
        scale: the largest change in size, as a share: 0.05 makes 0.95 to 1.05 of it.

    Returns:
        Pictures of the same shape, bilinearly interpolated.
    """
    count, _, rows, columns = pixels.shape
    angle, zoom, down, right = 2 * torch.rand(4, count, generator=generator) - 1
    angle, zoom = angle * math.radians(turn), 1 + zoom * scale
    cosine, sine = angle.cos() / zoom, angle.sin() / zoom
    # affine_grid counts in halves of the picture's sides, columns first.
    grid = torch.stack(
        [
            torch.stack([cosine, -sine * rows / columns, 2 * jitter * right / columns], 1),
            torch.stack([sine * columns / rows, cosine, 2 * jitter * down / rows], 1),
        ],
        1,
    )
    places = F.affine_grid(grid.to(pixels), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, places, padding_mode="reflection", align_corners=False)
