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


def test_a_number_read_through_a_view_that_was_changed_in_place_is_unsupported_and_not_guessed():
    class Overwritten(nn.Module):
        def forward(self, image):
            maps = image * 2
            rows = maps.flatten(1)
            maps.relu_()
            return rows + 1

    trace = cl.trace(Overwritten(), IMAGE)
    assert trace["add"].form is None
    assert "changed under another name" in trace["add"].reason
    assert torch.equal(trace["add"].output, (IMAGE * 2).relu().flatten(1) + 1)


def test_an_operator_without_a_form_shows_its_values_and_says_so():
    class Sine(nn.Module):
        def forward(self, image):
            return torch.frac(image)

    trace = cl.trace(Sine(), IMAGE)
    assert torch.equal(trace["frac"].output, IMAGE.frac())
    with pytest.raises(UnsupportedError, match=r"explained by its operator's form. Received layer='frac'.*no form yet"):
        trace.explain("frac", 0, 0, 0)
    with pytest.raises(UnsupportedError, match=r"follows forms from layer to layer.*'frac'"):
        trace.receptive_field("frac", 0, 0, 0)


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
