"""Run a net without leaving a trace in it."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def undisturbed(net: nn.Module, *, evaluation: bool = True) -> Generator[None]:
    """Let a net be run and differentiated by its input; modes, buffers and torch's random state are as before after it.

    Args:
        net: any module.
        evaluation: whether it is in evaluation mode meanwhile; else each module stays in its mode.
    """
    training = [module for module in net.modules() if module.training]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in net.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    devices = sorted({tensor.get_device() for tensor in net.parameters() if tensor.is_cuda})
    try:
        if evaluation:
            for module in training:
                module.training = False  # net.eval() may be a method of the net's own
        with torch.random.fork_rng(devices), torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module in training:
            module.training = True
        with torch.no_grad():
            for module, name, buffer, before in buffers:
                module._buffers[name] = buffer
                if not torch.equal(buffer, before):  # a write would count as a change to autograd
                    buffer.copy_(before)
