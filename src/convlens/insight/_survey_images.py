"""The images of a survey: a part of a data set, any sequence, or the files of a folder, read when they are needed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convlens.data import DataSet, Example, load, read_image
from convlens.errors import DataError, SurveyError

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")


class FolderImages(Sequence[Example]):
    """The image files below a folder, each read when it is asked for; the folder that holds a file is its class.

    Attributes:
        classes: names of the folders that hold images.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in _SUFFIXES
            and not any(part.startswith(".") for part in path.parts[len(folder.parts) :])
        )
        self.classes = tuple(sorted({path.parent.name for path in self._paths if path.parent != folder}))
        self._labels = {name: label for label, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Example:  # ty: ignore[incompatible-method-override]  # no slices
        path = self._paths[index]
        label = -1 if path.parent == self._folder else self._labels[path.parent.name]
        return Example(read_image(path), label, path.relative_to(self._folder).as_posix())


def find_images(data: Any, *, part: str) -> tuple[Sequence[Any], tuple[str, ...]]:
    """Find the images that a user means, and the names of their classes.

    Raises:
        SurveyError: there are none.
        DataError: nothing can be loaded under this name.
    """
    if isinstance(data, str | os.PathLike):
        folder = Path(data)
        named = isinstance(data, str) and data in ("mnist", "digits")
        is_files = not named and folder.is_dir() and not any(folder.glob("*-ubyte*"))
        data = FolderImages(folder) if is_files else load(data)
    classes = tuple(getattr(data, "classes", ()))
    images = getattr(data, part) if isinstance(data, DataSet) else data
    if not hasattr(images, "__getitem__") or len(images) == 0:
        raise SurveyError(
            "A survey reads a data set: a sequence of images with labels, one at least. "
            f"Received data={type(data).__name__} with none. Pass convlens.data.load(...), a part of it, or a folder."
        )
    return images, classes


def read(images: Sequence[Any], index: int) -> tuple[Tensor, int, str] | str:
    """Read one image; or say why that cannot be done."""
    try:
        example = images[index]
    except (DataError, OSError) as error:
        return str(error)
    image, label, *name = example
    image = image if isinstance(image, Tensor) else torch.as_tensor(image)
    return image, -1 if label is None else int(label), str(name[0]) if name else str(index)
