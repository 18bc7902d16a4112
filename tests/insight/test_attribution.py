import io

import pytest
import torch
from PIL import Image
from torch import nn

from convlens import insight
from convlens.errors import InsightError
from convlens.insight._heat_picture import colours


@pytest.fixture
def net():
    torch.manual_seed(5)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4))


IMAGE = torch.linspace(-1, 1, 64).view(1, 1, 8, 8)


def test_an_empty_map_says_that_every_relu_of_a_layer_is_off(net):
    net[0].bias.data.fill_(-100)
    for method in (insight.gradient, insight.guided_backpropagation, insight.smooth_grad, insight.grad_cam):
        found = method(net, IMAGE)
        assert not found.values.any()
        assert found.reason == "every ReLU of 1 is off"
        assert "The map is empty: every ReLU of 1 is off." in str(found)


def test_an_empty_map_says_that_the_target_does_not_depend_on_the_image():
    class Constant(nn.Module):
        def forward(self, image):
            return torch.ones(len(image), 2)

    found = insight.gradient(Constant(), IMAGE, target=1)
    assert found.reason == "the target (class 1) does not depend on the image"


def test_an_empty_map_of_integrated_gradients_says_that_the_image_is_the_baseline(net):
    assert insight.integrated_gradients(net, torch.zeros(1, 1, 8, 8)).reason == "the image is the baseline"


def test_an_empty_grad_cam_says_that_nothing_speaks_for_the_target(net):
    net[4].weight.data.abs_().neg_()
    found = insight.grad_cam(net, IMAGE, target=0)
    assert found.reason is not None
    assert found.reason.startswith("at no place do the maps of 2 speak for the target")


def test_a_map_that_is_not_empty_needs_no_reason(net):
    found = insight.gradient(net, IMAGE)
    assert found.values.any()
    assert found.reason is None


def test_heat_is_the_sum_of_channels_if_they_add_up_and_the_largest_if_not():
    values = torch.tensor([[[1.0, -1.0]], [[-3.0, 2.0]]])
    plain = insight.Attribution("a method", "Net", "class 0", value=1.0, values=values)
    assert plain.heat.tolist() == [[-3, 2]]
    adding = insight.Attribution(
        "a method", "Net", "class 0", value=1.0, values=values, completeness=insight.Completeness(-1.0, -1.0)
    )
    assert adding.heat.tolist() == [[-2, 1]]


def test_colours_are_those_of_the_page():
    # page/src/colour.ts: RAMPS.light of -1, 0 and 1, as the page draws them
    found = (colours(torch.tensor([-1.0, 0.0, 1.0])) * 255).round().int().tolist()
    assert found == [[11, 86, 169], [250, 250, 250], [143, 59, 0]]


def test_a_picture_is_saved_over_the_image(net, tmp_path):
    found = insight.gradient(net, IMAGE)
    found.save(tmp_path / "heat.png")
    drawn = Image.open(tmp_path / "heat.png")
    assert drawn.size == (256, 256)
    assert Image.open(io.BytesIO(found._repr_png_())).tobytes() == drawn.tobytes()
    with pytest.raises(InsightError, match=r"a PNG file in a folder that is there\. Received path=.*heat.jpg"):
        found.save(tmp_path / "heat.jpg")


def test_an_input_that_is_no_image_has_values_but_no_heat():
    net = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2))
    found = insight.gradient(net, torch.randn(1, 2, 8))
    assert found.values.shape == (2, 8)
    with pytest.raises(InsightError, match=r"has rows and columns\. Received values of shape=\(2, 8\)\. Read `values`"):
        _ = found.heat
