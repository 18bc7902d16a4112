from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from convlens.data import _load, load, load_digits
from convlens.errors import DataError


@pytest.mark.parametrize("source", ["minst", "no/such/folder"])
def test_what_is_neither_name_nor_folder_is_refused_with_all_that_works(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"Received source='{source}'.*'mnist'; 'digits'; a folder of class folders"):
        load(source)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    with pytest.raises(DataError, match=r"a name or a folder. Received source='.*photo.png'"):
        load(tmp_path / "photo.png")


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_a_size_for_a_named_data_set_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=rf"A size is for image files. Received size=32, source='{name}'"):
        load(name, size=32)


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have load("digits") draw 12 digits: all 57,000 take seconds."""
    monkeypatch.setitem(_load._NAMED, "digits", partial(load_digits, train=10, val=1, test=1))


@pytest.mark.usefixtures("few_digits")
def test_the_built_in_digits_are_drawn_from_the_seed() -> None:
    data = load("digits", seed=5)
    assert (data.name, data.source["seed"]) == ("digits", 5)
    assert sorted(data.train.labels.tolist()) == list(range(10))


@pytest.mark.usefixtures("few_digits")
def test_a_name_wins_over_a_folder_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("cat", "dog"):
        (tmp_path / "digits" / kind).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (1, 1)).save(tmp_path / "digits" / kind / f"{number}.png")
    assert load("digits").classes == tuple("0123456789")
    assert load("./digits").classes == load(Path("digits")).classes == ("cat", "dog")
