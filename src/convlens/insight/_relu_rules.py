"""Attribution by other backward passes through ReLU: the deconvnet, and guided backpropagation."""

from typing import Any

import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.insight._attribution import Attribution, answer
from convlens.insight._each_relu import EachRelu
from convlens.insight._question import Target, ask
from convlens.insight._reachable import check_reachable


class _Relu(torch.autograd.Function):
    """A ReLU that passes back what is above 0; if guided, only where it was on."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool, guided: bool) -> Tensor:
        result = values.relu_() if in_place else values.relu()
        if in_place:
            ctx.mark_dirty(values)
        if guided:
            ctx.save_for_backward(result > 0)
        return result

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        above = slopes[0].clamp(min=0)
        return (above * ctx.saved_tensors[0] if ctx.saved_tensors else above), None, None


def deconvnet(
    net: nn.Module, image: Any, *, target: Target = None, preprocessing: Preprocessing | None = None
) -> Attribution:
    """Project one value of a net back onto the image: each ReLU passes back what is above 0, whether it was on or off.

    Max pools send it to their winners ("switches"), filters are transposed; all else passes back its gradient.

    Args:
        net: as for `gradient`; its ReLUs may be modules, functions or methods, in place or not.
        image: as for `gradient`.
        target: as for `gradient`.
        preprocessing: as for `gradient`.

    Returns:
        What arrives at the image.

    Raises:
        InsightError: no such target; or the net is compiled or scripted.
        TraceError: as for `gradient`.

    Source:
        Zeiler and Fergus, "Visualizing and understanding convolutional networks" (2014), section 2.1.
    """
    return _through_relus(net, image, guided=False, target=target, preprocessing=preprocessing)


def guided_backpropagation(
    net: nn.Module, image: Any, *, target: Target = None, preprocessing: Preprocessing | None = None
) -> Attribution:
    """Project one value of a net back onto the image: each ReLU passes back what is above 0, where it was on.

    Args:
        net: as for `gradient`; its ReLUs may be modules, functions or methods, in place or not.
        image: as for `gradient`.
        target: as for `gradient`.
        preprocessing: as for `gradient`.

    Returns:
        What arrives at the image.

    Raises:
        InsightError: no such target; or the net is compiled or scripted.
        TraceError: as for `gradient`.

    Source:
        Springenberg et al., "Striving for simplicity: the all convolutional net" (2015), section 3.4.
    """
    return _through_relus(net, image, guided=True, target=target, preprocessing=preprocessing)


def _through_relus(
    net: nn.Module, image: Any, *, guided: bool, target: Target, preprocessing: Preprocessing | None
) -> Attribution:
    method = "guided backpropagation" if guided else "deconvnet"
    check_reachable(net, f"The rule for ReLUs ({method})")
    with ask(net, image, target=target, preprocessing=preprocessing) as question:
        with EachRelu(lambda values, in_place: _Relu.apply(values, in_place, guided)) as relus:
            values, found = question.slopes(question.item)
        note = (
            f"ReLUs passed by the rule: {relus.count}; all else passes back its gradient."
            if relus.count
            else "No ReLU lies before the target: this is its gradient."
        )
        return answer(question, method, value=values[0], values=found[0], notes=(note,))
