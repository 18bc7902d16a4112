"""The rows of a net's chart: a layer with weights or a pool each, its normalisation in the same row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convlens.figures._flow import STRIP, Node


@dataclass(frozen=True)
class Row:
    """A line of the chart.

    Attributes:
        nodes: places of the nodes that it shows, in the order of their calls.
        main: place of the one that names it.
    """

    nodes: tuple[int, ...]
    main: int


def rows_of(nodes: Sequence[Node]) -> list[Row]:
    """Put each normalisation that lies between two layers alone into the row of the convolution beside it.

    Args:
        nodes: of a net, in the order of their calls.

    Returns:
        Rows, in that order.
    """
    readers: list[list[int]] = [[] for _ in nodes]
    for place, node in enumerate(nodes):
        for read in node.reads:
            readers[read].append(place)
    home = list(range(len(nodes)))
    for place, node in enumerate(nodes):
        if node.layer.kind != STRIP or len(node.reads) != 1:
            continue
        before, after = node.reads[0], readers[place]
        if _has_weights(nodes[before]) and len(readers[before]) == 1:
            home[place] = before
        elif len(after) == 1 and _has_weights(nodes[after[0]]):
            home[place] = after[0]
    members: dict[int, list[int]] = {}
    for place, main in enumerate(home):
        members.setdefault(main, []).append(place)
    return [Row(tuple(members[main]), main) for main in sorted(members)]


def product(weights: Mapping[str, tuple[int, ...]]) -> str:
    """Write a count of parameters as the products that it is made of.

    Args:
        weights: shapes by name, as in a Layer.

    Returns:
        Such as "3 x 3 x 64 x 128 + 128": rows, columns, maps read, maps made; and the biases.

    >>> product({"weight": (128, 64, 3, 3), "bias": (128,)})
    '3 x 3 x 64 x 128 + 128'
    """
    shapes = sorted(weights.values(), key=len, reverse=True)
    terms = [" x ".join(map(str, (*shape[2:], *reversed(shape[:2])))) for shape in shapes]
    counts = dict.fromkeys(terms, 0)
    for term in terms:
        counts[term] += 1
    return " + ".join(term if count == 1 else f"{count} x {term}" for term, count in counts.items())


def _has_weights(node: Node) -> bool:
    return node.layer.kind in ("convolution", "fully connected")
