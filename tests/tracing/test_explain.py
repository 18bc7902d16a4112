"""What closes: |form in float64 - recorded float32| within the bound, for every unit of every layer."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

import convlens as cl


def every_explanation(trace, item=0):
    for call in trace.calls:
        for index in product(*map(range, trace.tensors[call.output].shape[1:])):
            yield trace.explain(call.name, *index, item=item)


def test_karns_example_gives_the_numbers_of_the_article():
    # Karn (2016): a 5 x 5 image of zeros and ones, and a 3 x 3 filter
    image = torch.tensor([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]])
    net = nn.Conv2d(1, 1, 3, bias=False)
    net.weight.data = torch.tensor([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
    trace = cl.trace(net, image.float().view(1, 1, 5, 5))
    totals = [[trace.explain("convolution", 0, row, column).total for column in range(3)] for row in range(3)]
    assert totals == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


class EveryOperator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=2, padding=1, padding_mode="zeros")
        self.grouped = nn.Conv2d(4, 6, (3, 2), padding=(2, 1), dilation=(2, 1), groups=2, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.fc = nn.Linear(72, 5)

    def forward(self, image):
        maps = torch.relu(self.norm(self.grouped(self.conv(image))))
        left = nn.functional.max_pool2d(maps, 3, stride=2, padding=1)
        right = nn.functional.avg_pool2d(left, 2, stride=1, padding=1, count_include_pad=False)[:, :, 1:, ::2]
        pooled = nn.functional.adaptive_avg_pool2d(left, 1) + maps.mean((2, 3), keepdim=True)
        left = left[:, :, :3, :3]
        joined = torch.cat([left.tanh() - 1, left.sigmoid() * 0.5 + pooled, left.transpose(2, 3) * left], 1)
        both = torch.cat([joined[:, ::4, :3, :3].permute(0, 2, 3, 1).flatten(1), right.flatten(1)[:, :27]], 1)
        return torch.log_softmax(self.fc(both), 1)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_every_operator_closes_at_every_unit(scale):
    torch.manual_seed(1)
    net = EveryOperator()
    for tensor in (net.norm.running_mean, net.norm.running_var, net.norm.weight, net.norm.bias):
        tensor.data.uniform_(0.01, 9.0)
    trace = cl.trace(net, torch.randn(2, 2, 12, 12) * scale, probabilities=True)
    explanations = [*every_explanation(trace), *every_explanation(trace, item=1)]
    assert len(explanations) > 2000
    assert [str(each) for each in explanations if not each.closes] == []


def test_three_dimensional_and_one_dimensional_convolutions_close():
    for net, shape in ((nn.Conv1d(2, 3, 3, stride=2, padding=1), (1, 2, 9)), (nn.Conv3d(1, 2, 2), (1, 1, 3, 4, 5))):
        explanations = list(every_explanation(cl.trace(net, torch.randn(shape))))
        assert explanations
        assert all(each.closes for each in explanations)


def test_a_recorded_value_that_is_off_by_twice_the_tolerance_does_not_close():
    trace = cl.trace(nn.Conv2d(1, 1, 5), torch.randn(1, 1, 8, 8))
    good = trace.explain("convolution", 0, 2, 1)
    trace.tensors["activation/convolution"][0, 0, 2, 1] += 2 * good.tolerance
    spoiled = cl.Trace("", trace.calls, tensors=trace.tensors).explain("convolution", 0, 2, 1)
    assert good.closes
    assert not spoiled.closes


def test_a_wrong_weight_does_not_close():
    trace = cl.trace(nn.Conv2d(1, 1, 5), torch.randn(1, 1, 8, 8))
    trace.tensors["weight/weight"][0, 0, 0, 0] += 0.01
    assert not trace.explain("convolution", 0, 0, 0).closes


def test_the_terms_are_what_a_naive_loop_over_the_window_reads():
    net = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    image = torch.randn(1, 2, 7, 7)
    terms = cl.trace(net, image).explain("convolution", 1, 0, 2).terms
    expected = [
        (("input", (channel, row, column)), image[0, channel, row, column].item(), weight.item())
        for channel in range(2)
        for row in range(-1, 2)
        for column in range(3, 6)
        if row >= 0
        for weight in [net.weight[1, channel, row + 1, column - 3]]
    ]
    assert [((term.source, term.index), term.value, term.weight) for term in terms] == expected


def test_of_equal_numbers_the_winner_is_the_one_that_torch_takes():
    image = torch.tensor([[1.0, 3, 3, 0], [3, 2, 1, 0]]).view(1, 1, 2, 4)
    _, winners = nn.functional.max_pool2d(image, 2, return_indices=True)
    trace = cl.trace(nn.MaxPool2d(2), image)
    found = [trace.explain("max_pool2d_with_indices", 0, 0, column) for column in range(2)]
    assert [term.terms[term.winner].index for term in found] == [(0, 0, 1), (0, 0, 2)]
    assert winners.flatten().tolist() == [1, 2]


def test_nan_is_carried_and_closes():
    image = torch.randn(1, 1, 4, 4)
    image[0, 0, 0, 0] = float("nan")
    trace = cl.trace(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), image)
    assert np.isnan(trace.explain("1", 0, 0, 0).total)
    assert trace.explain("0", 0, 0, 0).closes
    assert trace.explain("1", 0, 0, 0).closes


def test_local_response_normalisation_closes_at_every_unit():
    trace = cl.trace(nn.LocalResponseNorm(5, alpha=1e-1, beta=0.75, k=2), torch.randn(2, 8, 4, 3) * 9)
    explanations = [*every_explanation(trace), *every_explanation(trace, item=1)]
    assert len(explanations) > 1000
    assert [str(each) for each in explanations if not each.closes] == []


def test_quotients_and_powers_close_where_they_are_undefined_too():
    image = torch.tensor([0.0, -0.0, 1, -2, 3, 1e10, -1e10, 1e-10, torch.inf, torch.nan]).view(1, 1, 2, 5)
    trace = cl.trace(Lambda(lambda image: ((image**0.3) / image, image**2 / 3, image**-1.5)[1] + image / 0), image)
    explanations = [*every_explanation(trace)]
    assert {each.call.operator for each in explanations} > {"aten.pow.Tensor_Scalar", "aten.div.Tensor"}
    assert [str(each) for each in explanations if not each.closes] == []


def test_parts_of_a_tensor_that_was_divided_in_two_ways_are_all_known():
    def divided(image):
        first, second = image.split([1, 2], 1)
        parts = image.split([1, 1, 1], 1)
        return torch.cat([second * 2, parts[1] * parts[2], first], 1)

    image = torch.randn(1, 3, 2, 2)
    trace = cl.trace(Lambda(lambda image: divided(image + 1)), image)
    assert [call.reason for call in trace.calls if call.form is None] == []
    assert all(each.closes for each in every_explanation(trace))
    assert trace.receptive_field("cat", 2, 0, 1).mask.sum(axis=(1, 2)).tolist() == [0, 1, 1]


def test_padding_is_a_number_of_the_input_or_the_constant():
    image = torch.randn(1, 2, 3, 4)
    layer = cl.trace(Lambda(lambda image: nn.functional.pad(image, (2, -1, 1, 0), value=0.3)), image)
    padded = "constant_pad_nd"
    assert layer[padded].maps.shape == (2, 4, 5)
    inside, outside = layer.explain(padded, 1, 3, 4), layer.explain(padded, 1, 3, 1)
    assert [(term.index, term.value) for term in inside.terms] == [((1, 2, 2), image[0, 1, 2, 2].item())]
    assert outside.terms == []
    assert outside.total == outside.addends["padding"] == np.float32(0.3)
    assert all(each.closes for each in every_explanation(layer))
    assert "padding" in str(outside)


VIEWS = {
    "select": lambda image: image.select(2, -1),
    "expand": lambda image: image[:, :1].expand(2, 5, 4, 3),
    "split": lambda image: torch.cat(image.split([1, 2], 1)[::-1], 1),
    "unbind": lambda image: image.permute(0, 2, 3, 1).unbind(3)[1] + 1,
    "chunk": lambda image: image.chunk(3, 1)[2].tanh(),
    "diagonal": lambda image: image.diagonal(0, 2, 3),
    "unfold": lambda image: image.transpose(1, 2).unfold(3, 2, 1),
    "index": lambda image: image[:, 1, ..., None, 2],
    "repeated": lambda image: image.unsqueeze(2).expand(-1, -1, 2, -1, -1).reshape(2, 6, 4, 3),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_is_a_number_of_the_input_at_its_place(view):
    image = torch.randn(2, 3, 4, 3)
    trace = cl.trace(Lambda(lambda image: view(image * 1)), image)
    assert [call.reason for call in trace.calls if call.form is None] == []
    explanations = [each for item in range(2) for each in every_explanation(trace, item=item)]
    assert explanations
    assert all(each.closes for each in explanations)
    for layer in trace.layers:
        index = tuple(size // 2 for size in trace[layer].maps.shape)
        assert trace.receptive_field(layer, *index).mask.sum() <= 1, layer


NORMS = {
    "layer norm of features": (lambda: nn.LayerNorm(12), (2, 7, 12)),
    "layer norm of maps": (lambda: nn.LayerNorm((3, 4)), (2, 2, 3, 4)),
    "group norm": (lambda: nn.GroupNorm(3, 6), (2, 6, 4, 3)),
    "instance norm": (lambda: nn.InstanceNorm2d(3, affine=True), (2, 3, 5, 4)),
    "batch norm of this batch": (lambda: nn.BatchNorm2d(3, track_running_stats=False), (3, 3, 4, 2)),
    "without weights": (lambda: nn.GroupNorm(2, 4, affine=False), (1, 4, 3)),
}


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize(("make", "shape"), NORMS.values(), ids=NORMS)
def test_a_standardisation_closes_at_every_unit(make, shape, offset):
    torch.manual_seed(0)
    net = make()
    for parameter in net.parameters():
        parameter.data.uniform_(-2, 2)
    trace = cl.trace(net, torch.randn(shape) * 3 + offset)
    assert [call.reason for call in trace.calls if call.form is None] == []
    explanations = [
        trace.explain(call.name, *index, item=item)
        for call in trace.calls
        for item, *index in product(*map(range, trace.tensors[call.output].shape))
    ]
    assert len(explanations) >= np.prod(shape)
    assert [str(each) for each in explanations if not each.closes] == []
    assert max(each.tolerance for each in explanations) < 0.01


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), (1, 2, 4, 3)),
        (lambda: nn.ConvTranspose2d(4, 6, (3, 2), stride=(1, 3), dilation=(2, 1), groups=2, bias=False), (2, 4, 3, 4)),
        (lambda: nn.ConvTranspose1d(3, 2, 4, stride=2, padding=1), (1, 3, 6)),
    ],
    ids=["strided", "grouped", "one axis"],
)
def test_a_transposed_convolution_closes_and_reads_what_a_loop_finds(make, shape, tmp_path):
    torch.manual_seed(0)
    trace = cl.trace(make(), torch.randn(shape))
    explanations = [each for item in range(shape[0]) for each in every_explanation(trace, item=item)]
    assert len(explanations) >= 24
    assert [str(each) for each in explanations if not each.closes] == []
    ones = torch.ones(trace["convolution"].maps.shape)
    reads = [len(each.terms) for each in every_explanation(trace)]
    weight = torch.ones_like(next(make().parameters()))
    options = {name: getattr(make(), name) for name in ("stride", "padding", "output_padding", "groups", "dilation")}
    transpose = {1: nn.functional.conv_transpose1d, 2: nn.functional.conv_transpose2d}[len(shape) - 2]
    expected = transpose(torch.ones(1, *shape[1:]), weight, **options)[0]
    assert ones.shape == expected.shape
    assert reads == expected.flatten().int().tolist()
    trace.save(tmp_path / "trace.safetensors")
    assert cl.load_trace(tmp_path / "trace.safetensors").explain("convolution", *explanations[7].index).closes


class Attention(nn.Module):
    """One head by hand, and torch's own with two."""

    def __init__(self):
        super().__init__()
        self.own = nn.MultiheadAttention(6, 2, batch_first=True)
        self.query, self.key = nn.Linear(6, 6), nn.Linear(6, 6, bias=False)

    def forward(self, tokens):
        tokens, _ = self.own(tokens, tokens, tokens, need_weights=False)
        shares = torch.softmax(self.query(tokens) @ self.key(tokens).transpose(1, 2) / 6**0.5, 2)
        return shares @ tokens + nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)


