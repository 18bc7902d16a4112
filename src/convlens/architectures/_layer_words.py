"""The words of a network that is written down: one layer a line, "convolution 32, 5x5, wide".

Case, commas and spaces are free. What a line leaves open is as torch has it.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from convlens.architectures._blocks import (
    ScaledTanh,
    SoftmaxHead,
    SumPool2d,
    SVMHead,
    TrainedSubsampling,
    padding_for,
)
from convlens.architectures._net_sizes import Shape
from convlens.errors import NetError, ShapeError

Pair = tuple[int, int]
_LARGEST = 1_000_000  # of any number: what is more is a slip


@dataclass(frozen=True)
class Words:
    """One line, taken apart.

    Attributes:
        place: where it stands, for errors: 'line 4, "max 2x2"'.
        kind: of the layer, one of `KINDS`.
        number: filters, units, classes or a share, where the line has one.
        options: "size", "stride", "padding", "dilation", "groups" as pairs (rows, columns), and the words "narrow",
            "same", "wide", "all", "no bias", whose pair says nothing.
    """

    place: str
    kind: str
    number: float | None = None
    options: dict[str, Pair] = field(default_factory=dict)

    def pair(self, option: str, default: int) -> Pair:
        """Return an option's rows and columns."""
        return self.options.get(option, (default, default))


@dataclass(frozen=True)
class Kind:
    """What a kind of layer says of itself.

    Attributes:
        prefix: of the names of such layers: conv1, conv2.
        make: the module, from a line and the shape of what comes in.
        number: what the number after the kind counts: "filters", "units", "classes", "share" or none.
        needs: options without which the line is not whole.
        takes: further options.
        reads: "maps", a "row" of numbers, or "any" of the two.
        example: a line that is whole.
    """

    prefix: str
    make: Callable[[Words, Shape], nn.Module]
    number: str = ""
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    reads: str = "any"
    example: str = ""


def _convolution(words: Words, shape: Shape) -> nn.Module:
    channels = shape[0]
    size, dilation, groups = words.pair("size", 1), words.pair("dilation", 1), words.pair("groups", 1)[0]
    filters, stride = int(words.number or 0), words.pair("stride", 1)
    if channels % groups or filters % groups:
        shared = [count for count in range(1, min(channels, filters) + 1) if channels % count == filters % count == 0]
        raise NetError(
            f"Groups divide the maps that come in and the filters. Received {words.place}: {channels} maps, "
            f"{filters} filters, {groups} groups. Groups of {', '.join(map(str, shared))} would do."
        )
    borders = [word for word in ("narrow", "same", "wide", "padding") if word in words.options]
    if len(borders) > 1:
        raise NetError(
            f"A convolution has one kind of border. Received {words.place} with {' and '.join(borders)}. Keep one."
        )
    if "same" in words.options and stride != (1, 1):
        rows, columns = padding_for("same", size, dilation=dilation)  # ty: ignore[not-iterable]  # of a pair, a pair
        raise NetError(
            f"A convolution whose output has the same size has a stride of 1. Received {words.place}. "
            f"Write padding {rows}x{columns} for its border."
        )
    border = borders[0] if borders else "narrow"
    try:
        padding = words.options["padding"] if border == "padding" else padding_for(border, size, dilation=dilation)
    except ShapeError as error:
        raise ShapeError(f"{error} Received {words.place}.") from None
    return nn.Conv2d(
        channels, filters, size, stride, padding, dilation, groups=groups, bias="no bias" not in words.options
    )


def _pool(make: Callable[..., nn.Module]) -> Callable[[Words, Shape], nn.Module]:
    def pool(words: Words, shape: Shape) -> nn.Module:
        if "all" in words.options:
            if len(words.options) > 1:
                raise NetError(f"What averages whole maps has no window. Received {words.place}. Write: average all.")
            return nn.AdaptiveAvgPool2d(1)
        size, padding = words.options["size"], words.pair("padding", 0)
        if any(2 * border > side for border, side in zip(padding, size, strict=True)):
            most = "x".join(str(side // 2) for side in size)
            raise NetError(
                f"A pool's border is at most half its window, so that each window has something to read. "
                f"Received {words.place}. A padding of {most} is the most."
            )
        return make(size, words.options.get("stride", size), padding)

    return pool


def _simple(make: Callable[[], nn.Module]) -> Callable[[Words, Shape], nn.Module]:
    return lambda words, shape: make()


def _dropout(words: Words, shape: Shape) -> nn.Module:
    share = words.number or 0.0
    if not 0 < share < 1:
        raise NetError(f"Dropout drops a share between 0 and 1. Received {words.place}. A usual one is 0.5.")
    return nn.Dropout(share)


def _linear(make: type[nn.Linear]) -> Callable[[Words, Shape], nn.Module]:
    return lambda words, shape: make(shape[0], int(words.number or 0))


def _batch_norm(words: Words, shape: Shape) -> nn.Module:
    return nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])


