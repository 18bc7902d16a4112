import json
import subprocess
import sys

import pytest
import torch
from PIL import Image


def convlens(*arguments, folder):
    command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def folder(tmp_path):
    for part in ("train", "val", "test"):
        for name in ("a", "b"):
            (tmp_path / "photos" / part / name).mkdir(parents=True)
            for number in range(3):
                pixels = torch.randint(200, 256, (28, 28), dtype=torch.uint8)
                Image.fromarray(pixels.numpy()).save(tmp_path / "photos" / part / name / f"{number}.png")
    return tmp_path


def test_diagnose_prints_findings_and_what_was_checked(folder):
    finished = convlens("diagnose", "lenet", "photos", folder=folder)
    assert finished.stdout.startswith("LeNet, 6 images: 1 finding\n\nwrong normalisation in input")
    assert "  Weights and buffers: 63,802 numbers, 0 tensors" in finished.stdout


def test_diagnose_writes_plain_data(folder):
    finished = convlens("diagnose", "lenet", "photos", "--images", 3, "--json", folder=folder)
    assert json.loads(finished.stdout)["images"] == 3
