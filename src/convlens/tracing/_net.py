"""The net that is traced: found inside its wrappers, refused where it cannot be seen into, left as it was."""

import sys
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from convlens.errors import TraceError


def unwrap(net: nn.Module) -> nn.Module:
    """Find the module that torch.compile, DataParallel or DistributedDataParallel was given."""
    while True:
        if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel):
            net = net.module
        elif isinstance(getattr(net, "_orig_mod", None), nn.Module):
            net = net._orig_mod  # ty: ignore[invalid-assignment]
        else:
            return net


def want_traceable(net: nn.Module, inputs: Iterable[Any]) -> None:
    """Check that all of a net can be seen, and that its tensors hold numbers.

    Args:
        net: without wrappers.
        inputs: what it is to read.

    Raises:
        TraceError: a part is TorchScript, or a tensor is sparse, quantised or without numbers.
    """
    for path, module in net.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise TraceError(
                "TorchScript does not say which module runs. Received a scripted or traced module: "
                f"{path or 'the net itself'}, {type(module).__name__}. Trace the nn.Module that it was made from."
            )
    tensors = [(f"input {count}", tensor) for count, tensor in enumerate(tree_leaves(list(inputs)), start=1)]
    for name, tensor in [*net.named_parameters(), *net.named_buffers(), *tensors]:
        if not isinstance(tensor, Tensor):
            continue
        if tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided:
            raise TraceError(
                f"A trace records dense tensors that hold numbers. Received {name} with device={tensor.device}, "
                f"layout={tensor.layout}, dtype={tensor.dtype}. Give the net weights with to_empty(device=...) and "
                "load_state_dict, or make the tensor dense with to_dense() or dequantize()."
            )


@contextmanager
def as_before(net: nn.Module, *, training: bool) -> Generator[None]:
    """Run a block in evaluation or in training, and leave modes, buffers and torch's random state as they were.

    Args:
        net: its modes change as by net.train() or in evaluation, its compiled parts run as they were written.
        training: which of the two.
    """
    modes = [(module, module.training) for module in net.modules()]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in net.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    devices = {tensor.device for tensor in net.parameters() if tensor.device.type == "cuda"}
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices))
        if "torch._dynamo" in sys.modules:  # else nothing is compiled, and to import it takes a second
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            if training:
                net.train()
            else:
                for module, _ in modes:
                    module.training = False
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for module, name, buffer, copy in buffers:
                module._buffers[name] = buffer
                if not torch.equal(buffer, copy):
                    buffer.copy_(copy)
