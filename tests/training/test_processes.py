"""Trainings that are stopped from outside, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convlens.training import read_events, train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX does")

# One process imports torch and forks one child after the other, each of which trains until it is killed.
_KILLED_AGAIN_AND_AGAIN = """
import os, random, signal, sys, time
from pathlib import Path
from convlens.training import _recorder, resume, train

data, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
_recorder._KEEP_EVERY = 0.02  # seconds: every child gets somewhere

def go():
    if (folder / "config.json").exists():
        resume(folder, progress=False)
    else:
        train("lenet", data, epochs=12, threads=1, folder=folder, progress=False)

done = 0
while True:
    child = os.fork()
    if child == 0:
        go()
        os._exit(0)
    if done < kills:
        time.sleep(random.uniform(0.05, 0.35))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(0 if os.WEXITSTATUS(status) == 0 and done > 0 else f"{done} kills, status {status}")
    done += 1
    if not (folder / "config.json").exists():
        for path in folder.glob("*"):
            path.unlink()
"""


def test_a_training_killed_at_random_moments_ends_with_the_same_bits(spots_folder: Path, tmp_path: Path) -> None:
    straight = train("lenet", spots_folder, epochs=12, threads=1, folder=tmp_path / "straight", progress=False)
    killed = tmp_path / "killed"
    subprocess.run(
        [sys.executable, "-c", _KILLED_AGAIN_AND_AGAIN, str(spots_folder), str(killed), "10"], check=True, timeout=240
    )
    for name in ("net.safetensors", "checkpoint.safetensors"):
        assert (killed / name).read_bytes() == (straight.folder / name).read_bytes()


def test_ctrl_c_leaves_a_good_checkpoint_and_says_how_to_go_on(spots_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "convlens", "train", str(spots_folder), "--epochs", "400", "--folder", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    events = folder / "events.jsonl"
    while not any(event["event"] == "step" for event in read_events(events)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"To go on: convlens train --resume {folder}" in told
    *_, kept, last = read_events(events)
    assert (kept["event"], last["event"]) == ("checkpoint", "interrupted")
    assert kept["step"] == last["step"] > 0