_POOL = ("stride", "padding")
KINDS = {
    "convolution": Kind(
        "conv",
        _convolution,
        number="filters",
        needs=("size",),
        takes=("narrow", "same", "wide", "padding", "stride", "dilation", "groups", "no bias"),
        reads="maps",
        example="convolution 32, 5x5, wide",
    ),
    "max": Kind("pool", _pool(nn.MaxPool2d), needs=("size",), takes=_POOL, reads="maps", example="max 2x2"),
    "average": Kind(
        "pool", _pool(nn.AvgPool2d), needs=("size",), takes=(*_POOL, "all"), reads="maps", example="average 2x2"
    ),
    "sum": Kind("pool", _pool(SumPool2d), needs=("size",), takes=_POOL, reads="maps", example="sum 2x2, stride 2"),
    "trained subsampling": Kind("pool", lambda words, shape: TrainedSubsampling(shape[0]), reads="maps"),
    "batch norm": Kind("norm", _batch_norm),
    "relu": Kind("relu", _simple(nn.ReLU)),
    "tanh": Kind("tanh", _simple(nn.Tanh)),
    "scaled tanh": Kind("tanh", _simple(ScaledTanh)),
    "sigmoid": Kind("sigmoid", _simple(nn.Sigmoid)),
    "dropout": Kind("drop", _dropout, number="share", example="dropout 0.5"),
    "fully connected": Kind("fc", _linear(nn.Linear), number="units", reads="row", example="fully connected 120"),
    "softmax": Kind("scores", _linear(SoftmaxHead), number="classes", reads="row"),
    "svm": Kind("scores", _linear(SVMHead), number="classes", reads="row"),
    "scores": Kind("scores", _linear(nn.Linear), number="classes", reads="row"),
}
_PAIRS = ("stride", "padding", "dilation", "groups")  # words that a number follows
_ELSEWHERE = {  # what other texts call the same
    "conv": "convolution",
    "conv2d": "convolution",
    "pool": "max",
    "maxpool": "max",
    "mean": "average",
    "linear": "fully connected",
    "dense": "fully connected",
    "fc": "fully connected",
    "bn": "batch norm",
    "output": "softmax",
    "hinge": "svm",
}
_USUAL = {"size": "3x3", "stride": "2", "padding": "1", "dilation": "2", "groups": "2"}
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")


def take_apart(line: str, place: str) -> Words:
    """Take one line apart.

    Args:
        line: such as "convolution 32, 5x5, wide".
        place: of the line, for errors.

    Raises:
        NetError: a word is unknown or does not belong there, or the line is not whole.
    """
    tokens = re.sub(r"(\d)\s*[x\u00d7]\s*(\d)", r"\1x\2", line.lower()).replace(",", " ").split()
    name = next((words for words in (" ".join(tokens[:2]), " ".join(tokens[:1])) if words in KINDS), None)
    if name is None:
        raise NetError(
            f"A line begins with a kind of layer. Received {place}. {nearest(' '.join(tokens[:2]), list(KINDS))}"
        )
    kind, number, options = KINDS[name], None, {}
    rest = iter(tokens[len(name.split()) :])
    for word in rest:
        if word == "no":
            word = f"no {next(rest, '')}"
        if kind.number and number is None and _NUMBER.fullmatch(word):
            number = float(word)
            continue
        option = "size" if _SIZE.fullmatch(word) else word
        if option not in (*kind.needs, *kind.takes) or option in options:
            near = difflib.get_close_matches(word, kind.takes, n=1, cutoff=0.7)
            raise NetError(
                f"A line says what its kind takes, once. Received {place} with {word!r}. "
                f"{f'Nearest: {near[0]}. ' if near and option not in options else ''}{_takes(name)}"
            )
        options[option] = _pair(next(rest, "") if word in _PAIRS else word, place, option=option)
    has_size = "size" not in kind.needs or "size" in options or "all" in options
    if not has_size or (number is None and kind.number not in ("", "classes")):
        raise NetError(f"A line is whole. Received {place}. {_takes(name)} An example: {kind.example}.")
    if number is not None and kind.number != "share" and not (number.is_integer() and 1 <= number <= _LARGEST):
        raise NetError(f"{kind.number.capitalize()} are counted: 1 to {_LARGEST}. Received {place}.")
    return Words(place, name, number, options)


def _pair(word: str, place: str, *, option: str) -> Pair:
    """Read "2" or "2x1"; a word that stands alone has none."""
    if option not in ("size", *_PAIRS):
        return (1, 1)
    found = _SIZE.fullmatch(word if "x" in word or option == "size" else f"{word}x{word}")
    rows, columns = map(int, found.groups()) if found else (-1, -1)
    least = 0 if option == "padding" else 1
    if min(rows, columns) < least or max(rows, columns) > _LARGEST or (option == "groups" and rows != columns):
        raise NetError(
            f"A {option} is a whole number from {least} to {_LARGEST}"
            f"{'' if option == 'groups' else ', or two of them for rows and columns, such as 3x5'}. "
            f"Received {place} with {option} {word or 'and nothing after it'}. A usual one is {_USUAL[option]}."
        )
    return rows, columns


def _takes(name: str) -> str:
    """Say what a line of one kind takes."""
    kind = KINDS[name]
    number = {"": [], "share": ["a share"]}.get(kind.number, [f"a count of {kind.number}"])
    words = ["a size such as 5x5" if word == "size" else word for word in (*kind.needs, *kind.takes)]
    return f"{name.capitalize()} takes {', '.join(number + words) or 'nothing more'}."


def nearest(word: str, known: list[str]) -> str:
    """Say which known words are nearest to one."""
    first = word.split(" ")[0]
    near = difflib.get_close_matches(word, known, n=2) or difflib.get_close_matches(first, known, n=2)
    near = near or [meant for meant in known if _ELSEWHERE.get(first) == meant]
    return f"{'Nearest: ' + ' or '.join(near) + '. ' if near else ''}Known: {', '.join(known)}."
