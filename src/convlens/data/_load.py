"""One way in: a name or a folder to a data set."""

import os
from pathlib import Path

from convlens.data._dataset import DataSet
from convlens.data._digits import load_digits
from convlens.data._folder import load_folder
from convlens.data._idx_folder import find_idx_files, load_idx_folder
from convlens.data._mnist import load_mnist
from convlens.errors import DataError

_NAMED = {"mnist": load_mnist, "digits": load_digits}


def load(source: str | os.PathLike[str], *, size: int | None = None, seed: int = 0, skip_bad: bool = False) -> DataSet:
    """Load a data set.

    Args:
        source: "mnist", "digits", a folder of class folders with images (photos/cat/1.jpg; also photos/train/cat/1.jpg
            beside photos/val and photos/test), or a folder of four IDX files. A name wins over a folder of the same
            name; "./mnist" means the folder.
        size: of image files only: rows and columns of every image, in pixels; its middle is cut out as a square, then
            scaled. Without it, images of one size stay as they are; others become 64 x 64.
        seed: decides which images become val (and test, where the source does not say), or which "digits" are drawn.
        skip_bad: leave out the image files that cannot be read, with a warning; else they are an error.

    Returns:
        The data set, in memory.

    Raises:
        DataError: nothing can be loaded under this name, or what is there is damaged.
    """
    folder = Path(source)
    is_named = isinstance(source, str) and source in _NAMED
    is_idx = bool(find_idx_files(folder))
    if size is not None and (is_named or is_idx):
        raise DataError(
            f"A size is for image files. Received size={size}, source={str(source)!r}, whose images have one. "
            "Leave it out: a net's preprocessing scales what it reads."
        )
    if is_named:
        return _NAMED[source](seed=seed)
    if is_idx:
        return load_idx_folder(folder, name=folder.resolve().name, seed=seed)
    if folder.is_dir():
        return load_folder(folder, name=folder.resolve().name, size=size, seed=seed, skip_bad=skip_bad)
    raise DataError(
        f"A data set is a name or a folder. Received source={str(source)!r}, which is neither. What works: "
        f"{'; '.join(map(repr, _NAMED))}; a folder of class folders (photos/cat/1.jpg); a folder of IDX files "
        "(train-images-idx3-ubyte ...)."
    )
