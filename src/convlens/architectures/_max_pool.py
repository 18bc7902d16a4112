"""Max pooling as quick on the CPU as its arithmetic allows."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

# Large maps are copied in groups of so many channels, one vector of the processor: a group stays in its cache.
_GROUP = 16
_LARGE = 50 * 50  # pixels
_CHUNK = 2**20  # numbers that are copied at once


class MaxPool2d(nn.MaxPool2d):
    """Max pooling that gives the same bits as torch's, and the same gradients, in less time.

    On the CPU torch's kernel looks at one number at a time where a map lies after the other, and at 16 where the
    channels of a pixel lie together. So maps are copied into that order and back, which takes less time
    (`benchmarks/max_pool.py`). Maps that lie so already, other devices, compilers and traces get torch's operator.
    """

    def forward(self, input: Tensor) -> Any:
        if _gains(input) and not self.return_indices:
            window = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
            if torch.is_grad_enabled() and input.requires_grad:
                return _Pool.apply(input, *window)[0]
            return _pool(input, *window, places=False)[0]
        return super().forward(input)


def _gains(maps: Tensor) -> bool:
    return (
        not torch.jit.is_tracing()  # first: what is compared below would become part of the program
        and maps.device.type == "cpu"
        and maps.dim() == 4
        and maps.shape[1] > 1
        and maps.numel() > 0
        and maps.is_contiguous()
        and not maps.is_contiguous(memory_format=torch.channels_last)
        and not torch.compiler.is_compiling()
        and torch._C._len_torch_dispatch_stack() == 0  # a trace sees one operator
        and torch._C._functorch.maybe_current_level() is None  # so do torch.func's transformations
        and forward_ad._current_level < 0
    )


def _pool(maps: Tensor, *window: Any, places: bool) -> list[Tensor]:
    """Return the largest numbers and, where they are wanted, their places, a map after the other."""
    items, channels, rows, columns = maps.shape
    group = _GROUP if rows * columns >= _LARGE else channels
    together = max(1, _CHUNK // (group * rows * columns))
    whole: list[Tensor] = []
    for item in range(0, items, together):
        for channel in range(0, channels, group):
            here = (slice(item, item + together), slice(channel, channel + group))
            part = maps[here].contiguous(memory_format=torch.channels_last)
            found: Sequence[Tensor] = (
                F.max_pool2d_with_indices(part, *window) if places else (F.max_pool2d(part, *window),)
            )
            whole = whole or [each.new_empty(items, channels, *each.shape[2:]) for each in found]
            for to, each in zip(whole, found, strict=True):
                to[here] = each
    return whole


class _Pool(torch.autograd.Function):
    """The same with a gradient, which goes to the places as they lie."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, *window: Any) -> tuple[Tensor, Tensor]:
        largest, places = _pool(maps, *window, places=True)
        ctx.save_for_backward(maps, places)
        ctx.mark_non_differentiable(places)
        ctx.window = window
        return largest, places

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        maps, places = ctx.saved_tensors
        kernel_size, stride, padding, dilation, ceil_mode = (
            [value, value] if isinstance(value, int) and not isinstance(value, bool) else value for value in ctx.window
        )
        to_maps = torch.ops.aten.max_pool2d_with_indices_backward(
            gradients[0], maps, kernel_size, stride, padding, dilation, ceil_mode, places
        )
        return to_maps, None, None, None, None, None
