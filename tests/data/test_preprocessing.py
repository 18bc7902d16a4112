import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from convlens.data import Preprocessing
from convlens.errors import ShapeError

DIGIT = Preprocessing(channels=1, size=(28, 28), padding=2, mean=(0.1307,), deviation=(0.3081,))
PHOTO = Preprocessing(channels=3, size=(8, 12), padding=0, mean=(0.5, 0.4, 0.3), deviation=(0.2, 0.3, 0.4))


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_digit_is_framed_with_black() -> None:
    digit = noise(1, 28, 28)
    fitted = DIGIT.fit(digit)
    assert fitted.shape == DIGIT.image_shape == (1, 32, 32)
    assert torch.equal(fitted[:, 2:-2, 2:-2], digit)
    assert int(fitted.sum()) == int(digit.sum())


def test_black_and_white_become_the_numbers_known_from_mnist() -> None:
    # -0.4242 and 2.8215: least and greatest number of MNIST with this mean and deviation, as its users print them
    pixels = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    torch.testing.assert_close(DIGIT.normalise(pixels), torch.tensor([[[-0.4242, 2.8215]]]), atol=5e-5, rtol=0)


def test_each_channel_has_its_mean_and_deviation() -> None:
    pixels = torch.tensor([51, 102, 153], dtype=torch.uint8).view(3, 1, 1)  # 0.2, 0.4, 0.6
    expected = torch.tensor([(0.2 - 0.5) / 0.2, 0.0, (0.6 - 0.3) / 0.4]).view(3, 1, 1)
    torch.testing.assert_close(PHOTO.normalise(pixels), expected, atol=1e-6, rtol=0)


def test_colour_becomes_the_luma_that_pillow_computes() -> None:
    colour = noise(3, 28, 28)
    pillow = Image.fromarray(colour.permute(1, 2, 0).numpy()).convert("L")
    difference = DIGIT.fit(colour)[0, 2:-2, 2:-2].int() - torch.from_numpy(np.array(pillow)).int()
    assert difference.abs().max() <= 1  # Pillow weights with 16-bit fixed point


def test_grey_is_repeated_for_a_net_of_three_channels() -> None:
    grey = noise(1, 8, 12)
    assert torch.equal(PHOTO.fit(grey), grey.repeat(3, 1, 1))


@pytest.mark.parametrize("shape", [(40, 60), (33, 17), (5, 7)])
def test_scaling_agrees_with_pillow(shape: tuple[int, int]) -> None:
    colour = noise(3, *shape)
    pillow = Image.fromarray(colour.permute(1, 2, 0).numpy()).resize((12, 8), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.array(pillow)).permute(2, 0, 1)
    assert (PHOTO.fit(colour).int() - expected.int()).abs().max() <= 1  # Pillow rounds once an axis


@pytest.mark.parametrize("batch", [(), (2,), (2, 5)])
def test_any_axes_may_stand_before_the_channels(batch: tuple[int, ...]) -> None:
    images = noise(*batch, 3, 10, 10)
    fitted = PHOTO(images)
    assert fitted.shape == (*batch, 3, 8, 12)
    torch.testing.assert_close(fitted.view(-1, 3, 8, 12)[-1], PHOTO(images.view(-1, 3, 10, 10)[-1]), atol=0, rtol=0)


def test_json_gives_the_same_preprocessing_back() -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(PHOTO.to_json()))) == PHOTO


def test_an_alpha_channel_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"images of 4 channels, shape=\(4, 8, 12\), for a net of 3. Drop an alpha"):
        PHOTO.fit(noise(4, 8, 12))


def test_a_mean_for_every_channel_is_wanted() -> None:
    with pytest.raises(ShapeError, match=r"with a mean for each channel. Received .*channels=3.*mean=\(0.5,\)"):
        Preprocessing(channels=3, size=(8, 8), padding=0, mean=(0.5,), deviation=(0.2,))


def test_a_deviation_of_zero_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"deviation above 0. Received .*deviation=\(0.0,\).* 1.0 leaves"):
        Preprocessing(channels=1, size=(8, 8), padding=0, mean=(0.5,), deviation=(0.0,))


@pytest.mark.parametrize("shape", [(40, 60), (33, 17), (300, 30), (12, 12), (7, 5)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_middle_of_a_scaled_image_agrees_with_pillow(shape: tuple[int, int], interpolation: str) -> None:
    preprocessing = dataclasses.replace(PHOTO, resize=14, interpolation=interpolation)
    colour = noise(3, *shape)
    # The shorter side becomes 14 pixels, the longer in proportion, rounded down; half a pixel rounds to the even one.
    rows, columns = (14 * side // min(shape) for side in shape)
    top, left = round((rows - 8) / 2), round((columns - 12) / 2)
    kind = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[interpolation]
    pillow = Image.fromarray(colour.permute(1, 2, 0).numpy()).resize((columns, rows), kind)
    expected = torch.from_numpy(np.array(pillow.crop((left, top, left + 12, top + 8)))).permute(2, 0, 1)
    assert (
        preprocessing.fit(colour).int() - expected.int()
    ).abs().max() <= 1  # Pillow's weights are of 22 bits, torch's of 16 at most


def test_a_thread_of_pixels_does_not_fill_the_memory() -> None:
    preprocessing = dataclasses.replace(PHOTO, size=(224, 224), resize=256)
    assert preprocessing.fit(noise(3, 1, 1_000_000)).shape == (3, 224, 224)  # 197 GB, were all of it scaled


def test_an_image_of_the_wanted_size_is_not_cut_again() -> None:
    preprocessing = dataclasses.replace(PHOTO, resize=14)
    once = preprocessing.fit(noise(3, 50, 40))
    assert torch.equal(preprocessing.fit(once), once)


def test_json_keeps_resize_and_interpolation() -> None:
    preprocessing = dataclasses.replace(PHOTO, resize=14, interpolation="bicubic")
    assert Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing


def test_a_record_from_before_resize_is_read() -> None:
    record = {"channels": 1, "size": [28, 28], "padding": 2, "mean": [0.1307], "deviation": [0.3081]}
    assert Preprocessing.from_json(record) == DIGIT


def test_a_middle_larger_than_the_image_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"inside it\. Received .*resize=11.*: 8 x 12 pixels .* of 11\. .* 12 or more"):
        dataclasses.replace(PHOTO, resize=11)


def test_an_unknown_interpolation_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"interpolated bilinear or bicubic\. Received .*interpolation='nearest'"):
        dataclasses.replace(PHOTO, interpolation="nearest")
