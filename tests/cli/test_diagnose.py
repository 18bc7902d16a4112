import json

import pytest
from PIL import Image

from convlens.cli import app
from convlens.data import digits
from convlens.errors import DataError


@pytest.fixture
def diagnose(capsys):
    """Run `convlens diagnose`; returns what it prints."""

    def run(*arguments):
        app(["diagnose", *arguments], result_action="return_none")
        return capsys.readouterr().out

    return run


@pytest.fixture
def folder(tmp_path):
    """A data set whose test part is ten digits, one of each class."""
    for part in ("train", "val", "test"):
        for image, label, _ in digits(10):
            path = tmp_path / part / str(label) / "one.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(image[0].numpy()).save(path)
    return str(tmp_path)


def test_diagnose_says_what_was_checked(diagnose, folder):
    text = diagnose("lenet", folder)
    assert text.startswith("LeNet, 10 images: no findings")
    assert "\nChecked\n  Weights and buffers: 63,802 numbers, 0 tensors" in text


def test_diagnose_writes_json_of_as_many_images_as_asked_for(diagnose, folder):
    record = json.loads(diagnose("lenet", folder, "--images", "4", "--json"))
    assert (record["net"], record["images"]) == ("LeNet", 4)


def test_diagnose_refuses_data_that_are_not_there(diagnose):
    with pytest.raises(DataError, match=r"A data set is a name or a folder\. Received source='nothing'"):
        diagnose("lenet", "nothing")
