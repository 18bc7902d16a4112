"""Time what a trace costs: recording ResNet-50 against a plain pass, in alternation, and reading what was recorded."""

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _report import machine, spread, write_section

import convlens as cl

ROUNDS = 15
WARM_UP = 3
SIDE = 224
UNITS = 200


def milliseconds(call: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def recording(net: torch.nn.Module, batch: int) -> str:
    """Time a plain pass and a trace in turn, and write both and their ratio as a row of the table."""
    images = torch.randn(batch, 3, SIDE, SIDE)
    held: list[cl.Trace] = []

    def plain() -> None:
        with torch.no_grad():
            net(images)

    def traced() -> None:
        held.clear()  # the trace before goes when the next one is made
        held.append(cl.trace(net, images))

    times: dict[Callable[[], None], list[float]] = {plain: [], traced: []}
    for turn in range(WARM_UP + ROUNDS):
        for call in (plain, traced):
            elapsed = milliseconds(call)
            if turn >= WARM_UP:
                times[call].append(elapsed)
    ratio = statistics.median(times[traced]) / statistics.median(times[plain])
    return f"| {batch} | {spread(times[plain], digits=0)} | {spread(times[traced], digits=0)} | **{ratio:.2f}** |"


def reading(net: torch.nn.Module) -> list[str]:
    """Time explanations, receptive fields, saving and opening, each of one image."""
    trace = cl.trace(net, torch.randn(1, 3, SIDE, SIDE))
    draw = random.Random(0)
    units = []
    for _ in range(UNITS):
        name = draw.choice(trace.layers)
        units.append((name, *(draw.randrange(size) for size in trace[name].maps.shape)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.safetensors"
        calls = {
            "one explanation": [lambda unit=unit: trace.explain(*unit) for unit in units],
            "one receptive field": [lambda unit=unit: trace.receptive_field(*unit) for unit in units],
            "saving": [lambda: trace.save(path)] * 3,
            "opening": [lambda: cl.load_trace(path)] * 9,
        }
        rows = [f"| {name} | {spread(list(map(milliseconds, each)), digits=1)} |" for name, each in calls.items()]
        megabytes = path.stat().st_size / 1e6
    return [*rows, "", f"The file has {megabytes:.0f} MB."]


def main() -> None:
    """Measure and write the figures."""
    net = cl.architectures.build("resnet50").eval()
    cost = [recording(net, batch) for batch in (1, 8)]
    write_section(
        "trace",
        [
            "## What a trace costs",
            "",
            f"ResNet-50 at {SIDE} squared, random weights. A plain pass and one that records every activation, in "
            f"alternation, in milliseconds; then the ratio of the medians. {torch.get_num_threads()} threads. "
            + machine("convlens", "torch"),
            "",
            "| images | plain | recorded | ratio |",
            "| --- | --- | --- | --- |",
            *cost,
            "",
            "| of the trace of one image | milliseconds: median (least to most) |",
            "| --- | --- |",
            *reading(net),
        ],
    )


if __name__ == "__main__":
    main()
