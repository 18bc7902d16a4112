from pathlib import Path

import pytest

from convlens.data import load
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


def test_a_size_for_a_named_data_set_is_refused() -> None:
    with pytest.raises(DataError, match=r"A size is for image files. Received size=32, source='mnist'"):
        load("mnist", size=32)
