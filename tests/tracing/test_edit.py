"""A changed number changes what depends on it, as the net itself would, and nothing else is computed."""

import pytest
import torch
from torch import nn

import convlens as cl
from convlens.errors import TraceError, UnsupportedError
from convlens.tracing._forms import WeightedSum


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return cl.architectures.build("lenet").eval()


@pytest.fixture(scope="module")
def trace(net):
    return cl.trace(net, torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)))


def test_a_changed_weight_changes_what_comes_after_it_as_in_the_net(net, trace):
    weight = trace.weights["weight/conv2.weight"].clone()
    weight[3, 1] += 0.5
    edited = trace.edit({"conv2.weight": weight})
    assert edited.recomputed[0] == "conv2"
    assert set(edited.recomputed) <= set(trace.layers[3:])
    old = net.conv2.weight.data.clone()
    net.conv2.weight.data.copy_(weight)
    expected = net(trace.input)
    net.conv2.weight.data.copy_(old)
    torch.testing.assert_close(edited["scores"].output, expected, rtol=1e-4, atol=1e-6)
    assert edited["conv1"].output is trace["conv1"].output
    assert edited.explain("conv2", 3, 4, 5, item=1).closes


def test_other_pixels_give_what_the_net_makes_of_them(net, trace):
    image = trace.input.clone()
    image[1, 0, 5:9, 5:9] = 2
    edited = trace.edit({"input": image})
    torch.testing.assert_close(edited["scores"].output, net(image), rtol=1e-4, atol=1e-6)
    assert torch.equal(edited["scores"].output[0], trace["scores"].output[0])


def test_without_a_map_its_readers_add_nothing_of_it(trace):
    edited = trace.without_map("relu1", 2)
    assert not edited["relu1"].output[:, 2].any()
    assert {term.product for term in edited.explain("conv2", 4, 3, 3).terms if term.index[0] == 2} == {0.0}
    assert "conv1" not in edited.recomputed


def test_a_maximum_can_become_an_average(net, trace):
    form = trace["pool1"].form
    average = WeightedSum(
        form.input, None, None, None, 1, form.kernel, form.stride, form.padding, form.dilation, divisor="window"
    )
    edited = trace.edit(forms={"pool1": average})
    torch.testing.assert_close(edited["pool1"].output, nn.functional.avg_pool2d(trace["relu1"].output, 2))
    assert edited.explain("pool1", 0, 3, 3).closes


def test_what_does_not_change_anything_is_not_followed_further(trace):
    maps = trace["conv1"].output.clone()
    maps[maps < 0] -= 1  # which ReLU hides
    assert trace.edit({"conv1": maps}).recomputed == ()


def test_two_traces_are_compared_layer_by_layer(net, trace):
    other = cl.trace(net, trace.input + 0.1)
    comparison = trace.compare(other)
    assert [each.layer for each in comparison.layers] == trace.layers
    difference = (other["conv1"].output - trace["conv1"].output).abs()
    assert comparison.layers[0].largest == pytest.approx(difference.max().item(), rel=1e-6)
    assert difference[comparison.layers[0].unit] == difference.max()
    assert "conv1[" in str(comparison)
    same = trace.compare(trace)
    assert {each.largest for each in same.layers} == {0.0}


def test_bad_changes_are_refused(trace):
    with pytest.raises(TraceError, match=r"shape of what it replaces.*name='conv7'.*There are: conv1.weight, .*scores"):
        trace.edit({"conv7": torch.zeros(1)})
    with pytest.raises(TraceError, match=r"name='conv1.bias', shape=\(1,\). It has \(6,\)"):
        trace.edit({"conv1.bias": torch.zeros(1)})
    with pytest.raises(TraceError, match=r"channel of a layer. Received channel=6, relu1 of"):
        trace.without_map("relu1", 6)
    unknown = cl.trace(nn.Sequential(nn.Conv2d(1, 1, 1), Fraction()), torch.randn(1, 1, 2, 2))
    with pytest.raises(UnsupportedError, match=r"computed by forms. Received '1' on the way"):
        unknown.edit({"input": torch.zeros(1, 1, 2, 2)})
    with pytest.raises(TraceError, match=r"none that is in both"):
        trace.compare(unknown)


class Fraction(nn.Module):
    def forward(self, maps):
        return maps.frac()