def test_attention_is_sums_of_products_that_close():
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 6)
    net = Attention().eval()
    trace = cl.trace(net, tokens)
    assert [(call.name, call.reason) for call in trace.calls if call.form is None] == []
    torch.testing.assert_close(trace[trace.layers[-1]].output, net(tokens))
    explanations = [
        trace.explain(call.name, *index, item=item)
        for call in trace.calls
        for item, *index in product(*map(range, trace.tensors[call.output].shape))
    ]
    assert [str(each) for each in explanations if not each.closes] == []
    sums = [each for each in explanations if each.call.form.__class__.__name__ == "Contraction"]
    assert len(sums) > 100
    assert all(term.weight_source and term.weight_index for each in sums for term in each.terms)


def test_a_product_of_two_activations_says_where_both_factors_come_from():
    image = torch.randn(1, 2, 3)
    trace = cl.trace(Lambda(lambda image: torch.bmm(image + 1, image.transpose(1, 2))), image)
    (term, _, last) = trace.explain("bmm", 1, 0).terms
    assert (term.source, term.index, term.weight_source, term.weight_index) == ("add", (1, 0), "transpose", (0, 0))
    assert (last.index, last.weight_index) == ((1, 2), (2, 0))
    assert last.product == pytest.approx((image[0, 1, 2].item() + 1) * image[0, 0, 2].item())
    assert trace.receptive_field("bmm", 1, 0).mask.tolist() == [[True] * 3, [True] * 3]
    assert trace.receptive_field("bmm", 1, 1).mask.tolist() == [[False] * 3, [True] * 3]


