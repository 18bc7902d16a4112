"""ReLUs that carry back other gradients than their own, wherever a net calls one."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

# All names under which a net may call ReLU: modules call F.relu.
_NEW = {torch.relu, Tensor.relu, F.relu}
_IN_PLACE = {torch.relu_, Tensor.relu_, F.relu_}


class _Rectified(torch.autograd.Function):
    """ReLU, and on the way back only what is positive of what comes; guided also only where the ReLU was on."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, is_guided: bool) -> Tensor:
        output = numbers.clamp(min=0)
        ctx.is_guided = is_guided
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        positive = grad_outputs[0].clamp(min=0)
        return (positive * (output > 0) if ctx.is_guided else positive), None


class _Rectifiers(TorchFunctionMode):
    def __init__(self, is_guided: bool) -> None:
        super().__init__()
        self.is_guided = is_guided
        self.met = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _NEW and func not in _IN_PLACE:
            return func(*args, **kwargs)
        self.met += 1
        numbers = args[0] if args else kwargs["input"]
        output = _Rectified.apply(numbers, self.is_guided)
        if func in _IN_PLACE or kwargs.get("inplace") or (func is F.relu and args[1:2] == (True,)):
            return numbers.copy_(output)
        return output


@contextmanager
def rectified(*, is_guided: bool) -> Generator[_Rectifiers]:
    """Let every ReLU that is called carry back what the deconvnet or guided backpropagation asks for.

    Args:
        is_guided: whether a ReLU that is off passes nothing back, as in guided backpropagation.

    Yields:
        What counts, as `met`, the ReLUs that were called.

    Source:
        Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014), section 2.1; Springenberg,
        Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All Convolutional Net" (2015), section 3.4.
    """
    with _Rectifiers(is_guided) as rectifiers:
        yield rectifiers
