"""A network that is written down in a few lines of text: its layers, in order."""

import os
import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from convlens.architectures._constructor import Chain
from convlens.architectures._layer_words import KINDS, Words, take_apart
from convlens.architectures._net_sizes import Shape, Sizes
from convlens.architectures._net_text import SUFFIXES, Line, NetText, parse_text, read_text
from convlens.errors import NetError, ShapeError

_CLASSES = 10  # where neither text nor caller says
_LARGEST_SIDE = 4096  # channels, rows or columns
_MOST_PARAMETERS = 1_000_000_000  # 4 GB
_PLAIN = nn.Sequential()  # whose attributes no layer may hide
_ATTRIBUTES = ("name", "text", "image_shape", "least_size", "loss", "card")


class WrittenNet(Chain):
    """Layers in the order of a text.

    Attributes:
        name: as the text says, or "net".
        text: in YAML; `read_layers` builds the same layers from it.
        image_shape: channels, rows, columns.
        least_size: the fewest rows and columns that it reads; None where fully connected layers fix them.
        loss: that it is trained with, "cross_entropy" or "hinge".
    """

    def __init__(self, modules: dict[str, nn.Module], *, written: NetText, text: str, sizes: Sizes) -> None:
        super().__init__(OrderedDict(modules))
        self.name = written.name
        self.text = text
        self.image_shape = _image_shape(written.image)
        self.least_size = sizes.least_size()
        self.loss = getattr(self[-1], "loss", "cross_entropy")


def is_written(architecture: str) -> bool:
    """Say whether a net's text, or the name of a file with one, stands where the name of a net could stand."""
    return "\n" in architecture or architecture.endswith(SUFFIXES)


def title_of(architecture: str) -> str:
    """Return a net's name: of a written one, the name that its text gives it.

    Raises:
        NetError: the text is none of a net.
    """
    return parse_text(read_text(architecture)).name if is_written(architecture) else architecture


def read_layers(source: str | os.PathLike[str], *, classes: int | None = None) -> WrittenNet:
    """Build the net that a text describes: YAML, with `image` (channels x rows x columns) and `layers`.

    A layer is a line: its kind and what belongs to it, and before them a name, if it shall have one of its own.

        edges: convolution 32, 5x5    wide, same, or narrow, as it is without a word; padding 1; stride 2;
                                      dilation 2; groups 2; no bias
        max 2x2                       also average and sum; stride 1; padding 1. Windows do not overlap unless told to
        average all                   each map to its mean
        trained subsampling           2x2: the sum, times a coefficient, plus a bias
        batch norm                    relu, tanh, scaled tanh, sigmoid
        dropout 0.5
        fully connected 120
        softmax                       or svm: scores, trained with that loss; or scores

    Args:
        source: the text, or a file that ends in .yaml.
        classes: how many scores the net gives; by default as many as its last line says ("softmax 4"), or 10.

    Returns:
        The net, with random weights as torch draws them.

    Raises:
        NetError: the file cannot be read, is no YAML, or a line has unknown words or stands in the wrong place.
        ShapeError: a window does not fit into what it reads; the message names the line and what would fit.

    >>> net = read_layers("{image: 1 x 32 x 32, layers: ['edges: convolution 6, 5x5', tanh, sum 2x2, softmax]}")
    >>> [name for name, layer in net.named_children()]
    ['edges', 'tanh1', 'pool1', 'flatten', 'scores']
    """
    text = read_text(source)
    kept = text if "\n" in text else text + "\n"  # by which `is_written` knows it
    return _build(parse_text(text), text=kept, classes=classes)


def layers(
    lines: Sequence[str],
    *,
    image_shape: tuple[int, int, int] = (1, 32, 32),
    classes: int | None = None,
    name: str = "net",
) -> WrittenNet:
    """Build a net from a list of lines, each as `read_layers` has them.

    Args:
        lines: such as "convolution 32, 5x5" or "edges: convolution 32, 5x5".
        image_shape: channels, rows, columns of what it reads.
        classes: how many scores the net gives; by default as many as its last line says, or 10.
        name: of the net.

    Returns:
        The net; its `text` is what `read_layers` reads.

    Raises:
        NetError: a line has unknown words or stands in the wrong place.
        ShapeError: a window does not fit into what it reads.

    >>> layers(["convolution 6, 5x5, wide", "relu", "max 2x2", "svm"], classes=4).loss
    'hinge'
    """
    image = " x ".join(map(str, image_shape))
    parts = [Line.of(line, f'layer {position}, "{line}"') for position, line in enumerate(lines, 1)]
    body = "".join(f"  - {part}\n" for part in parts)
    text = f"name: {name}\nimage: {image}\nlayers:\n{body}"
    return _build(NetText(name, image, parts), text=text, classes=classes)


