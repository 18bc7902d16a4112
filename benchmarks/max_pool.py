"""Time our max pooling against torch's, in alternation, on the pools of the architectures, and compare their bits."""

import statistics
import time
from collections.abc import Callable

import torch
from _report import machine, write_section
from torch import Tensor, nn

from convlens.architectures import MaxPool2d

ROUNDS = 9
POOLS = {  # batch, channels, side; window, stride, padding, ceil
    "VGG, pool1": ((8, 64, 224), (2, 2, 0, False)),
    "VGG, pool2": ((8, 128, 112), (2, 2, 0, False)),
    "VGG, pool5": ((8, 512, 14), (2, 2, 0, False)),
    "AlexNet, pool1": ((8, 64, 55), (3, 2, 0, False)),
    "ResNet and DenseNet, first pool": ((8, 64, 112), (3, 2, 1, False)),
    "the same, one image": ((1, 64, 112), (3, 2, 1, False)),
    "GoogLeNet, pool2": ((8, 192, 56), (3, 2, 0, True)),
    "GoogLeNet, inception3a": ((8, 192, 28), (3, 1, 1, False)),
    "GoogLeNet, inception5b": ((8, 832, 7), (3, 1, 1, False)),
}


def forward(pool: nn.Module, maps: Tensor) -> Callable[[], Tensor]:
    """Pool without gradients."""

    def call() -> Tensor:
        with torch.no_grad():
            return pool(maps)

    return call


def training(pool: nn.Module, maps: Tensor) -> Callable[[], Tensor]:
    """Pool, and send a gradient back."""
    watched = maps.clone().requires_grad_()
    gradient = torch.ones_like(pool(watched))
    return lambda: torch.autograd.grad(pool(watched), watched, gradient)[0]


def in_alternation(ours: Callable[[], Tensor], theirs: Callable[[], Tensor]) -> str:
    """Time both in turn and write medians in milliseconds, and their ratio."""
    assert torch.equal(ours(), theirs())
    times: dict[Callable[[], Tensor], list[float]] = {ours: [], theirs: []}
    for _ in range(ROUNDS):
        for call in (ours, theirs):
            began = time.perf_counter()
            call()
            times[call].append((time.perf_counter() - began) * 1e3)
    mine, other = (statistics.median(times[call]) for call in (ours, theirs))
    return f"{mine:.2f}, {other:.2f}, **{mine / other:.2f}**"


def main() -> None:
    """Measure and write the figures."""
    rows = []
    for name, ((batch, channels, side), (window, stride, padding, ceil)) in POOLS.items():
        maps = torch.randn(batch, channels, side, side).relu_()
        pools = [kind(window, stride, padding, ceil_mode=ceil) for kind in (MaxPool2d, nn.MaxPool2d)]
        cells = [in_alternation(*(timed(pool, maps) for pool in pools)) for timed in (forward, training)]
        rows.append(f"| {name} | {batch} x {channels} x {side} x {side} | {' | '.join(cells)} |")
    write_section(
        "max_pool",
        [
            "## Max pooling against torch's",
            "",
            f"Milliseconds of ours and torch's, medians of {ROUNDS} in alternation, and their ratio; equal bits. "
            f"{torch.get_num_threads()} threads. {machine('convlens', 'torch')}",
            "",
            "| pool | maps | forward | forward and backward |",
            "| --- | --- | --- | --- |",
            *rows,
        ],
    )


if __name__ == "__main__":
    main()
