import pytest
import torch

from convlens.data import Part
from convlens.errors import ShapeError

IMAGES = torch.arange(3 * 4, dtype=torch.uint8).view(3, 1, 2, 2)
PART = Part(IMAGES, torch.tensor([2, 0, 1]), names=["a", "b", "c"])


def test_an_example_has_its_image_label_and_name() -> None:
    image, label, name = PART[1]
    assert image.tolist() == [[[4, 5], [6, 7]]]
    assert (label, name) == (0, "b")


def test_a_part_is_a_sequence() -> None:
    assert len(PART) == 3
    assert [example.name for example in PART] == ["a", "b", "c"]
    assert PART[-1].label == 1


def test_a_name_too_few_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"one label and one name. Received 3 images, 3 labels, 2 names"):
        Part(IMAGES, torch.tensor([2, 0, 1]), names=["a", "b"])
