"""Trained weights into a net, wherever they come from: the package, a publisher, a file."""

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from convlens.architectures._cache import check_named_checksum, fetch, published_card, timm_card
from convlens.architectures._card import CARD, NetCard, TrainedNet
from convlens.architectures._checkpoint import arrange, check_tensors, fit_tensors, read_checkpoint
from convlens.architectures._published import CLASSES, PUBLISHED, SHIPPED, is_in_timm, known_weights, timm_model
from convlens.errors import NetError

Weights = str | os.PathLike[str] | Mapping[str, Tensor]


def load_weights(net: nn.Module, weights: Weights, *, name: str) -> None:
    """Load trained weights into a net, put it in evaluation mode, and give it their card as `net.card`.

    A file without a card leaves the net without one, unless it is a publisher's: one of torchvision's by its name and
    checksum, one of timm's by the config.json beside it.

    Args:
        net: takes the weights; unchanged where they are refused.
        weights: shipped or published ones by name ("mnist", "imagenet", "imagenet-v2", "timm/resnet50.a1_in1k"); a
            file: safetensors or .pth; or a state dict. Tensors have our names, torchvision's or timm's.
        name: of the architecture, in the catalogue.

    Raises:
        DownloadError: the publisher cannot be reached, or its file arrives damaged.
        NetError: there are no such weights; or their file is damaged, is for another count of classes, or does not fit.
    """
    if isinstance(weights, Mapping):
        tensors = arrange(net, check_tensors(weights, path=Path("a state dict")))
        _check_classes(net, tensors, weights="a state dict")
        fit_tensors(net, tensors, path=Path("a state dict"))
        net.eval()
        return
    path = _find(net, weights, name=name)
    tensors, metadata = read_checkpoint(path)
    tensors = arrange(net, tensors)
    _check_classes(net, tensors, weights=weights)
    card = _read_card(metadata, path=path) if CARD in metadata else _known_card(path, name=name)
    fit_tensors(net, tensors, path=path)
    net.eval()
    if card is not None:
        TrainedNet(net, card)


def _find(net: nn.Module, weights: str | os.PathLike[str], *, name: str) -> Path:
    if isinstance(weights, str):
        if weights in SHIPPED.get(name, {}):
            return SHIPPED[name][weights]
        if weights in PUBLISHED.get(name, {}):
            _refuse_classes(net, CLASSES, weights=weights)  # before a download of many megabytes
            return fetch(name, weights, rules=_rules(net, "TORCHVISION_NAMES"))
    path = Path(weights)
    if path.is_file():
        return path
    if isinstance(weights, str) and timm_model(name, weights) is not None:
        return fetch(name, weights, rules=_rules(net, "TIMM_NAMES"))
    known = known_weights(name)
    raise NetError(
        f"Trained weights are named after their data. Received weights={str(weights)!r}. "
        f"Known for {name}: {', '.join(known) or 'none'}; or the path of a file that is there."
    )


def _rules(net: nn.Module, publisher: str) -> tuple:
    return getattr(net, publisher, ())


def _read_card(metadata: dict[str, str], *, path: Path) -> NetCard:
    try:
        return NetCard.from_metadata(metadata)
    except (KeyError, ValueError) as error:
        raise NetError(
            f"A card says architecture, classes and preprocessing. Received path={str(path)!r} with one that does "
            f"not: {error!r}. Write the file with save_net."
        ) from error


def _known_card(path: Path, *, name: str) -> NetCard | None:
    for published in PUBLISHED.get(name, {}).values():
        if path.name == published.file:
            check_named_checksum(path, published)
            return published_card(published, name=name)
    config = path.with_name("config.json")
    if is_in_timm(name) and path.name == "model.safetensors" and config.is_file():
        return timm_card(config, name=name, model=path.parent.name)
    return None


def _check_classes(net: nn.Module, tensors: dict[str, Tensor], *, weights: str | os.PathLike[str]) -> None:
    """Say it in one sentence if nothing but the count of classes is wrong."""
    expected = net.state_dict()
    last = next(reversed(expected), None)
    if last is None or last not in tensors or tensors[last].dim() == 0:
        return
    found = tensors[last].shape[0]
    only_classes = all(
        tensors[name].shape[:1] == (found,) and tensors[name].shape[1:] == expected[name].shape[1:]
        for name in expected.keys() & tensors.keys()
        if tensors[name].shape != expected[name].shape
    )
    if only_classes:
        _refuse_classes(net, found, weights=weights)


def _refuse_classes(net: nn.Module, count: int, *, weights: str | os.PathLike[str]) -> None:
    last, tensor = next(reversed(net.state_dict().items()))
    if tensor.shape[0] != count:
        layer = last.rpartition(".")[0]
        raise NetError(
            f"Trained weights fix the count of classes. Received weights={str(weights)!r}, classes={tensor.shape[0]}. "
            f"These tell {count} apart: build the net with classes={count}, then put a layer of your own in the place "
            f"of {layer!r}."
        )
