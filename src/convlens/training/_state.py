"""Everything that changes while a net is trained."""

from pathlib import Path

import torch
from torch import nn

from convlens.errors import RunError
from convlens.training._checkpoint import load_checkpoint, save_checkpoint
from convlens.training._optimiser import Muon
from convlens.training._recipe import Recipe


class State:
    """A net on its way, its optimiser, torch's random generator (for dropout), and how far they are.

    Attributes:
        net: in training mode, channels last.
        optimiser: of its parameters.
        step: how many steps are done.
    """

    def __init__(self, net: nn.Module, recipe: Recipe) -> None:
        self.net = net.train().to(memory_format=torch.channels_last)  # ty: ignore[no-matching-overload]  # torch's stub lacks it
        self.optimiser = Muon(self.net, momentum=recipe.momentum)
        self.step = 0

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tensors = {f"net/{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {f"optimiser/{name}": tensor for name, tensor in self.optimiser.state().items()}
        save_checkpoint(path, tensors | {"generator": torch.get_rng_state()}, step=self.step)

    def load(self, path: Path) -> None:
        """Take over a checkpoint.

        Raises:
            RunError: it is damaged, or of another net.
        """
        tensors, step = load_checkpoint(path)
        own = {name.removeprefix("net/"): tensor for name, tensor in tensors.items() if name.startswith("net/")}
        shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
        expected = {name: tuple(tensor.shape) for name, tensor in self.net.state_dict().items()}
        if shapes != expected:
            raise RunError(
                f"A training goes on with the net that it began with. Received a {type(self.net).__name__} of "
                f"{expected}; path={str(path)!r} holds {shapes}. Pass a net of the same layers."
            )
        self.net.load_state_dict(own)
        self.optimiser.load_state({name.removeprefix("optimiser/"): tensor for name, tensor in tensors.items()})
        torch.set_rng_state(tensors["generator"])
        self.step = step
