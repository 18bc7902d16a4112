"""Operators one by one: every unit closes, and reads exactly the pixels on which it depends."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.errors import TraceFileError
from convlens.tracing._replay import evaluate

HOLES = torch.rand(7, 6, generator=torch.Generator().manual_seed(0)) < 0.3
HOLES[3, 3] = HOLES[2, 2] = False  # the units that are compared with autograd's

OPERATORS = {
    "max pooling in 3-D": lambda maps: F.max_pool3d(maps[None], 2),
    "max pooling with a last window cut off": lambda maps: F.max_pool2d(maps, 3, stride=2, padding=1, ceil_mode=True),
    "adaptive max pooling": lambda maps: F.adaptive_max_pool2d(maps[:, :, :6], (3, 3)),
    "adaptive average pooling of uneven windows": lambda maps: F.adaptive_avg_pool2d(maps, (3, 4)),
    "adaptive average pooling in 1-D": lambda maps: F.adaptive_avg_pool1d(maps.flatten(2), 5),
    "adaptive average pooling in 3-D": lambda maps: F.adaptive_avg_pool3d(maps[:, None], 3),
    "average pooling with a last window cut off": lambda maps: F.avg_pool2d(maps, 3, 2, padding=1, ceil_mode=True),
    "average of what lies inside, cut off": lambda maps: F.avg_pool2d(
        maps, 3, 2, padding=1, ceil_mode=True, count_include_pad=False
    ),
    "average pooling in 1-D, cut off": lambda maps: F.avg_pool1d(maps.flatten(2), 4, ceil_mode=True),
    "power-average pooling": lambda maps: F.lp_pool2d(maps, 2, 2),
    "nearest upsampling": lambda maps: F.interpolate(maps, scale_factor=2),
    "bilinear upsampling": lambda maps: F.interpolate(maps, scale_factor=2.5, mode="bilinear"),
    "bilinear, corners aligned": lambda maps: F.interpolate(maps, size=(13, 4), mode="bilinear", align_corners=True),
    "bilinear, antialiased": lambda maps: F.interpolate(maps, size=(3, 4), mode="bilinear", antialias=True),
    "bicubic upsampling": lambda maps: F.interpolate(maps, size=(9, 8), mode="bicubic"),
    "linear upsampling in 1-D": lambda maps: F.interpolate(maps.flatten(2), scale_factor=2, mode="linear"),
    "trilinear upsampling": lambda maps: F.interpolate(maps[:, None], size=(3, 9, 4), mode="trilinear"),
    "reflected padding": lambda maps: F.pad(maps, (1, 2, 3, 1), mode="reflect"),
    "replicated padding": lambda maps: F.pad(maps, (1, 2, 3, 1), mode="replicate"),
    "pixel shuffle": lambda maps: F.pixel_shuffle(maps, 2),
    "pixel unshuffle": lambda maps: F.pixel_unshuffle(maps[:, :, :6], 2),
    "channel shuffle": lambda maps: F.channel_shuffle(maps, 2),
    "unfold": lambda maps: F.unfold(maps, 3, padding=1),
    "roll": lambda maps: maps.roll((1, -2), (2, 3)),
    "flip": lambda maps: maps.flip(2),
    "turn": lambda maps: torch.rot90(maps, 1, (2, 3)),
    "repeat": lambda maps: maps.repeat(1, 2, 1, 1),
    "index": lambda maps: maps[:, [2, 0, 0]],
    "two indices": lambda maps: maps[:, :, torch.arange(3)[:, None], torch.arange(4)],
    "triangle": lambda maps: maps.tril(),
    "mask": lambda maps: maps.masked_fill(HOLES, 3.0),
    "mask in place, with infinity": lambda maps: (maps * 1).masked_fill_(HOLES, -torch.inf).softmax(3),
    "stack": lambda maps: torch.stack([maps, maps * 2], 2),
    "mean of channels": lambda maps: maps.mean(1),
    "sum of two axes": lambda maps: maps.sum((1, 2)),
    "largest of channels": lambda maps: maps.max(1)[0],
    "least of rows": lambda maps: maps.amin((2,), keepdim=True),
    "norm": lambda maps: F.normalize(maps, dim=1),
    "variance": lambda maps: maps.var(1),
    "variance without correction": lambda maps: maps.var((2, 3), correction=0, keepdim=True),
    "root mean square": lambda maps: F.rms_norm(maps, (6,)),
    "multiply and add": lambda maps: torch.addcmul(maps, maps, maps * maps, value=0.3),
    "larger of two": lambda maps: torch.maximum(maps, maps * 2),
    "smaller of two": lambda maps: torch.minimum(maps, maps * 2),
    "sine and cosine": lambda maps: maps.sin() * maps.cos(),
    "sign": lambda maps: maps.sign(),
    "log sigmoid": F.logsigmoid,
}


class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)


@pytest.fixture(params=OPERATORS, ids=str)
def operator(request):
    return OPERATORS[request.param]


@pytest.fixture
def trace(operator):
    return cl.trace(Net(operator), torch.randn(2, 4, 7, 6))


def test_every_unit_closes_and_every_call_has_a_form(trace):
    explained = 0
    for call in trace.calls:
        assert call.form is not None, call.reason
        for item, *index in product(*map(range, trace.tensors[call.output].shape)):
            explanation = trace.explain(call.name, *index, item=item)
            assert explanation.closes, str(explanation)
            explained += 1
    assert explained >= 8


def test_a_unit_reads_the_pixels_that_autograd_finds(operator, trace):
    last = trace.calls[-1]
    shape = trace.tensors[last.output].shape
    for divisor in (2, 3):
        unit = tuple(size // divisor for size in shape)
        depends = torch.zeros(2, 4, 7, 6, dtype=torch.bool)
        for seed in range(40):  # a maximum depends on its winner alone, which differs from image to image
            generator = torch.Generator().manual_seed(seed)
            image = torch.randn(2, 4, 7, 6, generator=generator, dtype=torch.float64, requires_grad=True)
            output = operator(image)
            if output.requires_grad:
                depends |= torch.autograd.grad(output[unit], image)[0] != 0
        field = trace.receptive_field(last.name, *unit[1:], item=unit[0])
        is_flat = getattr(last.form, "function", None) == "sign"  # whose derivative is 0
        assert is_flat or np.array_equal(field.mask, depends.any(0).numpy())


def test_derivatives_are_those_of_autograd_and_close(operator, trace):
    last = trace.calls[-1]
    unit = tuple(length // 2 for length in trace.tensors[last.output].shape)
    image = trace.input.clone().requires_grad_()
    output = operator(image)
    expected = torch.autograd.grad(output[unit], image)[0] if output.requires_grad else torch.zeros_like(image)
    gradients = trace.gradient(last.name, *unit[1:], item=unit[0])
    found = gradients.tensors.get("activation/input", torch.zeros_like(image))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
    for key, tensor in gradients.tensors.items():
        for place in list(product(*map(range, tensor.shape)))[:: 1 + tensor.numel() // 8]:
            item, index = (0, place) if key.startswith("weight/") else (place[0], place[1:])
            explanation = gradients.explain(key.split("/", 1)[1], *index, item=item)
            assert explanation.closes, str(explanation)


def test_a_whole_output_is_replayed_from_what_was_recorded(trace):
    for call in trace.calls:
        output = trace.tensors[call.output]
        replayed = evaluate(call.form, trace.tensors, shape=tuple(output.shape))
        torch.testing.assert_close(replayed, output, equal_nan=True)


def test_a_trace_goes_through_a_file(trace, tmp_path):
    trace.save(tmp_path / "trace.safetensors")
    opened = cl.load_trace(tmp_path / "trace.safetensors")
    assert opened.calls == trace.calls


def test_a_table_that_names_a_place_outside_is_refused(tmp_path):
    trace = cl.trace(Net(lambda image: image.flip(2)), torch.randn(1, 1, 3, 3))
    (key,) = trace.weights
    trace.tensors[key] = trace.tensors[key] + 1
    trace.save(tmp_path / "trace.safetensors")
    with pytest.raises(TraceFileError, match="names places that are not there"):
        cl.load_trace(tmp_path / "trace.safetensors")


def test_weights_that_lie_over_more_than_the_input_are_refused(tmp_path):
    trace = cl.trace(Net(lambda image: F.adaptive_avg_pool2d(image, 2)), torch.randn(1, 1, 3, 3))
    key = next(iter(trace.weights))
    trace.tensors[key] = torch.ones(2, 3)
    trace.save(tmp_path / "trace.safetensors")
    with pytest.raises(TraceFileError, match="lie over more than 3 places"):
        cl.load_trace(tmp_path / "trace.safetensors")


def test_places_that_are_computed_from_the_input_have_no_form():
    trace = cl.trace(Net(lambda image: image.gather(1, (image > 0).long())), torch.randn(1, 2, 3, 3))
    assert trace.calls[-1].form is None
    assert "computed from the input" in trace.calls[-1].reason
