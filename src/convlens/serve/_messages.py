"""What the page and the server say to each other. ARCHITECTURE.md ("The wire") has the table."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import torch
from torch import Tensor

from convlens.errors import WireError
from convlens.serve._wire import decode_frame, encode_frame, excerpt

_Id = Annotated[str, msgspec.Meta(max_length=200)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what a number in JavaScript holds exactly


class _FromPage(msgspec.Struct, tag_field="what", forbid_unknown_fields=True):
    pass


class Open(_FromPage, tag="open"):
    """Send this net, now and whenever its weights change."""

    net: _Id


class Trace(_FromPage, tag="trace"):
    """Trace this net on the image that comes along."""

    net: _Id
    sequence: _Count


class Sample(_FromPage, tag="sample"):
    """Trace this net on one of its samples."""

    net: _Id
    sequence: _Count
    index: _Count


class Watch(_FromPage, tag="watch"):
    """Send this run's events, from the first, and as they come."""

    run: _Id


FromPage = Open | Trace | Sample | Watch


class NetSummary(msgspec.Struct):
    """What there is to know of a net before it is opened."""

    id: str
    title: str
    classes: tuple[str, ...]
    input_shape: tuple[int, int, int]
    samples: int
    preprocessing: dict[str, object]
    card: dict[str, object]
    accepts_images: bool


class RunSummary(msgspec.Struct):
    """A run and its net, which is there from the first checkpoint."""

    id: str
    title: str
    net: str


class _ToPage(msgspec.Struct, tag_field="what"):
    pass


class Hello(_ToPage, tag="hello"):
    """What there is, and the address to show first."""

    nets: list[NetSummary]
    runs: list[RunSummary]
    start: str


class NetAnswer(_ToPage, tag="net"):
    """A net's calls; its weights come along."""

    net: str
    version: int
    calls: list[Any]


class TraceAnswer(_ToPage, tag="trace"):
    """One forward pass: its activations and its image come along."""

    net: str
    version: int
    sequence: int
    milliseconds: float
    label: int | None


class ImageAnswer(_ToPage, tag="image"):
    """An uploaded image, brought to a net's size, comes along."""

    net: str


class Events(_ToPage, tag="events"):
    """Lines of a run's events.jsonl, as they stand there."""

    run: str
    first: int
    events: list[msgspec.Raw]


class Error(_ToPage, tag="error"):
    """Why a request was not answered."""

    sequence: int | None
    message: str


def wire_id(name: str) -> str:
    """Make of a file's or folder's name an id, which can stand in an address as it is."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-200:]


def read_message(received: str | bytes) -> tuple[FromPage, dict[str, Tensor]]:
    """Read what a page sent.

    Args:
        received: a text frame, or a binary frame with tensors.

    Returns:
        The message, and its tensors: for `trace` the image, uint8, of 1 or 3 channels; else none.

    Raises:
        WireError: it is none of the messages that a page may send.
    """
    try:
        if isinstance(received, str):
            message, tensors = msgspec.json.decode(received, type=FromPage), {}
        else:
            header, tensors = decode_frame(received)
            message = msgspec.convert(header, FromPage)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise WireError(
            f"A page sends open, trace, sample or watch, with the fields of ARCHITECTURE.md. "
            f"Received {excerpt(received)}: {error}."
        ) from error
    expected = {"image"} if isinstance(message, Trace) else set()
    if tensors.keys() != expected:
        raise WireError(
            f"A trace comes with the tensor image, other messages with none. "
            f"Received {type(message).__name__.lower()} with {sorted(tensors) or 'none'}."
        )
    for key, tensor in tensors.items():
        if tensor.dtype != torch.uint8 or tensor.dim() != 3:
            raise WireError(
                f"An image is uint8: channel, row, column. Received {key} with dtype={tensor.dtype}, "
                f"shape={tuple(tensor.shape)}. Send pixels, 0..255."
            )
    return message, tensors


def write_text(message: _ToPage) -> str:
    """Make the text frame of a message without tensors."""
    return msgspec.json.encode(message).decode()


def write_frame(message: _ToPage, tensors: Mapping[str, Tensor]) -> bytes:
    """Make the binary frame of a message and its tensors."""
    return encode_frame(msgspec.to_builtins(message), tensors)
