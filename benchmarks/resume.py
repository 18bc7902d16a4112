"""Kill `convlens train mnist` with kill -9 at ten random moments, resume it each time, and compare the bits.

python benchmarks/resume.py --kills 10
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _report import machine, write_section

from convlens.training import open_run, read_events

TRAIN = [sys.executable, "-m", "convlens", "train"]
FILES = ("net.safetensors", "checkpoint.safetensors")


def checksums(folder: Path) -> list[str]:
    """Return the SHA-256 of a run's net and of its checkpoint."""
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES]


def last_step(events: Path) -> int:
    """Return the last step that a run told of, -1 before the first."""
    return max((event["step"] for event in read_events(events) if event["event"] == "step"), default=-1)


def train_and_kill(folder: Path, *, steps: int, kills: int) -> Iterator[int]:
    """Train in a folder, killed again and again.

    Args:
        folder: the run folder.
        steps: of the whole training; the moments are random steps of it.
        kills: how often.

    Yields:
        The last step that was told of before each kill.
    """
    command, events = [*TRAIN, "mnist", "--folder", str(folder)], folder / "events.jsonl"
    for moment in sorted(random.sample(range(steps), kills)):
        before = list(read_events(events))
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while last_step(events) < moment or list(read_events(events)) == before:
            if process.poll() is not None:
                raise SystemExit(f"{command} came to its end, with status {process.returncode}, before step {moment}.")
            time.sleep(0.005)
        process.kill()
        process.wait()
        yield last_step(events)
        command = [*TRAIN, "--resume", str(folder)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Train undisturbed, train under fire, compare, and write the outcome."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as parent:
        straight, killed = Path(parent) / "straight", Path(parent) / "killed"
        subprocess.run([*TRAIN, "mnist", "--folder", str(straight)], check=True, stderr=subprocess.DEVNULL)
        steps = open_run(straight).config.recipe.steps(55_000)
        stopped = list(train_and_kill(killed, steps=steps, kills=kills))
        same = checksums(straight) == checksums(killed)
    write_section(
        "resume",
        [
            "## Killed and resumed",
            "",
            f"`convlens train mnist` of {steps} steps, killed with kill -9 after steps {', '.join(map(str, stopped))} "
            f"and resumed each time: {' and '.join(FILES)} {'have the same bits as' if same else 'DIFFER from'} those "
            f"of the undisturbed training. {machine('convlens', 'torch')}",
        ],
    )
    sys.exit(not same)


if __name__ == "__main__":
    main()
