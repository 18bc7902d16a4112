import pytest
import torch
from torch import nn

from convlens import architectures, insight
from convlens.errors import InsightError


@pytest.mark.parametrize(
    ("name", "layer"),
    [("resnet20_cifar", "layer3"), ("lenet", "pool2"), ("lenet_four", "pool2")],
)
def test_the_last_layer_with_rows_and_columns_is_suggested(name, layer):
    net = architectures.build(name)
    found = insight.grad_cam(net, torch.randn(1, 1 if name == "lenet" else 3, 32, 32), target=0)
    assert found.layer == layer
    assert "suggested" in found.notes[0]


def test_grad_cam_of_a_mean_pool_and_a_linear_layer_is_the_class_activation_map():
    # Selvaraju et al., section 3.1: there, Grad-CAM is CAM (Zhou et al., 2016), up to the number of places.
    torch.manual_seed(7)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    )
    image = torch.randn(1, 3, 8, 8)
    found = insight.grad_cam(net, image, target=1)
    with torch.no_grad():
        expected = torch.einsum("k,kij->ij", net[4].weight[1], net[1](net[0](image))[0]).relu() / 64
    torch.testing.assert_close(found.values[0], expected)
    assert found.layer == "1"


def test_a_layer_that_is_overwritten_in_place_has_the_values_that_it_made():
    torch.manual_seed(8)
    make = lambda in_place: nn.Sequential(  # noqa: E731
        nn.Conv2d(3, 6, 3), nn.ReLU(in_place), nn.Flatten(), nn.Linear(6 * 36, 2)
    )
    net, other = make(True), make(False)
    other.load_state_dict(net.state_dict())
    image = torch.randn(1, 3, 8, 8)
    one, two = (insight.grad_cam(each, image, target=0, layer="0").values for each in (net, other))
    assert torch.equal(one, two)


def test_a_layer_without_rows_and_columns_is_refused_with_those_that_have_them():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    with pytest.raises(InsightError, match=r"before the target\. Received layer='3'.*Such layers: 0, 1\."):
        insight.grad_cam(net, torch.randn(1, 1, 8, 8), layer="3")
    with pytest.raises(InsightError, match=r"before the target\. Received layer=None.*occlusion needs no such layer"):
        insight.grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), torch.randn(1, 1, 8, 8))


def test_a_target_that_weighs_places_differently_is_noted():
    torch.manual_seed(9)
    image = torch.randn(1, 3, 8, 8)
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()]
    placed = nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * 64, 2))
    averaged = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    assert insight.grad_cam(placed, image).notes[1].startswith("The target weighs the places of 1 differently")
    assert len(insight.grad_cam(averaged, image).notes) == 1
