"""Fold batch normalisation into the convolutions before it: fewer passes over memory, the same function."""

import copy

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from convlens.architectures._constructor import Net
from convlens.errors import NetError


def fold(net: Net) -> Net:
    """Fold each batch normalisation that follows a convolution into its filters and biases.

    Args:
        net: one of ours, in evaluation mode. It stays as it is.

    Returns:
        A copy that computes the same scores but for rounding, for inference: where a normalisation was, an identity is.

    Raises:
        NetError: the net is in training mode, in which the normalisations depend on the batch.

    Source:
        w' = w * scale / sqrt(variance + eps): Ioffe and Szegedy, "Batch normalization" (2015), section 3.1.
    """
    if net.training:
        raise NetError(
            "Folding fixes mean and variance as evaluation uses them. "
            f"Received a {type(net).__name__} in training mode. Call net.eval() first."
        )
    folded = copy.deepcopy(net)
    for block in folded.modules():
        for convolution, normalisation in getattr(block, "folds", ()):
            first, second = getattr(block, convolution, None), getattr(block, normalisation, None)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(block, convolution, fuse_conv_bn_eval(first, second))
                setattr(block, normalisation, nn.Identity())
    return folded
