"""What all figures have in common: matplotlib, colours, and files that are whole or not there."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from convlens.errors import FigureError, MissingPackageError
from convlens.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008): told apart by eyes that miss one kind of cone.
COLOURS = {
    "convolution": "#0072B2",
    "1 x 1 convolution": "#56B4E9",
    "max pooling": "#E69F00",
    "average pooling": "#F0E442",
    "fully connected": "#D55E00",
    "normalisation": "#009E73",
}
OTHER = "#999999"
INK = "#222222"
LINE = "#777777"
SUFFIXES = (".svg", ".png", ".pdf")


def require_matplotlib() -> None:
    """Say what to install where matplotlib is missing, before anything is counted.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"Figures are drawn by matplotlib, which is not installed. Received {error}. "
            "Install it: pip install 'convlens[plot]'"
        ) from error


def new_page(width: float, height: float) -> "tuple[Figure, Axes]":
    """Make an empty figure, without a window, and axes on all of it whose units are inches.

    Args:
        width: in inches.
        height: in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def text_width(texts: Iterable[str], *, size: float, weight: str = "normal") -> float:
    """Measure the longest of some texts in the figures' font.

    Args:
        texts: a line each.
        size: in points.
        weight: "normal" or "bold".

    Returns:
        Inches.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(weight=weight)
    longest = sorted(set(texts), key=len)[-8:]  # letters differ in width, but not that much
    paths = [TextPath((0, 0), text, size=size, prop=font) for text in longest if text.strip()]
    return max((path.get_extents().width / 72 for path in paths), default=0.0)


def check_path(path: str | os.PathLike[str]) -> Path:
    """Refuse a file that a figure cannot be written to, before anything is drawn.

    Args:
        path: ends with .svg, .png or .pdf; its folder must exist.

    Raises:
        FigureError: another suffix, or no such folder.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise FigureError(
            f"A figure's file is named after its format. Received path={str(path)!r}. "
            f"Try {path.with_suffix('.svg').name!r}, or one of {', '.join(SUFFIXES)}."
        )
    if not path.parent.is_dir():
        raise FigureError(
            f"A figure is written into a folder that is there. Received path={str(path)!r}. Make {str(path.parent)!r}."
        )
    return path


def save(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write a figure as a file, whole or not at all.

    Args:
        figure: what a function of `convlens.figures` returned, or any of matplotlib's.
        path: ends with .svg, .png or .pdf; its folder must exist.

    Raises:
        FigureError: another suffix, no such folder, or it cannot be written there.
    """
    path = check_path(path)
    from matplotlib import rc_context

    kind = path.suffix.lower()[1:]
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}  # the same figure gives the same file
    written = io.BytesIO()
    with rc_context({"svg.hashsalt": "convlens", "svg.fonttype": "path"}):
        figure.savefig(written, format=kind, dpi=150, metadata=dates.get(kind))
    try:
        write_whole(path, written.getvalue())
    except OSError as error:
        raise FigureError(
            f"A figure's file can be written. Received path={str(path)!r}: {error.strerror}. Name another."
        ) from error
