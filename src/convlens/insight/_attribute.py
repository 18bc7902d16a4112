"""Attribution: which pixels decided. Each method runs and differentiates the net itself, and leaves it as it was."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._attribution import Attribution
from convlens.insight._question import What, asked
from convlens.insight._rectifiers import rectified

_AT_ONCE = 16  # images that are run together


def gradient(
    net: nn.Module, image: Any, *, target: What = None, preprocessing: Preprocessing | None = None
) -> Attribution:
    """Attribute by how much the target changes with each number of the image.

    Args:
        net: any module that reads one image tensor. It is left as it was.
        image: what `convlens.trace` takes: a file, a picture, pixels, or a float tensor that is ready for the net.
        target: a class's number or name; or a unit, (layer, channel) or (layer, channel, row, column). By default the
            class of the largest score.
        preprocessing: how pixels become the input; that of the net's card where it has one.

    Returns:
        The derivatives, in the image's shape.

    Raises:
        InsightError: there is no such target, or the net is scripted.
        TraceError: the image is none, or there is no preprocessing for pixels.

    Source:
        Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2014), section 3.
    """
    with asked(net, image, target=target, preprocessing=preprocessing) as question:
        values, slopes = question.gradients(question.image)
        return question.answer("gradient", slopes[0], signed=False, value=float(values[0]), reason=None)


def integrated_gradients(
    net: nn.Module,
    image: Any,
    *,
    target: What = None,
    baseline: Tensor | float = 0.0,
    steps: int = 50,
    preprocessing: Preprocessing | None = None,
) -> Attribution:
    """Attribute what the target gains on the straight way from a baseline to the image.

    Args:
        net: as for `gradient`.
        image: as for `gradient`.
        target: as for `gradient`.
        baseline: where the way begins, in the numbers that the net reads: of the image's shape, or one number.
        steps: points of the Gauss-Legendre rule, 1 or more.
        preprocessing: as for `gradient`.

    Returns:
        Attributions that add up to target(image) - target(baseline), up to the rule's error, which a note states.

    Raises:
        InsightError: as for `gradient`, or there is no step.
        TraceError: as for `gradient`.

    Source:
        Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (2017), equation 1.
    """
    if steps < 1:
        raise InsightError(f"An integral has one step or more. Received steps={steps}. 50 are usual.")
    with asked(net, image, target=target, preprocessing=preprocessing) as question:
        start = torch.as_tensor(baseline, dtype=question.image.dtype, device=question.image.device)
        start = torch.broadcast_to(start, question.image.shape)
        points, weights = np.polynomial.legendre.leggauss(steps)
        total = torch.zeros_like(question.image[0])
        for first in range(0, steps, _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            at = question.image.new_tensor((points[part] + 1) / 2).view(-1, 1, 1, 1)
            _, slopes = question.gradients(start + at * (question.image - start))
            total += (slopes * question.image.new_tensor(weights[part] / 2).view(-1, 1, 1, 1)).sum(0)
        values = total * (question.image - start)[0]
        with torch.no_grad():
            here, there = (float(question.values(each)[0]) for each in (question.image, start.contiguous()))
        gained, found = here - there, float(values.double().sum())
        question.notes.append(f"They add up to {found:.6g}; the target gains {gained:.6g}: {found - gained:.2g} apart.")
        return question.answer("integrated gradients", values, signed=True, value=here, reason=None)


def smooth_grad(
    net: nn.Module,
    image: Any,
    *,
    target: What = None,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    preprocessing: Preprocessing | None = None,
) -> Attribution:
    """Attribute by the mean gradient of the image with noise added.

    Args:
        net: as for `gradient`.
        image: as for `gradient`.
        target: as for `gradient`.
        samples: how many noisy images, 1 or more.
        noise: its standard deviation, as a share of the image's largest less its smallest number.
        seed: of the noise.
        preprocessing: as for `gradient`.

    Returns:
        The mean derivatives, in the image's shape.

    Raises:
        InsightError: as for `gradient`, or there is no sample.
        TraceError: as for `gradient`.

    Source:
        Smilkov, Thorat, Kim, Viegas and Wattenberg, "SmoothGrad: removing noise by adding noise" (2017).
    """
    if samples < 1 or not noise >= 0:
        raise InsightError(
            f"A mean is of one noisy image or more. Received samples={samples}, noise={noise}. 25 and 0.15 are usual."
        )
    with asked(net, image, target=target, preprocessing=preprocessing) as question:
        noisy = noisy_images(question.image.cpu(), samples=samples, noise=noise, seed=seed).to(question.image.device)
        slopes = torch.cat([question.gradients(part)[1] for part in noisy.split(_AT_ONCE)])
        with torch.no_grad():
            value = float(question.values(question.image)[0])
        return question.answer("SmoothGrad", slopes.mean(0), signed=False, value=value, reason=None)


def noisy_images(image: Tensor, *, samples: int, noise: float, seed: int) -> Tensor:
    """Add normal noise to copies of a batch of one image, with a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    deviation = noise * float(image.max() - image.min())
    return image + deviation * torch.randn(samples, *image.shape[1:], generator=generator, dtype=image.dtype)


