import torch
from torch import Tensor

from convlens.data import Part, Preprocessing
from convlens.training._batches import Batches

IMAGES = 23
PREPROCESSING = Preprocessing(channels=1, size=(3, 3), padding=1, mean=(0.0,), deviation=(1 / 255,))


def batches(*, seed: int = 0) -> Batches:
    # Image i is all i, and its label is i, so that batches show which images they hold.
    images = torch.arange(IMAGES, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 3, 3)
    part = Part(images, torch.arange(IMAGES), names=[str(index) for index in range(IMAGES)])
    return Batches(part, PREPROCESSING, batch_size=5, seed=seed)


def labels(made: Batches, steps: range) -> list[int]:
    return torch.cat([made[step][1] for step in steps]).tolist()


def test_an_epoch_shows_no_image_twice() -> None:
    shown = labels(batches(), range(4))
    assert len(shown) == len(set(shown)) == 20


def test_images_and_labels_stay_together() -> None:
    made = batches()
    for step in range(8):
        images, own = made[step]
        middles: Tensor = images[:, 0, 2, 2]
        torch.testing.assert_close(middles, own.float())


def test_a_batch_is_what_the_preprocessing_makes() -> None:
    images, own = batches()[0]
    assert images.shape == (5, 1, 5, 5)
    assert images[:, :, 0].abs().sum() == 0  # the border is black
    torch.testing.assert_close(images.sum((1, 2, 3)), 9 * own.float())


def test_a_step_has_the_same_batch_whichever_steps_came_before() -> None:
    straight = batches()
    for step in range(13):
        straight[step]
    fresh, wanted = batches()[13], straight[13]
    assert torch.equal(fresh[0], wanted[0])
    assert torch.equal(fresh[1], wanted[1])


def test_epochs_differ_in_order_and_in_what_they_leave_out() -> None:
    made = batches()
    first, second = labels(made, range(4)), labels(made, range(4, 8))
    assert first != second
    assert set(first) != set(second)


def test_seeds_differ() -> None:
    assert labels(batches(seed=0), range(4)) != labels(batches(seed=1), range(4))
