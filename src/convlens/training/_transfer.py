"""Begin with what another training learned."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from convlens.architectures import TrainedNet
from convlens.errors import NetError


@torch.no_grad()
def transfer(net: nn.Module, trained: TrainedNet, *, classes: Sequence[str]) -> None:
    """Copy a trained net's numbers into a net of the same layers that may tell other classes apart.

    Args:
        net: takes the numbers. What gives its scores keeps its own, but for classes that both know by the same name.
        trained: the other net, and its card.
        classes: that the net shall tell apart, in the order of its scores.

    Raises:
        NetError: the nets differ in more than their classes.
    """
    own, other = net.state_dict(), trained.net.state_dict()
    head = next(reversed(own)).rpartition(".")[0] + "."
    known = trained.card.classes
    heads = {
        name
        for name, tensor in own.items()
        if name in other
        and (name.startswith(head) or tensor.shape != other[name].shape)
        and tensor.shape[1:] == other[name].shape[1:]
        and (len(tensor), len(other[name])) == (len(classes), len(known))
    }
    misfits = sorted(
        name
        for name in own.keys() | other.keys()
        if name not in heads and (name not in own or name not in other or own[name].shape != other[name].shape)
    )
    if misfits:
        raise NetError(
            "A training begins with a net of the same layers. Received a "
            f"{type(net).__name__} and a trained {type(trained.net).__name__}, which differ in {len(misfits)} tensors: "
            f"{', '.join(misfits[:5])}{' ...' if len(misfits) > 5 else ''}. Train the architecture of the trained net."
        )
    for name, tensor in own.items():
        if name in heads:
            _copy_rows(tensor, other[name], classes=classes, known=known)
        else:
            tensor.copy_(other[name])


def _copy_rows(to: Tensor, source: Tensor, *, classes: Sequence[str], known: Sequence[str]) -> None:
    for row, name in enumerate(classes):
        if name in known:
            to[row] = source[known.index(name)]
