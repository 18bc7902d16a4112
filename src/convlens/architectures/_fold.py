"""Fold batch normalisation into the convolutions before it: fewer passes over memory, the same function."""

import copy
from collections.abc import Iterable
from itertools import pairwise

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from convlens.architectures._constructor import Chain, Net
from convlens.errors import NetError


def fold(net: Net) -> Net:
    """Fold each batch normalisation that follows a convolution into its filters and biases.

    Args:
        net: in evaluation mode. It stays as it is. A block says in its attribute `folds` which normalisation, by name,
            follows which convolution; in an nn.Sequential that is plain to see.

    Returns:
        A copy that computes the same scores but for rounding, for inference: where a normalisation was, an identity is.

    Raises:
        NetError: a part of the net is in training mode, in which the normalisations depend on the batch; or a block
            that has some does not say what they follow.

    Source:
        w' = w * scale / sqrt(variance + eps): Ioffe and Szegedy, "Batch normalization" (2015), section 3.1.
    """
    if any(layer.training for layer in net.modules()):
        raise NetError(
            "Folding fixes mean and variance as evaluation uses them. "
            f"Received a {type(net).__name__} in training mode, or with layers that are. Call net.eval() first."
        )
    folded = copy.deepcopy(net)
    for name, block in list(folded.named_modules()):
        pairs = _pairs(block)
        if pairs is None and any(isinstance(layer, nn.BatchNorm2d) for layer in block.children()):
            raise NetError(
                "A normalisation is folded into the convolution that it alone follows. Received a "
                f"{type(block).__name__} ({name or 'the net itself'}), which does not say which that is. Give its "
                'class an attribute such as folds = (("conv1", "bn1"),).'
            )
        for convolution, normalisation in pairs or ():
            first, second = getattr(block, convolution, None), getattr(block, normalisation, None)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d) and _are_plain(first, second):
                setattr(block, convolution, fuse_conv_bn_eval(first, second))
                setattr(block, normalisation, nn.Identity())
    return folded


def _pairs(block: nn.Module) -> Iterable[tuple[str, str]] | None:
    """Name the layers of a block of which the second may be folded into the first; None where that is not known."""
    if type(block).forward in (nn.Sequential.forward, Chain.forward):
        return pairwise(name for name, _ in block.named_children())
    return getattr(block, "folds", None)


def _are_plain(first: nn.Conv2d, second: nn.BatchNorm2d) -> bool:
    """Say whether two layers do what their classes say: subclasses, hooks and parametrisations may do more."""
    if type(first) is not nn.Conv2d or type(second) is not nn.BatchNorm2d or second.running_mean is None:
        return False
    return not any(each._forward_hooks or each._forward_pre_hooks for each in (first, second))
