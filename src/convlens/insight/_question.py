"""What an attribution asks: which numbers of this image made this value of this net?"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._output_of import first_tensor, list_layers, output_of
from convlens.insight._reachable import check_reachable
from convlens.insight._undisturbed import undisturbed
from convlens.tracing import to_batch

Target = int | str | Sequence[int | str] | None


class Question:
    """A net, an image, and one value of the net.

    Attributes:
        net: the net.
        item: what it reads, a batch of one.
        picture: pixels 0..255 of the image, of the item's rows and columns; None if the item is no image.
        target: the value, in words.
    """

    def __init__(self, net: nn.Module, image: Any, *, target: Target, preprocessing: Preprocessing | None) -> None:
        card = getattr(net, "card", None)
        if preprocessing is None and card is not None:
            preprocessing = card.preprocessing
        batch, fitted = to_batch(image, preprocessing)
        weight = next((tensor for tensor in net.parameters() if tensor.is_floating_point()), batch)
        item = batch[:1].detach().to(weight.device, weight.dtype if fitted is not None else batch.dtype)
        self.net = net
        self.item = item.clone()
        self.picture = _stretch(self.item[0]) if fitted is None else fitted.cpu()
        self._classes: tuple[str, ...] = () if card is None else card.classes
        self.layer, self._index = self._locate(target)
        self.target = self._describe(top=target is None)

    def values(self, images: Tensor) -> Tensor:
        """Run the net on images and read the target off each: a unit, or the mean of a channel's units."""
        units = self._run(images)[(slice(None), *self._index)]
        return units.flatten(1).mean(1) if units.dim() > 1 else units

    def slopes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Differentiate each image's target by the image; zeros where it does not depend on it."""
        images = images.detach().requires_grad_()
        values = self.values(images.clone())  # a net may begin in place, which a leaf does not admit
        found = torch.autograd.grad(values.sum(), images, allow_unused=True)[0] if values.requires_grad else None
        return values.detach(), torch.zeros_like(images) if found is None else found

    def depends_on_image(self) -> bool:
        """Say whether autograd finds a way from the target to the image."""
        image = self.item.clone().requires_grad_()
        value = self.values(image.clone())
        return value.requires_grad and torch.autograd.grad(value.sum(), image, allow_unused=True)[0] is not None

    def _run(self, images: Tensor) -> Tensor:
        if self.layer is None:
            output = self.net(images)
            return _wanted(first_tensor(output), f"The net's output has a tensor. Received {type(output).__name__}")
        found, calls = output_of(self.net, self.net.get_submodule(self.layer), images)
        if not calls:
            raise InsightError(
                f"The target lies on the way of the forward pass. Received layer={self.layer!r}, which the pass of "
                f"{type(self.net).__name__} does not call. Layers: {list_layers(self.net)}."
            )
        return _wanted(found, f"The output of a layer has a tensor. Received layer={self.layer!r}, which returns none")

    def _locate(self, target: Target) -> tuple[str | None, tuple[int, ...]]:
        if isinstance(target, Sequence) and not isinstance(target, str):
            layer, *index = target
            if layer not in dict(self.net.named_modules()) or not all(isinstance(at, int) for at in index):
                raise InsightError(
                    "A unit is named by its layer, then channel and place. "
                    f"Received target={target!r}. Layers: {list_layers(self.net)}."
                )
            check_reachable(self.net, "A layer's target")
            self.layer = str(layer)
        else:
            self.layer = None
            index = [self._class_number(target)] if isinstance(target, str) else [target]
        with torch.no_grad():
            shape = tuple((activation := self._run(self.item.clone())).shape[1:])
        if target is None and shape:
            scores = activation[0].flatten(1).mean(1) if len(shape) > 1 else activation[0]
            index = [int(scores.argmax())]
        numbers = tuple(int(at) for at in index if at is not None)
        inside = all(0 <= at < size for at, size in zip(numbers, shape, strict=False))
        if len(numbers) not in (1, len(shape)) or not shape or not inside:
            raise InsightError(
                "A target is a class, or a layer's channel, alone or with its place, counted from 0. "
                f"Received target={target!r} for an output of shape={shape} (without the batch). "
                f"Each number is from 0 to below the axis's length."
            )
        return self.layer, numbers

    def _class_number(self, name: str) -> int:
        if name not in self._classes:
            known = ", ".join(self._classes) or "none, for the net has no card; pass the class's number"
            raise InsightError(f"A class's name is on the net's card. Received target={name!r}. Classes: {known}.")
        return self._classes.index(name)

    def _describe(self, *, top: bool) -> str:
        first, *place = self._index
        if self.layer is not None:
            where = f" at {', '.join(map(str, place))}" if place else ""
            return f"{self.layer}, channel {first}{where}"
        name = f" ({self._classes[first]})" if first < len(self._classes) else ""
        return f"class {first}{name}{', the top class' if top else ''}"


@contextmanager
def ask(
    net: nn.Module, image: Any, *, target: Target, preprocessing: Preprocessing | None = None
) -> Generator[Question]:
    """Let a net be questioned about an image; it is as before afterwards."""
    with undisturbed(net):
        yield Question(net, image, target=target, preprocessing=preprocessing)


def _wanted(tensor: Tensor | None, rule: str) -> Tensor:
    if tensor is None:
        raise InsightError(f"{rule}. Name another layer as the target.")
    return tensor


def _stretch(item: Tensor) -> Tensor | None:
    """Make pixels of a ready tensor: its least number black, its largest white."""
    if item.dim() != 3:
        return None
    low, high = item.min(), item.max()
    return ((item - low) / (high - low).clamp_min(1e-12) * 255).round().to(torch.uint8).cpu()
