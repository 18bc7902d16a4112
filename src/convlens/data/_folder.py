"""A folder of class folders (photos/cat/1.jpg ...), or of train/, val/ and test/ with class folders in them."""

import hashlib
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from convlens.data._dataset import DataSet, Part
from convlens.data._image_files import read_image_files
from convlens.errors import DataError

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
_PARTS = ("train", "val", "test")
_PART_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}  # to the part
_SHARE = 10  # of a class's training images, one in so many for each part that has no folder, and at least one
_SHOWN = 5  # bad files that a message names


class _File(NamedTuple):
    path: Path
    name: str  # below the data set's folder, with slashes
    part: str
    label: int


def load_folder(folder: Path, *, name: str, size: int | None = None, seed: int = 0, skip_bad: bool = False) -> DataSet:
    """Load a folder of class folders.

    Files count as images by their suffix (.jpg, .png, .webp, .gif, .bmp, .tif, .ppm ...), at any depth below the
    class's folder; hidden ones do not count. A part without a folder of its own takes a tenth of each class's training
    images, chosen by a hash of seed and name: adding a file hardly moves others.

    Args:
        folder: holds a folder for each class, or train/ and perhaps val/ (valid/, validation/) and test/ that do.
        name: of the data set.
        size: rows and columns of every image, in pixels: its middle is cut out as a square, then scaled. Without it,
            images of one size stay as they are; others become 64 x 64.
        seed: decides which images become val and test.
        skip_bad: leave out the files that cannot be read, with a warning; else they are an error.

    Returns:
        The data set: grey if every image is, else in colour; classes in natural order (2 before 10).

    Raises:
        DataError: there are fewer than two classes, a class has too few images, or files cannot be read.
    """
    places = _find_parts(folder)
    classes = tuple(inner.name for inner in _visible_folders(places["train"]))
    if len(classes) < 2:
        raise DataError(
            f"A data set has a folder for each of two classes or more. Received {places['train']} with {len(classes)}. "
            "Put the images into folders such as photos/cat/1.jpg and photos/dog/1.jpg."
        )
    files = _split(_list_files(folder, places, classes=classes), classes=classes, places=places, seed=seed)
    read = read_image_files([file.path for file in files], size=size)
    if read.bad:
        report = _report(folder, files, bad=read.bad)
        if not skip_bad:
            raise DataError(f"{report}\nRepair or remove them, or load with skip_bad=True, which leaves them out.")
        warnings.warn(f"{report}\nThey are left out.", stacklevel=3)

    good = [files[place] for place in read.checksums]
    parts = {}
    for part in _PARTS:
        chosen = [row for row, file in enumerate(good) if file.part == part]
        if not chosen:
            raise DataError(
                f"Each part has an image that can be read. Received {folder} with none for {part}. Add some."
            )
        rows = slice(chosen[0], chosen[-1] + 1)  # the files of a part stand together: a view, not a copy
        labels = torch.tensor([file.label for file in good[rows]])
        parts[part] = Part(read.images[rows], labels, names=[file.name for file in good[rows]])
    listing = "".join(
        f"{file.name}\0{checksum}\n" for file, checksum in zip(good, read.checksums.values(), strict=True)
    )
    return DataSet(
        name=name,
        **parts,
        classes=classes,
        source={
            "load": str(folder.resolve()),
            "size": size,
            "seed": seed,
            "skipped": [files[place].name for place in read.bad],
            "sha256": hashlib.sha256(listing.encode()).hexdigest(),
        },
    )


def _find_parts(folder: Path) -> dict[str, Path]:
    """Find the folders of train, val and test; where there is no train/, the classes stand in the folder itself."""
    found: dict[str, Path] = {}
    for inner in _visible_folders(folder):
        part = _PART_FOLDERS.get(inner.name.lower())
        if part in found:
            raise DataError(f"Each part has one folder. Received {found[part]} and {inner}, both {part}. Join them.")
        if part:
            found[part] = inner
    return found if "train" in found else {"train": folder}  # else a class may well be called "test"


def _list_files(folder: Path, places: dict[str, Path], *, classes: Sequence[str]) -> list[_File]:
    files = []
    for part, place in places.items():
        unknown = [inner.name for inner in _visible_folders(place) if inner.name not in classes]
        if unknown:
            raise DataError(
                f"Every class has a folder in train. Received {place} with {', '.join(unknown[:_SHOWN])}, which is not "
                f"among the {len(classes)} in train. Add training images, or remove it."
            )
        for label, name in enumerate(classes):
            for path in (place / name).rglob("*"):
                below = path.relative_to(folder)
                hidden = any(piece.startswith(".") for piece in below.parts)  # .ipynb_checkpoints, ._resource forks
                if path.suffix.lower() in _SUFFIXES and path.is_file() and not hidden:
                    files.append(_File(path, below.as_posix(), part, label))
    return files


def _split(files: Sequence[_File], *, classes: Sequence[str], places: dict[str, Path], seed: int) -> list[_File]:
    """Give the parts that have no folder their share of each class; sort by part, class and name."""
    missing = [part for part in _PARTS if part not in places]
    parts = {file.name: file.part for file in files}
    for label, name in enumerate(classes):
        own = [file.name for file in files if file.label == label and file.part == "train"]
        if len(own) <= len(missing):
            raise DataError(
                f"Each class has training images ({', '.join(_SUFFIXES)}), one at least for train and for each part "
                f"without a folder. Received class={name!r} with {len(own)}. {len(missing) + 1} or more would do."
            )
        shuffled = sorted(own, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
        share = max(1, round(len(own) / _SHARE))
        for turn, part in enumerate(missing):
            parts.update(dict.fromkeys(shuffled[turn * share : (turn + 1) * share], part))
    placed = [file._replace(part=parts[file.name]) for file in files]
    return sorted(placed, key=lambda file: (_PARTS.index(file.part), file.label, _natural(file.name)))


def _report(folder: Path, files: Sequence[_File], *, bad: dict[int, str]) -> str:
    shown = "".join(f"\n  {files[place].name}: {bad[place]}" for place in list(bad)[:_SHOWN])
    more = f"\n  and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{len(bad)} of {len(files)} image files cannot be read. Received {folder} with{shown}{more}"


def _visible_folders(folder: Path) -> list[Path]:
    folders = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    return sorted(folders, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[object]:
    """Sort numbers within a name by value: 2 before 10."""
    pieces = re.split(r"(\d+)", name)
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)]
