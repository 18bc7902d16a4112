import math

import pytest
import torch
from torch import Tensor

from convlens.training import Recipe
from convlens.training._loss import loss_of, training_loss

LABELS = torch.tensor([0, 2, 1, 1])


def random_scores(seed: int = 0) -> Tensor:
    return 3 * torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def hinge(scores: Tensor) -> float:
    """Weston and Watkins' loss, image by image and class by class."""
    total = 0.0
    for row, label in zip(scores.tolist(), LABELS.tolist(), strict=True):
        total += sum(max(0.0, 1 - row[label] + other) for place, other in enumerate(row) if place != label) / len(row)
    return total / len(LABELS)


def cross_entropy(scores: Tensor, smoothing: float) -> float:
    total = 0.0
    for row, label in zip(scores.tolist(), LABELS.tolist(), strict=True):
        logs = [value - math.log(sum(map(math.exp, row))) for value in row]
        total -= (1 - smoothing) * logs[label] + smoothing * sum(logs) / len(row)
    return total / len(LABELS)


def test_the_hinge_sums_what_each_wrong_class_misses_of_its_margin() -> None:
    scores = random_scores()
    assert hinge(scores) > 0
    assert loss_of(scores, LABELS, name="hinge").item() == pytest.approx(hinge(scores), rel=1e-12)


def test_the_hinge_is_zero_where_every_wrong_class_lies_a_margin_below() -> None:
    scores = torch.eye(3)[LABELS] * 1.0
    assert loss_of(scores, LABELS, name="hinge").item() == 0
    assert loss_of(scores * 0.9, LABELS, name="hinge").item() > 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_the_softmax_against_the_smoothed_target(smoothing: float) -> None:
    found = loss_of(random_scores(), LABELS, name="cross_entropy", label_smoothing=smoothing)
    assert found.item() == pytest.approx(cross_entropy(random_scores(), smoothing), rel=1e-12)


def test_each_auxiliary_head_counts_three_tenths_and_none_is_no_head() -> None:
    main, first, second = (random_scores(seed) for seed in (0, 1, 2))
    recipe = Recipe(epochs=1, batch_size=4, label_smoothing=0.0)
    found = training_loss((main, first, None, second), LABELS, recipe=recipe).item()
    expected = cross_entropy(main, 0) + 0.3 * (cross_entropy(first, 0) + cross_entropy(second, 0))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("heads", [(), (None, None)])
def test_a_tuple_without_auxiliary_heads_is_its_scores(heads: tuple[None, ...]) -> None:
    recipe = Recipe(epochs=1, batch_size=4, loss="hinge")
    assert training_loss((random_scores(), *heads), LABELS, recipe=recipe).item() == pytest.approx(
        hinge(random_scores()), rel=1e-12
    )
