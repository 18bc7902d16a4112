"""The chart of a net: a row a layer, what reads what at its left, sizes as bars at its right."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convlens.figures._canvas import COLOURS, INK, LINE, OTHER, text_width
from convlens.figures._flow import Node
from convlens.figures._rows import Row, product, rows_of
from convlens.figures._scale_bars import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE_HEIGHT = 0.2
PATHS = 1.2  # inches for the paths at the left
LANE = 0.14  # inches from a branch to the next
SPACE = 0.3  # inches between columns
BAR, NUMBER = 0.75, 0.5  # inches of the longest bar, and of the number before it
SIZE = 7.5  # points
HEADINGS = ("layer", "kind", "parameters", "output")


class Chart:
    """The rows of a net, as wide as their texts are long.

    Attributes:
        width: in inches, without margins.
        height: in inches.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._rows = rows_of(nodes)
        self._texts = [_texts(nodes, row) for row in self._rows]
        longest = [text_width(column, size=SIZE) for column in zip(HEADINGS, *self._texts, strict=True)]
        self._columns = [PATHS]
        for inches in longest:
            self._columns.append(self._columns[-1] + inches + SPACE)
        self.width = self._columns[-1] + 3 * (NUMBER + BAR) + 2 * SPACE
        self.height = LINE_HEIGHT * (len(self._rows) + 2)

    def draw(self, axes: "Axes", lanes: Sequence[int], *, left: float, top: float, width: float) -> None:
        """Draw headings and rows.

        Args:
            axes: whose units are inches.
            lanes: of the nodes, as laid out.
            left: inches.
            top: inches.
            width: inches that there are; the bars take what the texts leave.
        """
        bar = BAR + (width - self.width) / 3
        ups = [top - LINE_HEIGHT * (line + 1.4) for line in range(len(self._rows))]
        for along, heading, texts in zip(self._columns, HEADINGS, zip(*self._texts, strict=True), strict=False):
            axes.text(left + along, top, heading, size=SIZE, weight="bold", color=INK, va="center")
            for text, up in zip(texts, ups, strict=True):
                axes.text(left + along, up, text, size=SIZE, color=INK, va="center")
        axes.plot([left + PATHS, left + width], [top - 0.13] * 2, color=INK, linewidth=0.6)
        begin = left + self._columns[-1] + NUMBER
        for heading in ("parameters", "multiply_adds", "memory"):
            title = {"multiply_adds": "multiply-adds", "memory": "bytes"}.get(heading, heading)
            axes.text(begin - NUMBER + 0.1, top, title, size=SIZE, weight="bold", color=INK, va="center")
            self._draw_bars(axes, heading, left=begin, length=bar, ups=ups)
            begin += NUMBER + bar + SPACE
        self._draw_paths(axes, lanes, right=left + PATHS - 0.2, ups=ups)

    def _draw_bars(self, axes: "Axes", what: str, *, left: float, length: float, ups: Sequence[float]) -> None:
        values = [sum(getattr(self._nodes[place].layer, what) for place in row.nodes) for row in self._rows]
        for value, up, row in zip(values, ups, self._rows, strict=True):
            if value:
                colour = COLOURS.get(self._nodes[row.main].kind, OTHER)
                axes.text(left - 0.06, up, short(value), size=SIZE, color=INK, va="center", ha="right")
                axes.barh(up, length * value / max(values), height=0.11, left=left, color=colour, linewidth=0)

    def _draw_paths(self, axes: "Axes", lanes: Sequence[int], *, right: float, ups: Sequence[float]) -> None:
        """Draw what reads what: branches beside each other, shortcuts and dense links as arcs."""
        from matplotlib.patches import Circle, PathPatch
        from matplotlib.path import Path

        lines = {place: line for line, row in enumerate(self._rows) for place in row.nodes}
        row_lanes = [lanes[row.main] for row in self._rows]
        step = min(LANE, (PATHS - 0.3) / max(max(row_lanes), 1))
        dots = [(right - step * lane, up) for lane, up in zip(row_lanes, ups, strict=True)]
        for node, target in zip(self._nodes, map(lines.__getitem__, range(len(self._nodes))), strict=True):
            for source in [lines[read] for read in node.reads if lines[read] != target]:
                start, end = dots[source], dots[target]
                if node.is_merge and row_lanes[source] in row_lanes[source + 1 : target]:
                    bulge = min(0.1 + 0.12 * (target - source - 1) ** 0.6, PATHS - 0.2) * 4 / 3
                    points = [start, (start[0] - bulge, start[1]), (end[0] - bulge, end[1]), end]
                    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
                    dense = node.kind == "concatenation"
                    style = {"edgecolor": INK, "linewidth": 0.4 if dense else 0.8, "alpha": 0.4 if dense else 1.0}
                else:
                    turn = end[1] + LINE_HEIGHT / 2 if node.is_merge else start[1] - LINE_HEIGHT / 2
                    path = Path([start, (start[0], turn), (end[0], turn), end])
                    style = {"edgecolor": LINE, "linewidth": 0.7}
                axes.add_patch(PathPatch(path, fill=False, zorder=1, **style))
        for row, dot in zip(self._rows, dots, strict=True):
            main = self._nodes[row.main]
            radius, colour = (0.03, INK) if main.is_merge else (0.048, COLOURS.get(main.kind, OTHER))
            axes.add_patch(Circle(dot, radius, color=colour, linewidth=0, zorder=3))


def _texts(nodes: Sequence[Node], row: Row) -> tuple[str, str, str, str]:
    main, layers = nodes[row.main].layer, [nodes[place].layer for place in row.nodes]
    others = ["norm" for layer in layers if layer is not main]
    kind = ", ".join([f"{main.kind} {main.detail}".strip(), *others])
    weights = " + ".join(filter(None, (product(layer.weights) for layer in layers)))
    return main.name, kind, weights, " x ".join(map(str, main.output[1:]))
