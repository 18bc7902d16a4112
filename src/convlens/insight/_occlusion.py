"""Attribution by covering parts of an image."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._attribution import Attribution, answer
from convlens.insight._question import Target, ask

_WINDOWS_ALONG = 6  # windows side by side along the shorter axis, by default


def occlusion(
    net: nn.Module,
    image: Any,
    *,
    target: Target = None,
    preprocessing: Preprocessing | None = None,
    window: int | None = None,
    stride: int | None = None,
    fill: float = 0.0,
    at_once: int = 16,
) -> Attribution:
    """Cover an image with a square, place by place, and see how much one value of the net falls.

    Args:
        net: as for `gradient`.
        image: as for `gradient`; with rows and columns.
        target: as for `gradient`; the top class is that of the whole image.
        preprocessing: as for `gradient`.
        window: rows and columns of the square, in pixels of the input; by default a sixth of the shorter side.
        stride: pixels from one place to the next, 1..window; by default half the window. Squares at the lower and right
            border are cut off there.
        fill: what the square is filled with, in the net's normalised numbers; 0 is the mean colour of many nets; of
            digits on black, the least of the numbers makes the square a background.
        at_once: covered images that the net runs on together.

    Returns:
        For each pixel the fall of the value, averaged over the squares that cover it: one channel.

    Raises:
        InsightError: no such target, an input that is no image, or a square that does not fit.
        TraceError: as for `gradient`.

    Source:
        Zeiler and Fergus, "Visualizing and understanding convolutional networks" (2014), section 4.2.
    """
    with ask(net, image, target=target, preprocessing=preprocessing) as question:
        item = question.item
        if item.dim() != 4:
            raise InsightError(
                "A square covers rows and columns. Received an input of "
                f"shape={tuple(item.shape)}. integrated_gradients explains inputs of any shape."
            )
        shorter = min(item.shape[2:])
        window = max(1, shorter // _WINDOWS_ALONG) if window is None else window
        stride = max(1, window // 2) if stride is None else stride
        if not (1 <= stride <= window <= shorter and at_once >= 1):
            raise InsightError(
                f"A square fits into the image and moves on by at most its side. Received {window=}, {stride=}, "
                f"{at_once=} for {item.shape[2]} x {item.shape[3]} pixels. window={max(1, shorter // _WINDOWS_ALONG)} "
                "with a stride of half of it would do."
            )
        squares = list(_squares(*item.shape[2:], window=window, stride=stride))
        falls = torch.zeros(item.shape[2:], dtype=torch.float64)
        covered = torch.zeros_like(falls)
        with torch.no_grad():
            value = question.values(item.clone())[0]
            for first in range(0, len(squares), at_once):
                some = squares[first : first + at_once]
                images = item.repeat(len(some), *[1] * (item.dim() - 1))
                for image_covered, square in zip(images, some, strict=True):
                    image_covered[:, *square] = fill
                differences: Tensor = (value.double() - question.values(images).double()).cpu()
                for square, difference in zip(some, differences, strict=True):
                    falls[square] += difference
                    covered[square] += 1
        note = f"{len(squares)} squares of {window} x {window} pixels, stride {stride}, filled with {fill:g}."
        values = (falls / covered).to(item.dtype)[None]
        reason = None if bool(values.any()) else f"no square of {window} x {window} pixels changes the target"
        return answer(question, "occlusion", value=value, values=values, reason=reason, notes=(note,))


def _squares(rows: int, columns: int, *, window: int, stride: int) -> Iterator[tuple[slice, slice]]:
    for row in range(math.ceil((rows - window) / stride) + 1):
        for column in range(math.ceil((columns - window) / stride) + 1):
            top, left = row * stride, column * stride
            yield slice(top, top + window), slice(left, left + window)
