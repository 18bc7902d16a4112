import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convlens import insight

RULES = [insight.deconvnet, insight.guided_backpropagation]


class Modules(nn.Module):
    """Convolutions and a pool, with a ReLU module for each call."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.conv1, self.conv2, self.fc = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 5, 3), nn.Linear(20, 4)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, image):
        maps = F.max_pool2d(self.relu1(self.conv1(image)), 2)
        return self.fc(self.relu2(self.conv2(maps)).flatten(1))


class Functional(Modules):
    """The same net, whose ReLUs are functions and methods."""

    def __init__(self, relu):
        super().__init__()
        self.relu = relu

    def forward(self, image):
        maps = F.max_pool2d(self.relu(self.conv1(image)), 2)
        return self.fc(self.relu(self.conv2(maps)).flatten(1))


class InPlace(Modules):
    """The same net, whose ReLUs overwrite their input, one of them half by half."""

    def forward(self, image):
        maps = self.conv1(image)
        maps[:, :3].relu_()
        F.relu(maps[:, 3:], inplace=True)
        maps = self.conv2(F.max_pool2d(maps, 2))
        torch.relu_(maps)
        return self.fc(maps.flatten(1))


FUNCTIONS = {
    "F.relu": F.relu,
    "F.relu in place": lambda values: F.relu(values, inplace=True),
    "F.relu in place, by position": lambda values: F.relu(values, True),
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "Tensor.relu": lambda values: values.relu(),
    "Tensor.relu_": lambda values: values.relu_(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "clamp_min": lambda values: values.clamp_min(0),
}


@pytest.fixture
def image():
    return torch.randn(1, 2, 10, 10)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_rule_reaches_relu_as_function_and_method_as_it_does_modules(rule, name, image):
    expected = rule(Modules(), image, target=1).values
    assert not torch.equal(expected, insight.gradient(Modules(), image, target=1).values)
    assert torch.equal(rule(Functional(FUNCTIONS[name]), image, target=1).values, expected)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_reaches_relu_that_overwrites_views(rule, image):
    torch.testing.assert_close(rule(InPlace(), image, target=1).values, rule(Modules(), image, target=1).values)


def test_the_deconvnet_passes_a_relu_that_is_off_and_guided_backpropagation_does_not():
    # By hand: values -1, 2, 3 with weights 4, 5, -6; only weights above 0 are passed back.
    class Sum(nn.Module):
        def forward(self, image):
            return (torch.relu(image) * torch.tensor([4.0, 5.0, -6.0])).sum(-1, keepdim=True)

    image = torch.tensor([[-1.0, 2.0, 3.0]])
    assert insight.gradient(Sum(), image, target=0).values.tolist() == [0, 5, -6]
    assert insight.deconvnet(Sum(), image, target=0).values.tolist() == [4, 5, 0]
    assert insight.guided_backpropagation(Sum(), image, target=0).values.tolist() == [0, 5, 0]


def test_a_net_without_relu_has_its_gradient_and_a_note(image):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(192, 2))
    found = insight.deconvnet(net, image, target=0)
    assert torch.equal(found.values, insight.gradient(net, image, target=0).values)
    assert found.notes == ("No ReLU lies before the target: this is its gradient.",)
