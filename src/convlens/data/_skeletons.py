"""From the table of strokes to curves: every point of a digit as a fixed mixture of the points that the pen passes."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from convlens.data._strokes import VARIANTS, WIDTHS

POINTS = 80  # along a digit, evenly: at 20 pixels a height, they lie closer than a pixel


@dataclass(frozen=True)
class Skeleton:
    """One variant of a digit, upright, one unit high.

    Attributes:
        controls: the points that the pen passes: row, column.
        is_end: the pen lands or lifts at this control point.
        curve: weights of the control points in each of the points along the pen's way.
    """

    controls: Float64[np.ndarray, "control 2"]
    is_end: Float64[np.ndarray, " control"]
    curve: Float64[np.ndarray, "point control"]


@dataclass(frozen=True)
class SkeletonTable:
    """All variants of all classes, padded with zeros to the same count of control points.

    Attributes:
        controls: as in `Skeleton`.
        is_end: as in `Skeleton`, 0 or 1.
        curves: as in `Skeleton`.
        tickets: for each class, its variants' places in this table, each as often as its share demands.
    """

    controls: Float32[Tensor, "variant control 2"]
    is_end: Float32[Tensor, "variant control"]
    curves: Float32[Tensor, "variant point control"]
    tickets: tuple[Int64[np.ndarray, " _"], ...]  # not of one length


@cache
def skeleton_table() -> SkeletonTable:
    """Read the table of strokes, once."""
    skeletons: list[Skeleton] = []
    tickets = []
    for label, text in VARIANTS.items():
        own: list[int] = []
        for line in text.strip().splitlines():
            share, *way = line.split()
            own += [len(skeletons)] * int(share)
            skeletons.append(read_skeleton(way, width=WIDTHS[label]))
        tickets.append(np.array(own))
    curves = [torch.tensor(skeleton.curve.T, dtype=torch.float32) for skeleton in skeletons]
    return SkeletonTable(
        controls=pad_sequence([torch.tensor(s.controls, dtype=torch.float32) for s in skeletons], batch_first=True),
        is_end=pad_sequence([torch.tensor(s.is_end, dtype=torch.float32) for s in skeletons], batch_first=True),
        curves=pad_sequence(curves, batch_first=True).mT.contiguous(),
        tickets=tuple(tickets),
    )


def read_skeleton(way: list[str], *, width: float = 1.0) -> Skeleton:
    """Read the points that a pen passes, as the table of strokes writes them.

    Args:
        way: "row,column" in percent, "row,column!" for a sharp turn, "|" where the pen is lifted.
        width: of the digit, in heights.
    """
    controls: list[tuple[float, float]] = []
    is_end: list[float] = []
    pieces: list[list[int]] = [[]]  # control points that one smooth curve passes; a turn is in two of them
    for before, word, after in zip(["|", *way], way, [*way[1:], "|"], strict=False):
        if word == "|":
            pieces.append([])
            continue
        row, column = word.rstrip("!").split(",")
        pieces[-1].append(len(controls))
        if word.endswith("!"):
            pieces.append([len(controls)])
        controls.append((float(row) / 100, float(column) / 100 * width))
        is_end.append(float("|" in (before, after)))
    places = np.array(controls)
    return Skeleton(places, np.array(is_end), _mix(places, pieces))


def _mix(controls: Float64[np.ndarray, "control 2"], pieces: list[list[int]]) -> Float64[np.ndarray, "point control"]:
    """Spread points evenly along cubic Hermite curves; the slope at a control point is its parabola's."""
    lengths = [np.hypot(*np.diff(controls[piece], axis=0).T) for piece in pieces]
    places = np.linspace(0, sum(length.sum() for length in lengths), POINTS)
    rows = []
    begin = 0.0
    for number, (piece, length) in enumerate(zip(pieces, lengths, strict=True)):
        knots = begin + np.concatenate([[0.0], np.cumsum(length)])
        begin = knots[-1]
        is_last = number == len(pieces) - 1
        inside = places[(places >= knots[0]) & ((places < knots[-1]) | is_last)]
        span = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(length) - 1)
        step = length[span][:, None]
        t = ((inside - knots[span])[:, None] / step).clip(0, 1)
        values = np.eye(len(controls))[piece]
        slopes = np.gradient(values, knots, axis=0, edge_order=2 if len(piece) > 2 else 1)
        rows.append(
            (2 * t**3 - 3 * t**2 + 1) * values[span]
            + (t**3 - 2 * t**2 + t) * step * slopes[span]
            + (3 * t**2 - 2 * t**3) * values[span + 1]
            + (t**3 - t**2) * step * slopes[span + 1]
        )
    return np.concatenate(rows)
