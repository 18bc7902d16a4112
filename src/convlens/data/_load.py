"""One way in: a name or a folder to a data set."""

import os
from pathlib import Path

from convlens.data._dataset import DataSet
from convlens.data._idx_folder import find_idx_files, load_idx_folder
from convlens.data._mnist import load_mnist
from convlens.errors import DataError


def load(source: str | os.PathLike[str], *, seed: int = 0) -> DataSet:
    """Load a data set.

    Args:
        source: "mnist", or a folder of IDX files. A name wins over a folder
            of the same name; "./mnist" means the folder.
        seed: decides which images become the val part.

    Returns:
        The data set, in memory.

    Raises:
        DataError: nothing can be loaded under this name, or what is there is damaged.
    """
    if source == "mnist":
        return load_mnist(seed=seed)
    folder = Path(source)
    if find_idx_files(folder):
        return load_idx_folder(folder, name=folder.resolve().name, seed=seed)
    raise DataError(
        f"A data set is a name or a folder. Received source={str(source)!r}. What works: 'mnist', "
        "a folder of IDX files (train-images-idx3-ubyte.gz ...)."
    )
