import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor, nn
from torch.nn import functional as F

from convlens.architectures._blocks import (
    ScaledTanh,
    SoftmaxHead,
    SumPool2d,
    SVMHead,
    TableConv2d,
    TrainedSubsampling,
    padding_for,
)
from convlens.errors import ShapeError
from convlens.tracing import trace

TABLE = [(0,), (2, 1), (0, 1, 2)]


def maps_of(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_scaled_tanh_maps_1_to_1_and_has_1_7159_as_its_limit():
    numbers = torch.tensor([-1e3, -1.0, 0.3, 1.0, 1e3], dtype=torch.float64)
    expected = [-1.7159, -1.0, 1.7159 * math.tanh(0.2), 1.0, 1.7159]  # LeCun et al., appendix A
    torch.testing.assert_close(ScaledTanh()(numbers), torch.tensor(expected, dtype=torch.float64), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, None, 0), (3, 2, 1), ((2, 3), (1, 2), (1, 0))])
def test_sum_pooling_adds_what_lies_in_each_window(size, stride, padding):
    maps = maps_of(2, 3, 7, 8)
    (rows, columns), (down, right), (above, left) = (
        (each, each) if isinstance(each, int) else each for each in (size, stride or size, padding)
    )
    padded = np.pad(maps.numpy(), [(0, 0), (0, 0), (above, above), (left, left)])
    expected = [
        [
            padded[:, :, row : row + rows, column : column + columns].sum((2, 3))
            for column in range(0, padded.shape[3] - columns + 1, right)
        ]
        for row in range(0, padded.shape[2] - rows + 1, down)
    ]
    summed = SumPool2d(size, stride, padding)(maps)
    torch.testing.assert_close(summed, torch.from_numpy(np.stack(expected)).permute(2, 3, 0, 1))


def test_trained_subsampling_is_the_sum_of_2_x_2_times_a_coefficient_plus_a_bias_of_each_map():
    maps, layer = maps_of(2, 3, 6, 4), TrainedSubsampling(3).double()
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([0.5, -2.0, 1.0]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -3.0]))
    blocks = maps.view(2, 3, 3, 2, 2, 2).sum((3, 5))
    expected = torch.stack([0.5 * blocks[:, 0], -2 * blocks[:, 1] + 1, blocks[:, 2] - 3], 1)
    torch.testing.assert_close(layer(maps), expected)


def test_filters_of_a_table_read_the_maps_that_it_names_and_no_others():
    maps, layer = maps_of(2, 3, 6, 6), TableConv2d(3, TABLE, 3).double()
    kernels = iter(layer.kernels)
    expected = [
        sum(F.conv2d(maps[:, [channel]], next(kernels)[None, None]) for channel in reads) + bias
        for reads, bias in zip(TABLE, layer.bias, strict=True)
    ]
    torch.testing.assert_close(layer(maps), torch.cat(expected, 1))


def test_absent_weights_are_zero_and_no_parameters():
    layer = TableConv2d(3, TABLE, 3)
    absent = [(place, channel) for place, reads in enumerate(TABLE) for channel in {0, 1, 2} - set(reads)]
    assert sum(parameter.numel() for parameter in layer.parameters()) == 6 * 9 + 3
    assert set(layer.state_dict()) == {"kernels", "bias"}
    assert len(absent) == 3
    for place, channel in absent:
        assert not layer.bank()[place, channel].any()


def test_every_kernel_of_a_table_gets_the_gradient_of_its_place_in_the_dense_filter_bank():
    maps, layer = maps_of(2, 3, 6, 6), TableConv2d(3, TABLE, 3).double()
    dense = layer.bank().detach().requires_grad_()
    F.conv2d(maps, dense).square().sum().backward()
    F.conv2d(maps, layer.bank()).square().sum().backward()
    present = [(place, channel) for place, reads in enumerate(TABLE) for channel in reads]
    for kernel, (place, channel) in zip(layer.kernels.grad, present, strict=True):
        torch.testing.assert_close(kernel, dense.grad[place, channel])


@pytest.mark.parametrize("reads", [(), (0, 0), (3,), (-1,)])
def test_a_table_with_a_filter_of_no_map_or_a_wrong_one_is_refused(reads):
    with pytest.raises(ShapeError, match=r"one map or more.* Received filter 1 with maps .* Name maps from 0 to 2"):
        TableConv2d(3, [(0,), reads], 3)


@pytest.mark.parametrize(("kind", "mode"), [("narrow", "valid"), ("same", "same"), ("wide", "full")])
@pytest.mark.parametrize("size", [(3, 3), (1, 5), (7, 3)])
def test_narrow_same_and_wide_are_the_three_borders_of_a_convolution(kind, mode, size):
    image, kernel = maps_of(9, 8), maps_of(*size)
    padding = padding_for(kind, size)
    correlated = F.conv2d(image[None, None], kernel.flip(0, 1)[None, None], padding=padding)[0, 0]
    torch.testing.assert_close(correlated, torch.from_numpy(convolve2d(image.numpy(), kernel.numpy(), mode)))


def test_a_dilated_kernel_has_the_border_of_its_span():
    assert padding_for("wide", 3, dilation=2) == 4
    assert padding_for("same", (3, 5), dilation=2) == (2, 4)
    assert padding_for("same", 2, dilation=2) == 1  # two taps, and one left out in the middle


def test_an_even_kernel_has_no_same_border():
    with pytest.raises(ShapeError, match=r"has a middle. Received kernel_size=4, dilation=1. Take kernels of 3 or 5"):
        padding_for("same", 4)


def test_another_border_is_refused_with_the_three():
    with pytest.raises(
        ValueError, match=r"narrow, same or wide. Received kind='valid'. Choose one of narrow, same, wide"
    ):
        padding_for("valid", 3)


def test_heads_are_linear_layers_that_name_their_loss():
    assert (SoftmaxHead(3, 2).loss, SVMHead(3, 2).loss) == ("cross_entropy", "hinge")
    features, head = maps_of(4, 3), SVMHead(3, 2).double()
    torch.testing.assert_close(head(features), features @ head.weight.T + head.bias)


def test_every_step_of_the_blocks_has_a_form_and_an_explanation_that_closes():
    net = nn.Sequential(TableConv2d(3, TABLE, 3), ScaledTanh(), TrainedSubsampling(3), SumPool2d(2))
    recorded = trace(net, torch.randn(1, 3, 10, 10))
    assert len(recorded.layers) >= 7
    for name in recorded.layers:
        assert recorded.explain(name, 1, 0, 1).closes, name


def test_blocks_compile_without_a_break():
    net = nn.Sequential(TableConv2d(3, TABLE, 3), ScaledTanh(), TrainedSubsampling(3), SumPool2d(2))
    images = torch.randn(2, 3, 10, 10)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(images), net(images))
