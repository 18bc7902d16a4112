import json
import subprocess
import sys


def convlens(*arguments, folder):
    command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_diagnose_prints_findings_and_what_was_checked(tmp_path):
    finished = convlens("diagnose", "lenet", "digits", "--images", 100, folder=tmp_path)
    assert finished.stdout.startswith("LeNet, 100 images: ")
    assert "  Weights and buffers: 63,802 numbers, 0 tensors" in finished.stdout


def test_diagnose_writes_plain_data(tmp_path):
    finished = convlens("diagnose", "lenet", "digits", "--images", 10, "--json", folder=tmp_path)
    assert json.loads(finished.stdout)["images"] == 10
