"""Functions of one number: our float64 against what torch computes in float32, from their zeros to their ends."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl

FUNCTIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "mish": F.mish,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softplus": F.softplus,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "relu6": F.relu6,
    "hardtanh": lambda x: F.hardtanh(x, -0.3, 0.7),
    "clamp below": lambda x: x.clamp(min=-0.1),
    "clamp above": lambda x: x.clamp(max=0.1),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.3])),
    "elu": lambda x: F.elu(x, 0.7),
    "selu": F.selu,
    "exp": torch.exp,
    "log": lambda x: torch.log(x.abs()),
    "erf": torch.erf,
    "sqrt": lambda x: x.abs().sqrt(),
    "rsqrt": lambda x: x.abs().rsqrt(),
    "reciprocal": torch.reciprocal,
    "negative": torch.neg,
    "square": torch.square,
    "from a constant": lambda x: 0.3 - x,
    "quotient": lambda x: x / 0.7,
}
IN_PLACE = {"relu": F.relu_, "relu6": lambda x: F.relu6(x, inplace=True), "silu": lambda x: F.silu(x, inplace=True),
            "hardswish": lambda x: F.hardswish(x, inplace=True), "elu": F.elu_, "clamp": lambda x: x.clamp_(-1, 1),
            "leaky_relu": F.leaky_relu_, "divided": lambda x: x.div_(3)}  # fmt: skip


class Applied(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image * 1)


def numbers() -> torch.Tensor:
    """Cover both signs, from the smallest to where functions end, densely about 0."""
    torch.manual_seed(0)
    sizes = [torch.randn(500) * 10.0**exponent for exponent in range(-8, 2)]
    return torch.cat([*sizes, torch.tensor([0.0, -0.0, 3, -3, 6, torch.nan])])[None]


@pytest.mark.parametrize("function", [*FUNCTIONS.values(), *IN_PLACE.values()], ids=[*FUNCTIONS, *IN_PLACE])
def test_a_function_closes_from_its_zeros_to_its_ends(function):
    trace = cl.trace(Applied(function), numbers())
    assert [call.reason for call in trace.calls if call.form is None] == []
    explanations = [trace.explain(call.name, place) for call in trace.calls for place in range(numbers().numel())]
    assert len(explanations) > 10000
    assert [str(each) for each in explanations if not each.closes] == []


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "relu6", "clamp below", "leaky_relu", "reciprocal", "exp"])
def test_infinity_closes_and_is_printed(name):
    trace = cl.trace(Applied(FUNCTIONS[name]), torch.tensor([[torch.inf, -torch.inf, torch.nan]]))
    explanations = [trace.explain(call.name, place) for call in trace.calls for place in range(3)]
    assert len(explanations) == 6
    assert [str(each) for each in explanations if not each.closes] == []
    assert "inf" in str(explanations[0])
    assert "nan" in str(explanations[5])


@pytest.mark.parametrize(
    ("function", "number"),
    [
        (torch.exp, 100.0),
        (torch.square, 1e20),
        (torch.reciprocal, 1e-40),
        (lambda x: x * 10, 3e38),
        (lambda x: x / 0.1, -3e38),
    ],
    ids=["exp", "square", "reciprocal", "product", "quotient"],
)
def test_what_float32_cannot_hold_is_infinite_and_closes(function, number):
    trace = cl.trace(Applied(function), torch.tensor([[number]]))
    explanation = trace.explain(trace.layers[-1], 0)
    assert abs(explanation.recorded) == torch.inf
    assert explanation.closes


def test_an_elu_with_other_scales_is_unsupported_and_says_so():
    trace = cl.trace(Applied(lambda x: torch.ops.aten.elu(x, 1.0, 2.0)), torch.randn(1, 3))
    assert "scales of 1" in trace["elu"].reason
