"""Time one architecture of Convlens and of torchvision in alternation, with equal weights; print JSON.

    python torchvision_nets.py resnet50 plain

Runs in an environment that has torchvision (see ../architectures.py). Settings: "plain", as both are built, in float32;
"quickest", bfloat16, channels last, and for inference batch normalisation folded and compiled; "compiled", the latter
in training.
"""

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
import torchvision
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.nn import functional as F

from convlens import architectures

SIDE = 224
BATCHES = (1, 8)
SECONDS = 6.0  # for each comparison, at least
ROUNDS = (5, 25)  # at least, at most


def build(name: str) -> tuple[nn.Module, nn.Module]:
    """Build both with the same weights."""
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    theirs = getattr(torchvision.models, name)(**options)
    return getattr(architectures, name)(weights=theirs.state_dict()), theirs


def in_alternation(ours: Callable[[], object], theirs: Callable[[], object]) -> dict[str, object]:
    """Time two calls in turn; which one comes first changes every round."""
    pair = (ours, theirs)
    for call in pair:  # warm up
        call()
    times: tuple[list[float], list[float]] = ([], [])
    began = time.perf_counter()
    while len(times[0]) < ROUNDS[0] or (time.perf_counter() - began < SECONDS and len(times[0]) < ROUNDS[1]):
        for place in (0, 1) if len(times[0]) % 2 else (1, 0):
            start = time.perf_counter()
            pair[place]()
            times[place].append(time.perf_counter() - start)
    ratios = [mine / other for mine, other in zip(*times, strict=True)]
    return {
        "ours": statistics.median(times[0]) * 1e3,
        "theirs": statistics.median(times[1]) * 1e3,
        "ratio": statistics.median(ratios),
        "rounds": len(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def forward(net: nn.Module, images: torch.Tensor) -> Callable[[], object]:
    """One forward pass without gradients."""

    def call() -> object:
        with torch.inference_mode():
            return net(images)

    return call


def step(net: nn.Module, images: torch.Tensor, *, low: bool) -> Callable[[], object]:
    """One training step: forward, backward, SGD with momentum."""
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    labels = torch.arange(len(images))

    def call() -> object:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimiser.step()
        return loss

    return call


def main() -> None:
    """Measure one architecture in one setting."""
    name, setting = sys.argv[1:]
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    order = torch.contiguous_format if setting == "plain" else torch.channels_last
    results = {}
    for batch in BATCHES:
        images = torch.randn(batch, 3, SIDE, SIDE).contiguous(memory_format=order)
        nets = [net.to(memory_format=order) for net in build(name)]
        if setting != "compiled":
            evaluated = [net.eval() for net in nets]
            read = images
            if setting == "quickest":
                evaluated = [architectures.fold(evaluated[0]), fuse(evaluated[1])]
                evaluated = [net.to(torch.bfloat16, memory_format=order) for net in evaluated]
                evaluated = [torch.compile(net) for net in evaluated]
                read = images.bfloat16()
            results[f"forward, batch {batch}"] = in_alternation(*(forward(net, read) for net in evaluated))
        trained = [net.train() for net in nets]
        if setting == "compiled":
            trained = [torch.compile(net) for net in trained]
        steps = (step(net, images, low=setting != "plain") for net in trained)
        results[f"training step, batch {batch}"] = in_alternation(*steps)
        torch.compiler.reset()
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    print(json.dumps({"results": results, "versions": versions, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
