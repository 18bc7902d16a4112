"""MNIST: where its files are found, and what they must contain."""

import os
import sys
from pathlib import Path

from convlens.data._dataset import DataSet
from convlens.data._idx_folder import find_idx_files, load_idx_folder
from convlens.errors import DataError

# SHA-256 of each file after decompression: how a copy is compressed does not matter.
_SHA256 = {
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
}


def cache_folder() -> Path:
    """Say where downloaded data is kept, by the custom of the platform."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "convlens"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "convlens"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convlens"


def load_mnist(*, seed: int = 0) -> DataSet:
    """Load MNIST: 55,000 digits to train on, 5,000 for choices (val), 10,000 to report on (test).

    Its files are looked for in `$CONVLENS_DATA`, in `$CONVLENS_DATA/mnist`, then in the platform's cache.

    Args:
        seed: decides which 5,000 of the 60,000 training digits become the val part.

    Returns:
        The data set; images of 1 x 28 x 28, white ink on black.

    Raises:
        DataError: the files found are not MNIST's.
    """
    folder = next((place for place in _places() if len(find_idx_files(place)) >= len(_SHA256)), None)
    if folder is None:
        raise DataError("MNIST not found")
    data = load_idx_folder(folder, name="mnist", seed=seed)
    if data.source["sha256"] != _SHA256:
        raise DataError(
            f"MNIST's files have known checksums (SHA-256 after decompression). Received {folder} with "
            f"{data.source['sha256']}. Remove these files to download MNIST, or load them by their folder's name."
        )
    return data


def _places() -> list[Path]:
    given = os.environ.get("CONVLENS_DATA")
    own = [Path(given), Path(given) / "mnist"] if given else []
    return [*own, cache_folder() / "mnist"]
