"""Explain every unit of every layer of the shipped network on real digits, and count those that close."""

import os
import time
from itertools import product

from _report import machine, write_section

import convlens as cl

DIGITS = 20


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
        ],
    )


if __name__ == "__main__":
    main()
