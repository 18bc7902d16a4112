import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


def convlens(*arguments, folder):
    command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of six digits in two classes, one more that cannot be read, and a survey of lenet over them."""
    folder = tmp_path_factory.mktemp("survey")
    for label in ("0", "1"):
        (folder / "photos" / label).mkdir(parents=True)
        for index in range(3):
            pixels = np.zeros((28, 28), dtype=np.uint8)
            pixels[6:22, 12 + index : 16 + index] = 255
            Image.fromarray(pixels).save(folder / "photos" / label / f"{index}.png")
    (folder / "photos" / "1" / "torn.png").write_bytes((folder / "photos" / "1" / "0.png").read_bytes()[:40])
    finished = convlens("survey", "lenet", "photos", folder=folder)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("LeNet over 6 images, 1 more could not be read\n  relu1: 6 channels, off ")
    assert finished.stdout.endswith("Written to lenet.survey.\n")
    return folder


def test_survey_of_a_finished_file_says_the_same_again(folder):
    again = convlens("survey", "lenet", "photos", folder=folder).stdout
    assert again.startswith("LeNet over 6 images, 1 more could not be read\n")
    assert again == convlens("survey", "lenet.survey", folder=folder).stdout + "Written to lenet.survey.\n"


def test_survey_lists_the_channels_that_love_a_class(folder):
    lines = convlens("survey", "lenet.survey", "--loves", "0", folder=folder).stdout.splitlines()
    assert len(lines) == 10
    assert all(": mean " in line and line.endswith(" deviations") for line in lines)


def test_survey_lists_dead_channels_and_neighbours_and_draws_patches(folder):
    options = ["--dead", "--nearest", "relu1:3", "--picture", "relu1", "-o", "relu1.png"]
    finished = convlens("survey", "lenet.survey", *options, folder=folder)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("correlation") == 5
    assert finished.stdout.endswith("Written to relu1.png.\n")
    # Six channels of six patches of 5 x 5 pixels and a line, twice as large.
    assert Image.open(folder / "relu1.png").size == (6 * 6 * 2, 6 * 6 * 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.survey"], "convlens: A survey is one file. Received path='gone.survey', which is none."),
        (["lenet.survey", "--loves", "cat"], "convlens: A class is named or counted from 0. Received label='cat'."),
        (
            ["lenet.survey", "--nearest", "relu1"],
            "convlens: A channel is named LAYER:CHANNEL. Received nearest='relu1'",
        ),
        (["lenet.survey", "--picture", "pool9"], "convlens: A layer is one of the survey's. Received layer='pool9'."),
        (["lenet", "photos", "--layers", "cnv1"], "convlens: A layer is a module of the net"),
    ],
)
def test_survey_refuses_in_a_sentence(folder, arguments, message):
    finished = convlens("survey", *arguments, folder=folder)
    assert finished.returncode == 1
    assert finished.stderr.startswith(message)
