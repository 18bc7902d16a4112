"""MNIST: where its files are found, and what they must contain."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from convlens.data._dataset import DataSet
from convlens.data._download import download
from convlens.data._idx_folder import load_idx_folder
from convlens.errors import DataError

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")


class _PublishedFile(NamedTuple):
    size: int  # of the .gz that the mirrors serve, in bytes
    zipped: str  # its SHA-256
    sha256: str  # after decompression: how a copy at hand is compressed does not matter


_FILES = {
    "train-images-idx3-ubyte": _PublishedFile(
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": _PublishedFile(
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": _PublishedFile(
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": _PublishedFile(
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
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

    Its files are looked for in `$CONVLENS_DATA`, in `$CONVLENS_DATA/mnist`, then in the platform's cache. What the
    cache lacks is downloaded into it.

    Args:
        seed: decides which 5,000 of the 60,000 training digits become the val part.

    Returns:
        The data set; images of 1 x 28 x 28, white ink on black.

    Raises:
        DownloadError: the files are nowhere, and could not be fetched.
        DataError: the files found are not MNIST's.
    """
    cache = cache_folder() / "mnist"
    given = os.environ.get("CONVLENS_DATA")
    places = [Path(given), Path(given) / "mnist"] if given else []
    folder = next((place for place in places if _holds_mnist(place)), cache)
    if folder == cache:
        _fetch_missing(cache)
    data = load_idx_folder(folder, name="mnist", seed=seed)
    found = data.source["sha256"]
    expected = {name: file.sha256 for name, file in _FILES.items()}
    if found != expected:
        raise DataError(
            f"MNIST's files have known checksums (SHA-256 after decompression). Received {folder} with {found}. "
            "Remove these files to have MNIST downloaded, or load them by their folder's name."
        )
    return data


def _holds_mnist(folder: Path) -> bool:
    return all(_at_hand(folder, name) for name in _FILES)


def _at_hand(folder: Path, name: str) -> bool:
    return (folder / name).is_file() or (folder / f"{name}.gz").is_file()


def _fetch_missing(folder: Path) -> None:
    for name, file in _FILES.items():
        if not _at_hand(folder, name):
            urls = [f"{mirror}{name}.gz" for mirror in _MIRRORS]
            download(urls, folder / f"{name}.gz", size=file.size, sha256=file.zipped)
