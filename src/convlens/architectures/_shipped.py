"""Trained nets by name: those in the package, those in run folders."""

import os
from pathlib import Path

from convlens.architectures._catalogue import names
from convlens.architectures._lenet import LeNet
from convlens.architectures._net_file import TrainedNet, load_net
from convlens.errors import NetError

_WEIGHTS = Path(__file__).parent / "weights"
# By architecture, then by data; the first is what the architecture's name opens. docs/lenet-mnist.md is the model card.
_SHIPPED = {"lenet": {"mnist": _WEIGHTS / "lenet-mnist.safetensors"}}


def shipped() -> list[str]:
    """List the trained nets that come with the package."""
    return sorted(_SHIPPED)


def open_net(source: str | os.PathLike[str]) -> TrainedNet:
    """Open a trained net, wherever it is.

    Args:
        source: one of `shipped()`, which wins over a folder of that name; a run folder; or a net's .safetensors file.

    Returns:
        The net, in evaluation mode, and its card.

    Raises:
        NetError: there is no such net, or its file is damaged.
    """
    if source in _SHIPPED:
        return load_net(next(iter(_SHIPPED[str(source)].values())))
    path = Path(source)
    if path.is_dir():
        path = path / "net.safetensors"
    if not path.is_file():
        raise NetError(
            f"A trained net is a shipped one, a run folder with its net.safetensors, or such a file. "
            f"Received source={str(source)!r}, which is none of them. Shipped: {', '.join(shipped())}. "
            f"Untrained nets are built, not opened: {', '.join(names())}."
        )
    return load_net(path)


def lenet(*, weights: str | None = None, classes: int = 10) -> LeNet:
    """Build the LeNet of "An Intuitive Explanation of Convolutional Neural Networks".

    Args:
        weights: "mnist" for the trained net that comes with the package, or None for random ones.
        classes: how many scores it gives; trained weights fix it.

    Returns:
        The net: in evaluation mode if it is trained, else in training mode.

    Raises:
        NetError: there are no such weights, or they are for another count of classes.
    """
    if weights is None:
        return LeNet(classes=classes)
    known = _SHIPPED["lenet"]
    if weights not in known:
        raise NetError(
            f"Trained weights are named after their data. Received {weights=}. Known for lenet: {', '.join(known)}."
        )
    trained = load_net(known[weights])
    if len(trained.card.classes) != classes:
        raise NetError(
            f"Trained weights fix the count of classes. Received {weights=}, {classes=}. "
            f"These tell {len(trained.card.classes)} apart."
        )
    assert isinstance(trained.net, LeNet)
    return trained.net
