"""From pixels to the numbers that a net reads."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

from convlens.errors import ShapeError


@dataclass(frozen=True)
class Preprocessing:
    """Fit an image to a net's input, then normalise it: (pixel / 255 - mean) / deviation.

    Attributes:
        channels: 1 (grey), 3 (red, green, blue), or another count, which images must then have.
        size: rows and columns that an image is scaled to, in pixels.
        padding: black pixels added at each end of both axes, after scaling.
        mean: of each channel, 0..1.
        deviation: standard deviation of each channel, 0..1 and not 0.

    Raises:
        ShapeError: the values describe no image.
    """

    channels: int
    size: tuple[int, int]
    padding: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        sides = (self.channels, *self.size)
        if min(sides) < 1 or self.padding < 0 or not len(self.mean) == len(self.deviation) == self.channels:
            raise ShapeError(f"A net reads channels, rows and columns, with a mean for each channel. Received {self}.")
        if min(self.deviation) <= 0:
            raise ShapeError(
                f"Pixels are divided by a deviation above 0. Received {self}. 1.0 leaves them as they are."
            )

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
            batch = images.reshape(-1, *images.shape[-3:]).float()
            scaled = F.interpolate(batch, size=self.size, mode="bilinear", antialias=True)
            images = scaled.round().clamp(0, 255).to(torch.uint8).reshape(*images.shape[:-2], *self.size)
        return F.pad(images, [self.padding] * 4)

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
        )
