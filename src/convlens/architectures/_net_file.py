"""A trained net in one file: tensors, and a card that says what they are."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from convlens.architectures._catalogue import build
from convlens.data import Preprocessing
from convlens.errors import NetError
from convlens.files import write_whole

_CARD = "convlens.card"  # the key in the file's metadata


@dataclass(frozen=True)
class NetCard:
    """What a trained net is and where it came from.

    Attributes:
        architecture: name in the catalogue.
        classes: class names, in the order of the scores.
        preprocessing: what it expects of an image.
        trained_on: the data, in words.
        command: the command that made it.
        accuracy: share of the test part that it reads correctly, 0..1, or None where that was not measured.
        date: day of the training, ISO 8601.
        versions: of Convlens and torch.
    """

    architecture: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    trained_on: str = ""
    command: str = ""
    accuracy: float | None = None
    date: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Describe the card as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict) -> "NetCard":
        """Read what `to_json` wrote."""
        values = dict(record)
        values["preprocessing"] = Preprocessing.from_json(values["preprocessing"])
        values["classes"] = tuple(values["classes"])
        return cls(**values)


@dataclass(frozen=True)
class TrainedNet:
    """A net with its card, which is also `net.card`, so that a trace of the bare net finds it.

    Attributes:
        net: in evaluation mode.
        card: what it is.
    """

    net: nn.Module
    card: NetCard

    def __post_init__(self) -> None:
        self.net.card = self.card  # ty: ignore[invalid-assignment]  # a plain attribute, not in the state dict


def save_net(path: Path, net: nn.Module, card: NetCard) -> None:
    """Write a net and its card as one safetensors file, whole or not at all.

    Args:
        path: the file; its folder must exist.
        net: its parameters and buffers are written, as they are.
        card: goes into the file's metadata.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in net.state_dict().items()}
    write_whole(path, save(tensors, metadata={_CARD: json.dumps(card.to_json())}))


def load_net(path: Path, *, net: nn.Module | None = None) -> TrainedNet:
    """Read what `save_net` wrote. Nothing in the file is executed.

    Args:
        path: a safetensors file.
        net: takes its tensors; by default a net of the card's architecture is built.

    Returns:
        The net, in evaluation mode, and its card.

    Raises:
        NetError: the file is missing or damaged, has no card, or its tensors do not fit the card's architecture.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise NetError(
            f"A net is read from a whole safetensors file. Received path={str(path)!r}: {error}. "
            "Name the net.safetensors of a run folder, or a net from `convlens.architectures.names()`."
        ) from error
    try:
        card = NetCard.from_json(json.loads(metadata[_CARD]))
    except (KeyError, TypeError, ValueError) as error:
        raise NetError(
            f"A net's file says in its metadata, under {_CARD!r}, which architecture it holds. "
            f"Received path={str(path)!r}, metadata with {sorted(metadata) or 'no keys'}. "
            "Files with weights alone are not read: write them with save_net."
        ) from error
    if net is None:
        net = build(card.architecture, classes=len(card.classes))
    _load_tensors(net, tensors, path=path)
    return TrainedNet(net.eval(), card)


def _load_tensors(net: nn.Module, tensors: dict[str, Tensor], *, path: Path) -> None:
    expected = net.state_dict()
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    misshapen = [
        f"{name}: {tuple(tensors[name].shape)} for {tuple(expected[name].shape)}"
        for name in sorted(expected.keys() & tensors.keys())
        if tensors[name].shape != expected[name].shape
    ]
    if missing or extra or misshapen:
        raise NetError(
            f"The tensors of a net's file are exactly those of its architecture. Received path={str(path)!r}, "
            f"missing={missing}, extra={extra}, misshapen={misshapen}. Name a file made for {type(net).__name__}."
        )
    net.load_state_dict(tensors)
