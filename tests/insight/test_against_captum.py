"""Captum (Kokhlikyan et al., 2020) is the reference wherever it has the method."""

import pytest
import torch
from torch import nn

import convlens as cl
from convlens.insight._attribute import noisy_images

captum = pytest.importorskip("captum.attr")
insight = cl.insight


def small_resnet():
    torch.manual_seed(0)
    return cl.architectures.build("resnet20_cifar"), torch.rand(1, 3, 32, 32)


def trained_lenet():
    digits = cl.data.load("digits")
    net = cl.architectures.open_net("lenet").net
    image = net.card.preprocessing.normalise(net.card.preprocessing.fit(digits.test[3].image))[None]
    return net, image


def plain():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )
    return net, torch.randn(1, 1, 14, 14)


@pytest.fixture(params=[plain, trained_lenet, small_resnet], ids=lambda make: make.__name__)
def question(request):
    net, image = request.param()
    return net.eval(), image


def close(found, expected):
    torch.testing.assert_close(
        found, expected[0].detach().float(), rtol=1e-5, atol=1e-5 * float(expected.detach().abs().max())
    )


def test_gradient(question):
    net, image = question
    expected = captum.Saliency(net).attribute(image.clone().requires_grad_(), target=1, abs=False)
    close(insight.gradient(net, image, target=1).values, expected)


def test_integrated_gradients(question):
    net, image = question
    expected = captum.IntegratedGradients(net).attribute(image, baselines=0.1, target=2, n_steps=30)
    close(insight.integrated_gradients(net, image, target=2, baseline=0.1, steps=30).values, expected)


def test_smooth_grad_of_the_same_noise(question):
    net, image = question
    noisy = noisy_images(image, samples=6, noise=0.2, seed=4).requires_grad_()
    expected = captum.Saliency(net).attribute(noisy, target=0, abs=False).mean(0, keepdim=True)
    close(insight.smooth_grad(net, image, target=0, samples=6, noise=0.2, seed=4).values, expected)


def test_occlusion(question):
    net, image = question
    window, stride = (5, 4), (2, 3)
    channels = image.shape[1]
    expected = captum.Occlusion(net).attribute(
        image, sliding_window_shapes=(channels, *window), strides=(channels, *stride), target=1, baselines=0.25
    )
    close(insight.occlusion(net, image, target=1, window=window, stride=stride, fill=0.25).values, expected)


def test_grad_cam(question):
    net, image = question
    layer = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)][-1]
    expected = captum.LayerGradCam(net, net.get_submodule(layer)).attribute(image, target=1).clamp(min=0)
    close(insight.grad_cam(net, image, target=1, layer=layer).values, expected)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
def test_deconvnet_and_guided_backpropagation(question):
    net, image = question
    for theirs, ours in (
        (captum.Deconvolution, insight.deconvnet),
        (captum.GuidedBackprop, insight.guided_backpropagation),
    ):
        expected = theirs(net).attribute(image.clone().requires_grad_(), target=1)
        close(ours(net, image, target=1).values, expected)
