"""The picture that an ascent moves: frequencies and colours that are independent, mapped into the range of pixels.

A picture that is moved pixel by pixel turns to noise: strided layers and poolings pass high frequencies on, which
photos hardly have. Here a step of one length moves each frequency about as far as photos vary in it (amplitudes fall
as 1/f), and the colours as photos vary in them, mostly from dark to light.

Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill (2017), section "Preconditioning and
Parameterization".
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

# Of red, green and blue in the 50,000 training photos of CIFAR-10, as JPEG files (scripts/measure_colours.py).
PHOTO_COVARIANCE = ((0.06014, 0.05478, 0.05140), (0.05478, 0.05894, 0.05787), (0.05140, 0.05787, 0.06793))
_DARKEST = 0.02  # a start at 0 or 1 would lie where the sigmoid is flat
_MOST_PIXELS = 2**24  # of photos that are measured; more change no digit that matters


class Canvas:
    """Pictures whose numbers can be moved freely, and are pixels of 0..1 all the same.

    Attributes:
        numbers: what an ascent moves: (picture, channel, row, frequency, part of the complex amplitude), or without
            Fourier (picture, channel, row, column).
    """

    def __init__(
        self,
        shape: Sequence[int],
        mean: Sequence[float],
        *,
        covariance: Float[Tensor, "channel channel"] | None,
        fourier: bool,
    ) -> None:
        """Lay out pictures.

        Args:
            shape: pictures, channels, rows, columns.
            mean: of each channel, 0..1: the even colour that a start lies around.
            covariance: of the channels in photos; None moves each channel alone.
            fourier: whether frequencies are moved, else pixels.
        """
        *_, rows, columns = self._shape = tuple(shape)
        self._offset = torch.tensor(mean).clamp(_DARKEST, 1 - _DARKEST).logit().view(-1, 1, 1)
        self._colours = None if covariance is None else _root(covariance)
        self._amplitudes = _falling(rows, columns) if fourier else None
        self.numbers = torch.zeros(self._shape if not fourier else (*self._shape[:2], rows, columns // 2 + 1, 2))

    def start(self, deviation: float, generator: torch.Generator) -> None:
        """Draw the numbers anew: noise around the mean colour, whose numbers have this deviation."""
        self.numbers = (deviation * torch.randn(self.numbers.shape, generator=generator)).requires_grad_()

    def pixels(self) -> Float[Tensor, "picture channel row column"]:
        """Draw the pictures, 0..1; differentiable by `numbers`."""
        numbers = self.numbers
        if self._amplitudes is not None:
            spectrum = torch.view_as_complex(numbers) * self._amplitudes
            numbers = torch.fft.irfft2(spectrum, s=self._shape[2:], norm="ortho")
        if self._colours is not None:
            numbers = torch.einsum("oc,pcij->poij", self._colours, numbers)
        return torch.sigmoid(numbers + self._offset)


def _falling(rows: int, columns: int) -> Float[Tensor, "rows frequencies"]:
    """Amplitudes that fall as 1/f, f in cycles a pixel; the mean is as strong as the lowest frequency."""
    frequency = torch.hypot(torch.fft.fftfreq(rows)[:, None], torch.fft.rfftfreq(columns)[None])
    falling = 1 / frequency.clamp(min=1 / max(rows, columns))
    return falling / falling.square().mean().sqrt()  # a step moves a pixel as far as one without Fourier


def _root(covariance: Float[Tensor, "channel channel"]) -> Float[Tensor, "channel channel"]:
    """The square root of a covariance, its largest row of length 1: what makes independent numbers vary as colours."""
    values, vectors = torch.linalg.eigh(covariance.double())
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return (root / root.norm(dim=1).max().clamp(min=torch.finfo(torch.float64).tiny)).float()


def covariance_of(photos: UInt8[Tensor, "photo channel row column"]) -> Float[Tensor, "channel channel"]:
    """Measure how the channels of photos vary together, in pixels of 0..1."""
    photos = photos[: max(1, _MOST_PIXELS // photos[0].numel())]
    pixels = photos.transpose(0, 1).flatten(1).double() / 255
    return torch.cov(pixels, correction=0).view(len(pixels), -1).float()  # of one channel, cov is a number
