"""Time `convlens train mnist` as a whole process against fastai and Lightning, in alternation, and count its accuracy.

    python benchmarks/train_mnist.py --rounds 5 --seeds 10

The peers get virtual environments of their own under .bench/, made at the first run; they use the very files of this
environment's torch. fastai imports torchvision, whose wheel cannot be imported beside a CPU build of torch: a stand-in
with the names that fastai imports, and without content, takes its place. It costs less time than the real one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

from _report import machine, spread, write_section

from convlens.data import load
from convlens.training import Recipe, open_run

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
ENVIRONMENTS = ROOT / ".bench"

# fastai's own requirements but torch and torchvision (see above) and spacy (for texts).
FASTAI = [
    "cloudpickle", "fastcore>=2.2.22", "fastdownload", "fastprogress", "fasttransform", "matplotlib", "packaging",
    "pandas", "pillow", "plum-dispatch<2.10", "pyyaml", "requests", "scikit-learn", "scipy",
]  # fmt: skip
TORCHVISION_MODELS = [
    "alexnet", "densenet121", "densenet161", "densenet169", "densenet201", "resnet18", "resnet34", "resnet50",
    "resnet101", "resnet152", "squeezenet1_0", "squeezenet1_1", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn",
]  # fmt: skip
EMPTY = "def {}(*args, **kwargs): raise NotImplementedError\n"
TORCHVISION = {
    "__init__.py": '__version__ = "0.0"\n',
    "models/__init__.py": "".join(EMPTY.format(name) for name in TORCHVISION_MODELS),
    "transforms/__init__.py": "",
    "transforms/functional.py": EMPTY.format("pad"),
}


def environment(name: str, *requirements: list[str]) -> Path:
    """Make a peer's virtual environment, unless it is there, and return its Python.

    Args:
        name: of the peer.
        requirements: arguments of one call of pip each.
    """
    folder = ENVIRONMENTS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (folder / "complete").exists():
        return python
    print(f"making {folder} ...", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    site = Path(packages.stdout.strip())
    (site / "zz_torch.pth").write_text(sysconfig.get_path("purelib") + "\n")  # found after the peer's own packages
    for arguments in requirements:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)
    if name == "fastai":
        for file, content in TORCHVISION.items():
            path = site / "torchvision" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    (folder / "complete").touch()
    return python


def timed(command: list[str | Path]) -> tuple[float, str]:
    """Run a process and return its seconds from start to exit, and the last line that it printed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr}")
    return seconds, (done.stdout.strip().splitlines() or [""])[-1]


def ours(seed: int) -> tuple[float, float]:
    """Train with Convlens; return the process's seconds and the accuracy."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        seconds, _ = timed(
            [sys.executable, "-m", "convlens", "train", "mnist", "--seed", str(seed), "--folder", str(folder)]
        )
        accuracy = open_run(folder).accuracy
        assert accuracy is not None
        return seconds, accuracy


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds Convlens' accuracy is counted over")
    arguments = parser.parse_args()

    data = load("mnist")
    recipe = Recipe.for_images(len(data.train))
    lightning = environment("lightning", ["lightning"])
    fastai = environment("fastai", ["--no-deps", "fastai"], FASTAI)
    peers: dict[str, list[str | Path]] = {
        "Lightning's Trainer, our recipe": [lightning, PEERS / "lightning_mnist.py"],
        "fastai, two epochs of one-cycle": [fastai, PEERS / "fastai_mnist.py"],
    }
    name = "`convlens train mnist`"
    seconds: dict[str, list[float]] = {label: [] for label in (name, *peers)}
    accuracies: dict[str, list[float]] = {label: [] for label in (name, *peers)}
    for seed in range(arguments.rounds):
        took, accuracy = ours(seed)
        seconds[name].append(took)
        accuracies[name].append(accuracy)
        for label, command in peers.items():
            took, told = timed([*command, str(data.source["load"]), str(seed), json.dumps(recipe.to_json())])
            seconds[label].append(took)
            accuracies[label].append(float(told))
        print({label: [round(value, 2) for value in values] for label, values in seconds.items()}, flush=True)
    accuracies[name] += [ours(seed)[1] for seed in range(arguments.rounds, arguments.seeds)]

    middle = {label: statistics.median(values) for label, values in seconds.items()}
    rows = [
        f"| {label} | {spread(seconds[label])} | {middle[name] / middle[label]:.2f} "
        f"| {spread([100 * value for value in accuracies[label]])} |"
        for label in seconds
    ]
    reached = sum(value >= 0.99 for value in accuracies[name])
    write_section(
        "train_mnist",
        [
            "## Training LeNet on MNIST",
            "",
            "Whole processes, from start to exit, one after the other in turn: imports, data, training, test.",
            "",
            "| | seconds: median (least to most) | ours / theirs | % of the test digits: median (least to most) |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"Convlens reads at least 99.0 % with {reached} of {len(accuracies[name])} seeds. It and Lightning train "
            f"on {recipe.epochs} x {len(data.train):,} digits. All use the same files of torch. fastai has a stand-in "
            "without content for torchvision. "
            f"{machine('convlens', 'torch')}",
        ],
    )


if __name__ == "__main__":
    main()
