"""Explain every unit of the shipped network, units drawn at random of the seven architectures, and derivatives."""

import os
import random
import time
from itertools import product

import torch
from _report import machine, write_section

import convlens as cl

DIGITS = 20
SEVEN = ("lenet", "alexnet", "zfnet", "googlenet", "vgg16", "resnet50", "densenet121")
UNITS, DERIVATIVES = 10_000, 100  # of each, drawn at random: the layer first, then the unit


def seven() -> list[str]:
    """Count what closes in each of the seven, with random weights and an image of noise."""
    rows = []
    for name in SEVEN:
        torch.manual_seed(0)
        draw = random.Random(0)
        net = cl.architectures.build(name)
        trace = cl.trace(net, torch.randn(1, *net.image_shape))
        closing = derivatives = 0
        for _ in range(UNITS):
            call = draw.choice(trace.calls)
            closing += trace.explain(call.name, *map(draw.randrange, trace[call.name].maps.shape)).closes
        gradients = trace.gradient_of_loss(0)
        keys = list(gradients.tensors)
        for _ in range(DERIVATIVES):
            key = draw.choice(keys)
            index = [draw.randrange(length) for length in gradients.tensors[key].shape]
            is_weight = key.startswith("weight/")
            place, item = (index, 0) if is_weight else (index[1:], index[0])
            derivatives += gradients.explain(key.split("/", 1)[1], *place, item=item).closes
        rows.append(f"| {name} | {closing:,} of {UNITS:,} | {derivatives} of {DERIVATIVES} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Explain, count, and write the figures."""
    net = cl.architectures.open_net("lenet").net
    test = cl.data.load("mnist").test
    units, closing, worst = 0, 0, {}
    began = time.perf_counter()
    for digit in range(DIGITS):
        trace = cl.trace(net, test[digit].image, probabilities=True)
        for call in trace.calls:
            for index in product(*map(range, trace[call.name].maps.shape)):
                explanation = trace.explain(call.name, *index)
                units += 1
                closing += explanation.closes
                if explanation.tolerance:
                    share = abs(explanation.difference) / explanation.tolerance
                    worst[call.name] = max(worst.get(call.name, 0.0), share)
    seconds = time.perf_counter() - began
    rows = [f"| {layer} | {share:.1%} |" for layer, share in worst.items()]
    write_section(
        "closing",
        [
            "## Does every explanation close?",
            "",
            f"The shipped LeNet on the first {DIGITS} MNIST test digits: {closing:,} of {units:,} units close. "
            f"{units / seconds:,.0f} explanations a second on {os.cpu_count()} cores. {machine('convlens', 'torch')}",
            "",
            "| layer | largest difference, as a share of its tolerance |",
            "| --- | --- |",
            *rows,
            "",
            "All other layers are exact: their tolerance is 0.",
            "",
            f"The seven architectures with random weights: {UNITS:,} units of each, and {DERIVATIVES} derivatives of "
            "the loss by units and weights, drawn at random.",
            "",
            "| net | units that close | derivatives that close |",
            "| --- | --- | --- |",
            *seven(),
        ],
    )


if __name__ == "__main__":
    main()
