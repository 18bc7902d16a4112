"""What every data set looks like, whatever file it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxtyping import Int64, UInt8
from torch import Tensor

from convlens.errors import ShapeError


class Example(NamedTuple):
    """One labelled image.

    Attributes:
        image: pixels, 0..255; channel, row, column.
        label: the index of its class.
        name: where it came from: a file name, or part and index.
    """

    image: UInt8[Tensor, "channel row column"]
    label: int
    name: str


class Part(Sequence[Example]):
    """One part of a data set (train, val or test): images of one size, held in memory.

    Attributes:
        images: pixels, 0..255.
        labels: of each image, the index of its class.
        names: of each image, where it came from.

    Raises:
        ShapeError: there are not as many labels or names as images.
    """

    def __init__(
        self,
        images: UInt8[Tensor, "image channel row column"],
        labels: Int64[Tensor, " image"],
        *,
        names: Sequence[str],
    ) -> None:
        if not len(images) == len(labels) == len(names):
            raise ShapeError(
                "Each image has one label and one name. "
                f"Received {len(images)} images, {len(labels)} labels, {len(names)} names."
            )
        self.images = images
        self.labels = labels
        self.names = names

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Example:  # ty: ignore[incompatible-method-override]  # no slices: use images and labels
        return Example(self.images[index], int(self.labels[index]), self.names[index])


@dataclass(frozen=True)
class DataSet:
    """Three parts and the names of the classes.

    Attributes:
        name: what the user asked for: "mnist", "digits", a folder's name.
        train: what a net learns from.
        val: what choices are made on: epochs, schedules, the best checkpoint.
        test: what is reported at the end, once.
        classes: class names; a label is an index into them.
        source: what identifies the content for a run's configuration: a path or name, with checksums or seeds.
    """

    name: str
    train: Part
    val: Part
    test: Part
    classes: tuple[str, ...]
    source: dict[str, Any]
