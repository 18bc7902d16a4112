from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.tracing._forms import Rearrangement
from convlens.tracing._read_masks import read_masks
from convlens.tracing._read_products import read_products, to_mask


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


class Function(nn.Module):
    def __init__(self, function: Callable):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)


def wide_and_high(image):
    """A row and a column that cross: what is read is no rectangle."""
    ones = torch.ones(2, 2, 1, 5)
    return F.conv2d(image, ones, padding=(0, 2)) + F.conv2d(image, ones.mT, padding=(2, 0))


def many_single_pixels(image):
    """Ten pixels that no few rectangles hold: the places of a slanted line."""
    return sum(F.pad(image, (step, -step, step, -step)) for step in range(10))


SHAPES_OF_FIELDS = {
    "a cross": (wide_and_high, (0, 5, 6)),
    "a cross, twice": (lambda image: wide_and_high(wide_and_high(image)), (1, 4, 4)),
    "a slanted line": (many_single_pixels, (1, 10, 9)),
    "a slanted line of windows": (lambda image: F.max_pool2d(many_single_pixels(image), 2, 1), (0, 9, 9)),
    "a diagonal": (lambda image: image.diagonal(0, 2, 3).unfold(2, 3, 2).sum(-1), (1, 2)),
    "windows by views": (lambda image: image.unfold(2, 3, 2).unfold(3, 2, 1).amax((4, 5)), (1, 2, 3)),
    "other axes": (lambda image: image.reshape(-1, 4, 6, 12).transpose(1, 2).reshape(-1, 24, 12).mean(2), (7,)),
    "a part of flattened rows": (lambda image: image.flatten(1)[:, 10:200:3].reshape(-1, 8, 8).sum(2), (5,)),
    "reflected at the border": (lambda image: F.avg_pool2d(F.pad(image, (3, 1, 2, 0), mode="reflect"), 3), (1, 0, 0)),
    "shuffled": (lambda image: F.pixel_shuffle(F.pixel_unshuffle(image, 2) * 2, 2) + image.roll(5, 3), (1, 3, 8)),
    "enlarged": (lambda image: F.interpolate(image, scale_factor=2, mode="bilinear"), (0, 7, 20)),
}


@pytest.mark.parametrize(("function", "index"), SHAPES_OF_FIELDS.values(), ids=SHAPES_OF_FIELDS)
def test_fields_of_every_shape_are_those_found_by_perturbing_pixels(function, index):
    net, shape = Function(function), (2, 12, 12)
    trace = cl.trace(net, torch.randn(1, *shape))
    last = trace.layers[-1]
    field = trace.receptive_field(last, *index)
    assert field.kind == "exact"
    assert np.array_equal(field.mask, reached_by_nan(net, shape, last, index))
    assert 0 < field.mask.sum() < field.mask.size


def test_products_of_marks_and_whole_masks_agree_in_every_layer():
    numbers = np.random.default_rng(0)
    nets = [(Branches(), (2, 11, 10)), *((Function(each), (2, 12, 12)) for each, _ in SHAPES_OF_FIELDS.values())]
    checked = 0
    for net, shape in nets:
        trace = cl.trace(net, torch.randn(1, *shape))
        shapes = {key: tuple(tensor.shape) for key, tensor in trace.tensors.items()}
        weights = {key: tensor.detach().numpy() for key, tensor in trace.tensors.items()}
        for call in trace.calls:
            axes = [numbers.random(size) < 0.5 for size in shapes[call.output]]
            for marks in axes:
                marks[numbers.integers(len(marks))] = True
            parts = read_products(call.form, axes, shapes=shapes, weights=weights)
            if parts is None:
                continue
            masks = read_masks(call.form, to_mask([axes], shapes[call.output]), shapes=shapes, weights=weights)
            for part, mask in zip(parts, masks, strict=True):
                assert np.array_equal(to_mask([] if part is None else [part], mask.shape), mask), call
                checked += 1
    assert checked > 60


def test_a_view_that_runs_on_into_the_next_row_is_left_to_masks():
    view, shapes = Rearrangement("strided", ("activation/input",), start=1, strides=(1,)), {"activation/input": (2, 3)}
    assert read_products(view, [np.ones(5, dtype=bool)], shapes=shapes, weights={}) is None
    (mask,) = read_masks(view, np.ones(5, dtype=bool), shapes=shapes, weights={})
    assert mask.tolist() == [[False, True, True], [True, True, True]]


def test_behind_an_operator_without_a_form_the_field_is_the_whole_input():
    trace = cl.trace(Function(lambda image: F.max_pool2d(F.relu(image).frac(), 2)), torch.randn(1, 2, 6, 6))
    assert trace.receptive_field("relu", 0, 1, 1).kind == "exact"
    behind = trace.receptive_field(trace.layers[-1], 0, 1, 1)
    assert (behind.kind, behind.rows, behind.columns) == ("whole input", (0, 6), (0, 6))
