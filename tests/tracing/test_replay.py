"""A form evaluated for a whole output is what the net computed, and what explanations say of its units."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.tracing._functions import FUNCTIONS
from convlens.tracing._replay import POINTWISE, evaluate


def replayed(trace, call, dtype=None):
    numbers = {
        key: tensor.detach().to(dtype) if dtype and tensor.is_floating_point() else tensor.detach()
        for key, tensor in trace.tensors.items()
    }
    return evaluate(call.form, numbers, shape=tuple(trace.tensors[call.output].shape))


class EveryForm(nn.Module):
    """Odd strides, paddings, dilations and groups; two branches, joined."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(4, 4, (3, 2), padding=(2, 1), dilation=(2, 1), groups=2, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.group, self.layer, self.single = nn.GroupNorm(2, 4), nn.LayerNorm(3), nn.BatchNorm1d(5)
        self.slopes = nn.PReLU(4)
        self.fc = nn.Linear(32, 5)
        for norm in (self.norm, self.single):
            for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
                tensor.data.uniform_(0.5, 2.0)

    def forward(self, image):
        maps = self.slopes(self.norm(self.grouped(self.conv(image))))
        maps = F.local_response_norm(F.pad(maps, (1, -1, 0, 0), value=0.25), 3, alpha=0.5)
        left = F.max_pool2d(maps, (3, 2), stride=2, padding=1, dilation=(1, 2))
        left = F.pad(left, (0, 3 - left.shape[3], 0, 3 - left.shape[2]))
        right = F.avg_pool2d(left, 2, stride=1, padding=1, count_include_pad=False)
        right = right + F.avg_pool2d(left, (2, 4), stride=1, padding=(1, 2), divisor_override=3)[:, :, :, :4]
        first, second = right.split(2, 1)
        right = torch.cat([first, second[:, :1].expand(-1, 2, 4, 4)], 1)[:, :, 1:, ::2]
        left = F.relu(self.layer(self.group(left)) - 0.1)
        tokens = left.flatten(2)
        left = (torch.softmax(tokens.mT @ tokens, 2) @ tokens.mT).mT.reshape(left.shape)
        joined = torch.cat([left.tanh()[:, :2, :2], left.sigmoid()[:, 2:, :2] * 0.5 / 3], 1)
        total = joined + 2 * joined * joined - 1
        both = torch.cat([total.permute(0, 2, 3, 1).flatten(1), right[:, :, :2, :1].flatten(1)], 1)
        return F.log_softmax(self.single(self.fc(both)), 1)


def test_every_form_of_a_batch_is_what_the_net_recorded():
    trace = cl.trace(EveryForm(), torch.randn(3, 2, 9, 8))
    assert {type(call.form).__name__ for call in trace.calls} == {
        "WeightedSum", "Contraction", "Maximum", "Pointwise", "Normalisation", "Standardisation", "Rearrangement",
    }  # fmt: skip
    assert {call.form.how for call in trace.calls if hasattr(call.form, "how")} == {
        "reshape", "concatenate", "permute", "slice", "pad", "strided",
    }  # fmt: skip
    for call in trace.calls:
        torch.testing.assert_close(replayed(trace, call), trace.tensors[call.output], msg=call.name)


def test_in_float64_every_unit_is_its_explanations_total():
    trace = cl.trace(EveryForm(), torch.randn(2, 2, 9, 8))
    checked = 0
    for call in trace.calls:
        output = replayed(trace, call, torch.float64)
        for item, *index in product(*map(range, output.shape)):
            explanation = trace.explain(call.name, *index, item=item)
            assert output[item, *index] == pytest.approx(explanation.total, rel=1e-11, abs=1e-13), str(explanation)
            assert abs(output[item, *index] - explanation.recorded) <= explanation.tolerance + 1e-15
            checked += 1
    assert checked > 3000


OTHER_AXES = {
    "1-D": (nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.BatchNorm1d(3), nn.MaxPool1d(2)), (2, 2, 9)),
    "3-D": (nn.Sequential(nn.Conv3d(2, 4, 2, groups=2), nn.AvgPool3d(2, padding=1)), (2, 2, 5, 4, 6)),
}


@pytest.mark.parametrize(("net", "shape"), OTHER_AXES.values(), ids=OTHER_AXES)
def test_nets_of_one_and_three_axes_are_replayed(net, shape):
    trace = cl.trace(net, torch.randn(shape))
    with_form = [call for call in trace.calls if call.form is not None]
    assert len(with_form) >= 2
    for call in with_form:
        torch.testing.assert_close(replayed(trace, call), trace.tensors[call.output])


def test_every_pointwise_function_can_be_replayed():
    assert POINTWISE.keys() - {"add", "multiply_add"} == FUNCTIONS.keys()


FUNCTIONS_OF_TORCH = [
    F.hardswish, F.hardsigmoid, F.mish, F.softplus, F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.silu, F.selu,
    lambda x: F.elu(x, 0.7), lambda x: F.leaky_relu(x, 0.3), lambda x: x.clamp(-0.2, 0.4), F.relu6, torch.exp,
    torch.erf, torch.log, torch.abs, torch.rsqrt, torch.neg, torch.relu, torch.tanh, torch.sigmoid, lambda x: 2 - x,
    lambda x: x / 7, lambda x: x.clamp(max=1), F.logsigmoid, torch.sin, torch.cos, torch.sign,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS_OF_TORCH)
def test_the_slope_of_every_function_is_torchs(function):
    numbers = torch.randn(1, 2, 9, 8, dtype=torch.float64) * 3
    trace = cl.trace(Lambda(function), numbers)
    (call,) = trace.calls
    source = numbers.clone().requires_grad_()
    made = evaluate(call.form, {"activation/input": source}, shape=tuple(numbers.shape))
    torch.testing.assert_close(made, function(numbers), equal_nan=True)
    (slope,) = torch.autograd.grad(made.sum(), source)
    original = numbers.clone().requires_grad_()
    (expected,) = torch.autograd.grad(function(original).sum(), original)
    torch.testing.assert_close(slope, expected, equal_nan=True)


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)