def _build(written: NetText, *, text: str, classes: int | None) -> WrittenNet:
    """Check all lines, then make their modules."""
    if not re.fullmatch(r"\w[\w.-]{0,79}", written.name):
        raise NetError(
            f"A net's name has letters, digits, hyphens and dots, 80 at most, and "
            f"begins with one of the first two. Received name={written.name[:99]!r}. "
            "An example: small-net."
        )
    parts = [(line, take_apart(line.words, line.place)) for line in written.lines]
    head = parts[-1][1] if parts else None
    if head is None or KINDS[head.kind].number != "classes":
        raise NetError(
            f"A net ends with its scores. Received {head.place if head else 'no layer'} at the end. "
            "Add a line: softmax."
        )
    parts[-1] = (parts[-1][0], replace(head, number=_classes(head, classes)))
    image_shape = _image_shape(written.image)
    with torch.device("meta"):  # sizes alone, before any memory is taken
        modules = _modules(parts, image_shape, sizes=Sizes(image_shape))
    counts = {name: sum(parameter.numel() for parameter in module.parameters()) for name, module in modules.items()}
    if sum(counts.values()) > _MOST_PARAMETERS:
        raise NetError(
            f"A net has at most {_MOST_PARAMETERS:,} parameters. Received {sum(counts.values()):,}, most of them in "
            f"{max(counts, key=counts.__getitem__)}. Pool before it, or make it smaller."
        )
    sizes = Sizes(image_shape)
    return WrittenNet(_modules(parts, image_shape, sizes=sizes), written=written, text=text, sizes=sizes)


def _image_shape(image: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"\s*(\d{1,9})\s*[x\u00d7]\s*(\d{1,9})\s*[x\u00d7]\s*(\d{1,9})\s*", image)
    channels, rows, columns = map(int, found.groups()) if found else (0, 0, 0)
    if min(channels, rows, columns) < 1 or max(channels, rows, columns) > _LARGEST_SIDE:
        raise ShapeError(
            f"An image has channels, rows and columns, from 1 to {_LARGEST_SIDE} each. Received image: {image[:80]}. "
            "An example: image: 3 x 32 x 32."
        )
    return channels, rows, columns


def _classes(head: Words, classes: int | None) -> int:
    """Choose the count of scores: what the caller says and what the text says must not differ."""
    written = None if head.number is None else int(head.number)
    if written is not None and classes is not None and written != classes:
        raise NetError(
            f"A net gives one score a class. Received {head.place} for {classes} classes. "
            f"Write {head.kind} without a number: the data's classes are counted then."
        )
    count = next(count for count in (classes, written, _CLASSES) if count is not None)
    if count < 2:
        raise NetError(f"A classifier tells 2 classes or more apart. Received {head.place}, {classes=}. Add a class.")
    return count


def _modules(
    parts: list[tuple[Line, Words]], image_shape: tuple[int, int, int], *, sizes: Sizes
) -> dict[str, nn.Module]:
    """Make the modules of all lines, by their names."""
    modules: dict[str, nn.Module] = {}
    counts: Counter[str] = Counter()
    shape: Shape = image_shape
    for line, words in parts:
        kind = KINDS[words.kind]
        if kind.number == "classes" and words is not parts[-1][1]:
            raise NetError(
                f"Scores are the last layer. Received {line.place} before {parts[-1][0].place}. Leave one of them out."
            )
        if kind.reads == "maps" and len(shape) == 1:
            raise NetError(
                f"Convolutions and pools read maps. Received {line.place} after fully connected layers, which make a "
                f"row of {shape[0]} numbers. Move it before them."
            )
        if kind.reads == "row" and len(shape) == 3:
            modules["flatten"] = nn.Flatten()
            shape = sizes.after(modules["flatten"], shape, place=line.place)
        counts[kind.prefix] += 1
        usual = kind.prefix if kind.number == "classes" else f"{kind.prefix}{counts[kind.prefix]}"
        name = usual if line.name is None else line.name
        _check_name(name, line, taken=modules)
        try:
            modules[name] = kind.make(words, shape)
        except RuntimeError as error:  # more numbers than a tensor can have
            raise NetError(
                f"A net has at most {_MOST_PARAMETERS:,} parameters. Received {line.place} for maps of {shape}: "
                f"{error}. Make it smaller."
            ) from error
        shape = sizes.after(modules[name], shape, place=line.place)
    return modules


def _check_name(name: str, line: Line, *, taken: dict[str, nn.Module]) -> None:
    is_word = re.fullmatch(r"[A-Za-z]\w{0,79}", name)
    if not is_word or name in taken or name == "flatten" or hasattr(_PLAIN, name) or name in _ATTRIBUTES:
        raise NetError(
            "A layer's name is a word of letters, digits and _ that no other layer has, nor anything else of a net. "
            f"Received {line.place}, to be called {name!r}. Name it anew: own_{len(taken)}: {line.words}."
        )
