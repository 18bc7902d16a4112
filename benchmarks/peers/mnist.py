"""What both peers read: MNIST as tensors that are ready to train on, and the same LeNet."""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

MEAN, DEVIATION = 0.1307, 0.3081


def lenet() -> nn.Module:
    """Build convlens.architectures.LeNet's layers with nothing but torch."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip


def load(folder: Path) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    """Load 55,000 digits to train on, 5,000 to validate, 10,000 to test: padded to 32 x 32, normalised."""
    images, labels = _read(folder, "train")
    tests = TensorDataset(*_read(folder, "t10k"))
    return TensorDataset(images[5000:], labels[5000:]), TensorDataset(images[:5000], labels[:5000]), tests


def _read(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    images = nn.functional.pad(torch.from_numpy(pixels.copy()), [2] * 4).float().div_(255).sub_(MEAN).div_(DEVIATION)
    return images, torch.from_numpy(labels)
