"""A folder with the four IDX files of MNIST or one of its relatives."""

import re
from pathlib import Path

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from convlens.data._dataset import DataSet, Part
from convlens.data._idx import read_idx
from convlens.errors import DataError

# train-images-idx3-ubyte.gz (MNIST, Fashion-MNIST, KMNIST), emnist-digits-test-images-idx3-ubyte (EMNIST)
_FILE_NAME = re.compile(r"(.*?)(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")
_VAL_SHARE = 12  # one training image in so many, and at least one: 5,000 of MNIST's 60,000


def find_idx_files(folder: Path) -> dict[tuple[str, str, str], Path]:
    """Find the IDX files of a folder by their published names.

    Args:
        folder: a folder, which need not exist.

    Returns:
        (prefix, "train" or "test", "images" or "labels") to path. A plain file wins over a gzipped one.
    """
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir(), reverse=True):  # reverse: name.gz before name, which replaces it
        match = _FILE_NAME.fullmatch(path.name)
        if match and path.is_file():
            prefix, part, kind, _ = match.groups()
            found[prefix, "train" if part == "train" else "test", kind] = path
    return found


def load_idx_folder(folder: Path, *, name: str, seed: int = 0) -> DataSet:
    """Load a folder of four IDX files.

    One training image in twelve becomes the val part (MNIST: 55,000 train, 5,000 val, 10,000 test).

    Args:
        folder: holds images and labels of train and test (or t10k), plain or gzipped.
        name: of the data set.
        seed: decides which training images become the val part.

    Returns:
        The data set. A class is a label that occurs, named by its number. EMNIST, whose files hold rows and columns
        exchanged, is turned upright.

    Raises:
        DataError: a file is missing or damaged, there are files of several data sets, or counts or sizes differ.
    """
    files = find_idx_files(folder)
    prefixes = sorted({prefix for prefix, _, _ in files})
    if len(prefixes) > 1:
        raise DataError(
            f"A folder of IDX files holds one data set. Received {folder} with {len(prefixes)}: "
            f"{', '.join(map(repr, prefixes))}. Move the four files of one into a folder of their own."
        )
    wanted = [(part, kind) for part in ("train", "test") for kind in ("images", "labels")]
    missing = [f"{part}-{kind}" for part, kind in wanted if not any(key[1:] == (part, kind) for key in files)]
    if missing:
        raise DataError(
            f"A data set of IDX files has images and labels of train and test. Received {folder} without "
            f"{', '.join(missing)}. Expected names such as train-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz."
        )
    read = {key[1:]: read_idx(path) for key, path in files.items()}
    checksums = {path.name.removesuffix(".gz"): read[key[1:]].sha256 for key, path in sorted(files.items())}

    train_images = _as_images(files[prefixes[0], "train", "images"], read["train", "images"].numbers)
    test_images = _as_images(files[prefixes[0], "test", "images"], read["test", "images"].numbers)
    if prefixes[0].startswith("emnist"):
        train_images, test_images = train_images.mT.contiguous(), test_images.mT.contiguous()
    train_values = _as_values(files[prefixes[0], "train", "labels"], read["train", "labels"].numbers, len(train_images))
    test_values = _as_values(files[prefixes[0], "test", "labels"], read["test", "labels"].numbers, len(test_images))
    values, labels = torch.cat([train_values, test_values]).unique(return_inverse=True)
    train_labels, test_labels = labels.split([len(train_values), len(test_values)])
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"Images of train and test are of one size. Received {folder} with train={tuple(train_images.shape[2:])}, "
            f"test={tuple(test_images.shape[2:])} (rows, columns). Take all four files from one data set."
        )
    train, val = _split(train_images, train_labels, seed=seed)
    test = Part(test_images, test_labels, names=[f"test/{index}" for index in range(len(test_images))])
    return DataSet(
        name=name,
        train=train,
        val=val,
        test=test,
        classes=tuple(str(value) for value in values.tolist()),
        source={"load": str(folder.resolve()), "seed": seed, "sha256": checksums},
    )


def _as_images(path: Path, numbers: Tensor) -> UInt8[Tensor, "image 1 row column"]:
    if numbers.dtype != torch.uint8 or numbers.ndim != 3:
        raise DataError(
            f"Images in IDX files are bytes with three axes: image, row, column. Received {path} with "
            f"type={numbers.dtype}, shape={tuple(numbers.shape)}. Expected a file such as train-images-idx3-ubyte."
        )
    return numbers.unsqueeze(1)


def _as_values(path: Path, numbers: Tensor, images: int) -> Int64[Tensor, " image"]:
    if numbers.dtype.is_floating_point or tuple(numbers.shape) != (images,):
        raise DataError(
            f"Labels in IDX files are one whole number an image. Received {path} with type={numbers.dtype}, "
            f"shape={tuple(numbers.shape)}, beside {images} images. Take all four files from one data set."
        )
    return numbers.long()


def _split(
    images: UInt8[Tensor, "image 1 row column"], labels: Int64[Tensor, " image"], *, seed: int
) -> tuple[Part, Part]:
    """Split train from val; both keep the order of the file."""
    if len(images) < 2:
        raise DataError(
            "Train and val have at least one image each. Received 1 training image. Take a larger data set."
        )
    shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    val, train = (chosen.sort().values for chosen in shuffled.tensor_split([max(1, len(images) // _VAL_SHARE)]))

    def part(chosen: Int64[Tensor, " chosen"]) -> Part:
        return Part(
            images.index_select(0, chosen), labels[chosen], names=[f"train/{index}" for index in chosen.tolist()]
        )

    return part(train), part(val)
