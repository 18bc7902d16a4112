"""Draw a net as a row of boxes: as high as its maps have rows, as wide as it has maps."""

from typing import TYPE_CHECKING

from convlens.figures._canvas import COLOURS, INK, LINE, OTHER
from convlens.figures._links import Link, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THIN = 0.018  # inches: the least height or width that is seen
DIGIT = 0.07  # inches that a digit is wide
CORNER = 0.03  # inches: radius of a shortcut's corners


def draw_profile(axes: "Axes", net: Picture, *, left: float, middle: float, zoom: float = 1.0) -> None:
    """Draw the boxes of one net and the links between them.

    Args:
        axes: whose units are inches.
        net: its boxes and links.
        left: inches, where the net begins.
        middle: inches, its middle line.
        zoom: times its size.
    """
    from matplotlib.patches import Circle, Rectangle
    from matplotlib.transforms import Affine2D

    to_page = Affine2D().scale(zoom).translate(left, middle) + axes.transData
    for link in net.links:
        _draw_link(axes, link, to_page)
    for box in net.boxes:
        if box.node.is_merge:
            if box.node.kind != "concatenation":
                axes.add_patch(
                    Circle((box.left, box.middle), 0.016, color=INK, linewidth=0, zorder=4, transform=to_page)
                )
            continue
        height, width = max(box.height, THIN / zoom), max(box.width, THIN / zoom / 2)
        axes.add_patch(
            Rectangle(
                (box.left, box.middle - height / 2),
                width,
                height,
                facecolor=COLOURS.get(box.node.kind, OTHER),
                linewidth=0,
                zorder=3,
                transform=to_page,
            )
        )


def label_boxes(axes: "Axes", net: Picture, *, left: float, middle: float) -> None:
    """Write the count of rows where it changes, and the count of numbers above long lines.

    Args:
        axes: whose units are inches.
        net: its boxes and links.
        left: inches, where the net begins.
        middle: inches, its middle line.
    """
    rows, free = None, float("-inf")
    for box in net.boxes:
        if box.lane > 0 or box.node.is_merge or box.width < THIN / 4:
            continue
        if box.node.rows > 1 and box.node.rows != rows and box.left > free:
            text, along, alignment, rows = str(box.node.rows), box.left, "left", box.node.rows
        elif box.node.rows == 1 and box.node.kind == "fully connected" and box.width > 2 * DIGIT:
            text, along, alignment = str(box.node.channels), box.centre, "center"
        else:
            continue
        end = along + DIGIT * len(text)
        tops = [other.top for other in net.boxes if other.left < end and other.right > along]
        tops += [link.level for link in net.links if link.style != "on" and link.start[0] < end and link.end[0] > along]
        height = max([box.top, *tops]) + 0.03
        axes.text(left + along, middle + height, text, size=7, color=INK, ha=alignment)
        free = end + DIGIT


def _draw_link(axes: "Axes", link: Link, to_page: object) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (begin, low), (end, high), level = link.start, link.end, link.level
    colour, width, opacity = LINE, 0.5, 1.0
    if link.style == "on":
        points = [link.start, (level, low), (level, high), link.end]
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO]
    elif link.style == "over":
        corner = min(CORNER, (end - begin) / 4)
        points = [
            link.start,
            (begin, level - corner),
            (begin, level),
            (begin + corner, level),
            (end - corner, level),
            (end, level),
            (end, level - corner),
            link.end,
        ]
        codes = [Path.MOVETO, Path.LINETO, Path.CURVE3, Path.CURVE3, Path.LINETO, Path.CURVE3, Path.CURVE3, Path.LINETO]
        colour, width = INK, 0.7
    else:
        peak = low + (level - low) * 4 / 3  # a cubic curve reaches three quarters of its handles' height
        points = [link.start, (begin, peak), (end, peak), link.end]
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        colour, width, opacity = INK, 0.35, 0.35
    axes.add_patch(
        PathPatch(
            Path(points, codes),
            fill=False,
            edgecolor=colour,
            linewidth=width,
            alpha=opacity,
            zorder=2,
            transform=to_page,
        )
    )
