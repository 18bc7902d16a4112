from pathlib import Path

import pytest
import torch
from torch import nn

from convlens.architectures import LeNet
from convlens.data import DataSet, Part, load
from convlens.training._preprocessing import choose_preprocessing


def data_of(images: torch.Tensor) -> DataSet:
    part = Part(images, torch.zeros(len(images), dtype=torch.int64), names=[""] * len(images))
    return DataSet(name="data", train=part, val=part, test=part, classes=("a", "b"), source={})


def test_mnist_is_padded_and_normalised_by_the_published_mean_and_deviation(mnist_folder: Path) -> None:
    chosen = choose_preprocessing(load(mnist_folder), LeNet())
    assert (chosen.size, chosen.padding) == ((28, 28), 2)
    # 0.1307 and 0.3081 are those of all 60,000; 5,000 of them are not in the train part.
    assert chosen.mean == pytest.approx((0.1307,), abs=2e-4)
    assert chosen.deviation == pytest.approx((0.3081,), abs=2e-4)


@pytest.mark.parametrize(
    ("rows", "columns", "size", "padding"),
    [(32, 32, (32, 32), 0), (30, 30, (30, 30), 1), (27, 27, (32, 32), 0), (16, 16, (32, 32), 0), (28, 30, (32, 32), 0)],
)
def test_images_a_little_smaller_are_padded_and_all_others_scaled(
    rows: int, columns: int, size: tuple[int, int], padding: int
) -> None:
    chosen = choose_preprocessing(data_of(torch.zeros(2, 1, rows, columns, dtype=torch.uint8)), LeNet())
    assert (chosen.size, chosen.padding) == (size, padding)
    assert chosen.image_shape == LeNet.image_shape


def test_a_net_that_does_not_say_what_it_reads_gets_the_images_as_they_are() -> None:
    chosen = choose_preprocessing(data_of(torch.zeros(2, 3, 17, 9, dtype=torch.uint8)), nn.Flatten())
    assert chosen.image_shape == (3, 17, 9)


def test_mean_and_deviation_are_those_of_each_channel() -> None:
    images = torch.randint(0, 256, (2500, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[:, 1] //= 3
    values = images.double() / 255
    chosen = choose_preprocessing(data_of(images), nn.Flatten())
    assert chosen.mean == pytest.approx(values.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert chosen.deviation == pytest.approx(values.std((0, 2, 3), correction=0).tolist(), abs=1e-4)


def test_images_of_one_colour_can_be_normalised() -> None:
    images = torch.full((3, 1, 32, 32), 200, dtype=torch.uint8)
    chosen = choose_preprocessing(data_of(images), LeNet())
    assert chosen(images).isfinite().all()
