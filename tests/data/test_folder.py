import shutil
from pathlib import Path

import pytest
from PIL import Image

from convlens.data import DataSet, load
from convlens.errors import DataError


def fill(folder: Path, *, images: int, shade: int = 0, suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(images):
        Image.new("L", (4, 3), shade + number).save(folder / f"{number}{suffix}")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty cats and forty dogs."""
    fill(tmp_path / "photos" / "cat", images=20)
    fill(tmp_path / "photos" / "dog", images=40, shade=100)
    return tmp_path / "photos"


def names(data: DataSet) -> dict[str, list[str]]:
    return {"train": list(data.train.names), "val": list(data.val.names), "test": list(data.test.names)}


def all_names(data: DataSet) -> list[str]:
    return [*data.train.names, *data.val.names, *data.test.names]


def test_a_tenth_of_each_class_becomes_val_and_another_test(photos: Path) -> None:
    data = load(photos)
    assert data.train.labels.bincount().tolist() == [16, 32]
    assert data.val.labels.bincount().tolist() == data.test.labels.bincount().tolist() == [2, 4]
    assert sorted(all_names(data)) == sorted(
        [f"cat/{number}.png" for number in range(20)] + [f"dog/{number}.png" for number in range(40)]
    )


def test_an_example_is_the_file_that_it_names(photos: Path) -> None:
    data = load(str(photos))
    assert (data.name, data.classes) == ("photos", ("cat", "dog"))
    for image, label, name in [*data.train, *data.val, *data.test]:
        kind, number = name.removesuffix(".png").split("/")
        assert label == ("cat", "dog").index(kind)
        assert set(image.flatten().tolist()) == {100 * label + int(number)}


def test_the_seed_alone_decides_the_parts(photos: Path) -> None:
    assert names(load(photos)) == names(load(photos))
    assert names(load(photos)) != names(load(photos, seed=1))


def test_a_new_file_leaves_most_others_in_their_parts(photos: Path) -> None:
    before = names(load(photos))
    Image.new("L", (4, 3), 7).save(photos / "cat" / "new.png")
    after = names(load(photos))
    moved = [name for part in before for name in before[part] if name not in after[part]]
    assert len(moved) <= 2  # at most one in val and one in test


def test_folders_of_parts_are_kept(tmp_path: Path) -> None:
    for part, images in (("train", 5), ("valid", 2), ("test", 3)):
        fill(tmp_path / part / "cat", images=images)
        fill(tmp_path / part / "dog", images=images)
    data = load(tmp_path)
    assert (len(data.train), len(data.val), len(data.test)) == (10, 4, 6)
    assert all(name.startswith("valid/") for name in data.val.names)


def test_only_the_part_without_a_folder_is_taken_from_train(tmp_path: Path) -> None:
    for part in ("train", "test"):
        fill(tmp_path / part / "cat", images=10)
        fill(tmp_path / part / "dog", images=10)
    data = load(tmp_path)
    assert (len(data.train), len(data.val), len(data.test)) == (18, 2, 20)
    assert all(name.startswith("train/") for name in data.val.names)


def test_without_a_train_folder_test_is_a_class(tmp_path: Path) -> None:
    fill(tmp_path / "test", images=3)
    fill(tmp_path / "toast", images=3)
    assert load(tmp_path).classes == ("test", "toast")


def test_classes_and_files_stand_in_natural_order(tmp_path: Path) -> None:
    for name in ("class 10", "class 2", "class 1"):
        fill(tmp_path / "train" / name, images=12)
        fill(tmp_path / "test" / name, images=12)
    data = load(tmp_path)
    assert data.classes == ("class 1", "class 2", "class 10")
    assert data.test.names[:12] == [f"test/class 1/{number}.png" for number in range(12)]


def test_hidden_folders_and_other_files_do_not_count(photos: Path) -> None:
    fill(photos / ".cache", images=3)
    fill(photos / "cat" / ".ipynb_checkpoints", images=3)
    (photos / "cat" / "notes.txt").write_text("Tom is the grey one.")
    shutil.copy(photos / "cat" / "1.png", photos / "cat" / "._1.png")
    data = load(photos)
    assert data.classes == ("cat", "dog")
    assert len(data.train) + len(data.val) + len(data.test) == 60


def test_images_deeper_in_a_class_count(photos: Path) -> None:
    fill(photos / "cat" / "Siamese", images=10)
    assert "cat/Siamese/3.png" in all_names(load(photos))


def test_images_are_scaled_to_the_size_asked_for(photos: Path) -> None:
    assert load(photos).train.images.shape[1:] == (1, 3, 4)
    assert load(photos, size=8).train.images.shape[1:] == (1, 8, 8)


def test_bad_files_are_named_and_counted(photos: Path) -> None:
    for number in range(7):
        (photos / "cat" / f"{number}.png").write_bytes(b"no image")
    with pytest.raises(
        DataError,
        match=r"(?s)7 of 60 image files cannot be read. Received .*photos with.*cat/\d.png: none of these "
        r"formats.*and 2 more.*skip_bad=True",
    ):
        load(photos)


def test_bad_files_are_left_out_on_demand_and_recorded(photos: Path) -> None:
    before = names(load(photos))
    (photos / before["train"][3]).write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"(?s)1 of 60 image files cannot be read.*They are left out"):
        data = load(photos, skip_bad=True)
    assert data.source["skipped"] == [before["train"][3]]
    before["train"].pop(3)
    assert names(data) == before


def test_the_source_tells_any_change_of_content(photos: Path) -> None:
    before = load(photos).source
    assert load(photos).source == before
    Image.new("L", (4, 3), 99).save(photos / "cat" / "3.png")
    assert load(photos).source["sha256"] != before["sha256"]


def test_one_class_is_too_few(tmp_path: Path) -> None:
    fill(tmp_path / "cat", images=5)
    with pytest.raises(DataError, match=r"for each of two classes or more. Received .* with 1. Put the images into"):
        load(tmp_path)


def test_a_class_too_small_for_its_parts_is_named(photos: Path) -> None:
    fill(photos / "emu", images=2)
    with pytest.raises(DataError, match=r"Received class='emu' with 2. 3 or more would do"):
        load(photos)


def test_a_class_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    for part, classes in (("train", ("cat", "dog")), ("test", ("cat", "emu"))):
        for name in classes:
            fill(tmp_path / part / name, images=4)
    with pytest.raises(DataError, match=r"Every class has a folder in train. Received .*test with emu"):
        load(tmp_path)


def test_two_folders_for_one_part_are_refused(tmp_path: Path) -> None:
    for part in ("train", "val", "validation"):
        fill(tmp_path / part / "cat", images=4)
    with pytest.raises(DataError, match=r"Each part has one folder. Received .*val and .*validation, both val"):
        load(tmp_path)


def test_an_empty_test_folder_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        fill(tmp_path / "train" / name, images=4)
        fill(tmp_path / "test" / name, images=0)
    with pytest.raises(DataError, match=r"Each part has an image that can be read. Received .* with none for test"):
        load(tmp_path)
