"""A trained net in one file: tensors, and a card that says what they are."""

import json
import os
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from convlens.architectures._card import CARD
from convlens.architectures._card import NetCard as NetCard
from convlens.architectures._card import TrainedNet as TrainedNet
from convlens.architectures._catalogue import rebuild
from convlens.architectures._checkpoint import CHECKSUM, arrange, checksum, fit_tensors, read_checkpoint
from convlens.errors import NetError
from convlens.files import write_whole


def save_net(path: str | os.PathLike[str], net: nn.Module, card: NetCard) -> None:
    """Write a net and its card as one safetensors file, whole or not at all.

    Args:
        path: the file; its folder must exist.
        net: its parameters and buffers are written, as they are.
        card: goes into the file's metadata.
    """
    # Copies where they share memory, which safetensors refuses.
    state = {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}
    places = Counter(tensor.untyped_storage().data_ptr() for tensor in state.values())
    tensors = {
        name: tensor.clone(memory_format=torch.contiguous_format)
        if places[tensor.untyped_storage().data_ptr()] > 1
        else tensor.contiguous()
        for name, tensor in state.items()
    }
    content = save(tensors, metadata={**card.to_metadata(), CHECKSUM: checksum(tensors)})
    write_whole(Path(path), _with_metadata_in_order(content))


def _with_metadata_in_order(content: bytes) -> bytes:
    """Sort the metadata of a safetensors file, which its library writes in any order: equal nets are equal bytes."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # numbers begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def load_net(path: str | os.PathLike[str], *, net: nn.Module | None = None) -> TrainedNet:
    """Read what `save_net` wrote. Nothing in the file is executed.

    Args:
        path: a safetensors file.
        net: takes its tensors; by default a net of the card's architecture is built.

    Returns:
        The net, in evaluation mode, and its card.

    Raises:
        NetError: the file is missing or damaged, has no card, holds numbers that are not finite, or its tensors do
            not fit the card's architecture.
    """
    path = Path(path)
    tensors, metadata = read_checkpoint(path)
    try:
        card = NetCard.from_metadata(metadata)
    except (KeyError, ValueError) as error:
        raise NetError(
            f"A net's file says in its metadata, under {CARD!r}, which architecture it holds. "
            f"Received path={str(path)!r}, metadata with {sorted(metadata) or 'no keys'}: {error}. "
            "Files with weights alone are not read: write them with save_net."
        ) from error
    if net is None:
        shape = card.preprocessing.image_shape
        net = rebuild(card.architecture, classes=len(card.classes), image_shape=shape)
    fit_tensors(net, arrange(net, tensors), path=path)
    return TrainedNet(net.eval(), card)
