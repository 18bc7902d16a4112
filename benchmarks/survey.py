"""Measure surveys: speed against plain inference, memory, several processes, and kills.

python benchmarks/survey.py [--most 100000 --count 40000]
"""

import argparse
import os
import random
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from _report import machine, spread, write_section

from convlens.architectures import NetCard, TrainedNet, build, open_net
from convlens.data import Preprocessing
from convlens.insight import survey


class Synthetic:
    """Images that are made when they are asked for."""

    def __init__(self, count: int, shape: tuple[int, int, int]) -> None:
        pool = torch.randint(0, 256, (97, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        self._pool, self._count = list(pool), count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, str]:
        return self._pool[index * 31 % 97], index % 10, str(index)


def net_of(name: str) -> TrainedNet:
    """Open a shipped net, or build ResNet-18 with random weights."""
    if name != "resnet18":
        return open_net(name)
    torch.manual_seed(0)
    preprocessing = Preprocessing(3, (224, 224), 0, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
    return TrainedNet(build(name).eval(), NetCard(name, tuple(map(str, range(1000))), preprocessing))


def dump(path: Path) -> list[str]:
    """Write out a database's rows."""
    with sqlite3.connect(path) as database:
        return list(database.iterdump())


@torch.inference_mode()
def plain(trained: TrainedNet, images: Synthetic, *, size: int) -> float:
    """Run the net over the images as the survey reads them, and time it, in seconds."""
    preprocessing, began = trained.card.preprocessing, time.perf_counter()
    for first in range(0, len(images), size):
        batch = [images[index][0] for index in range(first, min(first + size, len(images)))]
        trained.net(preprocessing(torch.stack(batch)))
    return time.perf_counter() - began


def ratio(name: str, folder: Path, *, count: int, repeats: int = 5) -> list[float]:
    """Measure images a second of the survey's pass as a share of those of plain inference, in alternation.

    Cutting out the patches takes the same time for any number of images: it is taken off, as the time of a survey that
    has one batch.
    """
    trained = net_of(name)
    preprocessing = trained.card.preprocessing
    shape = (preprocessing.channels, *preprocessing.size)
    few, many = Synthetic(count // 8, shape), Synthetic(count // 8 + count, shape)
    # Plain inference may choose its batches: whichever of these is fastest.
    size = min((4, 16, 64, 128, 256), key=lambda size: min(plain(trained, few, size=size) for _ in range(2)))
    shares = []
    for repeat in range(repeats):
        inference = plain(trained, many, size=size) - plain(trained, few, size=size)
        times = []
        for images in (few, many):
            began = time.perf_counter()
            survey(trained.net, images, file=folder / f"{name}-{repeat}-{len(images)}.survey")
            times.append(time.perf_counter() - began)
        shares.append(inference / (times[1] - times[0]))
    return shares


def child(count: int, path: str, pause: float) -> None:
    """Survey so many synthetic digits, and print the seconds of it and the memory, in MiB."""
    trained = open_net("lenet")
    began = time.perf_counter()
    if pause:
        print("ready", flush=True)
    survey(trained.net, Synthetic(count, (1, 28, 28)), file=path)
    seconds = time.perf_counter() - began
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def start(count: int, path: Path, *, rank: int = 0, processes: int = 1, pause: float = 0) -> subprocess.Popen:
    """Start `child` in a process with one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RANK": str(rank), "WORLD_SIZE": str(processes)}
    command = [sys.executable, __file__, "--child", str(count), str(path), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def finished(process: subprocess.Popen) -> tuple[float, float]:
    """Wait for a child: its seconds and MiB."""
    out, _ = process.communicate()
    assert process.returncode == 0
    seconds, memory = out.splitlines()[-1].split()
    return float(seconds), float(memory)


def kills(folder: Path, *, count: int, moments: int) -> bool:
    """Kill a survey at random moments, let it end, and compare its rows with those of an undisturbed one."""
    straight, killed = folder / "straight.survey", folder / "killed.survey"
    whole = finished(start(count, straight))[0]
    for _ in range(moments):
        process = start(count, killed, pause=1)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.uniform(0, whole * 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finished(start(count, killed))
    return dump(straight) == dump(killed)


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--child", nargs=3)
    parser.add_argument("--most", type=int, default=1_000_000, help="images of the largest survey")
    parser.add_argument("--count", type=int, default=100_000, help="images of the surveys by several processes")
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    if options.child:
        child(int(options.child[0]), options.child[1], float(options.child[2]))
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        shares = {
            name: ratio(name, folder, count=count)
            for name, count in {"lenet": 25_600, "lenet_four": 1024, "resnet18": 64}.items()
        }
        memory = {
            count: finished(start(count, folder / f"{count}.survey"))[1] for count in (1000, 10_000, options.most)
        }
        count, speedups, same = options.count, [], []
        for repeat in range(3):
            one = finished(start(count, folder / f"1-{repeat}.survey"))[0]
            both = [start(count, folder / f"2-{repeat}.survey", rank=rank, processes=2) for rank in range(2)]
            speedups.append(one / max(finished(process)[0] for process in both))
        for processes in (2, 4):
            path = folder / f"same-{processes}.survey"
            for process in [start(count, path, rank=rank, processes=processes) for rank in range(processes)]:
                finished(process)
            same.append(dump(path) == dump(folder / "1-0.survey"))
        survived = kills(folder, count=count // 2, moments=options.kills)
    write_section(
        "survey",
        [
            "## Surveys",
            "",
            "| what | figure |",
            "| --- | --- |",
            *(
                f"| {name}: images a second, as a share of plain inference's, one thread | {spread(values)} |"
                for name, values in shares.items()
            ),
            *(f"| lenet, {count:,} images: memory | {mebibytes:.0f} MiB |" for count, mebibytes in memory.items()),
            f"| lenet, {count:,} images: two processes, times as fast as one | {spread(speedups)} |",
            f"| all rows of 2 and 4 processes are those of one | {'yes' if all(same) else 'NO'} |",
            f"| killed {options.kills} times with kill -9: all rows are the same | {'yes' if survived else 'NO'} |",
            "",
            machine("convlens", "torch"),
        ],
    )
    sys.exit(not (all(same) and survived and statistics.median(shares["lenet"]) > 0))


if __name__ == "__main__":
    main()
