"""Grad-CAM: which places of a layer speak for a class."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight._attribution import Attribution
from convlens.insight._question import Question, What, asked


def grad_cam(
    net: nn.Module,
    image: Any,
    *,
    target: What = None,
    layer: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> Attribution:
    """Attribute to the places of a layer: its maps, weighted by how much the target changes with each on average.

    Args:
        net: as for `gradient`.
        image: as for `gradient`.
        target: as for `gradient`.
        layer: a module's path; by default the last one that still has rows and columns, and a note says which.
        preprocessing: as for `gradient`.

    Returns:
        One map, of the layer's rows and columns, of what speaks for the target: never below 0.

    Raises:
        InsightError: as for `gradient`, or the layer is not there or has no rows and columns.
        TraceError: as for `gradient`.

    Source:
        Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (2017),
        equations 1 and 2.
    """
    with asked(net, image, target=target, preprocessing=preprocessing) as question:
        if layer is None:
            layer = suggest_layer(question.net, question.image)
            question.notes.append(f"Of {layer}, the last layer that still has rows and columns.")
        maps, values = _with_maps(question, layer)
        if maps.ndim != 4:
            raise InsightError(
                "Grad-CAM is of a layer with rows and columns. "
                f"Received layer={layer!r}, whose output is {tuple(maps.shape)}. "
                f"{suggest_layer(question.net, question.image)} has some."
            )
        slopes = torch.zeros_like(maps)
        if values.requires_grad:
            (found,) = torch.autograd.grad(values.sum(), maps, allow_unused=True)
            slopes = slopes if found is None else found
        weighted = (slopes.mean((2, 3), keepdim=True) * maps).sum(1)
        reason = None
        if bool((slopes != 0).any()):
            reason = f"Nothing is attributed: nowhere in {layer} do the maps speak for the target."
        return question.answer(
            "Grad-CAM", weighted.clamp(min=0), signed=True, value=float(values[0].detach()), reason=reason
        )


def _with_maps(question: Question, layer: str) -> tuple[Tensor, Tensor]:
    modules = dict(question.net.named_modules())
    if layer not in modules:
        known = ", ".join(filter(None, modules))
        raise InsightError(f"A layer is named by its module's path. Received layer={layer!r}. There are: {known}.")
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        if not isinstance(output, Tensor):
            return output
        kept.append(output)
        return output.clone()  # an operator in place, such as the ReLU after it, would overwrite it

    handle = modules[layer].register_forward_hook(keep)
    try:
        values = question.values(question.image.detach().requires_grad_())
    finally:
        handle.remove()
    if not kept:
        raise InsightError(f"A layer makes a tensor in the forward pass. Received layer={layer!r}, which makes none.")
    return kept[-1], values


def suggest_layer(net: nn.Module, image: Tensor) -> str:
    """Find the layer for Grad-CAM: the last module that makes maps of more than one place.

    Args:
        net: any module.
        image: a batch that it reads.

    Returns:
        The module's path.

    Raises:
        InsightError: no module makes maps.
    """
    found: list[str] = []

    def look(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
                found.append(path)

        return hook

    modules = [(path, module) for path, module in net.named_modules() if path and not any(module.children())]
    handles = [module.register_forward_hook(look(path)) for path, module in modules]
    try:
        with torch.no_grad():
            net(image)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise InsightError(
            f"Grad-CAM is of a layer with rows and columns. Received {type(net).__name__}, no module of which has any."
        )
    return found[-1]
