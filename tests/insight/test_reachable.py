import pytest
import torch
from torch import nn

from convlens import insight
from convlens.errors import InsightError

IMAGE = torch.linspace(-1, 1, 64).view(1, 1, 8, 8)


def plain():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2)).eval()


def wrapped():
    return torch.compile(plain(), backend="eager")


def marked():
    net = plain()
    net[0].compile(backend="eager")
    return net


def scripted():
    return torch.jit.script(plain())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("make", [wrapped, marked, scripted], ids=lambda make: make.__name__)
def test_compiled_and_scripted_nets_are_refused_where_they_are_stepped_into(make):
    kind = "scripted" if make is scripted else "compiled"
    for method in (insight.deconvnet, insight.guided_backpropagation, insight.grad_cam):
        with pytest.raises(InsightError, match=rf"runs call by call\. Received .*, which is {kind}\. Pass the net as"):
            method(make(), IMAGE, target=0)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_scripted_net_has_its_gradient():
    net = plain()
    expected = insight.gradient(net, IMAGE, target=1).values
    torch.testing.assert_close(insight.gradient(torch.jit.script(net), IMAGE, target=1).values, expected)
