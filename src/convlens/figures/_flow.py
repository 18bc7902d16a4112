"""A described net as a picture shows it: the layers that make maps, and what reads what."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from convlens.architectures import Description, Layer

MAPS = ("convolution", "max pooling", "average pooling", "fully connected")
STRIP = "normalisation"
MERGES = ("addition", "concatenation", "multiplication")


@dataclass(frozen=True)
class Node:
    """A layer that is drawn.

    Attributes:
        layer: as described.
        reads: places of the nodes that it reads, in order; empty if it reads the image.
    """

    layer: Layer
    reads: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Count of maps, or of numbers where there are no rows and columns."""
        output = self.layer.output
        if self.layer.kind == "fully connected":  # of the features of every token, where there are tokens
            return output[-1]
        return output[1] if len(output) > 1 else 1

    @property
    def rows(self) -> int:
        """Rows of a map; 1 where there are none."""
        return self.layer.output[2] if len(self.layer.output) > 2 and self.layer.kind != "fully connected" else 1

    @property
    def kind(self) -> str:
        """The layer's kind; 1 x 1 convolutions, which look at one place only, are told apart."""
        is_point = self.layer.kind == "convolution" and self.layer.detail.startswith("1 x 1")
        return "1 x 1 convolution" if is_point else self.layer.kind

    @property
    def is_merge(self) -> bool:
        """Whether branches come together here."""
        return self.layer.kind in MERGES and len(self.reads) > 1


def flow(description: Description) -> list[Node]:
    """Keep the layers that are drawn; what reads the others' outputs then reads what those read.

    Args:
        description: of a net.

    Returns:
        Nodes in the order of their calls.
    """
    nodes: list[Node] = []
    behind: dict[str, tuple[int, ...]] = {"input": ()}  # by layer: the nodes that it shows
    shapes: dict[str, tuple[int, ...]] = {"input": (description.batch, *description.image_shape)}
    for layer in description.layers:
        reads = _distinct([place for name in layer.reads for place in behind[name]])
        if layer.kind == "concatenation":  # what is put beside maps that were put beside each other reads them all
            reads = _distinct([place for read in reads for place in _parts(nodes, read)])
        if _is_drawn(layer, reads, [shapes[name] for name in layer.reads]):
            nodes.append(Node(layer, reads))
            behind[layer.name] = (len(nodes) - 1,)
        else:
            behind[layer.name] = reads
        shapes[layer.name] = layer.output
    return nodes


def _is_drawn(layer: Layer, reads: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> bool:
    if layer.parameters or layer.multiply_adds or layer.kind in (*MAPS, STRIP):
        return True
    if layer.kind in MERGES and len(reads) > 1:
        return True
    # Any other layer that makes another count of numbers of them, as LeNet-5's distances to its codes.
    return layer.memory > 0 and prod(layer.output) not in map(prod, shapes)


def _parts(nodes: Sequence[Node], place: int) -> tuple[int, ...]:
    return nodes[place].reads if nodes[place].layer.kind == "concatenation" else (place,)


def _distinct(places: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(places))
