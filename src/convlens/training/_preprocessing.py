"""What a net needs made of a data set's images."""

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from convlens.data import DataSet, Preprocessing

_CHUNK = 1000  # images
_WIDEST_BORDER = 1 / 8  # of a net's input; images that are smaller still are scaled


def choose_preprocessing(data: DataSet, net: nn.Module) -> Preprocessing:
    """Choose how a data set's images are brought to what a net reads.

    Args:
        data: its train part is measured.
        net: its attribute `image_shape` says what it reads: channels, rows, columns; without one,
            the images as they are.

    Returns:
        A preprocessing that pads images a little smaller than the net's input (MNIST's digits of 28 x 28 to 32 x 32),
        scales all others, and normalises by mean and deviation of the training images, to four digits.
    """
    images = data.train.images
    own = tuple(images.shape[1:])
    channels, rows, columns = getattr(net, "image_shape", own)
    missing = rows - own[1]
    even = missing == columns - own[2] and missing % 2 == 0
    padding = missing // 2 if even and 0 <= missing <= rows * _WIDEST_BORDER else 0
    size = (rows - 2 * padding, columns - 2 * padding)
    unscaled = Preprocessing(channels, size, 0, mean=(0.0,) * channels, deviation=(1.0,) * channels)
    mean, deviation = _statistics(images, unscaled)
    return Preprocessing(channels, size, padding, mean=mean, deviation=deviation)


def _statistics(
    images: UInt8[Tensor, "image channel row column"], preprocessing: Preprocessing
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel, 0..1, from how often each of the 256 values occurs."""
    counts = torch.zeros(preprocessing.channels, 256, dtype=torch.float64)
    for chunk in images.split(_CHUNK):
        for channel, values in zip(counts, preprocessing.fit(chunk).transpose(0, 1), strict=True):
            channel += torch.bincount(values.flatten(), minlength=256)
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values) / counts.sum(1)
    variance = (counts * (values - mean[:, None]).square()).sum(1) / counts.sum(1)
    deviation = variance.sqrt().clamp(min=1 / 255)  # images of one colour have none
    return tuple(round(value, 4) for value in mean.tolist()), tuple(round(value, 4) for value in deviation.tolist())
