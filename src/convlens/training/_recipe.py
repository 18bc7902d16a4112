"""How a net is trained: everything that decides it but the net, the data and the seed."""

import math
from dataclasses import asdict, dataclass
from typing import Any, TypedDict, Unpack

from convlens.errors import RunError

LOSSES = ("cross_entropy", "hinge")
PRECISIONS = ("float32", "bfloat16")

_LEAST_STEPS = 400  # one epoch of MNIST; a small folder of images is gone through more often


class RecipeOptions(TypedDict, total=False):
    """What a caller of `train` may choose of a recipe, beside its epochs; the words are those of `Recipe`."""

    learning_rate: float
    shift: float
    flip: bool
    loss: str
    precision: str


@dataclass(frozen=True)
class Recipe:
    """A schedule of Muon steps on a loss.

    Attributes:
        epochs: how often each training image is shown.
        batch_size: images a step.
        learning_rate: the highest of the schedule.
        warm_up: share of the steps in which the learning rate rises; then it falls to zero, both linearly.
        momentum: share of the running mean of the gradients that a step keeps.
        label_smoothing: share of the target that is spread evenly over all classes; of cross-entropy alone.
        shift: share of an image's sides by which it is moved at random, at most, each time that it is shown.
        flip: show an image mirrored left-right as often as not.
        loss: "cross_entropy" of the softmax of the scores, or the "hinge" of a linear support-vector machine.
        precision: "float32"; or "bfloat16" for what convolutions and matrices multiply, three digits of a number:
            faster on processors that have it, a crawl on others. Weights and evaluations are in float32 alike.

    Raises:
        RunError: a value is outside its range.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 0.02
    warm_up: float = 0.2
    momentum: float = 0.9
    label_smoothing: float = 0.1
    shift: float = 1 / 28  # a pixel of MNIST
    flip: bool = False
    loss: str = "cross_entropy"
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name in ("learning_rate", "shift"):
            if isinstance(getattr(self, name), bool) or not isinstance(getattr(self, name), int | float):
                raise RunError(f"A {name} is a number. Received {name}={getattr(self, name)!r}.")
        if not isinstance(self.flip, bool):
            raise RunError(f"Images are flipped or not. Received flip={self.flip!r}. Pass True or False.")
        if not (0 < self.learning_rate < math.inf and 0 <= self.shift <= 1):
            raise RunError(
                "A learning rate is above 0, and an image is moved by a share of its sides, 0..1. "
                f"Received learning_rate={self.learning_rate}, shift={self.shift}. "
                f"By default they are {Recipe.learning_rate} and {Recipe.shift:.3g}."
            )
        for name, known in (("loss", LOSSES), ("precision", PRECISIONS)):
            value = getattr(self, name)
            if value not in known:
                raise RunError(f"A {name} is known by its name. Received {name}={value!r}. Known: {', '.join(known)}.")

    @classmethod
    def for_images(cls, images: int, *, epochs: int | None = None, **options: Unpack[RecipeOptions]) -> "Recipe":
        """Choose a recipe for a count of training images.

        Raises:
            RunError: an option is unknown, or outside its range.
        """
        unknown = sorted(options.keys() - RecipeOptions.__annotations__.keys())
        if unknown:
            raise RunError(
                f"A recipe's options are {', '.join(RecipeOptions.__annotations__)}. Received {', '.join(unknown)}. "
                "Leave it out."
            )
        batch_size = min(128, images)
        enough = math.ceil(_LEAST_STEPS / (images // batch_size))
        return cls(epochs=epochs or enough, batch_size=batch_size, **options)

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
