"""Refuse nets whose insides cannot be stepped into."""

import torch
from torch import nn

from convlens.errors import InsightError


def check_reachable(net: nn.Module, what: str) -> None:
    """Refuse a net that Python does not run call by call.

    Args:
        net: any module.
        what: what steps into it.

    Raises:
        InsightError: it, or a module of it, is compiled or scripted.
    """
    for path, module in net.named_modules():
        scripted = isinstance(module, torch.jit.ScriptModule)
        # torch.compile() wraps a module, module.compile() marks it.
        if scripted or hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            raise InsightError(
                f"{what} steps into a net that Python runs call by call. Received {type(module).__name__} at "
                f"{path or 'the root'!r}, which is {'scripted' if scripted else 'compiled'}. "
                f"Pass the net as it was before{'' if scripted else ' (of torch.compile: net._orig_mod)'}."
            )
