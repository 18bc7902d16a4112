"""Begin with what another training learned."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from convlens.architectures import TrainedNet
from convlens.errors import NetError


@torch.no_grad()
def transfer(net: nn.Module, trained: TrainedNet, *, classes: Sequence[str]) -> None:
    """Copy a trained net's numbers into a net of the same layers that may tell other classes apart.

    Args:
        net: takes the numbers. Where the classes differ, layers that give scores keep their own, but for classes that
            both know by the same name.
        trained: the other net, and its card.
        classes: that the net shall tell apart, in the order of its scores.

    Raises:
        NetError: the nets differ in more than their classes.
    """
    own, other = net.state_dict(), trained.net.state_dict()
    known = trained.card.classes
    scoring = set() if tuple(classes) == known else _scoring_layers(net, trained.card.preprocessing.image_shape)
    heads = {
        name
        for name, tensor in own.items()
        if name in other
        and (name.rpartition(".")[0] in scoring or tensor.shape != other[name].shape)
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


def _scoring_layers(net: nn.Module, image_shape: tuple[int, int, int]) -> set[str]:
    """Name the layers whose outputs are the scores of a net in training mode, auxiliary heads among them."""
    copied = copy.deepcopy(net).to("meta").train()  # without numbers
    outputs: dict[str, object] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _layer, _inputs, output: outputs.update({name: output})

    for name, layer in copied.named_modules():
        if not any(layer.children()):
            layer.register_forward_hook(keep(name))
    try:
        result = copied(torch.empty(2, *image_shape, device="meta"))
    except (RuntimeError, NotImplementedError):  # it needs numbers to run: then the last layer, by its name
        return {next(reversed(net.state_dict()), "").rpartition(".")[0]}
    scores = result if isinstance(result, tuple) else (result,)
    found = {name for name, output in outputs.items() if any(output is each for each in scores)}
    return found or {next(reversed(net.state_dict()), "").rpartition(".")[0]}


def _copy_rows(to: Tensor, source: Tensor, *, classes: Sequence[str], known: Sequence[str]) -> None:
    for row, name in enumerate(classes):
        if name in known:
            to[row] = source[known.index(name)]
