"""The architectures by name."""

from collections.abc import Callable

from torch import nn

from convlens.architectures._lenet import LeNet
from convlens.errors import NetError

_CATALOGUE: dict[str, Callable[..., nn.Module]] = {"lenet": LeNet}


def names() -> list[str]:
    """List the architectures that `build` knows."""
    return sorted(_CATALOGUE)


def build(name: str, *, classes: int = 10) -> nn.Module:
    """Build an untrained net by its name.

    Args:
        name: one of `names()`.
        classes: how many scores it gives, at least 2.

    Returns:
        The net, with random weights from torch's generator.

    Raises:
        NetError: there is no such architecture, or fewer than two classes.
    """
    if name not in _CATALOGUE:
        raise NetError(f"An architecture is named as in the catalogue. Received {name=}. Known: {', '.join(names())}.")
    if classes < 2:
        raise NetError(f"A classifier tells 2 classes or more apart. Received {classes=}. Add another class.")
    return _CATALOGUE[name](classes=classes)
