import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.errors import TraceError, UnsupportedError

IMAGE = torch.linspace(-1, 1, 64).view(1, 1, 8, 8)


def test_layers_bear_the_names_of_their_modules_in_call_order():
    trace = cl.trace(cl.architectures.build("lenet"), torch.zeros(1, 1, 32, 32), probabilities=True)
    assert trace.layers == (
        [
            "conv1",
            "relu1",
            "pool1",
            "conv2",
            "relu2",
            "pool2",
            "flatten",
            "fc1",
            "relu3",
            "fc2",
            "relu4",
            "scores",
            "probabilities",
        ]
    )


def test_every_recorded_activation_is_what_the_module_returns():
    net = cl.architectures.build("lenet")
    image = torch.randn(1, 1, 32, 32)
    trace = cl.trace(net, image)
    activation = image
    for name, layer in net.named_children():
        activation = layer(activation)
        assert torch.equal(trace[name].output, activation), name


class Functional(nn.Module):
    """Functional and in-place calls, and one module used twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)  # on the odd IMAGE it gives numbers of either sign

    def forward(self, image):
        first = self.conv(image)
        second = self.conv(F.relu_(first))
        return torch.cat([second, second.tanh()], 1)


def test_functional_calls_are_named_by_operator_and_a_module_used_twice_by_number():
    assert cl.trace(Functional(), IMAGE).layers == ["conv", "relu", "conv_2", "tanh", "cat"]


def test_values_before_an_in_place_call_are_kept():
    net = Functional()
    trace = cl.trace(net, IMAGE)
    assert torch.equal(trace["conv"].output, net.conv(IMAGE))
    assert trace["conv"].output.min() < 0  # or the call in place would have changed nothing
    assert torch.equal(trace["relu"].output, net.conv(IMAGE).relu())
    assert all(trace.explain("relu", 0, row, 0).closes for row in range(8))


def test_a_number_read_through_a_view_that_was_changed_in_place_is_the_changed_one():
    class Overwritten(nn.Module):
        def forward(self, image):
            maps = image * 2
            rows = maps.flatten(1)
            maps.relu_()
            return rows + 1

    trace = cl.trace(Overwritten(), IMAGE)
    assert torch.equal(trace["add"].output, (IMAGE * 2).relu().flatten(1) + 1)
    (term,) = trace.explain("as_strided", 5).terms
    assert term.source == "relu"


def test_an_operator_without_a_form_shows_its_values_and_says_so():
    class Sine(nn.Module):
        def forward(self, image):
            return torch.frac(image)

    trace = cl.trace(Sine(), IMAGE)
    assert torch.equal(trace["frac"].output, IMAGE.frac())
    with pytest.raises(UnsupportedError, match=r"explained by its operator's form. Received layer='frac'.*no form yet"):
        trace.explain("frac", 0, 0, 0)
    field = trace.receptive_field("frac", 0, 0, 0)
    assert field.kind == "whole input"
    assert field.mask.all()


def test_the_net_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.ReLU())
    net[3].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random_state = torch.get_rng_state()
    trace = cl.trace(net, IMAGE)
    assert [module.training for module in net.modules()] == [True, True, True, True, False]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert trace.layers == ["0", "1", "3"]  # dropout does nothing in evaluation mode


def test_the_hooks_are_gone_after_a_forward_pass_that_fails():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(99, 2))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        cl.trace(net, IMAGE)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(module.training for module in net.modules())


def test_a_trace_is_a_record_that_later_changes_do_not_reach():
    net, image = nn.Conv2d(1, 1, 3), IMAGE.clone()
    trace = cl.trace(net, image)
    with torch.no_grad():
        net.weight.zero_()
        image.zero_()
    assert trace.explain("convolution", 0, 1, 1).closes
    assert trace.explain("convolution", 0, 1, 1).total != net.bias.item()


def test_an_unknown_layer_and_a_unit_outside_its_map_are_refused():
    trace = cl.trace(cl.architectures.build("lenet"), torch.zeros(1, 1, 32, 32))
    with pytest.raises(TraceError, match=r"named as in trace.layers. Received layer='conv3'. There are: conv1, relu1"):
        trace.explain("conv3", 0)
    with pytest.raises(
        TraceError, match=r"channel, row, column, below \(6, 28, 28\).*Received index=\(6, 0, 0\), item=0"
    ):
        trace.explain("conv1", 6, 0, 0)
    with pytest.raises(TraceError, match=r"feature, below \(120,\).*Received index=\(3, 4\)"):
        trace.explain("fc1", 3, 4)


def test_pixels_for_a_net_that_names_no_preprocessing_are_refused():
    with pytest.raises(TraceError, match=r"normalised as a net was trained.*no preprocessing. Pass preprocessing="):
        cl.trace(nn.Conv2d(1, 1, 3), torch.zeros(1, 8, 8, dtype=torch.uint8))


def test_pixels_are_fitted_and_normalised_as_the_card_says():
    net = cl.architectures.build("lenet")
    preprocessing = cl.data.Preprocessing(1, (28, 28), padding=2, mean=(0.5,), deviation=(0.25,))
    image = torch.full((28, 28), 255, dtype=torch.uint8)
    trace = cl.trace(net, image.numpy(), preprocessing=preprocessing)
    assert trace.input[0, 0, 0, 0] == -2  # padding is black: (0 - 0.5) / 0.25
    assert trace.input[0, 0, 16, 16] == 2
    assert trace.image.shape == (1, 32, 32)


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.scale = nn.Parameter(torch.tensor([[[0.5]], [[2.0]]]))

    def forward(self, image):
        return self.function(self, image)


@pytest.mark.parametrize(
    "function",
    [
        lambda net, image: image * net.scale.exp(),
        lambda net, image: image + torch.arange(8.0).sin() * 2,
        lambda net, image: image - image.new_full((8, 8), 3.0),
        lambda net, image: image @ torch.eye(8)[None, None].expand(1, 2, 8, 8).reshape(1, 2, 8, 8),
        lambda net, image: F.conv2d(image, net.scale.view(2, 1, 1, 1) ** 2, groups=2),
    ],
    ids=["a function of a parameter", "a row of numbers", "like the image", "a matrix", "a made weight"],
)
def test_what_is_made_of_parameters_and_numbers_is_recorded_and_closes(function):
    image = torch.randn(1, 2, 8, 8)
    trace = cl.trace(Lambda(function), image)
    last = trace.calls[-1]
    assert torch.equal(trace[last.name].output, function(Lambda(function), image))
    assert all(call.form for call in trace.calls)
    assert all(trace.explain(call.name, 0, 3, 5).closes for call in trace.calls if trace[call.name].maps.dim() == 3)


def paste(image):
    canvas = torch.full((1, 2, 10, 10), 0.5)
    canvas[:, :, 1:9, 1:9] = image
    return canvas * 2


def change_a_view(image):
    doubled = image * 2
    part = doubled[:, :1]
    part.mul_(3)
    doubled[:, :, 2] = 0
    return doubled + part[:, :, :, 3:4]


def change_the_whole_beside_a_view(image):
    doubled = image * 2
    part = doubled[:, 1]
    doubled.tanh_()
    return part.unsqueeze(1) * image


def change_a_transposed_view(image):
    turned = (image + 1).transpose(2, 3)
    turned[:, :, 1:3].mul_(image[:, :, 4:6])
    return turned.flatten(1) + 1


@pytest.mark.parametrize(
    "function",
    [
        lambda image: F.pad(image, (1, 2, 1, 1), mode="circular"),
        paste,
        change_a_view,
        change_the_whole_beside_a_view,
        change_a_transposed_view,
    ],
    ids=["circular padding", "paste", "a view", "the whole", "a transposed view"],
)
def test_numbers_that_are_written_under_another_name_are_followed(function):
    image = torch.randn(1, 2, 8, 8)
    trace = cl.trace(Lambda(lambda net, image: function(image)), image)
    last = trace.calls[-1]
    assert torch.equal(trace[last.name].output, function(image.clone()))
    assert [call.name for call in trace.calls if call.form is None] == []
    for call in trace.calls:
        for index in itertools.product(*map(range, trace.tensors[call.output].shape[1:])):
            assert not index or trace.explain(call.name, *index).closes
    unit = tuple(length // 2 for length in trace[last.name].output.shape)
    differentiable = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(differentiable)[unit], differentiable)
    assert ((gradient[0] != 0).numpy() <= trace.receptive_field(last.name, *unit[1:]).mask).all()
    assert (gradient != 0).any()


def test_a_weight_that_is_changed_between_two_uses_is_two_weights():
    def twice(net, image):
        scale = torch.ones(8)
        first = image * scale
        scale.add_(1)
        return first + image * scale

    trace = cl.trace(Lambda(twice), torch.randn(1, 2, 8, 8))
    assert [trace.explain(name, 1, 2, 3).closes for name in trace.layers] == [True, True, True]
    assert torch.equal(trace["mul_2"].output, trace.input * 2)


def test_indices_of_a_pooling_make_no_calls_and_a_second_output_that_is_read_makes_one():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells = nn.LSTM(8, 4, batch_first=True)
            self.scores = nn.Linear(4, 3)

        def forward(self, image):
            pooled, places = F.max_pool1d(image[:, 0], 2, 1, 1, return_indices=True)
            _, (last, _) = self.cells(pooled[..., :8])
            return self.scores(last[0] + places.new_zeros(4))

    trace = cl.trace(Recurrent(), IMAGE)
    assert trace["max_pool2d_with_indices"].form is not None
    assert trace["scores"].output.shape == (1, 3)
    assert trace.explain("scores", 2).closes
