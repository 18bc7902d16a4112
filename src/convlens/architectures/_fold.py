"""Fold batch normalisation into the convolutions before it: fewer passes over memory, the same function."""

import copy
from collections.abc import Iterable
from itertools import pairwise

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from convlens.architectures._constructor import Net
from convlens.errors import NetError


def fold(net: Net) -> Net:
    """Fold each batch normalisation that follows a convolution into its filters and biases.

    Args:
        net: in evaluation mode. It stays as it is. A block says in its attribute `folds` which normalisation, by name,
            follows which convolution; in an nn.Sequential that is plain to see.

    Returns:
        A copy that computes the same scores but for rounding, for inference: where a normalisation was, an identity is.

    Raises:
        NetError: the net is in training mode, in which the normalisations depend on the batch; or it has some, and does
            not say what they follow.

    Source:
        w' = w * scale / sqrt(variance + eps): Ioffe and Szegedy, "Batch normalization" (2015), section 3.1.
    """
    if net.training:
        raise NetError(
            "Folding fixes mean and variance as evaluation uses them. "
            f"Received a {type(net).__name__} in training mode. Call net.eval() first."
        )
    folded = copy.deepcopy(net)
    known = [block for block in folded.modules() if isinstance(block, nn.Sequential) or hasattr(block, "folds")]
    if not known and any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules()):
        raise NetError(
            "A normalisation is folded into the convolution that it alone follows. "
            f"Received a {type(net).__name__}, whose blocks do not say which that is. Give each an attribute such as "
            'folds = (("conv1", "bn1"),).'
        )
    for block in known:
        for convolution, normalisation in _pairs(block):
            first, second = getattr(block, convolution, None), getattr(block, normalisation, None)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(block, convolution, fuse_conv_bn_eval(first, second))
                setattr(block, normalisation, nn.Identity())
    return folded


def _pairs(block: nn.Module) -> Iterable[tuple[str, str]]:
    """Name the layers of a block of which the second may be folded into the first."""
    if isinstance(block, nn.Sequential):
        return pairwise(name for name, _ in block.named_children())
    return getattr(block, "folds", ())
