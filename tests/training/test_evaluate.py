import torch
from jaxtyping import Float32
from torch import Tensor, nn

from convlens.data import Part, Preprocessing
from convlens.training._evaluate import evaluate

PIXELS = Preprocessing(channels=1, size=(1, 2), padding=0, mean=(0.0,), deviation=(1 / 255,))  # scores are the pixels


class Flatten(nn.Module):
    def forward(self, images: Float32[Tensor, "batch 1 1 2"]) -> Float32[Tensor, "batch 2"]:
        return images.flatten(1)


def part(pixels: list[list[int]], labels: list[int]) -> Part:
    images = torch.tensor(pixels, dtype=torch.uint8).view(-1, 1, 1, 2)
    return Part(images, torch.tensor(labels), names=[""] * len(labels))


def test_accuracy_and_loss_are_those_of_the_scores() -> None:
    found = evaluate(Flatten(), part([[0, 2], [3, 1], [0, 1], [1, 0]], [1, 0, 0, 0]), PIXELS)
    assert found.accuracy == 3 / 4
    # ln(1 + e^-margin) of the margins 2, 2, -1, 1
    expected = torch.tensor([2.0, 2.0, -1.0, 1.0]).neg().exp().log1p().mean().item()
    assert abs(found.loss - expected) < 1e-6  # float32


def test_the_hinge_is_measured_where_the_recipe_has_it() -> None:
    found = evaluate(Flatten(), part([[0, 2], [3, 1], [0, 1], [1, 0]], [1, 0, 0, 0]), PIXELS, loss="hinge")
    assert found.loss == (0 + 0 + 2 + 0) / 2 / 4  # margins 2, 2, -1, 1; two classes, four images


def test_parts_larger_than_a_batch_are_counted_whole() -> None:
    found = evaluate(Flatten(), part([[0, 1]] * 1201, [1] * 1200 + [0]), PIXELS)
    assert found.accuracy == 1200 / 1201


def test_most_takes_images_from_the_whole_part_which_may_stand_class_by_class() -> None:
    sorted_part = part([[0, 1]] * 300, [1] * 200 + [0] * 100)
    assert evaluate(Flatten(), sorted_part, PIXELS, most=30).accuracy == 20 / 30
    assert evaluate(Flatten(), sorted_part, PIXELS, most=301).accuracy == 200 / 300


def test_dropout_is_off_and_the_mode_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Dropout(1.0), Flatten())
    assert evaluate(net.train(), part([[0, 1]], [1]), PIXELS).accuracy == 1.0
    assert net.training
    evaluate(net.eval(), part([[0, 1]], [1]), PIXELS)
    assert not net.training
