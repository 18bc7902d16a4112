"""What one layer of a net makes, without the rest of the pass."""

from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


class _ReachedError(BaseException):
    """Ends a forward pass at the layer that is looked at; no `except Exception` of a net's own stops it."""


def first_tensor(output: Any) -> Tensor | None:
    """Find the first tensor in what a module returns: alone, or in tuples and dicts."""
    return next((leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)), None)


def output_of(net: nn.Module, module: nn.Module, images: Tensor, *, call: int = 1) -> tuple[Tensor | None, int]:
    """Run a net as far as a module, and return what that makes.

    Args:
        net: the net.
        module: one of its modules, or the net itself.
        images: what the net reads.
        call: which of the module's calls is meant, counted from 1.

    Returns:
        A copy of the first tensor that it returns, because what comes next may overwrite it in place, or None; and how
        often the module was called.
    """
    found: list[Tensor] = []
    calls = 0

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            tensor = first_tensor(output)
            found.extend([] if tensor is None else [tensor.clone()])
            raise _ReachedError

    handle = module.register_forward_hook(keep)
    try:
        net(images)
    except _ReachedError:
        pass
    finally:
        handle.remove()
    return (found[0] if found else None), calls


def list_layers(net: nn.Module) -> str:
    """List the paths of a net's modules."""
    return ", ".join(path for path, _ in net.named_modules() if path)
