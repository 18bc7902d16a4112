"""From pixels to the numbers that a net reads."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

from convlens.errors import ShapeError

_INTERPOLATIONS = ("bilinear", "bicubic")
_MOST_SLENDER = 64  # sides of an image, one to the other; of a thread of 1 x 60,000, 15 million columns would be made


@dataclass(frozen=True)
class Preprocessing:
    """Fit an image to a net's input, then normalise it: (pixel / 255 - mean) / deviation.

    Attributes:
        channels: 1 (grey), 3 (red, green, blue), or another count, which images must then have.
        size: rows and columns that an image is brought to, in pixels.
        padding: black pixels added at each end of both axes, after scaling.
        mean: of each channel, 0..1.
        deviation: standard deviation of each channel, 0..1 and not 0.
        resize: pixels that the shorter side is scaled to before the middle of `size` is cut out; None scales the whole
            image to `size`. An image that has `size` already stays as it is.
        interpolation: "bilinear" or "bicubic"; when an image becomes smaller, its kernel is widened (antialiasing).

    Raises:
        ShapeError: the values describe no image.
    """

    channels: int
    size: tuple[int, int]
    padding: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    resize: int | None = None
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        sides = (self.channels, *self.size)
        if min(sides) < 1 or self.padding < 0 or not len(self.mean) == len(self.deviation) == self.channels:
            raise ShapeError(f"A net reads channels, rows and columns, with a mean for each channel. Received {self}.")
        if not all(map(math.isfinite, (*self.mean, *self.deviation))):
            raise ShapeError(f"Means and deviations are finite numbers. Received {self}.")
        if min(self.deviation) <= 0:
            raise ShapeError(
                f"Pixels are divided by a deviation above 0. Received {self}. 1.0 leaves them as they are."
            )
        if self.resize is not None and self.resize < max(self.size):
            raise ShapeError(
                f"What is cut out of an image lies inside it. Received {self}: {self.size[0]} x {self.size[1]} pixels "
                f"out of a shorter side of {self.resize}. A resize of {max(self.size)} or more would do."
            )
        if self.interpolation not in _INTERPOLATIONS:
            raise ShapeError(f"Pixels are interpolated {' or '.join(_INTERPOLATIONS)}. Received {self}.")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of what a net reads: channels, rows, columns."""
        return (self.channels, self.size[0] + 2 * self.padding, self.size[1] + 2 * self.padding)

    def fit(self, images: UInt8[Tensor, "*batch channel row column"]) -> UInt8[Tensor, "*batch channels rows columns"]:
        """Bring images to the net's channels and size, still as pixels.

        Args:
            images: 0..255. Grey is repeated for a net of three channels; colour becomes luma
                (ITU-R BT.601: 0.299 red + 0.587 green + 0.114 blue) for a net of one.

        Returns:
            Pixels, 0..255, of `image_shape`.

        Raises:
            ShapeError: the images have other channels than the net, and neither one nor three.
        """
        found = images.shape[-3]
        if found == 3 and self.channels == 1:
            luma = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(3, 1, 1)
            images = (images * luma).sum(-3, keepdim=True).round().to(torch.uint8)
        elif found == 1 and self.channels == 3:
            images = images.expand(*images.shape[:-3], 3, *images.shape[-2:])
        elif found != self.channels:
            raise ShapeError(
                "Grey becomes colour and colour grey; other images have the net's channels. Received images of "
                f"{found} channels, shape={tuple(images.shape)}, for a net of {self.channels}. Drop an alpha channel "
                "first, or name an image file, which is converted."
            )
        if tuple(images.shape[-2:]) != self.size:
            images = self._scale(images)
        return F.pad(images, [self.padding] * 4)

    def _scale(
        self, images: UInt8[Tensor, "*batch channel row column"]
    ) -> UInt8[Tensor, "*batch channel rows columns"]:
        rows, columns = self.size
        if self.resize is not None:
            shorter = min(images.shape[-2:])
            images = _cut_middle(images, *(min(side, _MOST_SLENDER * shorter) for side in images.shape[-2:]))
            rows, columns = (self.resize * side // shorter for side in images.shape[-2:])
        batch = images.reshape(-1, *images.shape[-3:])
        # With a resize, bytes stay bytes between the axes, clipped and rounded as Pillow does, with which published
        # nets were trained. Without one, and on devices that cannot, they are floats.
        if self.resize is None or batch.device.type != "cpu":
            batch = batch.float()
        scaled = F.interpolate(batch, size=(rows, columns), mode=self.interpolation, antialias=True)
        middle = _cut_middle(scaled, *self.size)
        if middle.is_floating_point():
            middle = middle.round().clamp(0, 255).to(torch.uint8)
        return middle.reshape(*images.shape[:-2], *self.size)

    def normalise(
        self, pixels: UInt8[Tensor, "*batch channels rows columns"]
    ) -> Float32[Tensor, "*batch channels rows columns"]:
        """Turn fitted pixels into the numbers that a net reads.

        Args:
            pixels: what `fit` returns, 0..255.

        Returns:
            (pixel / 255 - mean) / deviation, of the same shape.
        """
        mean = torch.tensor(self.mean, device=pixels.device).view(-1, 1, 1)
        deviation = torch.tensor(self.deviation, device=pixels.device).view(-1, 1, 1)
        return (pixels.float() / 255 - mean) / deviation

    def __call__(
        self, images: UInt8[Tensor, "*batch channel row column"]
    ) -> Float32[Tensor, "*batch channels rows columns"]:
        """Fit, then normalise."""
        return self.normalise(self.fit(images))

    def to_json(self) -> dict[str, object]:
        """Describe this preprocessing as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Preprocessing":
        """Read what `to_json` wrote."""
        rows, columns = record["size"]
        return cls(
            channels=record["channels"],
            size=(rows, columns),
            padding=record["padding"],
            mean=tuple(record["mean"]),
            deviation=tuple(record["deviation"]),
            resize=record.get("resize"),  # records of 0.1 have neither
            interpolation=record.get("interpolation", "bilinear"),
        )


def _cut_middle(images: Tensor, rows: int, columns: int) -> Tensor:
    top, left = round((images.shape[-2] - rows) / 2), round((images.shape[-1] - columns) / 2)
    return images[..., top : top + rows, left : left + columns]
