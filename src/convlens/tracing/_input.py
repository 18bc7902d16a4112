"""From whatever a user calls an image to the batch that a net reads."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from convlens.data import Preprocessing, read_image
from convlens.errors import TraceError


def to_batch(image: Any, preprocessing: Preprocessing | None) -> tuple[Tensor, Tensor | None]:
    """Make a batch of an image; take a floating-point tensor as it is.

    Args:
        image: a file's path; a PIL image; a uint8 array or tensor (row, column), (row, column, channel) for arrays,
            (channel, row, column) for tensors; or a float tensor that is ready for the net, item of the batch first.
        preprocessing: what the net expects of pixels.

    Returns:
        The batch, float; and the fitted image, uint8 (None for a float tensor).

    Raises:
        TraceError: the image is none of these, or there is no preprocessing for pixels.
    """
    if isinstance(image, Tensor) and image.is_floating_point():
        return image, None
    pixels = _pixels(image)
    if preprocessing is None:
        raise TraceError(
            "Pixels are normalised as a net was trained, and this net does not say how. "
            f"Received an image of shape={tuple(pixels.shape)} and no preprocessing. "
            "Pass preprocessing=convlens.data.Preprocessing(...), or a float tensor that is ready for the net."
        )
    fitted = preprocessing.fit(pixels)
    return preprocessing.normalise(fitted)[None], fitted


def input_names(net: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Tensor]:
    """Name every tensor that a net reads.

    Args:
        net: whose forward method names its arguments.
        inputs: by position.
        named: by name.

    Returns:
        The first tensor as "input", the others by their arguments' names, or as "input_2" where they have none; with a
        number where an argument holds several.
    """
    parameters = inspect.signature(net.forward).parameters.values()
    positional = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    arguments = ["input", *positional[1:]][: len(inputs)]
    arguments += [f"input_{count + 1}" for count in range(len(arguments), len(inputs))]
    found: dict[str, Tensor] = {}
    for argument, value in [*zip(arguments, inputs, strict=True), *named.items()]:
        tensors = [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
        for count, tensor in enumerate(tensors):
            name = argument if len(tensors) == 1 else f"{argument}.{count}"
            while name in found:
                name += "_2"
            found[name] = tensor
    return found


def describe_output(output: Any) -> str:
    """Say what a net returned."""
    return f"a tensor of shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"


def _pixels(image: Any) -> Tensor:
    if isinstance(image, str | Path):
        return read_image(image)
    if not isinstance(image, Tensor):
        array = np.asarray(image)  # PIL images have the array interface
        image = torch.from_numpy(array.copy())
        if array.ndim == 3:
            image = image.permute(2, 0, 1)
    if image.dim() == 2:
        image = image[None]
    if image.dtype != torch.uint8 or image.dim() != 3:
        raise TraceError(
            "An image is a file, a PIL image, or uint8 pixels: (row, column), an array (row, column, channel), "
            f"or a tensor (channel, row, column). Received shape={tuple(image.shape)}, dtype={image.dtype}. "
            "Pass a float tensor (batch, channel, row, column) if it is ready for the net."
        )
    return image
