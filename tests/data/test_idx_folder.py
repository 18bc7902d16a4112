import gzip
import struct
from pathlib import Path

import pytest
import torch

from convlens.data import load
from convlens.errors import DataError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def pixels(images: int, *, rows: int = 2, columns: int = 3) -> torch.Tensor:
    """Images that tell their own number: their first pixel is it."""
    made = torch.randint(256, (images, rows, columns), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    made[:, 0, 0] = torch.arange(images)
    return made


def idx(numbers: torch.Tensor) -> bytes:
    header = bytes([0, 0, 8, numbers.ndim]) + struct.pack(f">{numbers.ndim}I", *numbers.shape)
    return header + numbers.to(torch.uint8).numpy().tobytes()


def write(folder: Path, *, prefix: str = "", train: int = 60, test: str = "t10k", first_label: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for part, images in (("train", train), (test, 10)):
        (folder / f"{prefix}{part}-images-idx3-ubyte").write_bytes(idx(pixels(images)))
        labels = torch.arange(images) % 5 + first_label
        (folder / f"{prefix}{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


def test_one_training_image_in_twelve_becomes_val(tmp_path: Path) -> None:
    data = load(write(tmp_path / "shapes"))
    assert (len(data.train), len(data.val), len(data.test)) == (55, 5, 10)
    assert (data.name, data.classes) == ("shapes", ("0", "1", "2", "3", "4"))


@pytest.mark.parametrize(("train", "left"), [(2, 1), (11, 10), (24, 22)])
def test_val_has_at_least_one_image(tmp_path: Path, train: int, left: int) -> None:
    data = load(write(tmp_path, train=train))
    assert (len(data.train), len(data.val)) == (left, train - left)


def test_one_training_image_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"at least one image each. Received 1 training image. Take a larger"):
        load(write(tmp_path, train=1))


def test_train_and_val_share_the_training_file_without_loss(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    numbers = [int(example.image[0, 0, 0]) for part in (data.train, data.val) for example in part]
    assert sorted(numbers) == list(range(60))


def test_an_image_keeps_its_label_and_the_number_that_it_has_in_its_file(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    for part, file in ((data.train, "train"), (data.val, "train"), (data.test, "test")):
        for image, label, name in part:
            number = int(image[0, 0, 0])
            assert name == f"{file}/{number}"
            assert label == number % 5
            assert torch.equal(image[0], pixels(60 if file == "train" else 10)[number])


def test_train_and_val_keep_the_order_of_the_file(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    for part in (data.train, data.val):
        numbers = part.images[:, 0, 0, 0].tolist()
        assert numbers == sorted(numbers)


def test_the_seed_alone_decides_which_images_become_val(tmp_path: Path) -> None:
    folder = write(tmp_path)
    first, again, other = load(folder, seed=1), load(folder, seed=1), load(folder, seed=2)
    assert first.val.names == again.val.names != other.val.names
    assert first.test.names == other.test.names


def test_gzipped_files_and_names_with_a_dot_are_found(tmp_path: Path) -> None:
    plain = load(write(tmp_path))
    for path in list(tmp_path.iterdir()):
        dotted = path.name.replace("-idx", ".idx")
        path.with_name(f"{dotted}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    zipped = load(tmp_path)
    assert torch.equal(zipped.train.images, plain.train.images)
    assert list(zipped.source["sha256"].values()) == list(plain.source["sha256"].values())


def test_a_plain_file_wins_over_a_gzipped_one(tmp_path: Path) -> None:
    write(tmp_path)
    for name in NAMES:
        (tmp_path / f"{name}.gz").write_bytes(b"not read")
    assert len(load(tmp_path).test) == 10


def test_emnist_is_turned_upright(tmp_path: Path) -> None:
    # EMNIST's files hold each image with rows and columns exchanged, and name the test part "test".
    data = load(write(tmp_path, prefix="emnist-letters-", test="test", first_label=1))
    assert torch.equal(data.test[7].image[0], pixels(10)[7].T)
    assert data.classes == ("1", "2", "3", "4", "5")
    assert data.test[7].label == 7 % 5


def test_the_source_changes_with_any_pixel(tmp_path: Path) -> None:
    before = load(write(tmp_path)).source
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x77")
    after = load(tmp_path).source
    changed = [name for name in before["sha256"] if before["sha256"][name] != after["sha256"][name]]
    assert changed == ["t10k-images-idx3-ubyte"]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / name).unlink()
    kind = name.split("-idx")[0].replace("t10k", "test")
    with pytest.raises(
        DataError, match=f"images and labels of train and test. Received .* without {kind}. Expected names"
    ):
        load(tmp_path)


def test_two_data_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, prefix="emnist-digits-")
    with pytest.raises(DataError, match=r"holds one data set. Received .* with 2: '', 'emnist-digits-'. Move the four"):
        load(tmp_path)


def test_a_label_too_few_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(torch.zeros(59)))
    with pytest.raises(DataError, match=r"one whole number an image. .*shape=\(59,\), beside 60 images. Take all four"):
        load(tmp_path)


def test_images_that_are_no_bytes_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    content = bytes([0, 0, 0x0D, 3]) + struct.pack(">3I", 60, 1, 1) + bytes(240)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=r"are bytes with three axes.* type=torch.float32, shape=\(60, 1, 1\)"):
        load(tmp_path)


def test_train_and_test_of_two_sizes_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(pixels(10, rows=4)))
    with pytest.raises(DataError, match=r"of one size. Received .* train=\(2, 3\), test=\(4, 3\)"):
        load(tmp_path)


def test_a_size_is_refused_for_files_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"A size is for image files. Received size=32, source=.* Leave it out"):
        load(write(tmp_path), size=32)
