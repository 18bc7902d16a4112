"""From the way of a pen to pixels."""

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

SIDE = 28  # pixels, as in MNIST
_CHUNK = 50  # digits at once, so that their distances stay in the processor's cache: three times as fast


def draw_ink(
    way: Float32[Tensor, "digit point 2"],
    radius: Float32[Tensor, "digit point"],
    *,
    edge: Float32[Tensor, " digit"],
    side: int,
) -> UInt8[Tensor, "digit side side"]:
    """Draw discs along the way of a pen, antialiased, white on black; a disc that is small beside the others is paler.

    Args:
        way: centres of the discs: row and column, in pixels from the corner of a square.
        radius: of each disc, in pixels.
        edge: how wide the grey edge between ink and paper is, in pixels.
        side: of the square, in pixels.
    """
    centres = torch.arange(side) + 0.5
    power = torch.empty(len(way), side, side)
    for out, at, r in zip(power.split(_CHUNK), way.split(_CHUNK), radius.split(_CHUNK), strict=True):
        rows = (centres - at[..., :1]).square() - r[..., None].square()
        columns = (centres - at[..., 1:]).square()
        # The power of a pixel to a disc is distance^2 - radius^2. The least of all is 0 on the outline of all the ink.
        torch.amin(rows[..., :, None] + columns[..., None, :], dim=1, out=out)
    pen = radius.mean(1)[:, None, None]
    distance = (
        (power + pen.square()).clamp_(min=0).sqrt_()
    )  # to the middle of the stroke, were the pen all of one radius
    ink = (pen - distance) / edge[:, None, None] + 0.5
    return (255 * ink.clamp_(0, 1)).round_().to(torch.uint8)


def centre_ink(ink: UInt8[Tensor, "digit side side"]) -> UInt8[Tensor, "digit 28 28"]:
    """Place ink on 28 x 28 pixels, its centre of mass in the middle, to the nearest whole pixel, as MNIST does."""
    side = ink.shape[1]
    at = torch.arange(side, dtype=torch.float32)
    weight = ink.float()
    mass = weight.sum((1, 2))
    room = SIDE - side
    top = (SIDE / 2 - weight.sum(2) @ at / mass).round().clamp(0, room).long()
    left = (SIDE / 2 - weight.sum(1) @ at / mass).round().clamp(0, room).long()
    page = F.pad(ink, (0, room, 0, room))
    rows = (torch.arange(SIDE) - top[:, None]) % SIDE
    columns = (torch.arange(SIDE) - left[:, None]) % SIDE
    return page[torch.arange(len(page))[:, None, None], rows[:, :, None], columns[:, None, :]]
