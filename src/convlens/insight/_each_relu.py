"""Step into every ReLU of a net: modules, functions and methods, in place or not."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}
_CLAMPS = {torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_}  # at 0 they are ReLUs
_CLAMPS_IN_PLACE = {torch.clamp_min_, Tensor.clamp_min_}


class EachRelu(TorchFunctionMode):
    """Within this block, a function of one's own is called in the place of every ReLU.

    Attributes:
        count: ReLUs that were met.
    """

    def __init__(self, replacement: Callable[[Tensor, bool], Tensor]) -> None:
        """Take what is called: with the ReLU's input, and whether the ReLU works in place."""
        super().__init__()
        self.count = 0
        self._replacement = replacement

    def __torch_function__(self, func: Any, types: Iterable[type], args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        names = kwargs | dict(zip(("input", "inplace" if func in _RELUS else "min"), args, strict=False))
        if func in _RELUS:
            in_place = func in _IN_PLACE or bool(names.get("inplace"))
        elif func in _CLAMPS and isinstance(names.get("min"), int | float) and names["min"] == 0:
            in_place = func in _CLAMPS_IN_PLACE
        else:
            return func(*args, **kwargs)
        self.count += 1
        return self._replacement(names["input"], in_place)


def off_layer(net: nn.Module, run: Callable[[], object]) -> str | None:
    """Run a net and find the first layer whose ReLUs are all off.

    Args:
        net: the net.
        run: runs it, or a part of it.

    Returns:
        Path of the innermost module that called the ReLU; None if all ReLUs have units that are on.
    """
    calling: list[str] = []
    off: list[str] = []

    def look(values: Tensor, in_place: bool) -> Tensor:
        if not bool((values > 0).any()):
            off.append(calling[-1] if calling else "the net")
        return torch.relu_(values) if in_place else torch.relu(values)

    handles = []
    for path, module in net.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        name = path or type(net).__name__

        def enter(_module: nn.Module, _inputs: object, *, name: str = name) -> None:
            calling.append(name)

        def leave(_module: nn.Module, _inputs: object, _output: object) -> None:
            calling.pop()

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with EachRelu(look):
            run()
    finally:
        for handle in handles:
            handle.remove()
    return off[0] if off else None
