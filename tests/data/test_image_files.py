from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convlens.data import _image_files
from convlens.data._image_files import read_image_files
from convlens.errors import DataError

RANDOM = np.random.default_rng(0)


def saved(path: Path, *, rows: int, columns: int, grey: bool = False) -> Path:
    shape = (rows, columns) if grey else (rows, columns, 3)
    Image.fromarray(RANDOM.integers(256, size=shape, dtype=np.uint8)).save(path)
    return path


def test_images_of_one_size_stay_as_they_are(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{number}.png", rows=5, columns=9) for number in range(3)]
    images = read_image_files(paths).images
    assert images.shape == (3, 3, 5, 9)
    assert torch.equal(images[2].permute(1, 2, 0), torch.from_numpy(np.array(Image.open(paths[2]))))


def test_images_of_several_sizes_become_squares_of_64(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{rows}.png", rows=rows, columns=100) for rows in (80, 90)]
    assert read_image_files(paths).images.shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    ("rows", "columns", "middle"),  # left, top, right, bottom
    [
        (120, 80, (0, 20, 80, 100)),
        (80, 120, (20, 0, 100, 80)),
        (10, 20, (5, 0, 15, 10)),
        (16, 16, (0, 0, 16, 16)),
        (1, 300, (149, 0, 150, 1)),
        (300, 1, (0, 149, 1, 150)),
    ],
)
def test_the_middle_is_cut_out_and_scaled_as_pillow_scales(
    tmp_path: Path, rows: int, columns: int, middle: tuple[int, int, int, int]
) -> None:
    path = saved(tmp_path / "image.png", rows=rows, columns=columns)
    pillow = Image.open(path).crop(middle).resize((16, 16), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.array(pillow)).permute(2, 0, 1)
    image = read_image_files([path], size=16).images[0]
    assert (image.int() - expected.int()).abs().max() <= 1  # two ways to round


def test_grey_and_colour_together_become_colour(tmp_path: Path) -> None:
    grey = saved(tmp_path / "grey.png", rows=4, columns=4, grey=True)
    images = read_image_files([grey, saved(tmp_path / "colour.png", rows=4, columns=4)]).images
    assert images.shape == (2, 3, 4, 4)
    assert torch.equal(images[0, 0], images[0, 2])
    assert read_image_files([grey]).images.shape == (1, 1, 4, 4)


def test_bad_files_are_told_and_the_others_keep_their_order(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{number}.png", rows=40, columns=40) for number in range(5)]
    paths[0].write_bytes(paths[0].read_bytes()[:-2000])  # found on decoding
    paths[3].write_bytes(b"not an image")  # found in the header, which is read before
    read = read_image_files(paths)
    assert list(read.bad) == [0, 3]
    assert "truncated" in read.bad[0]
    assert read.bad[3] == "none of these formats"
    assert list(read.checksums) == [1, 2, 4]
    assert torch.equal(read.images, read_image_files([paths[1], paths[2], paths[4]]).images)


def test_bad_files_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"at least one image that can be read. Received 1 files, all bad; .*bad.png"):
        read_image_files([tmp_path / "bad.png"])


def test_more_than_memory_should_hold_is_refused_with_a_size_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_image_files, "_MOST_BYTES", 2**20)
    path = saved(tmp_path / "large.png", rows=700, columns=700)
    with pytest.raises(DataError, match=r"Received 1 images of 3 x 700 x 700: .* A size of 591 or less would fit"):
        read_image_files([path])
    assert read_image_files([path], size=591).images.nbytes <= 2**20
