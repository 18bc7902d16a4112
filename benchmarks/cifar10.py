"""Train the nets of 32 x 32 pixels on CIFAR-10 for a short, stated budget, and tell how much they read.

    python benchmarks/cifar10.py                           # all of them; CONVLENS_DATA holds cifar10-jpg/*.tar.gz
    python benchmarks/cifar10.py lenet resnet20_cifar      # these; the other lines of the table stay
    python benchmarks/cifar10.py resnet20_cifar --epochs 5

Each is `convlens train` as a process of its own, from start to exit: imports, the decoding of 60,000 JPEG files,
training, test.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from _report import MEASURED, machine, write_section

from convlens.training import open_run

SECTION = "cifar10"
FOLDER = "cifar10"  # as the commands of the table name it
THREADS = 1
OPTIONS = ["--flip", "--shift", "0.125", "--precision", "bfloat16"]
EPOCHS = {
    "lenet": 12,
    "lenet5": 12,
    "lenet_harley": 12,
    "lenet_four": 2,
    "resnet20_cifar": 2,
    "preact_resnet20_cifar": 2,
    "vgg11_cifar": 1,
    "densenet40_cifar": 1,
}


def extract(folder: Path) -> None:
    """Make a folder of train/ and test/ with a folder for each of the ten classes."""
    for part in ("train", "test"):
        with tarfile.open(Path(os.environ["CONVLENS_DATA"]) / "cifar10-jpg" / f"{part}.tar.gz") as archive:
            archive.extractall(folder / part, filter="data")


def train(net: str, epochs: int, *, data: Path) -> str:
    """Train one net and return its line of the table."""
    options = ["--net", net, "--epochs", str(epochs), *OPTIONS, "--threads", str(THREADS)]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "convlens", "train", str(data), *options, "--folder", str(folder)], check=True
        )
        minutes = (time.perf_counter() - began) / 60
        run = open_run(folder)
    assert run.accuracy is not None
    parameters = sum(value.numel() for value in run.net.parameters())
    command = f"`convlens train {FOLDER} {' '.join(options)}`"
    return f"| {net} | {parameters:,} | {command} | {minutes:.1f} | {run.accuracy:.1%} |"


def lines_so_far() -> dict[str, str]:
    """Read the table's lines, by net, out of docs/measured.md."""
    text = MEASURED.read_text() if MEASURED.exists() else ""
    section = re.search(rf"<!-- {SECTION}:begin -->(.*?)<!-- {SECTION}:end -->", text, re.DOTALL)
    lines = re.findall(r"^\| \w+ \| [\d,]+ \| .*$", section[1], re.MULTILINE) if section else []
    return {line.split()[1]: line for line in lines}


def write(lines: dict[str, str]) -> None:
    """Write the section with these lines, in the order of EPOCHS."""
    order = [*EPOCHS, *sorted(lines.keys() - EPOCHS.keys())]
    write_section(
        SECTION,
        [
            "## Nets of 32 x 32 pixels on CIFAR-10",
            "",
            "Trained for 1 to 21 minutes each, on one thread, far from what they can reach: the table says that they "
            "learn; its minutes are of a shared machine. 45,000 images to train on, 5,000 held out, 10,000 to test on, "
            "as JPEG files (quality 75, about three points harder to read than the originals). Nets of one channel "
            "read them in grey.",
            "",
            "| net | parameters | command | minutes, whole process | % of the test images read |",
            "| --- | --- | --- | --- | --- |",
            *(lines[net] for net in order if net in lines),
            "",
            machine("convlens", "torch"),
        ],
    )


def main() -> None:
    """Measure and write the figures, net by net."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("nets", nargs="*", help=f"names in the catalogue; by default {', '.join(EPOCHS)}")
    parser.add_argument("--epochs", type=int, help="by default few")
    arguments = parser.parse_args()
    nets = arguments.nets or list(EPOCHS)
    if unknown := [net for net in nets if net not in EPOCHS and arguments.epochs is None]:
        parser.error(f"Say for how many --epochs: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as parent:
        data = Path(parent) / FOLDER
        extract(data)
        for net in nets:
            write(lines_so_far() | {net: train(net, arguments.epochs or EPOCHS[net], data=data)})


if __name__ == "__main__":
    main()
