"""What an ascent makes large: a channel's mean, one unit, or a score, read off a net's forward pass."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from convlens.errors import InsightError
from convlens.insight._output_of import list_layers, output_of

OUTPUT = "output"  # what the net returns, as a layer


class Target:
    """A channel, unit or score of a net.

    Attributes:
        layer: its name.
        index: channel; channel, row, column; or feature.
    """

    def __init__(self, net: nn.Module, layer: str, *, index: Sequence[int | str]) -> None:
        self._net = net
        self.layer = layer
        self._module, self._visit = _find(net, layer)
        self.index = _numbered(net, layer, index)

    def __call__(self, images: Tensor) -> tuple[Float[Tensor, " picture"], Float[Tensor, "picture channel place"]]:
        """Run the net as far as the layer.

        Args:
            images: what the net reads.

        Returns:
            The value of each image, and all of the layer's maps.

        Raises:
            InsightError: the pass does not reach the layer, or it has no such channel or unit.
        """
        activation = self._activation(images)
        if activation.ndim == 1:  # one score an image, without an axis of its own
            activation = activation[:, None]
        self._check(activation)
        value = activation[(slice(None), *self.index)]  # of one unit, or of all places of a channel
        maps = activation.flatten(2) if activation.ndim > 2 else activation[:, :, None]
        return value.flatten(1).mean(1).float() if value.ndim > 1 else value.float(), maps.float()

    def _activation(self, images: Tensor) -> Tensor:
        found, calls = output_of(self._net, self._module, images, call=self._visit)
        if found is None:
            raise InsightError(
                f"A layer that is looked at makes a tensor in the forward pass. Received layer={self.layer!r}, of "
                f"which the pass of {type(self._net).__name__} makes {calls} calls and no such tensor. Others: "
                f"{_listed(self._net)}."
            )
        return found

    def _check(self, activation: Tensor) -> None:
        shape = tuple(activation.shape[1:])
        whole = len(self.index) in (1, len(shape))
        if not shape or not whole or not all(0 <= at < size for at, size in zip(self.index, shape, strict=False)):
            names = {1: "a feature", 3: "a channel, or channel, row, column"}.get(len(shape), "a channel, or all axes")
            raise InsightError(
                f"What is looked at in {self.layer!r} is named by {names}, counted from 0, below {shape}. "
                f"Received index={self.index}."
            )


def _find(net: nn.Module, layer: str) -> tuple[nn.Module, int]:
    """Find a module by its path, and which of its calls is meant: a trace names the second one `path_2`."""
    modules = dict(net.named_modules())
    path, _, visit = layer.rpartition("_")
    if layer in modules and layer:
        return modules[layer], 1
    if layer == OUTPUT:
        return net, 1
    if path in modules and path and visit.isdecimal() and int(visit) > 1:
        return modules[path], int(visit)
    raise InsightError(
        f"A layer is named by its module's path; the net's result is {OUTPUT!r}. Received layer={layer!r}. There are: "
        f"{_listed(net)}."
    )


def _listed(net: nn.Module) -> str:
    return ", ".join(filter(None, [list_layers(net), OUTPUT]))


def _numbered(net: nn.Module, layer: str, index: Sequence[int | str]) -> tuple[int, ...]:
    """Put a class's number in the place of its name."""
    classes = getattr(getattr(net, "card", None), "classes", ())
    numbers = []
    for at in index:
        if isinstance(at, str):
            if at not in classes:
                raise InsightError(
                    f"A channel is a number, a class also a name that the net's card lists. Received {at!r} for "
                    f"layer={layer!r}. Classes: {', '.join(classes) or 'none, for the net has no card'}."
                )
            at = classes.index(at)
        numbers.append(int(at))
    if not numbers:
        raise InsightError(
            f"A channel of a layer is looked at. Received layer={layer!r} and no channel. Pass one, counted from 0."
        )
    return tuple(numbers)


def alikeness(maps: Float[Tensor, "picture channel place"]) -> Float[Tensor, ""]:
    """Say how alike several pictures look to a layer: the mean cosine between the Gram matrices of two of them.

    Source: Olah, Mordvintsev and Schubert (2017), section "Diversity"; the matrices: Gatys, Ecker and Bethge (2015).
    """
    grams = torch.nn.functional.normalize((maps @ maps.transpose(1, 2)).flatten(1), dim=1)
    count = len(grams)
    return ((grams @ grams.T).sum() - grams.square().sum()) / (count * (count - 1))
