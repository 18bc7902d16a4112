"""How well a net reads images whose labels are known."""

from typing import NamedTuple

import torch
from torch import nn

from convlens.data import Part, Preprocessing
from convlens.training._loss import loss_of

_BATCH_SIZE = 125  # images whose maps fit into a core's cache: half the time of 1,000


class Evaluation(NamedTuple):
    """What a net makes of labelled images.

    Attributes:
        loss: mean over the images, without label smoothing; cross-entropy in nats.
        accuracy: share of the images whose highest score is that of their class, 0..1.
    """

    loss: float
    accuracy: float


@torch.inference_mode()
def evaluate(
    net: nn.Module,
    part: Part,
    preprocessing: Preprocessing,
    *,
    loss: str = "cross_entropy",
    most: int | None = None,
) -> Evaluation:
    """Evaluate a net on a part of a data set, in evaluation mode, and leave it in the mode it was in.

    Args:
        net: gives one score a class.
        part: images and labels, at least one.
        preprocessing: from its images to what the net reads.
        loss: the recipe's.
        most: take no more than so many images, spread evenly over the part: a folder's stand class by class.
    """
    mode = net.training
    net.eval()
    total, right = 0.0, 0
    count = len(part) if most is None else min(most, len(part))
    for chosen in (torch.arange(count) * len(part) // count).split(_BATCH_SIZE):
        images = preprocessing(part.images[chosen]).contiguous(memory_format=torch.channels_last)
        scores, labels = net(images), part.labels[chosen]
        total += loss_of(scores, labels, name=loss).item() * len(labels)
        right += int((scores.argmax(1) == labels).sum())
    net.train(mode)
    return Evaluation(total / count, right / count)
