"""The training loop."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch

from convlens.errors import RunError
from convlens.training._batches import Batches
from convlens.training._loss import training_loss
from convlens.training._recipe import Recipe
from convlens.training._state import State


class Step(NamedTuple):
    """What one step tells.

    Attributes:
        loss: mean of its batch, before the step.
        learning_rate: of the step.
    """

    loss: float
    learning_rate: float


def take_steps(state: State, batches: Batches, *, recipe: Recipe, steps: int) -> Iterator[Step]:
    """Take the steps of a training that are left, one a turn, so that the caller can look, keep and stop between them.

    Args:
        state: is moved on in place.
        batches: by the number of the step.
        recipe: loss and learning rates.
        steps: of the whole training.

    Raises:
        RunError: the loss is no longer a finite number.
    """
    while state.step < steps:
        images, labels = batches[state.step]
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            loss = training_loss(state.net(images), labels, recipe=recipe)
        if not math.isfinite(loss.item()):
            raise RunError(
                f"A loss is a finite number. Received loss={loss.item()} in step {state.step + 1} of {steps}, "
                f"learning_rate={recipe.learning_rate_at(state.step, steps=steps):.3g}. The weights or scores "
                "have grown beyond float32: normalise between the layers, or train with fewer of them."
            )
        loss.backward()
        learning_rate = recipe.learning_rate_at(state.step, steps=steps)
        state.optimiser.step(learning_rate)
        state.step += 1
        yield Step(loss.item(), learning_rate)
