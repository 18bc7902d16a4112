import subprocess
import sys

import pytest
from PIL import Image

import convlens as cl


def convlens(*arguments, folder):
    command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def digit(tmp_path):
    image = cl.data.load("digits").test[0].image
    Image.fromarray(image[0].numpy()).save(tmp_path / "digit.png")
    return "digit.png"


def test_attribute_writes_the_image_with_colours_and_says_of_which_class(tmp_path, digit):
    finished = convlens("attribute", "lenet", digit, "-o", "heat.png", folder=tmp_path)
    assert finished.stdout.startswith("Grad-CAM of class '")
    assert finished.stdout.endswith("Written to heat.png.\n")
    assert min(Image.open(tmp_path / "heat.png").size) >= 256


def test_attribute_takes_units_and_methods(tmp_path, digit):
    arguments = ("attribute", "lenet", digit, "conv2", 3, 4, 4, "--method", "integrated-gradients")
    finished = convlens(*arguments, folder=tmp_path)
    assert finished.stdout.startswith("integrated gradients of conv2[3, 4, 4], which is ")
    assert (tmp_path / "digit-integrated-gradients.png").exists()


def test_attribute_refuses_an_unknown_class_in_a_sentence(tmp_path, digit):
    finished = convlens("attribute", "lenet", digit, "zebra", folder=tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.startswith("convlens: A class is a number below 10, or a name that the net's card lists.")
