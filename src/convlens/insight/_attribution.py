"""What an attribution is: how much each number of an image, or each place of a layer, counts for one number."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from convlens.errors import InsightError
from convlens.files import write_whole

_LEAST_SIDE = 256  # screen pixels of a picture in a file
_NEGATIVE, _POSITIVE = (0, 83, 165), (144, 59, 0)  # the ends of the page's scale, red, green and blue


@dataclass(frozen=True)
class Attribution:
    """A map of what decided. `print` it to read it; a notebook shows the picture.

    Attributes:
        method: such as "integrated gradients".
        target: what is explained: a class's score, or a unit.
        value: of the target, at the image.
        values: one number for each that the net reads (channel, row, column); of Grad-CAM for each place of the layer.
        image: what the net read: channel, row, column.
        signed: whether numbers below 0 speak against the target; else only their size counts.
        reason: why the map is empty, else None.
        notes: what to know when reading it.
    """

    method: str
    target: str
    value: float
    values: Float[Tensor, "channel row column"]
    image: Float[Tensor, "colour height width"]
    signed: bool
    reason: str | None
    notes: tuple[str, ...]

    @property
    def heat(self) -> Float[Tensor, "height width"]:
        """One number a pixel: the sum over the channels, or the largest size among them where there is no sign."""
        heat = self.values.sum(0) if self.signed else self.values.abs().amax(0)
        if heat.shape != self.image.shape[1:]:  # of a layer's places
            heat = F.interpolate(heat[None, None], self.image.shape[1:], mode="bilinear")[0, 0]
        return heat

    def __str__(self) -> str:
        heat = self.heat
        largest = int(heat.abs().argmax())
        row, column = divmod(largest, heat.shape[1])
        lines = [f"{self.method} of {self.target}, which is {self.value:.6g}"]
        if self.reason is None:
            lines.append(f"most at row {row}, column {column}: {float(heat[row, column]):.6g}")
        return "\n".join([*lines, *([self.reason] if self.reason else []), *self.notes])

    @property
    def picture(self) -> UInt8[Tensor, "row column colour"]:
        """The heat over the image in grey: orange speaks for the target, blue against it."""
        heat = self.heat
        limit = float(heat.abs().max()) or 1.0
        grey = self.image.mean(0)
        span = float(grey.max() - grey.min()) or 1.0
        grey = 0.35 + 0.6 * (grey - grey.min()) / span  # light enough for colours to be told apart on it
        strength = (heat.abs() / limit)[..., None]
        ends = torch.where(heat[..., None] < 0, torch.tensor(_NEGATIVE), torch.tensor(_POSITIVE)).float() / 255
        mixed = grey[..., None] * (1 - strength) + ends * strength
        zoom = max(1, -(-_LEAST_SIDE // max(heat.shape)))
        return (mixed * 255).round().to(torch.uint8).repeat_interleave(zoom, 0).repeat_interleave(zoom, 1)

    def save(self, path: str | Path) -> None:
        """Write the picture as a PNG file.

        Args:
            path: the file, whose folder exists; small pictures are enlarged to 256 screen pixels or more.

        Raises:
            InsightError: the name is not one of a PNG file, or the folder is missing.
        """
        path = Path(path)
        if path.suffix.lower() != ".png" or not path.parent.is_dir():
            raise InsightError(
                "Pictures are written to a file in a folder that is there, named after its format. "
                f"Received path={str(path)!r}. A name such as {path.stem}.png in {str(Path.cwd())!r} would do."
            )
        write_whole(path, self._repr_png_())

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        Image.fromarray(np.asarray(self.picture)).save(file, format="PNG")
        return file.getvalue()
