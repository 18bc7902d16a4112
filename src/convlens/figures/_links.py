"""Lines between the boxes of a net: on to the next, over what a shortcut passes, in arcs where everything reads all."""

from collections.abc import Sequence
from dataclasses import dataclass

from convlens.figures._flow import Node
from convlens.figures._layout import GAP, TINY, Box, Scale, lay_out

CLEARANCE = 0.05  # inches between a shortcut and what it passes
RISE = 0.1  # inches that an arc rises, an inch of its way
FIRST_RISE = 0.05  # inches that the shortest arc rises


@dataclass(frozen=True)
class Link:
    """A line from one box to another.

    Attributes:
        style: "on" (straight, or with one step), "over" (a shortcut) or "arc" (a dense link).
        start: inches along and above the middle line.
        end: the same.
        level: inches above the middle line that it reaches; of "on", inches along at which it steps.
    """

    style: str
    start: tuple[float, float]
    end: tuple[float, float]
    level: float


@dataclass(frozen=True)
class Picture:
    """The boxes of one net and what joins them.

    Attributes:
        boxes: as laid out.
        links: one for every box that another one reads.
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]

    @property
    def length(self) -> float:
        """Inches from beginning to end."""
        return max(box.right for box in self.boxes)

    @property
    def above(self) -> float:
        """Inches that boxes and links rise above the middle line."""
        return max([box.top for box in self.boxes] + [link.level for link in self.links if link.style != "on"])

    @property
    def below(self) -> float:
        """Inches that boxes reach below the middle line."""
        return -min(box.bottom for box in self.boxes)


def picture(nodes: Sequence[Node], scale: Scale) -> Picture:
    """Lay a net out and join its boxes.

    Args:
        nodes: in the order of their calls.
        scale: of channels and rows.
    """
    boxes = lay_out(nodes, scale)
    pairs = [(read, place) for place, node in enumerate(nodes) for read in node.reads]
    links: list[Link] = []
    for read, place in sorted(pairs, key=lambda pair: pair[1] - pair[0]):  # the inner shortcuts first
        links.append(_link(boxes, read, place, inner=links))
    return Picture(tuple(boxes), tuple(links))


def _link(boxes: Sequence[Box], read: int, place: int, *, inner: Sequence[Link]) -> Link:
    source, target = boxes[read], boxes[place]
    passed = [
        box
        for box in (boxes[read + 1 : place] if target.node.is_merge else [])
        if box.lane == source.lane == target.lane
        and source.right - TINY < box.left
        and box.right < target.left - TINY
        and box.width > 0
    ]
    if not passed:
        step = source.right + GAP / 2 if target.lane > source.lane else target.left - GAP / 2
        return Link("on", (source.right, source.middle), (target.left, target.middle), step)
    if target.node.kind == "concatenation":
        level = source.top + FIRST_RISE + RISE * (target.left - source.right)
        return Link("arc", (source.centre, source.top), (target.left, source.top), level)
    inset = GAP / 3  # shortcuts that follow each other do not touch
    start, end = source.right + inset, target.left - inset
    tops = [box.top for box in [source, *passed]]
    tops += [link.level for link in inner if link.style == "over" and link.start[0] < end and link.end[0] > start]
    return Link("over", (start, source.middle), (end, target.middle), max(tops) + CLEARANCE)
