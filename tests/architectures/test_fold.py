import pytest
import torch
from torch import nn

from convlens import architectures
from convlens.errors import NetError

NETS = ["resnet18", "resnet50", "googlenet", "vgg11_bn", "densenet121", "preact_resnet18", "resnet20_cifar",
        "preact_resnet20_cifar", "vgg11_cifar", "densenet100_cifar"]  # fmt: skip


def with_lively_statistics(net: nn.Module) -> nn.Module:
    """Give each normalisation mean, variance, scale and shift that it would not have by chance."""
    generator = torch.Generator().manual_seed(0)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator) / 4)
            layer.running_var.copy_(torch.rand(layer.num_features, generator=generator) + 0.5)
            layer.weight.data.copy_(torch.rand(layer.num_features, generator=generator) + 0.5)
            layer.bias.data.copy_(torch.randn(layer.num_features, generator=generator) / 4)
    return net


@pytest.mark.parametrize("name", NETS)
def test_a_folded_net_computes_the_same_scores_in_fewer_layers(name: str) -> None:
    make = getattr(architectures, name)
    side = min(make.make.image_shape[1], 64)
    net = with_lively_statistics(make(classes=5, seed=0)).double().eval()
    folded = architectures.fold(net)
    images = torch.randn(2, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(folded(images), net(images), rtol=1e-9, atol=1e-9)
    before, after = (sum(isinstance(layer, nn.BatchNorm2d) for layer in each.modules()) for each in (net, folded))
    normalised_first = name.startswith(("densenet", "preact"))  # some normalisations come before their convolution
    assert 0 < after < before if normalised_first else after == 0


def test_a_net_in_training_mode_is_not_folded() -> None:
    with pytest.raises(
        NetError, match=r"as evaluation uses them\. Received a ResNet in training mode.* Call net\.eval"
    ):
        architectures.fold(architectures.resnet18(classes=2).train())


def test_a_net_written_in_a_few_lines_is_folded_too() -> None:
    lines = ["convolution 4, 3x3", "batch norm", "relu", "max 2x2", "softmax"]
    net = with_lively_statistics(architectures.layers(lines, image_shape=(1, 8, 8), classes=2)).eval()
    images = torch.randn(2, 1, 8, 8)
    folded = architectures.fold(net)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded(images), net(images))


def test_a_net_that_does_not_say_what_its_normalisations_follow_is_refused() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)

    with pytest.raises(
        NetError, match=r"that it alone follows\. Received a Foreign \(the net itself\), which does not say.*folds = "
    ):
        architectures.fold(Foreign().eval())


class Rectified(nn.BatchNorm2d):
    """A normalisation that does more."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input).relu()


class Doubled(nn.Sequential):
    """A sequence that does more."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self[1](2 * self[0](input))

    folds = ()


def test_layers_that_do_more_than_plain_ones_are_left_as_they_are() -> None:
    bare = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False))
    hooked = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    hooked[0].register_forward_hook(lambda _layer, _inputs, output: output * 3)
    others = [
        nn.Sequential(nn.Conv2d(1, 2, 3), Rectified(2)),
        Doubled(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 2, 3)), nn.BatchNorm2d(2)),
        bare,
        hooked,
    ]
    for net in others:
        images = torch.randn(2, 1, 6, 6)
        with torch.no_grad():
            torch.testing.assert_close(architectures.fold(net.eval())(images), net(images))


def test_one_layer_in_training_mode_is_enough_to_be_refused() -> None:
    net = architectures.resnet18(classes=2).eval()
    net.bn1.train()
    with pytest.raises(NetError, match="or with layers that are"):
        architectures.fold(net)
