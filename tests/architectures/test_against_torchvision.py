"""Our nets against torchvision's, with equal weights: outputs, gradients, running statistics.

Runs where torchvision can be imported: `python scripts/dev.py torchvision` makes such an environment.
"""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from convlens import architectures
from convlens.architectures._checkpoint import arrange

models = pytest.importorskip("torchvision.models")

NAMES = ["alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "googlenet",
         "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "densenet161", "densenet169",
         "densenet201"]  # fmt: skip
TOLERANCE = 1e-5  # of the largest number, in float32, where the order of the arithmetic is another one
SIDE = 96  # pixels


def both(name: str, *, auxiliary: bool = False) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    options = {"init_weights": False, "aux_logits": auxiliary} if name == "googlenet" else {}
    theirs = getattr(models, name)(**options)
    generator = torch.Generator().manual_seed(1)
    for layer in theirs.modules():  # statistics that no layer has by chance
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator) / 10)
            layer.running_var.copy_(torch.rand(layer.num_features, generator=generator) + 0.5)
    own = {"auxiliary": True} if auxiliary else {}
    return getattr(architectures, name)(weights=theirs.state_dict(), **own), theirs


def run(net: nn.Module, images: Tensor) -> Tensor:
    torch.manual_seed(2)  # the same units are dropped
    scores = net(images)
    return torch.cat(list(scores), 1) if isinstance(scores, tuple) else scores


def assert_equal(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert found
    for name in found:
        assert torch.equal(found[name], expected[name]), name


def assert_near(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert found
    for name in found:
        error = (found[name] - expected[name]).abs().max()
        assert error <= TOLERANCE * expected[name].abs().max(), f"{name}: {error:.2g}"


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", [*NAMES, "googlenet with auxiliary heads"])
def test_outputs_gradients_and_statistics_have_torchvisions_bits(name: str, training: bool) -> None:
    ours, theirs = both(name.split(" ")[0], auxiliary="auxiliary" in name)
    images = torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    with_gradient = [images.clone().requires_grad_() for _ in range(2)]
    scores = [run(net.train(training), each) for net, each in zip((ours, theirs), with_gradient, strict=True)]
    assert_equal({"scores": scores[0]}, {"scores": scores[1]})
    for each in scores:
        each.square().mean().backward()
    assert_equal({"images": with_gradient[0].grad}, {"images": with_gradient[1].grad})
    gradients = [
        {key: parameter.grad for key, parameter in net.named_parameters() if parameter.grad is not None}
        for net in (ours, theirs)
    ]
    assert_equal(gradients[0], arrange(ours, gradients[1]))
    statistics = [
        {key: tensor for key, tensor in net.state_dict().items() if "running" in key} for net in (ours, theirs)
    ]
    if statistics[1]:
        assert_equal(statistics[0], arrange(ours, statistics[1]))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_without_gradients_are_torchvisions(name: str) -> None:
    ours, theirs = both(name)
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    compare = assert_near if name.startswith("densenet") else assert_equal  # whose transitions average first
    with torch.no_grad():
        compare({"scores": run(ours.eval(), images)}, {"scores": run(theirs.eval(), images)})


@pytest.mark.parametrize("name", NAMES)
def test_folded_outputs_are_torchvisions(name: str) -> None:
    ours, theirs = both(name)
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert_near({"scores": run(architectures.fold(ours.eval()), images)}, {"scores": run(theirs.eval(), images)})
