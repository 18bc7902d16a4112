"""Draw what a channel, a unit or a class reacts to most, by moving a picture uphill."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._undisturbed import undisturbed
from convlens.insight._visualisation import Ascent, Visualisation
from convlens.insight._visualise_canvas import PHOTO_COVARIANCE, Canvas, covariance_of
from convlens.insight._visualise_sway import swayed
from convlens.insight._visualise_target import Target, alikeness

# Deviations of the starts' noise, tried in turn until the value depends on every picture: behind a ReLU the gradient is
# zero wherever the unit does not fire. The least come first, for what is drawn in them is hardly the start's.
_STARTS = (0.3, 1.0, 3.0, 10.0)
_MOMENTUM, _SQUARES, _LEAST = 0.9, 0.999, 1e-12  # of Adam; gradients may be tiny, and all steps alike
# What a net without a card is taken to read: 0..1 becomes -2..2, about what ImageNet's normalisation makes of photos.
_UNKNOWN_MEAN, _UNKNOWN_DEVIATION = 0.5, 0.25


def visualise(
    net: nn.Module,
    layer: str,
    *index: int | str,
    count: int = 1,
    seed: int = 0,
    preprocessing: Preprocessing | None = None,
    colours: UInt8[Tensor, "photo channel row column"] | None = None,
    ascent: Ascent | None = None,
) -> Visualisation:
    """Draw what a channel, a unit or a class reacts to most.

    A picture starts as faint noise around the mean colour and is moved uphill by the gradient. It stays within what
    pixels can be, moves by frequencies and colours that vary as in photos, and is a little shifted, turned and scaled
    before each step.

    Args:
        net: any module that reads one batch of images. It is left as it was.
        layer: a module's path, as in a trace ("conv2", "layer1.0.relu_2": its second call); "output" is the net's
            result, whose channels are the classes: scores, if the net ends before the softmax, tell more than
            probabilities do.
        *index: channel, whose mean over all places is made large; or channel, row, column of one unit. A class of the
            net's card also by its name. Before the first ReLU a mean is linear, so that an even picture is best: there
            the layer of the ReLU shows what a filter looks for, or one unit does.
        count: how many pictures of it, unlike each other as the layer sees them.
        seed: of starts and moves. Same seed, machine and threads: same pictures.
        preprocessing: what the net reads of pixels; by default its card's. Its `size` is that of the pictures.
        colours: photos whose channels say how colours vary together; by default CIFAR-10's for three channels (red,
            green, blue), and each channel for itself for others.
        ascent: the knobs.

    Returns:
        The pictures, and the values that the net makes of them. If no start has a gradient, the picture is a start, and
        `reason` says so.

    Raises:
        InsightError: no such layer, channel or unit; unknown image size; or values that are not finite.

    Source:
        Erhan, Bengio, Courville and Vincent, "Visualizing Higher-Layer Features of a Deep Network" (2009); Simonyan,
        Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2014), for class scores; Olah, Mordvintsev and
        Schubert, "Feature Visualization", Distill (2017), for all that keeps the pictures from being noise.
    """
    ascent = ascent or Ascent()
    if count < 1:
        raise InsightError(f"One picture is drawn, or several. Received count={count}. Pass 1 or more.")
    known = preprocessing or getattr(getattr(net, "card", None), "preprocessing", None)
    reads = known or _assumed(net)
    generator = torch.Generator().manual_seed(seed)
    with undisturbed(net):
        canvas = Canvas(
            (count, reads.channels, *reads.size),
            reads.mean,
            covariance=_covariance(reads.channels, colours),
            fourier=ascent.fourier,
        )
        climb = _Climb(Target(net, layer, index=index), canvas, _Eye(net, reads), ascent, generator)
        before, after, history = climb.run()
    return Visualisation(
        net=type(net).__name__,
        layer=layer,
        index=climb.target.index,
        images=_rounded(canvas),
        before=before,
        after=after,
        history=history,
        ascent=ascent,
        seed=seed,
        reason=_reason(before, after, has_gradient=len(history) > 0),
        notes=tuple(_notes(known is None, reads)),
    )


class _Eye:
    """From pictures, 0..1, to what a net reads, on its device and of its type."""

    def __init__(self, net: nn.Module, reads: Preprocessing) -> None:
        first = next((tensor for tensor in net.parameters() if tensor.is_floating_point()), torch.zeros(0))
        self._like = first.detach()
        self._padding = [reads.padding] * 4
        self._mean = torch.tensor(reads.mean).view(-1, 1, 1)
        self._deviation = torch.tensor(reads.deviation).view(-1, 1, 1)

    def __call__(self, pixels: Float[Tensor, "picture channel row column"]) -> Tensor:
        read = (F.pad(pixels, self._padding) - self._mean) / self._deviation
        return read.to(device=self._like.device, dtype=self._like.dtype)


@dataclass
class _Climb:
    target: Target
    canvas: Canvas
    eye: _Eye
    ascent: Ascent
    generator: torch.Generator

    def run(self) -> tuple[Tensor, Tensor, Tensor]:
        """Move pictures uphill from the first start that leads there: values before and after, and the history."""
        before, history = torch.zeros(0), torch.zeros(0, self.canvas.numbers.shape[0])
        for deviation in _STARTS:
            self.canvas.start(deviation, self.generator)
            before = self._value()
            if self._has_gradient():
                history = self._ascend()
                if bool((self._value() > before).all()):
                    break
        return before, self._value(), history

    def _has_gradient(self) -> bool:
        """Say whether the value depends on every picture."""
        value, _ = self.target(self.eye(self.canvas.pixels()))
        return bool(self._gradient(value.sum()).flatten(1).any(1).all())

    def _ascend(self) -> Float[Tensor, "step picture"]:
        numbers, ascent = self.canvas.numbers, self.ascent
        mean, square = torch.zeros_like(numbers), torch.zeros_like(numbers)
        jitter = ascent.jitter * min(self.canvas.pixels().shape[2:])
        history = []
        # Adam, written out: torch.optim imports torch's compiler when its first optimiser is made, 2 to 4 s.
        for step in range(1, ascent.steps + 1):
            moved = swayed(self.canvas.pixels(), self.generator, jitter=jitter, turn=ascent.turn, scale=ascent.scale)
            value, maps = self.target(self.eye(moved))
            history.append(value.detach().cpu())
            goal = value.sum()
            if len(value) > 1 and ascent.diversity:
                goal = goal - ascent.diversity * value.detach().abs().sum() * alikeness(maps)
            gradient = self._gradient(goal)
            with torch.no_grad():
                mean.lerp_(gradient, 1 - _MOMENTUM)
                square.lerp_(gradient.square(), 1 - _SQUARES)
                length = (square / (1 - _SQUARES**step)).sqrt().add_(_LEAST)
                numbers += ascent.step_size * mean / (1 - _MOMENTUM**step) / length
        return torch.stack(history)

    @torch.no_grad()
    def _value(self) -> Float[Tensor, " picture"]:
        """The value of the pictures as they are written: in whole steps of 1 / 255, and not moved."""
        return self.target(self.eye(_rounded(self.canvas).float() / 255))[0].cpu()

    def _gradient(self, goal: Tensor) -> Tensor:
        if not goal.requires_grad:  # the layer makes its numbers of no picture
            return torch.zeros_like(self.canvas.numbers)
        (gradient,) = torch.autograd.grad(goal, self.canvas.numbers, allow_unused=True)
        if gradient is None:
            return torch.zeros_like(self.canvas.numbers)
        if not bool(torch.isfinite(goal) & torch.isfinite(gradient).all()):
            raise InsightError(
                f"An ascent follows finite numbers. Received value={goal.item()} of {self.target.layer!r} "
                f"{self.target.index}. convlens.insight.diagnose finds the layer where numbers end."
            )
        return gradient


def _rounded(canvas: Canvas) -> UInt8[Tensor, "picture channel row column"]:
    return (canvas.pixels().detach() * 255).round().to(torch.uint8)


def _assumed(net: nn.Module) -> Preprocessing:
    shape = getattr(net, "image_shape", None)
    if shape is None or len(shape) != 3:
        raise InsightError(
            f"A picture has the size that the net reads. Received a {type(net).__name__} without a card and without "
            "image_shape. Pass preprocessing=convlens.data.Preprocessing(channels=3, size=(224, 224), padding=0, "
            "mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)), or what the net was trained with."
        )
    channels = shape[0]
    mean, deviation = (_UNKNOWN_MEAN,) * channels, (_UNKNOWN_DEVIATION,) * channels
    return Preprocessing(channels, tuple(shape[1:]), 0, mean=mean, deviation=deviation)


def _covariance(channels: int, photos: Tensor | None) -> Tensor | None:
    if photos is None:
        return torch.tensor(PHOTO_COVARIANCE) if channels == 3 else None
    if photos.shape[1] != channels or not photos.numel():
        raise InsightError(
            f"Colours are measured in photos of the net's channels. Received photos of shape={tuple(photos.shape)} for "
            f"a net of {channels} channels. Leave colours out to vary each channel for itself."
        )
    return covariance_of(photos) if channels > 1 else None


def _reason(before: Tensor, after: Tensor, *, has_gradient: bool) -> str | None:
    """Say why a picture shows nothing, where it does."""
    values = ", ".join(f"{value:.4g}" for value in after.tolist())
    if not has_gradient:
        return (
            f"Nothing to climb: of {len(_STARTS)} starts, from faint to strong noise, none has a gradient; the value "
            f"stays {values}. The channel is dead for such pictures, or its function flat. The layer before the ReLU "
            "has a gradient."
        )
    if bool((after > before).all()):
        return None
    return (
        f"Not every picture rose: from {len(_STARTS)} starts the value came to {values}. The channel hardly ever "
        "fires; more steps, another seed, or the layer before the ReLU may show more."
    )


def _notes(is_assumed: bool, reads: Preprocessing) -> list[str]:
    notes = []
    if is_assumed:
        notes.append(
            f"The net does not say what it reads of pixels: taken as (pixel / 255 - {_UNKNOWN_MEAN}) / "
            f"{_UNKNOWN_DEVIATION}, so -2 to 2. Pass preprocessing= if it was trained otherwise."
        )
    if reads.channels not in (1, 3):
        notes.append(f"Each of the {reads.channels} channels is drawn as a grey picture, a row a picture.")
    return notes
