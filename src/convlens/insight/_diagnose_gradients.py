"""How gradients fare on their way back: whether they vanish, explode, or reach only some of the pixels."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from convlens.errors import InsightError
from convlens.insight._diagnosis import Checked, Finding

# From the last layer to the first a gradient's norm changes by less than 100 in nets that train; a learning rate that
# suits the last layer moves the first by nothing, or tears it apart, from about 10,000 on.
_VANISHED, _EXPLODED = 1e-4, 1e4
_LONGEST_PERIOD = 8  # pixels; strides of first layers are shorter
_UNREAD = 0.05  # of the gradient's size at the best place within a period
_LEAST_PERIODS = 3  # of which a share means something

_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)


def gradients(net: nn.Module, batch: Tensor, labels: Tensor | None) -> tuple[dict[str, float], Tensor]:
    """Differentiate each image's score of its label, or its highest score, by the output of every layer with weights.

    Args:
        net: in evaluation mode.
        batch: what it reads.
        labels: of each image, or None.

    Raises:
        InsightError: a label has no score.

    Returns:
        By layer in order of the calls, the median over the images of the gradient's norm; and the mean size of the
        gradient at each place of the input.
    """
    outputs: dict[str, Tensor] = {}
    handles = []
    for path, module in net.named_modules():
        if isinstance(module, _WEIGHTED):

            def keep(_module: nn.Module, _inputs: Any, output: Tensor, path: str = path) -> Tensor:
                outputs.setdefault(path or "output", output)
                return output.clone()  # an operator in place would change what is kept

            handles.append(module.register_forward_hook(keep))
    batch = batch.clone().requires_grad_()
    try:
        result = net(batch)
    finally:
        for handle in handles:
            handle.remove()
    scores = next(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
    # Of maps the score is the mean: a single unit reads part of the pixels, in patterns that are no checkerboard.
    scores = scores.reshape(len(batch), scores.shape[1] if scores.ndim > 1 else 1, -1).mean(2)
    if labels is not None and not bool(((labels >= 0) & (labels < scores.shape[1])).all()):
        raise InsightError(
            f"A label is the index of a score. Received labels from {int(labels.min())} to {int(labels.max())}, and "
            f"{scores.shape[1]} scores. Leave labels out to take the highest scores."
        )
    own = scores.amax(1) if labels is None else scores.gather(1, labels.to(scores.device)[:, None])[:, 0]
    found = torch.autograd.grad(own.sum(), [*outputs.values(), batch], allow_unused=True)
    norms = {
        path: float(gradient.flatten(1).norm(dim=1).median())
        for path, gradient in zip(outputs, found, strict=False)
        if gradient is not None  # of another output, such as an auxiliary head's
    }
    return norms, torch.zeros_like(batch[0, 0]) if found[-1] is None else found[-1].abs().mean((0, 1))


def check_gradients(norms: dict[str, float]) -> Checked:
    """Compare the gradient's norm at the first layer with that at the last.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    if len(norms) < 2:
        return [], "Gradients: not compared, for fewer than two layers have weights."
    (first, at_first), (last, at_last) = next(iter(norms.items())), list(norms.items())[-1]
    if at_last == 0:
        return [], f"Gradients: not compared, for at {last} they are 0 already: the scores are flat, as sure ones are."
    ratio = at_first / at_last
    figures = {f"norm at {first}": at_first, f"norm at {last}": at_last, "ratio": ratio}
    said = (
        f"Gradients: norm {at_first:.3g} at {first}, {at_last:.3g} at {last}; ratio {ratio:.3g}, limits {_VANISHED:g}"
    )
    said += f" and {_EXPLODED:g}."
    if not ratio < _EXPLODED:
        meaning = "On the way back the gradient grows, so that a step that suits the last layers tears the first apart."
        advice = "Begin with smaller weights (He et al., 2015), normalise between the layers, or clip the gradients."
        kind, figures["limit"] = "exploding gradients", _EXPLODED
    elif ratio < _VANISHED:
        meaning = "On the way back the gradient fades, so that the first layers hardly learn."
        advice = "Take ReLU in the place of flat functions, shortcuts or normalisation between the layers, or larger "
        advice += "weights to begin with (He et al., 2015)."
        kind, figures["limit"] = "vanishing gradients", _VANISHED
    else:
        return [], said
    return [Finding(kind, first, (), figures, meaning, advice)], said


def check_reach_of_gradients(size: Tensor) -> Checked:
    """Find pixels that hardly count although their neighbours do, at regular distances.

    Args:
        size: mean size of the gradient at each place of the input.

    Source: Odena, Dumoulin and Olah (2016), section "Checkerboard Artifacts in Gradients".
    """
    lowest, period = 1.0, 1
    for step in range(2, _LONGEST_PERIOD + 1):
        if size.ndim != 2 or min(size.shape) < _LEAST_PERIODS * step:
            break
        rows, columns = (side - side % step for side in size.shape)
        parts = size[:rows, :columns].reshape(rows // step, step, columns // step, step).mean((0, 2))
        share = float(parts.min() / parts.max()) if parts.max() > 0 else 1.0
        if share < lowest:
            lowest, period = share, step
    said = (
        f"Gradient at the pixels: least {lowest:.3f} of the most within a period, at {period} pixels, limit {_UNREAD}."
    )
    if lowest >= _UNREAD:
        return [], said
    finding = Finding(
        "checkerboard",
        "input",
        (),
        {"period in pixels": period, "least of the most": lowest, "limit": _UNREAD},
        "Some pixels count hardly at all, in a regular pattern: a stride passes over them.",
        "Take kernels that are as long as their stride or longer, or pool before a convolution with a stride.",
    )
    return [finding], said
