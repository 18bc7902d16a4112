"""What an attribution is: a number for each number of the image, what they stand for, and their picture."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from convlens.errors import InsightError
from convlens.insight._each_relu import off_layer
from convlens.insight._heat_picture import draw
from convlens.insight._png import save_png
from convlens.insight._question import Question


@dataclass(frozen=True)
class Completeness:
    """Whether an attribution adds up to what it explains.

    Attributes:
        total: sum of the attribution's values.
        expected: the target's value of the image less that of the baseline.
    """

    total: float
    expected: float

    @property
    def gap(self) -> float:
        """What the sum is short of, or above."""
        return self.total - self.expected

    def __str__(self) -> str:
        return f"the values add up to {self.total:.6g} of {self.expected:.6g} (gap {self.gap:.2g})"


@dataclass(frozen=True)
class Attribution:
    """How much each number of an image has to do with one value of a net.

    Attributes:
        method: its name.
        net: class of the net.
        target: the value that is explained, in words.
        value: the target's value for the image.
        values: like the net's input without the batch; a single channel where a method tells places only (Grad-CAM,
            occlusion). Above 0 speaks for the target, below 0 against it.
        picture: pixels 0..255 of the image, to draw over; None if the input is no image.
        layer: that Grad-CAM looked at, else None.
        completeness: whether the values add up, where the method promises it, else None.
        reason: why all values are 0, else None.
        notes: what to know when reading the values.
    """

    method: str
    net: str
    target: str
    value: float
    values: Float[Tensor, "channel ..."]
    picture: UInt8[Tensor, "colour row column"] | None = None
    layer: str | None = None
    completeness: Completeness | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.method} of {self.net} for {self.target}: value {self.value:.6g}"]
        lines += [f"Completeness: {self.completeness}."] if self.completeness else []
        lines += [f"The map is empty: {self.reason}."] if self.reason else []
        return "\n".join([*lines, *self.notes])

    @property
    def heat(self) -> Float[Tensor, "row column"]:
        """One number for each pixel: its channels' sum where the values add up, else the one of largest magnitude.

        Source: Simonyan, Vedaldi and Zisserman (2014), section 3.1, for the largest; here it keeps its sign.
        """
        if self.values.dim() != 3:
            raise InsightError(
                "A heat map has rows and columns. Received values of "
                f"shape={tuple(self.values.shape)}. Read `values` instead."
            )
        if self.completeness is not None:
            return self.values.sum(0)
        return self.values.gather(0, self.values.abs().argmax(0, keepdim=True))[0]

    def save(self, path: str | Path) -> None:
        """Write the heat over the image as a PNG file: orange speaks for the target, blue against it.

        Args:
            path: the file, whose folder exists; small images are enlarged to 256 screen pixels or more.

        Raises:
            InsightError: the name is not one of a PNG file, the folder is missing, or the input is no image.
        """
        save_png(path, self._repr_png_())

    def _repr_png_(self) -> bytes:
        return draw(self.heat, self.picture)


def answer(
    question: Question,
    method: str,
    *,
    value: Tensor,
    values: Tensor,
    layer: str | None = None,
    completeness: Completeness | None = None,
    reason: str | None = None,
    notes: tuple[str, ...] = (),
) -> Attribution:
    """Put a method's numbers together, with a reason if all are 0."""
    if reason is None and not bool(values.any()):
        reason = _why_empty(question)
    if not bool(torch.isfinite(values).all()):
        notes = (*notes, "Some values are not finite: the net overflows, or divides by 0, on this image.")
    return Attribution(
        method=method,
        net=type(question.net).__name__,
        target=question.target,
        value=float(value),
        values=values.detach().cpu(),
        picture=question.picture,
        layer=layer,
        completeness=completeness,
        reason=reason,
        notes=notes,
    )


def _why_empty(question: Question) -> str:
    if not question.depends_on_image():
        return f"the target ({question.target}) does not depend on the image"
    layer = off_layer(question.net, lambda: question.values(question.item.clone()))
    if layer is not None:
        return f"every ReLU of {layer} is off"
    return (
        "no change of the image reaches the target: on each way to it there is a unit that is off, saturated, or not "
        "its pool's winner"
    )
