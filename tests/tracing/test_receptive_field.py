import numpy as np
import pytest
import torch
from torch import nn

import convlens as cl


def reached_by_nan(net, shape, layer, index) -> np.ndarray:
    """Find the pixels that a unit depends on: a NaN there makes it NaN, through sums, maxima and ReLUs alike."""
    count = int(np.prod(shape))
    images = torch.zeros(count, *shape)
    images.view(count, -1).fill_diagonal_(float("nan"))
    values = cl.trace(net, images)[layer].output[(slice(None), *index)]
    return values.isnan().reshape(shape).numpy()


@pytest.mark.parametrize(
    ("layer", "indices"),
    [
        ("conv1", [(0, 0, 0), (5, 27, 27), (2, 13, 4)]),
        ("relu1", [(3, 9, 1)]),
        ("pool1", [(0, 0, 0), (5, 13, 13), (1, 6, 2)]),
        ("conv2", [(0, 0, 0), (15, 9, 9), (7, 4, 3)]),
        ("relu2", [(7, 4, 3)]),
        ("pool2", [(0, 0, 0), (15, 4, 4), (3, 1, 2)]),
        ("flatten", [(0,), (399,), (123,)]),
        ("fc1", [(0,), (119,)]),
        ("relu3", [(5,)]),
        ("fc2", [(99,)]),
        ("relu4", [(1,)]),
        ("scores", [(9,)]),
    ],
)
def test_lenets_receptive_fields_are_those_found_by_perturbing_pixels(layer, indices):
    net = cl.architectures.build("lenet")
    trace = cl.trace(net, torch.zeros(1, 1, 32, 32))
    for index in indices:
        field = trace.receptive_field(layer, *index)
        assert np.array_equal(field.mask, reached_by_nan(net, (1, 32, 32), layer, index)), index


def test_lenets_receptive_fields_have_the_sizes_that_the_recurrence_gives():
    # Dumoulin and Visin (2016): size grows by (kernel - 1) x the product of the strides before it
    trace = cl.trace(cl.architectures.build("lenet"), torch.zeros(1, 1, 32, 32))
    sizes = {"conv1": 5, "pool1": 5 + 1, "conv2": 6 + 4 * 2, "pool2": 14 + 1 * 2}
    for layer, size in sizes.items():
        first, last = trace.receptive_field(layer, 0, 1, 1).rows
        assert last - first == size, layer


class Branches(nn.Module):
    """Holes, borders, groups, a shortcut, slices and joins; no cancelling zeros."""

    def __init__(self):
        super().__init__()
        self.holes = nn.Conv2d(2, 4, 3, padding=2, dilation=2, stride=2, groups=2)
        self.mix = nn.Conv2d(4, 4, 1)
        self.larger = nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, groups=2)

    def forward(self, image):
        left = self.holes(image)
        right = nn.functional.avg_pool2d(self.mix(left), 3, stride=1, padding=1) + left
        left = nn.functional.local_response_norm(nn.functional.pad(left, (0, -1, -2, 1)), 3)
        right = nn.functional.pad(right, (-1, 0, 0, -1))
        left = nn.functional.layer_norm(left, left.shape[3:]) + nn.functional.group_norm(left, 2)
        joined = torch.cat([right[:, 1:3, ::2], left[:, :2, ::2]], 1).transpose(2, 3)
        return self.larger(nn.functional.max_pool2d(joined, 2, padding=1))


def test_branches_holes_and_borders_are_exact():
    net, shape = Branches(), (2, 11, 10)
    trace = cl.trace(net, torch.randn(1, *shape))
    checked = 0
    for layer in trace.layers:
        shape_of_maps = trace[layer].maps.shape
        middle, last = tuple(size // 2 for size in shape_of_maps), tuple(size - 1 for size in shape_of_maps)
        for index in {(0,) * len(last), last, middle}:
            field = trace.receptive_field(layer, *index)
            assert np.array_equal(field.mask, reached_by_nan(net, shape, layer, index)), (layer, index)
            checked += 1
    assert checked > 20


def test_rows_and_columns_frame_the_mask():
    trace = cl.trace(nn.Conv2d(1, 1, (2, 3)), torch.zeros(1, 1, 6, 6))
    field = trace.receptive_field("convolution", 0, 3, 1)
    assert (field.rows, field.columns) == ((3, 5), (1, 4))
    assert field.mask.sum() == 6
