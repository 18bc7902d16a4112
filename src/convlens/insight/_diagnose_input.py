"""Whether a net is given what it was trained with: range, mean and deviation of what it reads, its mode, its reach."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from convlens.architectures import describe
from convlens.data import Preprocessing
from convlens.errors import ConvlensError
from convlens.insight._diagnosis import Checked, Finding
from convlens.insight._undisturbed import undisturbed

_SLACK = 0.05  # of the range of pixels, for rounding and for interpolation that overshoots
# A net's card normalises its training images to mean 0 and deviation 1. Other photos of the same kind lie well within.
_FURTHEST_MEAN, _LEAST_DEVIATION, _MOST_DEVIATION = 1.0, 0.25, 4.0
# Without a card: initial weights are made for a deviation of about 1. Pixels of 0..255 have one of about 60, pixels of
# 0..1 divided by 255 once more one of 0.001.
_LARGE, _TINY = 10.0, 0.02
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_RANDOM = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_TRIALS = 32  # images that are read twice


def check_input(read: Tensor, preprocessing: Preprocessing | None) -> Checked:
    """Compare what a net reads with what its preprocessing makes of pixels.

    Args:
        read: the batch, ready for the net.
        preprocessing: the net's, or None where it is not known.
    """
    channels = read.transpose(0, 1).flatten(1).float()
    means, deviations = channels.mean(1), channels.std(1, correction=0)
    furthest = int(means.abs().argmax())
    figures = {"least": float(channels.min()), "most": float(channels.max())}
    figures |= {"furthest mean": float(means[furthest]), "least deviation": float(deviations.min())}
    figures["largest deviation"] = float(deviations.max())
    said = "Input: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()) + "."
    if preprocessing is None:
        is_wrong = abs(figures["furthest mean"]) > _LARGE or figures["largest deviation"] > _LARGE
        is_wrong |= figures["largest deviation"] < _TINY
        figures |= {"limit of mean and deviation": _LARGE, "least that is usual": _TINY}
        advice = "Give it (pixel / 255 - mean) / deviation, as it was trained with."
    else:
        lows = [-mean / deviation for mean, deviation in zip(preprocessing.mean, preprocessing.deviation, strict=True)]
        spans = [1 / deviation for deviation in preprocessing.deviation]
        low = min(at - _SLACK * span for at, span in zip(lows, spans, strict=True))
        high = max(at + (1 + _SLACK) * span for at, span in zip(lows, spans, strict=True))
        is_wrong = figures["least"] < low or figures["most"] > high
        is_wrong |= figures["least"] >= 0 > min(lows)  # no pixel below the mean: of 0..1 it was not taken away
        is_wrong |= abs(figures["furthest mean"]) > _FURTHEST_MEAN
        is_wrong |= not _LEAST_DEVIATION <= figures["largest deviation"] <= _MOST_DEVIATION
        figures |= {"pixel 0 becomes": min(lows), "pixel 255 becomes": max(map(sum, zip(lows, spans, strict=True)))}
        advice = "Its card says how pixels become what it reads: give it uint8 images, or preprocessing(images)."
        said = f"{said[:-1]}; its card expects mean 0 and deviation 1."
    if not is_wrong:
        return [], said
    meaning = "The numbers that it reads are not those that its first layer was trained on, or initialised for."
    return [Finding("wrong normalisation", "input", (furthest,), figures, meaning, advice)], said


def check_first_batch_norm(net: nn.Module, batch: Tensor) -> Checked:
    """Compare what the first batch normalisation reads with its running statistics.

    Args:
        net: in evaluation mode.
        batch: what it reads.
    """
    seen: list[tuple[str, nn.Module, Tensor]] = []
    handles = []
    for path, module in net.named_modules():
        if isinstance(module, _BATCH_NORMS) and module.running_mean is not None:

            def keep(module: nn.Module, inputs: Any, path: str = path) -> None:
                seen.extend([] if seen else [(path, module, inputs[0].detach().clone())])

            handles.append(module.register_forward_pre_hook(keep))
    try:
        with torch.no_grad():
            net(batch)
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        return [], "Batch normalisation: none with running statistics."
    path, norm, read = seen[0]
    values = read.transpose(0, 1).flatten(1).float()
    running, variance = (getattr(norm, name).float() for name in ("running_mean", "running_var"))
    epsilon = float(getattr(norm, "eps"))  # noqa: B009  # a module's attribute may be anything, to a type checker
    distance = ((values.mean(1) - running).abs() / (variance + epsilon).sqrt()).median()
    ratio = ((values.var(1, correction=0) + epsilon) / (variance + epsilon)).sqrt().median()
    figures = {"median distance of means in deviations": float(distance), "median ratio of deviations": float(ratio)}
    tracked = getattr(norm, "num_batches_tracked", None)
    if tracked is not None:
        figures["batches tracked"] = int(tracked)
    said = f"{path}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()) + "."
    if distance <= _FURTHEST_MEAN and _LEAST_DEVIATION <= ratio <= _MOST_DEVIATION:
        return [], said
    finding = Finding(
        "wrong normalisation",
        path,
        (),
        figures | {"limit of the distance": _FURTHEST_MEAN, "least ratio": _LEAST_DEVIATION},
        "What it reads has another mean or deviation than what it was trained on, so that all layers after it read "
        "numbers that they do not know.",
        "Normalise the images as in training; or, if they are of another kind or it has tracked no batch, run the net "
        "over them in training mode once, so that its running statistics follow.",
    )
    return [finding], said


def check_mode(net: nn.Module, batch: Tensor) -> Checked:
    """Find out whether the net, as it was handed in, gives other results than in evaluation mode, or random ones.

    Args:
        net: in the mode that it was handed in.
        batch: what it reads.
    """
    batch = batch[:_TRIALS] if len(batch) > 1 else batch.repeat(2, *[1] * (batch.ndim - 1))  # normalised as a batch
    left_on = [path for path, module in net.named_modules() if module.training and isinstance(module, _BATCH_NORMS)]
    dropping = [path for path, module in net.named_modules() if module.training and isinstance(module, _RANDOM)]
    with undisturbed(net), torch.no_grad():
        steady, again = _result(net, batch), _result(net, batch)
    if net.training or left_on or dropping:
        with undisturbed(net, evaluation=False), torch.no_grad():
            given = _result(net, batch)
    else:
        given = steady
    scale = float(steady.std(correction=0)) or 1.0
    chance, difference = float((again - steady).abs().max()) / scale, float((given - steady).abs().max()) / scale
    findings = []
    if chance > 0:
        meaning = "In evaluation mode two passes over the same images differ: something is drawn at random."
        advice = "A functional dropout takes training=self.training; without it, it is always on."
        findings.append(Finding("random in evaluation", "", (), {_DIFFERENCE: chance}, meaning, advice))
    elif difference > 0:
        figures = {"batch normalisations": len(left_on), "dropouts": len(dropping), _DIFFERENCE: difference}
        meaning = "The net is in training mode: batch normalisation reads the batch, and dropout is on, so that an "
        meaning += "image's scores depend on chance and on its neighbours."
        advice = "Call net.eval() before predicting."
        findings.append(Finding("training mode", (left_on + dropping + [""])[0], (), figures, meaning, advice))
    said = f"Mode: results as handed in differ from those in evaluation by {difference:.3g}, two passes by {chance:.3g}"
    return findings, f"{said} of their deviation."


_DIFFERENCE = "largest difference in deviations of the scores"


def _result(net: nn.Module, batch: Tensor) -> Tensor:
    return next(leaf for leaf in tree_leaves(net(batch)) if isinstance(leaf, Tensor)).float()


def check_receptive_field(net: nn.Module, shape: tuple[int, ...], object_size: int | None) -> Checked:
    """Compare the receptive field of the last map with what is to be recognised.

    Args:
        net: any module.
        shape: channels, rows, columns of what it reads.
        object_size: rows and columns of an object, in pixels; None for the whole image.

    Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill (2019).
    """
    try:
        description = describe(net, image_shape=shape)
    except ConvlensError as error:
        return [], f"Receptive field: not known. {error}"
    field = description.receptive_field
    if isinstance(field, str):
        return [], f"Receptive field: {field}."
    wanted = shape[1:] if object_size is None else (object_size,) * len(field)
    size = " x ".join(map(str, field))
    layers = description.layers
    maps = [place for place, layer in enumerate(layers) if len(layer.output) == len(shape) + 1]
    if not maps:
        return [], "Receptive field: there are no maps; all pixels are weighed at once."
    last = maps[-1]
    joined = next((layer for layer in layers[last + 1 :] if layer.kind == "fully connected"), None)
    places = 1
    for side in layers[last].output[2:]:
        places *= side
    if joined is not None and places > 1:
        return [], f"Receptive field: {size} pixels; {joined.name} weighs all {places} places of the last map."
    if len(description.output_shape) > 2 and object_size is None:
        return [], f"Receptive field: {size} pixels; the net gives maps, and the size of an object is not known."
    said = f"Receptive field: {size} pixels of {' x '.join(map(str, wanted))}."
    if all(one >= other for one, other in zip(field, wanted, strict=True)):
        return [], said
    finding = Finding(
        "receptive field",
        layers[last].name,
        (),
        {"receptive field": min(field), "of": max(wanted)},
        "No unit of the last map sees the whole: the net decides by an average over parts, whose arrangement it "
        "cannot see.",
        "Add layers, strides or dilations before the last map, or read smaller images.",
    )
    return [finding], said
