"""The text of a network that is written down.

It is YAML, read as nodes: nothing is built from it, no word is taken for a number or a date, and lines keep their
numbers.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from convlens.architectures._layer_words import nearest
from convlens.errors import NetError

SUFFIXES = (".yaml", ".yml")
_KEYS = ["name", "image", "layers"]
_LONGEST = 100_000  # characters


class Line(NamedTuple):
    """One layer's line.

    Attributes:
        place: where it stands, for errors: 'line 4, "max 2x2"'.
        name: that it gives its layer, or None.
        words: what the layer is.
    """

    place: str
    name: str | None
    words: str

    @classmethod
    def of(cls, text: str, place: str) -> "Line":
        """Read "max 2x2" or "edges: convolution 8, 3x3"."""
        name, colon, words = text.partition(":")
        return cls(place, name.strip(), words.strip()) if colon else cls(place, None, text.strip())

    def __str__(self) -> str:
        return " ".join(f"{self.name}: {self.words}".split() if self.name is not None else self.words.split())


class NetText(NamedTuple):
    """What a text says: the net's name, its image ("1 x 32 x 32"), a line for each layer."""

    name: str
    image: str
    lines: list[Line]


def read_text(source: str | os.PathLike[str]) -> str:
    """Return a text, or what stands in its file.

    Raises:
        NetError: the file cannot be read, or the text is too long.
    """
    text = source
    if not isinstance(text, str) or text.endswith(SUFFIXES):
        try:
            with Path(source).open(encoding="utf-8") as file:
                text = file.read(_LONGEST + 1)
        except (OSError, ValueError) as error:
            raise NetError(
                f"A net is written down in a text file. Received source={str(source)[:200]!r}: {error}. "
                "Name a file that ends in .yaml, or pass the text itself."
            ) from error
    if len(text) > _LONGEST:
        raise NetError(f"A net is a few lines. Received more than {_LONGEST} characters. Leave some out.")
    return text


def parse_text(text: str) -> NetText:
    """Divide a text into its parts.

    Raises:
        NetError: it is no YAML, or has other parts than a net's text.
    """
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise _unlike("A net is written in YAML", " ".join(str(error).split())) from error
    if not isinstance(root, yaml.MappingNode):
        raise _unlike("A net's text has an image and layers", repr(text[:80]))
    parts: dict[str, yaml.Node] = {}
    for key, value in root.value:
        word = _scalar(key, "A net's text has an image and layers")
        if word not in _KEYS or word in parts:
            raise NetError(
                f"A net's text has a name, an image and layers, each once. Received line {key.start_mark.line + 1} "
                f"with {word!r}{' again' if word in parts else ''}. {nearest(word, _KEYS)}"
            )
        parts[word] = value
    if "image" not in parts or not isinstance(parts.get("layers"), yaml.SequenceNode):
        raise _unlike(
            "A net's text has an image and a list of layers", f"{', '.join(parts)} without the one or the other"
        )
    image = parts["image"]
    sides = image.value if isinstance(image, yaml.SequenceNode) else [image]
    return NetText(
        name=_scalar(parts["name"], "A name is a word") if "name" in parts else "net",
        image=" x ".join(_scalar(side, "An image has channels, rows and columns") for side in sides),
        lines=[_line(node) for node in parts["layers"].value],
    )


def _line(node: Any) -> Line:
    """Read "max 2x2", or "edges: convolution 8, 3x3", which YAML takes for a mapping of one key."""
    place = f"line {node.start_mark.line + 1}"
    if node.id == "mapping" and len(node.value) == 1:
        name, words = (
            _scalar(part, "A layer is a line of text, after its name or without one") for part in node.value[0]
        )
        return Line(f'{place}, "{name}: {words}"', name, words)
    words = _scalar(node, "A layer is a line of text")
    return Line.of(words, f'{place}, "{words}"')


def _scalar(node: Any, rule: str) -> str:
    if node.id != "scalar":
        raise _unlike(rule, f"line {node.start_mark.line + 1} with a {node.id}")
    return node.value


def _unlike(rule: str, received: str) -> NetError:
    return NetError(
        f"{rule}. Received {received}. An example: image: 1 x 32 x 32, then layers: and in lines of their own "
        "- convolution 6, 5x5 and - softmax."
    )
