"""The README's code blocks, run as they stand."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """A folder as the reader has it: the README's picture is where the README says."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "digit.png", tmp_path / "docs")
    return tmp_path


def environment() -> dict[str, str]:
    """The commands of this Python's environment come first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def test_the_python_tour_runs_and_says_what_it_promises(folder):
    tour, *_ = blocks("python")
    finished = subprocess.run([sys.executable, "-c", tour], cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "'conv1', 'relu1', 'pool1', 'conv2'" in finished.stdout
    assert "tolerance" in finished.stdout
    assert ": closes" in finished.stdout
    assert finished.stdout.splitlines()[-1] == "(10, 24)"


def test_the_tour_of_architectures_runs(folder):
    *_, tour = blocks("python")
    finished = subprocess.run([sys.executable, "-c", tour], cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "layer4.2.conv3" in finished.stdout
    assert "receptive field" in finished.stdout


def test_the_shell_tour_runs(folder):
    *_, tour, _ = blocks("sh")
    lines = tour.strip().splitlines()
    assert len(lines) == 5
    for line in lines[:-1]:
        finished = subprocess.run(
            shlex.split(line), cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, f"{line}\n{finished.stderr}"
    # The last command serves until it is interrupted.
    assert lines[-1] == "convlens open lenet"
    command = [*shlex.split(lines[-1]), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        address = re.search(r"http://\S+", server.stdout.readline())[0]
        with urllib.request.urlopen(address, timeout=20) as page:
            assert b"<!doctype html>" in page.read().lower()
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def test_the_tour_of_what_happens_inside_runs(folder):
    _, tour, _ = blocks("python")
    finished = subprocess.run([sys.executable, "-c", tour], cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "all of which close" in finished.stdout
    assert "DOES NOT CLOSE" not in finished.stdout
    assert (folder / "heat.png").exists()
    *_, lines = blocks("sh")
    made = "convlens trace lenet docs/digit.png -o digit.safetensors\n"
    commands = (made + lines).strip().splitlines()
    assert len(commands) == 6
    for line in commands:
        words = line.split(" > ")[0]
        finished = subprocess.run(
            shlex.split(words), cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, f"{line}\n{finished.stderr}"


def test_the_two_commands_are_targets_of_the_makefile():
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")]
    assert commands == ["make demo", "make test"]
    for command in commands:
        dry_run = [*command.split(), "--dry-run", "--no-print-directory"]
        planned = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True)
        assert planned.stdout.split()[1:3] == ["scripts/dev.py", command.split()[1]]


def test_every_file_that_the_readme_links_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
