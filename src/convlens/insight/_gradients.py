"""Attribution by gradients of the image: plain, along a path, averaged over noise."""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._attribution import Attribution, Completeness, answer
from convlens.insight._question import Question, Target, ask

_LARGE_GAP = 0.05  # of the expected sum; what is above is worth a note


def gradient(
    net: nn.Module, image: Any, *, target: Target = None, preprocessing: Preprocessing | None = None
) -> Attribution:
    """Differentiate one value of a net by the image: how it changes with each number, all others held.

    Args:
        net: any module that reads one tensor. It runs in evaluation mode and is as before afterwards.
        image: as `convlens.trace` takes it; of a float tensor, item 0 is explained.
        target: a class's number or name; or a layer's path and channel, alone (the mean of its units) or with a place:
            ("conv2", 3, 4, 5). By default the class with the highest score.
        preprocessing: how pixels become the input; that of the net's card where it has one.

    Returns:
        The derivatives, of the normalised input's numbers.

    Raises:
        InsightError: there is no such target.
        TraceError: the image is none, or there is no preprocessing for pixels.

    Source:
        Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks" (2014), section 3.
    """
    with ask(net, image, target=target, preprocessing=preprocessing) as question:
        values, slopes = question.slopes(question.item)
        return answer(question, "gradient", value=values[0], values=slopes[0])


def integrated_gradients(
    net: nn.Module,
    image: Any,
    *,
    target: Target = None,
    preprocessing: Preprocessing | None = None,
    baseline: Float[Tensor, "..."] | None = None,
    steps: int = 50,
    at_once: int = 10,
) -> Attribution:
    """Integrate the gradient along the straight line from a baseline to the image, times the way.

    Args:
        net: as for `gradient`.
        image: as for `gradient`.
        target: as for `gradient`.
        preprocessing: as for `gradient`.
        baseline: an image without what is looked for, normalised, without the batch; by default all 0, which a
            normalisation by mean makes the mean colour.
        steps: points on the line, 1 or more, at which the integral is taken (Gauss and Legendre's rule).
        at_once: points that the net runs on together.

    Returns:
        The attribution; its values add up to the target's value less that of the baseline, as far as the points
        suffice: `completeness` has the gap.

    Raises:
        InsightError: no such target, fewer than one point, or a baseline of another shape.
        TraceError: as for `gradient`.

    Source:
        Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks" (2017), equation 1, proposition 1.
    """
    _at_least_one(steps=steps, at_once=at_once)
    with ask(net, image, target=target, preprocessing=preprocessing) as question:
        item = question.item
        start = torch.zeros_like(item) if baseline is None else baseline.to(item)[None]
        if start.shape != item.shape:
            raise InsightError(
                f"A baseline has the shape of the input. Received baseline of shape={tuple(start.shape[1:])}. "
                f"Shape {tuple(item.shape[1:])} would do."
            )
        places, weights = np.polynomial.legendre.leggauss(steps)  # on -1..1
        column = (-1, *[1] * (item.dim() - 1))
        along = torch.from_numpy((places + 1) / 2).to(item).view(column)
        shares = torch.from_numpy(weights / 2).to(item).view(column)
        slope = torch.zeros_like(item)
        for some, share in zip(along.split(at_once), shares.split(at_once), strict=True):
            slope += (question.slopes(start + some * (item - start))[1] * share).sum(0, keepdim=True)
        values = (item - start) * slope
        with torch.no_grad():
            value, before = question.values(item.clone()), question.values(start.clone())
        complete = Completeness(float(values.double().sum()), float(value.double() - before.double()))
        notes = [] if baseline is not None else ["Baseline: all 0 in the net's normalised numbers."]
        if abs(complete.gap) > _LARGE_GAP * abs(complete.expected):
            notes.append(f"The gap is above {_LARGE_GAP:.0%}: more points than steps={steps} would close it.")
        return answer(
            question,
            "integrated gradients",
            value=value[0],
            values=values[0],
            completeness=complete,
            reason=_empty_path(question, start, values),
            notes=tuple(notes),
        )


def smooth_grad(
    net: nn.Module,
    image: Any,
    *,
    target: Target = None,
    preprocessing: Preprocessing | None = None,
    noise: float = 0.15,
    samples: int = 25,
    seed: int = 0,
    at_once: int = 10,
) -> Attribution:
    """Average the gradients of noisy copies of an image.

    Args:
        net: as for `gradient`.
        image: as for `gradient`.
        target: as for `gradient`; the top class is that of the image without noise.
        preprocessing: as for `gradient`.
        noise: standard deviation of the noise, as a share of the range of the input's numbers.
        samples: noisy copies, 1 or more.
        seed: of the noise; the same one gives the same values.
        at_once: copies that the net runs on together.

    Returns:
        The mean of the derivatives.

    Raises:
        InsightError: no such target, no sample, or noise below 0.
        TraceError: as for `gradient`.

    Source:
        Smilkov et al., "SmoothGrad: removing noise by adding noise" (2017), sections 2 and 3.2.
    """
    _at_least_one(samples=samples, at_once=at_once)
    if not (noise >= 0 and math.isfinite(noise)):
        raise InsightError(f"Noise has a deviation of 0 or more. Received {noise=}. The paper uses 0.1 to 0.2.")
    with ask(net, image, target=target, preprocessing=preprocessing) as question:
        item = question.item
        deviation = noise * float(item.max() - item.min())
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn((samples, *item.shape[1:]), generator=generator, dtype=item.dtype) * deviation
        slope = torch.zeros_like(item)
        for some in drawn.to(item.device).split(at_once):
            slope += question.slopes(item + some)[1].sum(0, keepdim=True)
        with torch.no_grad():
            value = question.values(item.clone())
        note = f"{samples} copies, noise of deviation {deviation:.4g} ({noise:.0%} of the range), seed {seed}."
        return answer(question, "SmoothGrad", value=value[0], values=slope[0] / samples, notes=(note,))


def _empty_path(question: Question, start: Tensor, values: Tensor) -> str | None:
    if bool(values.any()) or not torch.equal(start, question.item):
        return None
    return "the image is the baseline"


def _at_least_one(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InsightError(f"At least one is counted. Received {name}={count}. {name}=1 or more would do.")