def test_the_terms_of_a_standardisation_are_those_of_the_variance():
    image = torch.randn(1, 6, 2, 2)
    explanation = cl.trace(nn.GroupNorm(3, 6), image).explain("native_group_norm", 3, 0, 1)
    group = image[0, 2:4]
    assert sorted(term.value for term in explanation.terms) == sorted(group.flatten().tolist())
    assert sum(term.product for term in explanation.terms) == pytest.approx(group.double().var(correction=0).item())
    assert explanation.terms[explanation.winner].index == (3, 0, 1)
    assert "variance" in str(explanation)


def test_a_standardisation_that_is_off_does_not_close():
    trace = cl.trace(nn.LayerNorm(8), torch.randn(1, 8))
    good = trace.explain("native_layer_norm", 3)
    trace.tensors["activation/native_layer_norm"][0, 3] += 3 * good.tolerance
    assert good.closes
    assert not cl.Trace("", trace.calls, tensors=trace.tensors).explain("native_layer_norm", 3).closes


def test_padding_with_minus_infinity_closes_and_goes_through_a_file(tmp_path):
    net = Lambda(lambda image: nn.functional.max_pool2d(nn.functional.pad(image, (1, 1), value=-torch.inf), 2))
    trace = cl.trace(net, torch.randn(1, 1, 2, 2))
    assert trace.explain("constant_pad_nd", 0, 0, 0).total == -torch.inf
    assert all(each.closes for each in every_explanation(trace))
    trace.save(tmp_path / "trace.safetensors")
    assert cl.load_trace(tmp_path / "trace.safetensors").explain("constant_pad_nd", 0, 0, 0).closes


def test_a_constant_that_float32_rounds_closes():
    trace = cl.trace(Lambda(lambda image: (image * 0.1 + 0.7) - 1 / 3), torch.rand(1, 2, 5, 5) * 100)
    explanations = [*every_explanation(trace)]
    assert len(explanations) == 150
    assert [str(each) for each in explanations if not each.closes] == []


def test_the_average_of_channels_last_maps_closes():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1)).to(memory_format=torch.channels_last)
    trace = cl.trace(net, torch.rand(1, 3, 8, 8))
    explanations = [*every_explanation(trace)]
    assert len(explanations) >= 8 * 36 + 8
    assert [str(each) for each in explanations if not each.closes] == []


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)
