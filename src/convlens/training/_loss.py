"""What a training makes small."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from convlens.training._recipe import Recipe

_AUXILIARY = 0.3  # weight of the loss of each auxiliary head


def training_loss(
    result: Tensor | tuple[Tensor | None, ...], labels: Int64[Tensor, " batch"], *, recipe: Recipe
) -> Float[Tensor, ""]:
    """Measure what a net in training mode gives: its scores, or a tuple of them and of those of its auxiliary heads.

    Args:
        result: scores, one a class; of a tuple, the first are those of the whole net. None is a head that is not there.
        labels: of each image, the index of its class.
        recipe: names the loss.

    Returns:
        The loss of the scores, and 0.3 times that of each auxiliary head.

    Source:
        Szegedy et al., "Going deeper with convolutions" (2015), section 5.
    """
    main, *auxiliary = result if isinstance(result, tuple) else (result,)
    losses = [
        loss_of(scores, labels, name=recipe.loss, label_smoothing=recipe.label_smoothing)
        for scores in (main, *auxiliary)
        if scores is not None
    ]
    return losses[0] + _AUXILIARY * torch.stack(losses[1:]).sum() if len(losses) > 1 else losses[0]


def loss_of(
    scores: Float[Tensor, "batch class"], labels: Int64[Tensor, " batch"], *, name: str, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Measure how far scores are from their labels.

    Args:
        scores: of each image, one a class.
        labels: of each image, the index of its class.
        name: "cross_entropy", in nats; or "hinge": by how much the score of each wrong class misses to lie 1 below that
            of the right one, if it does, summed over the classes and divided by their count.
        label_smoothing: share of the target that is spread evenly over all classes; of cross-entropy alone.

    Returns:
        The mean over the batch, at least 0.

    Source:
        Weston and Watkins, "Support vector machines for multi-class pattern recognition" (1999); Tang, "Deep learning
        using linear support vector machines" (2013), puts one on top of a ConvNet.

    >>> scores, labels = torch.tensor([[2.0, 1.5, -1.0]]), torch.tensor([0])
    >>> round(loss_of(scores, labels, name="hinge").item(), 4)  # (0.5 + 0) / 3
    0.1667
    """
    if name == "hinge":
        return F.multi_margin_loss(scores, labels)
    return F.cross_entropy(scores, labels, label_smoothing=label_smoothing)
