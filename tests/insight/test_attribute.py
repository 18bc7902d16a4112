"""Attributions: laws that they obey, and what they say where there is nothing to say."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.errors import InsightError

insight = cl.insight
METHODS = {
    "gradient": insight.gradient,
    "integrated gradients": insight.integrated_gradients,
    "SmoothGrad": insight.smooth_grad,
    "occlusion": insight.occlusion,
    "deconvnet": insight.deconvnet,
    "guided backpropagation": insight.guided_backpropagation,
    "Grad-CAM": insight.grad_cam,
}


class Modules(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.hidden, self.scores = nn.Linear(72, 12), nn.Linear(12, 4)

    def forward(self, image):
        maps = self.pool(self.relu1(self.first(image)))
        maps = self.relu2(self.norm(self.second(maps)))
        return self.scores(self.relu3(self.hidden(maps.flatten(1))))


class Functions(Modules):
    """The same net; its ReLUs are functions, in place wherever they can be."""

    def forward(self, image):
        maps = self.pool(F.relu(self.first(image), inplace=True))
        maps = self.norm(self.second(maps))
        maps.relu_()
        hidden = self.hidden(maps.flatten(1))
        return self.scores(torch.relu(hidden))


@pytest.fixture
def net():
    return Modules()


@pytest.fixture
def image():
    return torch.randn(1, 2, 10, 10)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_net_is_as_it_was(method, net, image):
    before = copy.deepcopy(net.state_dict())
    state = torch.get_rng_state()
    method(net, image, target=2)
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_relus_may_be_modules_or_functions_in_place(method, net, image):
    functions = Functions()
    functions.load_state_dict(net.state_dict())
    options = {"layer": "second"} if method is insight.grad_cam else {}
    first, second = (method(each, image, target=1, **options) for each in (net, functions))
    assert torch.equal(first.values, second.values)
    assert first.value == second.value


def test_a_deconvnet_passes_back_what_is_positive_and_a_guided_one_only_where_the_relu_was_on():
    net = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(3, 1, bias=False))
    net[2].weight.data = torch.tensor([[1.0, -2.0, 3.0]])
    image = torch.tensor([[[[5.0, 4.0, -1.0]]]])
    assert insight.gradient(net, image, target=0).values.flatten().tolist() == [1, -2, 0]
    assert insight.deconvnet(net, image, target=0).values.flatten().tolist() == [1, 0, 3]
    assert insight.guided_backpropagation(net, image, target=0).values.flatten().tolist() == [1, 0, 0]


def test_integrated_gradients_add_up_to_what_the_target_gains(net, image):
    baseline = torch.rand(1, 2, 10, 10)
    found = insight.integrated_gradients(net, image, target=3, baseline=baseline, steps=400)
    with torch.no_grad():
        here, there = net.eval()(image)[0, 3], net(baseline)[0, 3]
    assert found.values.sum().item() == pytest.approx((here - there).item(), abs=0.02)
    assert "add up to" in found.notes[0]


def test_occlusion_is_the_mean_loss_over_the_windows_that_cover_a_pixel(net, image):
    found = insight.occlusion(net, image, target=0, window=(4, 3), stride=(3, 2), fill=0.5)
    net.eval()
    lost, count = np.zeros((10, 10)), np.zeros((10, 10))
    with torch.no_grad():
        for row in range(0, 7, 3):
            for column in range(0, 9, 2):
                covered = image.clone()
                covered[:, :, row : row + 4, column : column + 3] = 0.5
                lost[row : row + 4, column : column + 3] += (net(image) - net(covered))[0, 0].item()
                count[row : row + 4, column : column + 3] += 1
    np.testing.assert_allclose(found.values[0], lost / count, rtol=1e-4, atol=1e-6)
    assert torch.equal(found.values[0], found.values[1])


def test_smooth_grad_without_noise_is_the_gradient_and_with_it_depends_on_the_seed_alone(net, image):
    plain = insight.gradient(net, image, target=0).values
    torch.testing.assert_close(insight.smooth_grad(net, image, target=0, noise=0).values, plain)
    first, again, other = (insight.smooth_grad(net, image, target=0, seed=seed).values for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_grad_cam_suggests_the_last_layer_with_rows_and_columns_and_says_so(net, image):
    found = insight.grad_cam(net, image, target=1)
    assert "relu2, the last layer that still has rows and columns" in found.notes[0]
    assert found.values.shape == (1, 3, 3)
    assert found.heat.shape == (10, 10)
    assert (found.values >= 0).all()


def test_a_unit_is_a_target_as_well_as_a_class(net, image):
    found = insight.gradient(net, image, target=("second", 3, 1, 2))
    varied = image.clone().requires_grad_()
    maps = net.second(net.pool(net.relu1(net.first(varied))))
    (expected,) = torch.autograd.grad(maps[0, 3, 1, 2], varied)
    torch.testing.assert_close(found.values, expected[0])
    assert found.target == "second[3, 1, 2]"


def test_an_empty_map_says_why(image):
    dead = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(192, 2))
    dead[0].bias.data.fill_(-100)
    assert "every number of 1 is 0 for this image" in str(insight.gradient(dead, image, target=0))
    assert "every number of 1 is 0" in insight.guided_backpropagation(dead, image, target=0).reason
    against = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(200, 1))
    against[2].weight.data.fill_(-1)
    assert "nothing positive comes back" in insight.deconvnet(against, image, target=0).reason
    flat = nn.Sequential(nn.Flatten(), nn.Linear(200, 2), nn.Softmax(1))
    flat[1].bias.data = torch.tensor([500.0, 0.0])
    assert "does not change with any pixel" in insight.gradient(flat, image, target=0).reason


def test_the_picture_is_a_png_of_the_image_with_the_heat_on_it(net, image, tmp_path):
    found = insight.gradient(net, image, target=0)
    found.save(tmp_path / "heat.png")
    assert (tmp_path / "heat.png").read_bytes()[:4] == b"\x89PNG"
    assert found.picture.shape == (260, 260, 3)
    row, column = divmod(int(found.heat.argmax()), 10)
    assert found.picture[row * 26, column * 26].tolist() == [144, 59, 0]


def test_what_cannot_be_attributed_is_refused(net, image):
    with pytest.raises(InsightError, match=r"number below 4, or a name.*target=7. Classes: not named"):
        insight.gradient(net, image, target=7)
    with pytest.raises(InsightError, match=r"One image is attributed to.*shape=\(2, 2, 10, 10\). Pass image\[:1\]"):
        insight.gradient(net, image.repeat(2, 1, 1, 1))
    with pytest.raises(InsightError, match=r"named by its module's path. Received layer='conv9'. There are: first,"):
        insight.grad_cam(net, image, layer="conv9")
    with pytest.raises(InsightError, match=r"rows and columns. Received layer='hidden'.*\(1, 12\). relu2 has some"):
        insight.grad_cam(net, image, layer="hidden")
    with pytest.raises(InsightError, match=r"one step or more. Received steps=0"):
        insight.integrated_gradients(net, image, steps=0)
    with pytest.raises(InsightError, match=r"image of \(10, 10\), and moves on. Received window=\(11, 1\)"):
        insight.occlusion(net, image, window=(11, 1))
    with pytest.raises(InsightError, match=r"returns a tensor \(1, 6, 10, 10\). Name a unit instead"):
        insight.gradient(nn.Sequential(net.first), image, target=0)
    with pytest.raises(InsightError, match=r"named after its format. Received path='heat.gif'"):
        insight.gradient(net, image).save("heat.gif")
