"""Captum has most of the methods: its numbers are the reference, to 1e-6 of the largest (in places it has float32)."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convlens import architectures, insight

attr = pytest.importorskip("captum.attr", reason="Captum is not at hand: scripts/dev.py installs it")
# Captum says on each use that it hooks ReLU modules and sets requires_grad, and will undo both.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting (forward, )?backward hooks:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 (did not already|required gradients):UserWarning"),
]


def small():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 5),
    ), torch.randn(1, 3, 17, 14), "4"  # fmt: skip


def shipped_lenet():
    return architectures.open_net("lenet").net, torch.randn(1, 1, 32, 32), "pool2"


def resnet():
    torch.manual_seed(2)
    net = architectures.resnet20_cifar()
    for module in net.modules():  # Captum's hooks need a ReLU module for each call
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return net, torch.randn(1, 3, 32, 32), None


@pytest.fixture(params=[small, shipped_lenet, resnet], ids=lambda make: make.__name__)
def case(request):
    net, image, layer = request.param()
    return net.eval().double(), image.double(), layer


def agree(ours, theirs):
    assert float(theirs.abs().max()) > 0
    torch.testing.assert_close(
        ours / theirs.abs().max(), theirs[0].detach() / theirs.abs().max(), rtol=0, atol=1e-6, check_dtype=False
    )


def test_the_gradient_is_captums_saliency(case):
    net, image, _ = case
    agree(insight.gradient(net, image, target=2).values, attr.Saliency(net).attribute(image, 2, abs=False))


def test_integrated_gradients_are_captums(case):
    net, image, _ = case
    base = torch.full_like(image, 0.3)
    ours = insight.integrated_gradients(net, image, target=1, baseline=base[0], steps=20)
    agree(ours.values, attr.IntegratedGradients(net).attribute(image, base, target=1, n_steps=20))


def test_smooth_grad_is_captums_noise_tunnel_with_the_same_noise(case, monkeypatch):
    net, image, _ = case
    ours = insight.smooth_grad(net, image, target=1, noise=0.1, samples=6, seed=5).values
    drawn = torch.randn(6, *image.shape[1:], generator=torch.Generator().manual_seed(5), dtype=image.dtype)
    monkeypatch.setattr(torch, "normal", lambda mean, deviation: mean + drawn * deviation)
    tunnel = attr.NoiseTunnel(attr.Saliency(net))
    deviation = 0.1 * float(image.max() - image.min())
    theirs = tunnel.attribute(image, nt_type="smoothgrad", nt_samples=6, stdevs=deviation, target=1, abs=False)
    agree(ours, theirs)


def test_grad_cam_is_captums_enlarged(case):
    net, image, layer = case
    ours = insight.grad_cam(net, image, target=0, layer=layer)
    theirs = attr.LayerGradCam(net, net.get_submodule(ours.layer)).attribute(image, 0).detach()
    if float(theirs.max()) <= 0:
        assert ours.reason is not None
        return
    agree(ours.values, F.interpolate(theirs.relu(), size=image.shape[2:], mode="bilinear"))


@pytest.mark.parametrize(("window", "stride"), [(5, 3), (4, 4)])
def test_occlusion_is_captums(case, window, stride):
    net, image, _ = case
    channels = image.shape[1]
    ours = insight.occlusion(net, image, target=3, window=window, stride=stride, fill=0.5).values
    shapes, strides = (channels, window, window), (channels, stride, stride)
    theirs = attr.Occlusion(net).attribute(
        image, shapes, strides=strides, baselines=0.5, target=3, perturbations_per_eval=16
    )
    agree(ours.expand_as(theirs[0]), theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(insight.deconvnet, "Deconvolution"), (insight.guided_backpropagation, "GuidedBackprop")],
)
def test_rules_for_relu_are_captums(case, ours, theirs):
    net, image, _ = case
    agree(ours(net, image, target=1).values, getattr(attr, theirs)(net).attribute(image, 1))
