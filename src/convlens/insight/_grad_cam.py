"""Attribution by a layer's maps, each weighted by how the target follows it."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._attribution import Attribution, answer
from convlens.insight._question import Question, Target, ask
from convlens.insight._reachable import check_reachable

_LEAST_SHARE = 0.5  # of the derivatives' sum of squares


def grad_cam(
    net: nn.Module,
    image: Any,
    *,
    target: Target = None,
    preprocessing: Preprocessing | None = None,
    layer: str | None = None,
) -> Attribution:
    """Add up a layer's maps, each times the mean derivative of the target by it, and keep what is above 0.

    Args:
        net: as for `gradient`.
        image: as for `gradient`; with rows and columns.
        target: as for `gradient`.
        preprocessing: as for `gradient`.
        layer: path of a module whose output has rows and columns, before the target; of one that is called several
            times, the last call. By default the last layer that still has rows and columns: there, maps stand for
            the most, and are still in their places. A note says which it is.

    Returns:
        The map, scaled up to the image's size (bilinear): one channel.

    Raises:
        InsightError: no such target; no layer with rows and columns before it, or `layer` is none of them; or the net
            is compiled or scripted.
        TraceError: as for `gradient`.

    Source:
        Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization" (2017),
        equations 1 and 2.
    """
    check_reachable(net, "Grad-CAM")
    with ask(net, image, target=target, preprocessing=preprocessing) as question:
        found = _layers_with_places(question)
        if not found or (layer is not None and layer not in found):
            raise InsightError(
                "Grad-CAM reads a layer with rows and columns, before the target. "
                f"Received {layer=}, target: {question.target}. "
                + (f"Such layers: {', '.join(found)}." if found else "There is none; occlusion needs no such layer.")
            )
        note = ""
        if layer is None:
            layer = _suggest(question, found)
            note = f"Layer {layer}, suggested: of {len(found)} the last that still has rows and columns "
        size = " x ".join(map(str, found[layer]))
        note = f"{note}({size})." if note else f"Layer {layer} ({size})."
        value, maps, slopes = _maps_and_slopes(question, layer)
        coarse = (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)
        values = F.interpolate(coarse.relu(), size=question.item.shape[2:], mode="bilinear")
        reason = None
        if bool(maps.any()) and bool(slopes.any()) and not bool(coarse.clamp(min=0).any()):
            reason = f"at no place do the maps of {layer} speak for the target: their weighted sum is nowhere above 0"
        notes = [note]
        # Of the squared derivatives; all of them where a mean over all places follows, none where they cancel.
        share = float(slopes.mean((2, 3), keepdim=True).expand_as(slopes).square().sum() / slopes.square().sum())
        if share < _LEAST_SHARE:
            notes.append(
                f"The target weighs the places of {layer} differently: the mean derivatives, which Grad-CAM takes for "
                f"all places, make up {share:.0%} of the derivatives' squares. Do not rely on the map."
            )
        return answer(
            question, "Grad-CAM", value=value, values=values[0], layer=layer, reason=reason, notes=tuple(notes)
        )


def _layers_with_places(question: Question) -> dict[str, tuple[int, ...]]:
    """Run a net up to the target and list the modules whose outputs are images: path and shape, in order of time."""
    found: dict[str, tuple[int, ...]] = {}
    if question.item.dim() != 4:
        return found
    rows, columns = question.item.shape[2:]
    handles = []
    for path, module in question.net.named_modules():
        # Attention's weights (token, token), which these see, look like an image.
        if not path or path == question.layer or isinstance(module, nn.Dropout | nn.Softmax):
            continue

        def note(_module: nn.Module, _inputs: Any, output: Any, path: str = path) -> None:
            if not isinstance(output, Tensor) or output.dim() != 4 or output.shape[2:].numel() <= 1:
                return
            # Of a tensor whose channels come last, rows and columns would be columns and channels.
            if abs(output.shape[2] / output.shape[3] - rows / columns) <= 0.5 * rows / columns:
                found.pop(path, None)  # the last call counts
                found[path] = tuple(output.shape[1:])

        handles.append(module.register_forward_hook(note))
    try:
        with torch.no_grad():
            question.values(question.item.clone())
    finally:
        for handle in handles:
            handle.remove()
    return found


def _suggest(question: Question, layers: dict[str, tuple[int, ...]]) -> str:
    """Take the last layer; one that the target does not read (a side branch) is passed over."""
    for layer in reversed(layers):
        if bool(_maps_and_slopes(question, layer)[2].any()):
            return layer
    return next(reversed(layers))


def _maps_and_slopes(question: Question, layer: str) -> tuple[Tensor, Tensor, Tensor]:
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # what comes next may work in place

    image = question.item.clone().requires_grad_()  # a net whose weights are frozen has a graph only so
    handle = question.net.get_submodule(layer).register_forward_hook(keep)
    try:
        value = question.values(image.clone())
    finally:
        handle.remove()
    maps = kept[-1]
    slopes = torch.autograd.grad(value.sum(), maps, allow_unused=True)[0] if maps.requires_grad else None
    return value[0].detach(), maps.detach(), torch.zeros_like(maps) if slopes is None else slopes
