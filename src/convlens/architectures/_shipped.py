"""Trained nets by name: those in the package, those in run folders."""

import os
from pathlib import Path

from convlens.architectures._catalogue import names
from convlens.architectures._net_file import TrainedNet, load_net
from convlens.architectures._published import SHIPPED
from convlens.errors import NetError


def shipped() -> list[str]:
    """List the trained nets that come with the package."""
    return sorted(SHIPPED)


def open_net(source: str | os.PathLike[str]) -> TrainedNet:
    """Open a trained net, wherever it is.

    Args:
        source: one of `shipped()`, which wins over a folder of that name; a run folder; or a net's .safetensors file.

    Returns:
        The net, in evaluation mode, and its card.

    Raises:
        NetError: there is no such net, or its file is damaged.
    """
    if source in SHIPPED:
        return load_net(next(iter(SHIPPED[str(source)].values())))
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
