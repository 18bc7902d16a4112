"""Find out what is wrong with a net, or with what it is given."""

import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._diagnose_gradients import check_gradients, check_reach_of_gradients, gradients
from convlens.insight._diagnose_input import check_first_batch_norm, check_input, check_mode, check_receptive_field
from convlens.insight._diagnose_units import Watch, check_dead, check_finite_values, check_saturated, check_waves
from convlens.insight._diagnose_weights import check_duplicates, check_finite_weights, check_overlaps, check_ranks
from convlens.insight._diagnosis import Diagnosis
from convlens.insight._undisturbed import undisturbed

_BATCH = 100  # images that are read at once, at most
_NUMBERS = 2**21  # that are read at once: 13 images of 3 x 224 x 224, whose activations in VGG-16 take 1.5 GB
_DIFFERENTIATED = 32  # images whose gradients are measured


def diagnose(
    net: nn.Module,
    images: Tensor,
    *,
    labels: Tensor | None = None,
    preprocessing: Preprocessing | None = None,
    object_size: int | None = None,
) -> Diagnosis:
    """Find out what is wrong with a net, or with what it is given.

    Checked are weights and activations that are not finite; training mode left on; the range, mean and deviation of
    what it reads; the receptive field; dead and saturated units; vanishing and exploding gradients; duplicated filters
    and low ranks; checkerboards. Every finding rests on a number, and every limit stands beside it.

    Args:
        net: any module that reads one batch, in the mode in which it is used. It is left as it was.
        images: (image, channel, row, column): uint8 pixels, or floats that are ready for the net. Fully connected units
            that never fire are called dead from 3,000 on, maps from 100 on.
        labels: of each image, the index of its class: gradients are those of its score; without them, of the highest.
        preprocessing: what the net reads of pixels; by default its card's.
        object_size: rows and columns of what is to be recognised, in pixels; by default the whole image.

    Returns:
        The findings, and what every check measured.

    Raises:
        InsightError: no images, or pixels for a net that does not say how it reads them.
        ShapeError: images that the net cannot read.
    """
    preprocessing = preprocessing or getattr(getattr(net, "card", None), "preprocessing", None)
    _check(images, labels, preprocessing)
    first = next((tensor for tensor in net.parameters() if tensor.is_floating_point()), torch.zeros(0))

    def ready(part: Tensor) -> Tensor:
        if not part.is_floating_point():
            assert preprocessing is not None
            part = preprocessing(part)
        return part.to(device=first.device, dtype=first.dtype)

    size = max(1, min(_BATCH, _NUMBERS // max(1, images[0].numel())))
    spread = slice(None, None, -(-len(images) // size))  # where images are sorted by class, the first are of one
    batch = ready(images[spread])
    answers = [check_finite_weights(net), check_mode(net, batch), check_input(batch, preprocessing)]
    with undisturbed(net):
        watch = Watch(net)
        for part in images.split(size):
            watch.read(ready(part))
        answers.append(check_finite_values(watch.first_bad))
        answers.append(check_first_batch_norm(net, batch))
        answers.append(check_receptive_field(net, tuple(batch.shape[1:]), object_size))
        answers += [check_dead(watch.layers), check_saturated(watch.layers)]
        if watch.first_bad is None:
            own = None if labels is None else labels[spread][:_DIFFERENTIATED]
            norms, sizes = gradients(net, batch[:_DIFFERENTIATED], own)
            answers += [check_gradients(norms), check_reach_of_gradients(sizes)]
    overlaps = check_overlaps(net)
    answers += [check_duplicates(net), check_ranks(net), overlaps]
    answers.append(check_waves(watch.waves, [finding.layer for finding in overlaps[0]]))
    return Diagnosis(
        net=type(net).__name__,
        images=len(images),
        findings=tuple(finding for findings, _ in answers for finding in findings),
        checked=tuple(said for _, said in answers),
    )


def _check(images: Tensor, labels: Tensor | None, preprocessing: Preprocessing | None) -> None:
    if images.ndim != 4 or not len(images):
        raise InsightError(
            "A net is diagnosed on images: image, channel, row, column. "
            f"Received images of shape={tuple(images.shape)}. Put one image into a batch with images.unsqueeze(0)."
        )
    if labels is not None and len(labels) != len(images):
        raise InsightError(
            f"Each image has one label. Received {len(images)} images and {len(labels)} labels. Leave labels out to "
            "take the highest scores."
        )
    if not images.is_floating_point() and (images.dtype != torch.uint8 or preprocessing is None):
        raise InsightError(
            "Images are uint8 pixels, for a net that says how it reads them, or floats that are ready for it. Received "
            f"dtype={images.dtype}, {'a' if preprocessing else 'no'} preprocessing. Pass "
            "preprocessing=convlens.data.Preprocessing(...), or floats."
        )
