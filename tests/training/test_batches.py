import torch
from torch import Tensor

from convlens.data import Part, Preprocessing
from convlens.training import Recipe
from convlens.training._batches import Batches

IMAGES = 23
PREPROCESSING = Preprocessing(channels=1, size=(3, 3), padding=1, mean=(0.0,), deviation=(1 / 255,))


def batches(*, seed: int = 0, shift: float = 0) -> Batches:
    # Image i is all i, and its label is i, so that batches show which images they hold.
    images = torch.arange(IMAGES, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 3, 3)
    part = Part(images, torch.arange(IMAGES), names=[str(index) for index in range(IMAGES)])
    return Batches(part, PREPROCESSING, recipe=Recipe(epochs=2, batch_size=5, shift=shift), seed=seed)


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


def test_images_are_moved_by_at_most_the_shift_each_way_and_all_places_occur() -> None:
    made = batches(shift=1 / 3)  # one pixel of three
    places = set()
    for step in range(40):
        images, own = made[step]
        for image, label in zip(images[:, 0], own, strict=True):
            if label == 0:  # black: its place cannot be seen
                continue
            rows, columns = (image.amax(axis).nonzero().flatten().tolist() for axis in (1, 0))
            assert rows == list(range(rows[0], rows[0] + 3))
            assert columns == list(range(columns[0], columns[0] + 3))
            places.add((rows[0], columns[0]))
    assert places == {(row, column) for row in (0, 1, 2) for column in (0, 1, 2)}


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


def sided(*, flip: bool) -> Batches:
    """Batches of 200 images whose left column is bright and whose right column says which image it is."""
    images = torch.zeros(200, 1, 3, 3, dtype=torch.uint8)
    images[:, 0, :, 0] = 255
    images[:, 0, :, 2] = torch.arange(200, dtype=torch.uint8).view(-1, 1)
    part = Part(images, torch.arange(200), names=[""] * 200)
    return Batches(part, PREPROCESSING, recipe=Recipe(epochs=2, batch_size=200, shift=0, flip=flip), seed=0)


def test_flipping_mirrors_about_half_of_the_images_left_to_right_others_in_each_epoch() -> None:
    made, plain = sided(flip=True), sided(flip=False)
    mirrored = []
    for step in range(2):
        images, own = made[step]
        wanted, labels = plain[step]
        assert torch.equal(own, labels)  # the order is the same with and without
        pixels, plain_pixels = images.round(), wanted.round()
        is_mirrored = pixels[:, 0, 2, 1] != 255
        assert torch.equal(pixels[is_mirrored], plain_pixels[is_mirrored].flip(3))
        assert torch.equal(pixels[~is_mirrored], plain_pixels[~is_mirrored])
        assert 70 <= int(is_mirrored.sum()) <= 130  # beyond four standard deviations
        mirrored.append(set(own[is_mirrored].tolist()))
    assert mirrored[0] != mirrored[1]
