"""A question to a net: which number of it, at which image; and the net as it was afterwards."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._attribution import Attribution
from convlens.insight._undisturbed import undisturbed
from convlens.insight._visualise_target import OUTPUT, Target
from convlens.tracing import to_batch

What = int | str | Sequence[int | str] | None  # a class, or a unit: (layer, channel, row, column)


@dataclass
class Question:
    """A net, an image, and the number that is asked about."""

    net: nn.Module
    image: Tensor  # a batch of one
    target: Target
    name: str
    notes: list[str] = field(default_factory=list)

    def values(self, images: Tensor) -> Tensor:
        """Run images, and return the target of each."""
        return self.target(images)[0]

    def gradients(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the target of each image, and its gradient by that image."""
        images = images.detach().requires_grad_()
        values = self.values(images)
        if not values.requires_grad:
            return values, torch.zeros_like(images)
        (slopes,) = torch.autograd.grad(values.sum(), images, allow_unused=True)
        return values.detach(), torch.zeros_like(images) if slopes is None else slopes

    def answer(self, method: str, values: Tensor, *, signed: bool, value: float, reason: str | None) -> Attribution:
        empty = not bool((values != 0).any())
        return Attribution(
            method=method,
            target=self.name,
            value=value,
            values=values.detach().float().cpu(),
            image=self.image[0].detach().float().cpu(),
            signed=signed,
            reason=(reason or self.why_nothing()) if empty else None,
            notes=tuple(self.notes),
        )

    def why_nothing(self) -> str:
        """Find out why no gradient reaches the image."""
        silent: list[str] = []

        def look(path: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                if isinstance(output, Tensor) and output.is_floating_point() and not bool((output != 0).any()):
                    silent.append(path)

            return hook

        modules = [(path, module) for path, module in self.net.named_modules() if not any(module.children())]
        handles = [module.register_forward_hook(look(path)) for path, module in modules]
        try:
            self.values(self.image)
        finally:
            for handle in handles:
                handle.remove()
        if silent:
            return f"Nothing is attributed: every number of {silent[0]} is 0 for this image, so nothing passes it."
        return "Nothing is attributed: the target does not change with any pixel of this image."


@contextmanager
def asked(net: nn.Module, image: Any, *, target: What, preprocessing: Preprocessing | None) -> Generator[Question]:
    """Bring a net, an image and a target together, and leave the net as it was."""
    if isinstance(net, torch.jit.ScriptModule):
        raise InsightError(
            "Attribution follows a net's own Python. Received a scripted net, "
            f"{type(net).__name__}. Pass the module that was scripted."
        )
    net = getattr(net, "_orig_mod", net)  # of a compiled one
    card = getattr(net, "card", None)
    batch, _ = to_batch(image, preprocessing or (None if card is None else card.preprocessing))
    if batch.ndim != 4 or len(batch) != 1:
        raise InsightError(
            "One image is attributed to: a batch (1, channel, row, column). "
            f"Received shape={tuple(batch.shape)}. Pass image[:1]."
        )
    weights = next(net.parameters(), batch)
    batch = batch.to(weights.device)
    with undisturbed(net):
        where, name = _named(net, batch, target)
        yield Question(net, batch, Target(net, where[0], index=where[1]), name)


def _named(net: nn.Module, batch: Tensor, target: What) -> tuple[tuple[str, list[int | str]], str]:
    """Turn what was asked for into a layer and an index, and into words."""
    if isinstance(target, Sequence) and not isinstance(target, str):
        layer, *index = target
        return (str(layer), list(index)), f"{layer}[{', '.join(map(str, index))}]"
    classes = getattr(getattr(net, "card", None), "classes", ())
    with torch.no_grad():
        scores = net(batch)
    if not isinstance(scores, Tensor) or scores.ndim != 2:
        raise InsightError(
            "A class is one of the scores that a net ends in. Received target="
            f"{target!r} for {type(net).__name__}, which returns {_described(scores)}. "
            "Name a unit instead: target=(LAYER, CHANNEL, ROW, COLUMN)."
        )
    number = int(scores[0].argmax()) if target is None else target
    if isinstance(number, str) and number in classes:
        number = classes.index(number)
    if not isinstance(number, int) or not 0 <= number < scores.shape[1]:
        raise InsightError(
            f"A class is a number below {scores.shape[1]}, or a name that the net's card lists. Received "
            f"target={target!r}. Classes: {', '.join(classes) or 'not named'}."
        )
    word = f"class {classes[number]!r}" if number < len(classes) else f"class {number}"
    return (OUTPUT, [number]), f"{word}{', the largest score' if target is None else ''}"


def _described(result: Any) -> str:
    return f"a tensor {tuple(result.shape)}" if isinstance(result, Tensor) else f"a {type(result).__name__}"
