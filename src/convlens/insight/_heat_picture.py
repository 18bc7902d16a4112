"""Draw a signed map over an image, in the page's colours: blue below zero, orange above."""

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from convlens.insight._png import to_png

_LEAST_SIDE = 256  # screen pixels of the shorter side: an image of 28 x 28 is enlarged, each pixel a square
_FADED = 0.75  # lightness of the image's black: colours must still be told on it
# Lightness, and a and b of OKLab (Ottosson, 2020), as page/src/colour.ts has them: equal magnitudes have equal
# lightness, so the scale reads in every kind of colour blindness.
_ZERO = (0.985, 0.0, 0.0)
_NEGATIVE = (0.46, -0.036288, -0.145544)  # chroma 0.15, hue 256 degrees
_POSITIVE = (0.46, 0.088660, 0.095076)  # chroma 0.13, hue 47 degrees


def colours(share: Float[Tensor, "*place"]) -> Float[Tensor, "*place 3"]:
    """Give each value its colour.

    Args:
        share: -1..1.

    Returns:
        Red, green, blue, 0..1.
    """
    zero, negative, positive = (torch.tensor(ends) for ends in (_ZERO, _NEGATIVE, _POSITIVE))
    ends = torch.where(share[..., None] < 0, negative, positive)
    lightness, a, b = (zero + share.abs()[..., None] * (ends - zero)).unbind(-1)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
    linear = torch.stack(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short,
        ],
        -1,
    ).clamp(0, 1)
    # sRGB's transfer function (IEC 61966-2-1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def draw(heat: Float[Tensor, "row column"], picture: UInt8[Tensor, "colour row column"] | None) -> bytes:
    """Draw a heat map over the image in faded grey; the largest magnitude has the strongest colour.

    Returns:
        A PNG file.
    """
    heat = heat.float().nan_to_num(0, 0, 0)
    limit = float(heat.abs().max())
    sheet = colours(heat / limit if limit > 0 else torch.zeros_like(heat))
    if picture is not None:
        grey = picture.float().mean(0) / 255
        sheet = sheet * (_FADED + (1 - _FADED) * grey)[..., None]
    zoom = max(1, -(-_LEAST_SIDE // min(heat.shape)))
    pixels = (sheet * 255).round().to(torch.uint8).permute(2, 0, 1)[None]
    pixels = F.interpolate(pixels, scale_factor=zoom, mode="nearest")[0].permute(1, 2, 0)
    return to_png(Image.fromarray(pixels.contiguous().numpy()))
