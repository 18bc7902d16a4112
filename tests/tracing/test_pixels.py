"""Near an image, a net of convolutions, ReLUs and maxima is a constant and a weight for each pixel."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl


class Piecewise(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, groups=2)
        self.norm = nn.BatchNorm2d(6)
        self.scores = nn.Linear(24, 3)
        for tensor in (self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias):
            tensor.data.uniform_(0.5, 2.0)

    def forward(self, image):
        maps = F.max_pool2d(F.relu(self.first(image)), 2, padding=1)
        maps = F.leaky_relu(self.norm(self.second(maps)) + 0.5 * maps[:, :, 1:-1, 1:-1])
        maps = F.adaptive_avg_pool2d(F.interpolate(maps, scale_factor=2, mode="bilinear"), 2)
        return self.scores(maps.flatten(1).clamp(-1, 1))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Piecewise().eval()


def test_a_unit_is_a_sum_over_pixels_and_the_sum_closes(net):
    image = torch.randn(2, 2, 8, 8)
    trace = cl.trace(net, image)
    for layer in trace.layers:
        shape = trace[layer].maps.shape
        found = trace.to_pixels(layer, *(length // 2 for length in shape), item=1)
        assert found.is_exact
        assert found.closes, str(found)
        assert found.tolerance < 1e-4
        value = (found.pixel_weights * image[1].numpy()).sum() + found.constant
        assert value == pytest.approx(found.recorded, abs=1e-5)


def test_the_weights_are_what_autograd_finds_and_predict_a_small_step(net):
    image = torch.randn(1, 2, 8, 8)
    found = cl.trace(net, image).to_pixels("scores", 1)
    varied = image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(varied)[0, 1], varied)
    np.testing.assert_allclose(found.pixel_weights, slope[0], rtol=1e-3, atol=1e-6)
    step = 1e-5 * torch.randn_like(image)
    predicted = (found.pixel_weights * (image + step)[0].double().numpy()).sum() + found.constant
    assert net.double()((image + step).double())[0, 1].item() == pytest.approx(predicted, abs=1e-6)
    net.float()


def test_the_path_counts_the_units_through_which_a_score_is_reached(net):
    trace = cl.trace(net, torch.randn(1, 2, 8, 8))
    path = trace.to_pixels("scores", 0).path()
    assert path["scores"] == (1, 3)
    assert 0 < path["first"][0] <= int((trace["relu"].output > 0).sum())


def test_what_bends_is_named_and_the_tangent_is_not_called_exact():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(72, 3), nn.Softmax(1))
    found = cl.trace(net, torch.randn(1, 1, 8, 8)).to_pixels("4", 2)
    assert found.bends == ("1", "4")
    assert not found.is_exact
    assert not found.closes
    assert found.difference == pytest.approx(0, abs=1e-5)
    assert "a tangent only, because of 1, 4" in str(found)
