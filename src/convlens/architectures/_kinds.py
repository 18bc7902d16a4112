"""What kind of layer an operator or a module is, in the field's words."""

import re
from typing import Any

from torch import nn

from convlens.architectures._fields import Map, OperatorCall, tensors_in

# Of several operators of one module, the first in this list says what the module is.
_RANKS = (
    "convolution",
    "fully connected",
    "attention",
    "max pooling",
    "average pooling",
    "normalisation",
    "addition",
    "concatenation",
    "softmax",
    "matrix product",
    "activation",
    "multiplication",
)
_FUNCTIONS = {
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "gelu",
    "silu",
    "hardtanh",
    "hardswish",
    "tanh",
    "sigmoid",
    "softplus",
}
_BY_OPERATOR = {
    "cat": "concatenation",
    "stack": "concatenation",
    "sub": "addition",
    "native_layer_norm": "normalisation",
    "native_group_norm": "normalisation",
    "_softmax": "softmax",
    "_log_softmax": "softmax",
    **dict.fromkeys(
        ["view", "_unsafe_view", "clone", "permute", "transpose", "t", "squeeze", "unsqueeze"], "rearrangement"
    ),
}


def kind_of_module(module: nn.Module) -> str | None:
    """Say what a module is if its class says so, where the operators that it is made of do not."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", type(module).__name__)
    kinds = {"norm": "normalisation", "subsampling": "average pooling"}
    return next((kinds[word.lower()] for word in words if word.lower() in kinds), None)


def kind_of(call: OperatorCall, *, weighted: bool) -> str:
    """Say what an operator does.

    Args:
        call: with the fields of its inputs.
        weighted: whether it multiplies numbers computed from the image with weights.

    Returns:
        One of the field's words, or the operator's own name.
    """
    name = call.name
    if name.endswith("convolution"):
        return "convolution"
    if name in ("mm", "addmm", "bmm", "baddbmm"):
        return "fully connected" if weighted else "matrix product"
    for word, kind in {"max_pool": "max pooling", "avg_pool": "average pooling"}.items():
        if word in name:
            return kind
    if name == "mean" and isinstance(call.field(call.input), Map):
        return "average pooling"
    if "batch_norm" in name:
        return "normalisation"
    if "attention" in name:
        return "attention"
    if name in ("add", "mul"):
        active = sum(call.field(tensor) is not None for tensor in tensors_in(call.named.values()))
        return {"add": "addition", "mul": "multiplication"}[name] if active > 1 else "activation"
    return _BY_OPERATOR.get(name, "activation" if call.is_pointwise else name.strip("_"))


def most_telling(one: str, other: str) -> str:
    """Choose the kind that says more of a layer."""
    return min((one, other), key=lambda kind: _RANKS.index(kind) if kind in _RANKS else len(_RANKS))


def detail_of(call: OperatorCall) -> str:
    """Write the window of a convolution or pool, "3 x 3, stride 2, 32 groups", or the name of a function."""
    named = call.named
    if call.name.endswith("convolution"):
        kernel = list(named["weight"].shape[2:])
    elif "kernel_size" in named:
        kernel = _listed(named["kernel_size"])
    else:
        return call.name if call.name in _FUNCTIONS else ""
    stride = _listed(named.get("stride") or kernel)
    groups = named.get("groups", 1)
    parts = [
        " x ".join(map(str, kernel * 2 if len(kernel) == 1 and "2d" in call.name else kernel)),
        f"stride {_one(stride)}" if set(stride) != {1} else "",
        f"{groups} groups" if groups > 1 else "",
        f"dilation {_one(_listed(named['dilation']))}" if set(_listed(named.get("dilation", 1))) != {1} else "",
        "transposed" if named.get("transposed") else "",
    ]
    return ", ".join(filter(None, parts))


def _listed(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


def _one(values: list[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else " x ".join(map(str, values))
