import subprocess
import sys

from PIL import Image


def convlens(*arguments, folder):
    command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_visualise_writes_a_picture_of_a_class_and_says_what_the_net_makes_of_it(tmp_path):
    finished = convlens("visualise", "lenet_four", "output", "ship", "-o", "ship.png", "--steps", 3, folder=tmp_path)
    assert finished.stdout.startswith("LeNetFour output (3): from ")
    assert finished.stdout.endswith("in 3 steps, seed 0\nWritten to ship.png.\n")
    assert Image.open(tmp_path / "ship.png").size == (128, 128)


def test_visualise_refuses_an_unknown_layer_in_a_sentence(tmp_path):
    finished = convlens("visualise", "lenet", "conv7", 0, folder=tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.startswith("convlens: A layer is named by its module's path")
