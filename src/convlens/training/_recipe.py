"""How a net is trained: everything that decides it but the net, the data and the seed."""

import math
from dataclasses import asdict, dataclass
from typing import Any

_LEAST_STEPS = 400  # one epoch of MNIST; a small folder of images is gone through more often


@dataclass(frozen=True)
class Recipe:
    """A schedule of Muon steps on softmax cross-entropy.

    Attributes:
        epochs: how often each training image is shown.
        batch_size: images a step.
        learning_rate: the highest of the schedule.
        warm_up: share of the steps in which the learning rate rises; then it falls to zero, both linearly.
        momentum: share of the running mean of the gradients that a step keeps.
        label_smoothing: share of the target that is spread evenly over all classes.
        shift: share of an image's sides by which it is moved at random, at most, each time that it is shown.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 0.02
    warm_up: float = 0.2
    momentum: float = 0.9
    label_smoothing: float = 0.1
    shift: float = 1 / 28  # a pixel of MNIST

    @classmethod
    def for_images(cls, images: int, *, epochs: int | None = None) -> "Recipe":
        """Choose a recipe for a count of training images."""
        batch_size = min(128, images)
        enough = math.ceil(_LEAST_STEPS / (images // batch_size))
        return cls(epochs=epochs or enough, batch_size=batch_size)

    def steps(self, images: int) -> int:
        """Count the steps of a whole training. An epoch leaves out the images that do not fill a batch."""
        return self.epochs * (images // self.batch_size)

    def learning_rate_at(self, step: int, *, steps: int) -> float:
        """Return the learning rate of a step, 0 being the first of `steps`."""
        rising = max(1, round(self.warm_up * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * (steps - step) / (steps - rising + 1)

    def to_json(self) -> dict[str, object]:
        """Describe the recipe as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Recipe":
        """Read what `to_json` wrote."""
        return cls(**record)
