"""Scale bars, the key of the colours, and numbers in short."""

from typing import TYPE_CHECKING

from convlens.figures._canvas import COLOURS, INK, OTHER
from convlens.figures._layout import Scale
from convlens.figures._links import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def round_number(limit: float) -> int:
    """Choose the largest power of two up to a limit: maps mostly come in these."""
    return 2 ** max(int(limit).bit_length() - 1, 0)


def short(count: float) -> str:
    """Write a count with three digits: 4.09 G, 714 M, 419 k."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)


def draw_scale_bars(axes: "Axes", scale: Scale, *, left: float, bottom: float) -> None:
    """Draw how long some rows and some maps are.

    Args:
        axes: whose units are inches.
        scale: of the drawing above.
        left: inches.
        bottom: inches.
    """
    rows, channels = round_number(0.5 / scale.row), round_number(1.4 / scale.channel)
    axes.plot([left, left], [bottom, bottom + rows * scale.row], color=INK, linewidth=1.6, solid_capstyle="butt")
    axes.text(left + 0.08, bottom + rows * scale.row / 2, f"{rows} rows", size=8.5, va="center", color=INK)
    begin = left + 1.1
    end = begin + channels * scale.channel
    axes.plot([begin, end], [bottom + 0.1] * 2, color=INK, linewidth=1.6, solid_capstyle="butt")
    axes.text((begin + end) / 2, bottom + 0.17, f"{channels} maps", size=8.5, ha="center", color=INK)


def draw_legend(axes: "Axes", *nets: Picture, left: float, bottom: float) -> None:
    """Draw the colours' meanings, and those of the lines, in two rows.

    Args:
        axes: whose units are inches.
        nets: what is drawn above.
        left: inches.
        bottom: inches.
    """
    from matplotlib.patches import Rectangle

    shown = {box.node.kind for net in nets for box in net.boxes if not box.node.is_merge}
    styles = {link.style for net in nets for link in net.links}
    marks = [(kind, colour, None) for kind, colour in COLOURS.items() if kind in shown]
    marks += [("other layer", OTHER, None)] if shown - set(COLOURS) else []
    has_gates = any(box.node.kind == "multiplication" for net in nets for box in net.boxes)
    marks += [("shortcut or gate" if has_gates else "shortcut, added", INK, 1.0)] if "over" in styles else []
    marks += [("dense link, put beside", INK, 0.45)] if "arc" in styles else []
    for number, (text, colour, width) in enumerate(marks):
        along, up = left + (number // 2) * 2.0, bottom + 0.25 * (1 - number % 2)
        if width is None:
            axes.add_patch(Rectangle((along, up), 0.22, 0.13, facecolor=colour, linewidth=0))
        else:
            axes.plot([along, along + 0.22], [up + 0.065] * 2, color=colour, linewidth=width)
        axes.text(along + 0.3, up + 0.065, text, size=8.5, va="center", color=INK)