def occlusion(
    net: nn.Module,
    image: Any,
    *,
    target: What = None,
    window: tuple[int, int] | None = None,
    stride: tuple[int, int] | None = None,
    fill: float = 0.0,
    preprocessing: Preprocessing | None = None,
) -> Attribution:
    """Attribute by what the target loses where a window of the image is covered.

    Args:
        net: as for `gradient`.
        image: as for `gradient`.
        target: as for `gradient`.
        window: its rows and columns; an eighth of the image's by default.
        stride: from one place of the window to the next; half a window by default.
        fill: what covers, in the numbers that the net reads.
        preprocessing: as for `gradient`.

    Returns:
        For each pixel the mean loss over the windows that cover it; the same in every channel.

    Raises:
        InsightError: as for `gradient`, or the window does not fit.
        TraceError: as for `gradient`.

    Source:
        Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014), section 4.2.
    """
    with asked(net, image, target=target, preprocessing=preprocessing) as question, torch.no_grad():
        sides = tuple(question.image.shape[2:])
        window = window or (max(1, sides[0] // 8), max(1, sides[1] // 8))
        stride = stride or (max(1, window[0] // 2), max(1, window[1] // 2))
        if any(not 1 <= length <= side for length, side in zip(window, sides, strict=True)) or min(stride) < 1:
            raise InsightError(
                f"A window covers one pixel or more of an image of {sides}, and moves on. "
                f"Received window={window}, stride={stride}. Without them an eighth of each side is covered."
            )
        covers = _covers(sides, window, stride).to(question.image.device)
        value = question.values(question.image)[0]
        lost = torch.cat(
            [
                value - question.values(torch.where(part[:, None], fill, question.image))
                for part in covers.split(_AT_ONCE)
            ]
        )
        weights = covers.to(lost.dtype)
        heat = (weights * lost[:, None, None]).sum(0) / weights.sum(0)
        question.notes.append(f"{len(covers)} windows of {window[0]} x {window[1]} pixels, filled with {fill:g}.")
        values = heat.expand(question.image.shape[1:])
        return question.answer("occlusion", values, signed=True, value=float(value), reason=None)


def _covers(sides: Sequence[int], window: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Mark what each place of a window covers; the last ones are cut off at the border, so that all is covered."""
    spans = []
    for side, length, step in zip(sides, window, stride, strict=True):
        starts = torch.arange(math.ceil((side - length) / step) + 1)[:, None] * step
        pixels = torch.arange(side)
        spans.append((pixels >= starts) & (pixels < starts + length))
    rows, columns = spans
    return (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)


def _rectified_gradient(
    method: str, net: nn.Module, image: Any, *, target: What, preprocessing: Preprocessing | None, is_guided: bool
) -> Attribution:
    with asked(net, image, target=target, preprocessing=preprocessing) as question:
        with rectified(is_guided=is_guided) as rectifiers:
            values, slopes = question.gradients(question.image)
        if not rectifiers.met:
            question.notes.append("The net calls no ReLU: this is its plain gradient.")
        reason = None
        if rectifiers.met and bool((question.gradients(question.image)[1] != 0).any()):
            reason = "Nothing is attributed: nothing positive comes back to the image through the ReLUs."
        return question.answer(method, slopes[0], signed=True, value=float(values[0]), reason=reason)


def deconvnet(
    net: nn.Module, image: Any, *, target: What = None, preprocessing: Preprocessing | None = None
) -> Attribution:
    """Carry the target back through the net as Zeiler and Fergus do: through the switches of pools, ReLU on the way.

    Args:
        net: as for `gradient`; its ReLUs may be modules or functions, in place or not.
        image: as for `gradient`.
        target: as for `gradient`.
        preprocessing: as for `gradient`.

    Returns:
        A picture of what in the image the target goes back to, in the image's shape.

    Raises:
        InsightError: as for `gradient`.
        TraceError: as for `gradient`.

    Source:
        Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014), section 2.1.
    """
    return _rectified_gradient("deconvnet", net, image, target=target, preprocessing=preprocessing, is_guided=False)


def guided_backpropagation(
    net: nn.Module, image: Any, *, target: What = None, preprocessing: Preprocessing | None = None
) -> Attribution:
    """Carry the target back through ReLUs that were on, and of it what is positive.

    Args:
        net: as for `deconvnet`.
        image: as for `gradient`.
        target: as for `gradient`.
        preprocessing: as for `gradient`.

    Returns:
        A picture of what in the image the target goes back to, in the image's shape.

    Raises:
        InsightError: as for `gradient`.
        TraceError: as for `gradient`.

    Source:
        Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All Convolutional Net" (2015).
    """
    return _rectified_gradient(
        "guided backpropagation", net, image, target=target, preprocessing=preprocessing, is_guided=True
    )
