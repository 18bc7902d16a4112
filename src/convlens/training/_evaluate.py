"""How well a net reads images whose labels are known."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from convlens.data import Part, Preprocessing

_BATCH_SIZE = 125  # images whose maps fit into a core's cache: half the time of 1,000


class Evaluation(NamedTuple):
    """What a net makes of labelled images.

    Attributes:
        loss: mean softmax cross-entropy, in nats.
        accuracy: share of the images whose highest score is that of their class, 0..1.
    """

    loss: float
    accuracy: float


@torch.inference_mode()
def evaluate(net: nn.Module, part: Part, preprocessing: Preprocessing, *, most: int | None = None) -> Evaluation:
    """Evaluate a net on a part of a data set, in evaluation mode, and leave it in the mode it was in.

    Args:
        net: gives one score a class.
        part: images and labels, at least one.
        preprocessing: from its images to what the net reads.
        most: take no more than so many images, the first ones.
    """
    mode = net.training
    net.eval()
    loss, right = 0.0, 0
    count = len(part) if most is None else min(most, len(part))
    for start in range(0, count, _BATCH_SIZE):
        chosen = slice(start, min(start + _BATCH_SIZE, count))
        images = preprocessing(part.images[chosen]).contiguous(memory_format=torch.channels_last)
        scores, labels = net(images), part.labels[chosen]
        loss += F.cross_entropy(scores, labels, reduction="sum").item()
        right += int((scores.argmax(1) == labels).sum())
    net.train(mode)
    return Evaluation(loss / count, right / count)
