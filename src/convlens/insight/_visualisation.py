"""What a visualisation is: pictures, what they do to the net, and how they were found."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from convlens.errors import InsightError
from convlens.insight._png import save_png, to_png

_LEAST_SIDE = 128  # screen pixels of a picture in a file: pictures of 28 x 28 are enlarged, each pixel a square
_GAP = 2  # screen pixels between pictures


@dataclass(frozen=True)
class Ascent:
    """How a picture is moved uphill.

    Attributes:
        steps: of Adam (Kingma and Ba, 2015).
        step_size: of Adam, in the numbers that are moved.
        jitter: furthest move of the picture before each step, as a share of its shorter side.
        turn: furthest turn, in degrees.
        scale: largest change in size, as a share.
        diversity: how much unlikeness of several pictures counts: at 1, two pictures that are as alike as can be count
            as no activation at all.
        fourier: whether frequencies are moved, weighted as in photos; else each pixel alone.
    """

    steps: int = 256
    step_size: float = 0.05
    jitter: float = 1 / 16
    turn: float = 5.0
    scale: float = 0.05
    diversity: float = 1.0
    fourier: bool = True

    def __post_init__(self) -> None:
        shares = (self.jitter, self.turn, self.scale, self.diversity)
        if self.steps < 1 or not self.step_size > 0 or not all(share >= 0 for share in shares) or self.scale >= 1:
            raise InsightError(
                "An ascent has one step or more, of a size above 0, and moves, turns, scales and diversity of 0 or "
                f"more, scale below 1. Received {self}. Ascent() has values that work."
            )


@dataclass(frozen=True)
class Visualisation:
    """Pictures that a channel, unit or class reacts to most, as far as an ascent found them.

    Attributes:
        net: class of the net.
        layer: its name.
        index: channel; channel, row, column; or feature.
        images: pixels 0..255, before the preprocessing's padding: the net makes `after` of just these.
        before: value of each start.
        after: value of each picture: the channel's mean, or the unit.
        history: value at each step, of the moved picture.
        ascent: how it was found.
        seed: of the starts and moves.
        reason: why nothing was found, else None.
        notes: what to know when reading the pictures.
    """

    net: str
    layer: str
    index: tuple[int, ...]
    images: UInt8[Tensor, "picture channel row column"]
    before: Float[Tensor, " picture"]
    after: Float[Tensor, " picture"]
    history: Float[Tensor, "step picture"]
    ascent: Ascent
    seed: int
    reason: str | None
    notes: tuple[str, ...]

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        values = "; ".join(
            f"{a:.4g} to {b:.4g}" for a, b in zip(self.before.tolist(), self.after.tolist(), strict=True)
        )
        lines = [f"{self.net} {self.layer} ({place}): from {values} in {len(self.history)} steps, seed {self.seed}"]
        return "\n".join([*lines, *([self.reason] if self.reason else []), *self.notes])

    @property
    def grid(self) -> UInt8[Tensor, "row column colour"]:
        """The pictures beside each other; of channels that are no colours, each as a grey one, a row a picture."""
        images = self.images
        count, channels, rows, columns = images.shape
        if channels not in (1, 3):
            images = images.flatten(0, 1)[:, None]
            across = channels
        else:
            across = min(count, 4)
        zoom = max(1, -(-_LEAST_SIDE // max(rows, columns)))
        tiles = images.repeat_interleave(zoom, 2).repeat_interleave(zoom, 3).expand(-1, 3, -1, -1)
        missing = -len(tiles) % across
        tiles = F.pad(tiles, (0, _GAP, 0, _GAP, 0, 0, 0, missing), value=255)
        down = len(tiles) // across
        sheet = tiles.view(down, across, 3, *tiles.shape[2:]).permute(0, 3, 1, 4, 2)
        return sheet.reshape(down * tiles.shape[2], across * tiles.shape[3], 3)[:-_GAP, :-_GAP]

    def save(self, path: str | Path) -> None:
        """Write the pictures as one PNG file, beside each other.

        Args:
            path: the file, whose folder exists; small pictures are enlarged to 128 screen pixels or more.

        Raises:
            InsightError: the name is not one of a PNG file, or the folder is missing.
        """
        save_png(path, self._repr_png_())

    def _repr_png_(self) -> bytes:
        return to_png(Image.fromarray(self.grid.numpy()))
