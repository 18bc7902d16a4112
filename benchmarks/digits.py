"""Train LeNet on the built-in digits alone and count how many real test digits of MNIST it reads.

python benchmarks/digits.py --seeds 5
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import torch
from _report import machine, spread, write_section

from convlens.data import digits, load
from convlens.training import Recipe, train

DRAWN = 20_000  # digits a timing
THRESHOLD = 0.96


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, each of the digits and of the training")
    seeds = range(parser.parse_args().seeds)
    real = load("mnist").test
    digits(1)  # the first reads the table of strokes

    rates, accuracies, seconds = [], [], []
    for seed in seeds:
        began = time.perf_counter()
        digits(DRAWN, seed=seed)
        rates.append(DRAWN / (time.perf_counter() - began))
        with tempfile.TemporaryDirectory() as parent:
            began = time.perf_counter()
            data = dataclasses.replace(load("digits", seed=seed), test=real)
            run = train("lenet", data, seed=seed, folder=Path(parent) / "run", progress=False)
            seconds.append(time.perf_counter() - began)
        assert run.accuracy is not None
        accuracies.append(run.accuracy)
        print(f"seed {seed}: {run.accuracy:.2%} in {seconds[-1]:.1f} s, {rates[-1]:.0f} digits/s", flush=True)

    drawn = len(data.train)
    reached = sum(accuracy >= THRESHOLD for accuracy in accuracies)
    write_section(
        "digits",
        [
            "## The built-in digits",
            "",
            f"LeNet, trained on {drawn:,} built-in digits alone ({Recipe.for_images(drawn).epochs} epochs), on the "
            f"{len(real):,} real test digits of MNIST. Each seed draws other digits and trains another net.",
            "",
            "| | median (least to most) |",
            "| --- | --- |",
            f"| % of MNIST's test digits read | {spread([100 * accuracy for accuracy in accuracies])} |",
            f"| seconds to draw the digits, train and test | {spread(seconds, digits=1)} |",
            f"| digits drawn a second | {spread(rates, digits=0)} |",
            "",
            f"At least {THRESHOLD:.0%} with {reached} of {len(accuracies)} seeds. {torch.get_num_threads()} threads. "
            f"{machine('convlens', 'torch')}",
        ],
    )


if __name__ == "__main__":
    main()
