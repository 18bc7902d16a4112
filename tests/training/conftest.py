"""A data set that is learned in a second: in which half of the image the bright spot is, and in which half of that."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Two threads that share a core with other tests wait for each other most of the time."""
    torch.set_num_threads(1)


def _spots(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    images = random.integers(0, 60, (count, 28, 28))
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(0, 8, 2)
        row, column = row + 14 * (label // 2), column + 14 * (label % 2)
        image[row : row + 5, column : column + 5] = 255
    return images.astype(np.uint8), labels.astype(np.uint8)


@pytest.fixture(scope="session")
def spots_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """IDX files: 1,200 images to train on (1,100) and to choose on (100), 200 to test on, in four classes."""
    folder = tmp_path_factory.mktemp("data") / "spots"
    folder.mkdir()
    for part, count in (("train", 1200), ("t10k", 200)):
        images, labels = _spots(count, seed=count)
        header = struct.pack(">4i", 0x803, *images.shape)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + labels.tobytes())
    return folder
