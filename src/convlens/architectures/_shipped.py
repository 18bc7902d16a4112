"""Trained nets by name: those in the package, those that others publish, those in run folders."""

import os
from pathlib import Path

from convlens.architectures._card import TrainedNet
from convlens.architectures._catalogue import entries, names
from convlens.architectures._net_file import load_net
from convlens.architectures._published import PUBLISHED, SHIPPED
from convlens.errors import NetError


def shipped() -> list[str]:
    """List the trained nets that come with the package."""
    return sorted(SHIPPED)


def open_net(source: str | os.PathLike[str]) -> TrainedNet:
    """Open a trained net, wherever it is.

    Args:
        source: one of `shipped()`; an architecture with published weights ("resnet50"), which are fetched once; a run
            folder; or a net's .safetensors file. A name wins over a folder of that name.

    Returns:
        The net, in evaluation mode, and its card.

    Raises:
        DownloadError: published weights cannot be fetched.
        NetError: there is no such net, or its file is damaged.
    """
    if source in SHIPPED:
        return load_net(next(iter(SHIPPED[str(source)].values())))
    if source in PUBLISHED:
        make = next(entry.make for entry in entries() if entry.name == source)
        net = make(weights=next(iter(PUBLISHED[str(source)])))
        return TrainedNet(net, net.card)
    path = Path(source)
    if path.is_dir():
        path = path / "net.safetensors"
    if not path.is_file():
        raise NetError(
            "A trained net is a shipped one, one with published weights, a run folder with its net.safetensors, or "
            f"such a file. Received source={str(source)!r}, which is none of them. Shipped: {', '.join(shipped())}. "
            f"Published: {', '.join(PUBLISHED)}. Others are built, not opened: "
            f"{', '.join(name for name in names() if name not in PUBLISHED)}."
        )
    return load_net(path)
