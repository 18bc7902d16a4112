"""The net that is traced: found inside its wrappers, refused where it cannot be seen into, left as it was."""

import sys
from collections.abc import Collection, Generator, Iterable, Mapping
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


def want_traceable(modules: Mapping[str, nn.Module], *, weights: Mapping[str, Tensor], inputs: Iterable[Any]) -> None:
    """Check that all of a net can be seen, and that its tensors hold numbers.

    Args:
        modules: of a net without wrappers, by path.
        weights: its parameters and buffers.
        inputs: what it is to read.

    Raises:
        TraceError: a part is TorchScript, or a tensor is sparse, quantised or without numbers.
    """
    scripted = [(path, module) for path, module in modules.items() if isinstance(module, torch.jit.ScriptModule)]
    for path, module in scripted:
        raise TraceError(
            "TorchScript does not say which module runs. Received a scripted or traced module: "
            f"{path or 'the net itself'}, {type(module).__name__}. Trace the nn.Module that it was made from."
        )
    leaves = enumerate(tree_leaves(list(inputs)), start=1)
    read = {f"input {count}": leaf for count, leaf in leaves if isinstance(leaf, Tensor)}
    for name, tensor in {**weights, **read}.items():
        if tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided:
            raise TraceError(
                f"A trace records dense tensors that hold numbers. Received {name} with device={tensor.device}, "
                f"layout={tensor.layout}, dtype={tensor.dtype}. Give the net weights with to_empty(device=...) and "
                "load_state_dict, or make the tensor dense with to_dense() or dequantize()."
            )


def weights_of(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """List parameters and buffers by name; of a tensor with two names the first."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for path, module in modules.items():
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                found[f"{path}.{name}" if path else name] = tensor
    return found


@contextmanager
def as_before(net: nn.Module, modules: Collection[nn.Module], *, training: bool) -> Generator[None]:
    """Run a block in evaluation or in training, and leave modes, buffers and torch's random state as they were.

    Args:
        net: its modes change as by net.train() or in evaluation, its compiled parts run as they were written.
        modules: all that the net is made of.
        training: which of the two.
    """
    modes = [(module, module.training) for module in modules]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in modules
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
