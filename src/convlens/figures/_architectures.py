"""All networks on one page, to one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convlens.architectures import Description
from convlens.figures._canvas import INK, LINE, new_page, text_width
from convlens.figures._flow import flow
from convlens.figures._layout import Scale, fitting_scale, needed_width
from convlens.figures._links import Picture, picture
from convlens.figures._profile import draw_profile, label_boxes
from convlens.figures._scale_bars import draw_legend, draw_scale_bars, legend_of, legend_width, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 16.0  # inches of the page, unless a very deep net needs more
MARGIN = 0.35
LABELS = 2.35  # inches for the names at the left, unless a long one needs more
NAME_SIZE = 11.5  # points
ROW = 1.8 / 224  # inches a row
HEADING = 0.95
FOOTER = 1.05
LEGEND = 4.6  # to the right of the scale bars
BETWEEN = 0.42  # inches between a net and the next
SMALL = 0.9  # inches: a shorter net is drawn a second time, enlarged
ENLARGED, ENLARGED_ROWS = 2.6, 1.4  # inches that the enlarged drawing may be long, and high


@dataclass(frozen=True)
class Drawn:
    """A net with its labels, as it stands on the page."""

    name: str
    facts: Sequence[str]
    picture: Picture

    @property
    def zoom(self) -> int:
        """How many times as large it is drawn a second time; 1: not at all."""
        size = 2 * max(box.top for box in self.picture.boxes)
        small = self.picture.length < SMALL
        return int(max(min(ENLARGED / self.picture.length, ENLARGED_ROWS / size), 1)) if small else 1

    @property
    def above(self) -> float:
        """Inches that it needs above its middle line."""
        return max(self.picture.above * self.zoom + 0.16, 0.36)

    @property
    def below(self) -> float:
        """Inches that it needs below its middle line."""
        return max(self.picture.below * self.zoom, 0.36)


def draw_architectures(described: Sequence[tuple[str, str, Description]]) -> "Figure":
    """Draw nets below each other, to one scale that makes the longest as long as the page is wide.

    Args:
        described: name, year in brackets or "", and what is counted, of each net.

    Returns:
        A figure of matplotlib.
    """
    flows = [flow(description) for _, _, description in described]
    headings = [f"{name}{year}" for name, year, _ in described]
    labels = max(LABELS, text_width(headings, size=NAME_SIZE, weight="bold") + 0.25)
    length = needed_width(flows, least=WIDTH - 2 * MARGIN - labels)
    scale = Scale(fitting_scale(flows, width=length, row=ROW), ROW)
    nets = [
        Drawn(heading, _facts(description), picture(nodes, scale))
        for heading, (_, _, description), nodes in zip(headings, described, flows, strict=True)
    ]
    marks = legend_of(*(net.picture for net in nets))
    width = 2 * MARGIN + labels + max(length, LEGEND + legend_width(marks))
    height = HEADING + FOOTER + sum(net.above + net.below + BETWEEN for net in nets)
    figure, axes = new_page(width, height)
    axes.text(MARGIN, height - 0.42, "Architectures, drawn to one scale", size=17, weight="bold", color=INK)
    text = (
        "A box is a layer's output: as high as its maps have rows, as wide as there are maps. One of one row is a line."
    )
    axes.text(MARGIN, height - 0.7, text, size=9.5, color=INK)
    top = height - HEADING
    for net in nets:
        _draw_net(axes, net, left=MARGIN + labels, middle=top - net.above)
        top -= net.above + net.below + BETWEEN
    draw_scale_bars(axes, scale, left=MARGIN + labels, bottom=0.42)
    draw_legend(axes, marks, left=MARGIN + labels + LEGEND, bottom=0.42)
    return figure


def _facts(description: Description) -> list[str]:
    return [
        f"{description.parameters:,} parameters",
        f"{short(description.multiply_adds)} multiply-adds",
        f"{description.depth} layers with weights",
    ]


def _draw_net(axes: "Axes", net: Drawn, *, left: float, middle: float) -> None:
    axes.text(MARGIN, middle + 0.17, net.name, size=NAME_SIZE, weight="bold", color=INK, va="center")
    for line, fact in enumerate(net.facts):
        axes.text(MARGIN, middle - 0.03 - 0.15 * line, fact, size=8, color=INK, va="center")
    draw_profile(axes, net.picture, left=left, middle=middle)
    if net.zoom > 1:
        begin = left + net.picture.length + 1.1
        draw_profile(axes, net.picture, left=begin, middle=middle, zoom=net.zoom)
        text = f"{net.zoom} times\nas large:"
        axes.text(begin - 0.15, middle, text, size=8.5, color=LINE, va="center", ha="right", style="italic")
    else:
        label_boxes(axes, net.picture, left=left, middle=middle)
