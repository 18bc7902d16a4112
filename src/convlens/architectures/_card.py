"""What a trained net is and where it came from: the card that goes with its weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import msgspec
from torch import nn

from convlens.data import Preprocessing

CARD = "convlens.card"  # the key in a safetensors file's metadata


@dataclass(frozen=True)
class NetCard:
    """What a trained net is and where it came from.

    Attributes:
        architecture: name in the catalogue, or the text of a written net: what `build` takes.
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

    def to_metadata(self) -> dict[str, str]:
        """Put the card into the form of a safetensors file's metadata."""
        return {CARD: json.dumps(self.to_json())}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "NetCard":
        """Read what `to_metadata` wrote.

        Raises:
            KeyError: there is no card.
            ValueError: it is no card, or a field is of another type than `NetCard` says.
        """
        try:
            return msgspec.json.decode(metadata[CARD], type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(str(error)) from error


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
