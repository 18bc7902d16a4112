"""Scale bars, the key of the colours, and numbers in short."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from convlens.figures._canvas import COLOURS, INK, OTHER, text_width
from convlens.figures._layout import Scale
from convlens.figures._links import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LETTERS = 8.5  # points


class Mark(NamedTuple):
    """What a colour stands for, or a line of some width in points."""

    text: str
    colour: str
    width: float | None = None


def round_number(limit: float) -> int:
    """Choose the largest power of two up to a limit: maps mostly come in these."""
    return 2 ** max(int(limit).bit_length() - 1, 0)


def short(count: float, unit: str = "") -> str:
    """Write a count with three digits: 4.09 G, 714 M, 419 k.

    >>> short(999_400), short(999_999), short(40, "B")
    ('999 k', '1 M', '40 B')
    """
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            return f"{count / size:.3g} {prefix}{unit}"
    return f"{count} {unit}".strip()


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


def legend_of(*nets: Picture) -> list[Mark]:
    """List the colours and lines that have a meaning in some drawings."""
    shown = {box.node.kind for net in nets for box in net.boxes if not box.node.is_merge}
    styles = {link.style for net in nets for link in net.links}
    marks = [Mark(kind, colour) for kind, colour in COLOURS.items() if kind in shown]
    marks += [Mark("other layer", OTHER)] if shown - set(COLOURS) else []
    has_gates = any(box.node.kind == "multiplication" for net in nets for box in net.boxes)
    over = Mark("shortcut or gate" if has_gates else "shortcut, added", INK, width=1.0)
    marks += [over] if "over" in styles else []
    marks += [Mark("dense link, put beside", INK, width=0.45)] if "arc" in styles else []
    return marks


def legend_width(marks: Sequence[Mark]) -> float:
    """Say how wide a legend is, in inches."""
    return sum(_column_width(marks[place : place + 2]) for place in range(0, len(marks), 2))


def draw_legend(axes: "Axes", marks: Sequence[Mark], *, left: float, bottom: float) -> None:
    """Draw the colours' meanings, and those of the lines, in two rows.

    Args:
        axes: whose units are inches.
        marks: what `legend_of` lists.
        left: inches.
        bottom: inches.
    """
    from matplotlib.patches import Rectangle

    for place in range(0, len(marks), 2):
        column = marks[place : place + 2]
        for row, (text, colour, width) in enumerate(column):
            up = bottom + 0.25 * (1 - row)
            if width is None:
                axes.add_patch(Rectangle((left, up), 0.22, 0.13, facecolor=colour, linewidth=0))
            else:
                axes.plot([left, left + 0.22], [up + 0.065] * 2, color=colour, linewidth=width)
            axes.text(left + 0.3, up + 0.065, text, size=_LETTERS, va="center", color=INK)
        left += _column_width(column)


def _column_width(column: Sequence[Mark]) -> float:
    return 0.3 + text_width([mark.text for mark in column], size=_LETTERS) + 0.3
