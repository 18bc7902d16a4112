import re

import pytest
import torch
from torch import nn

from convlens.architectures import _lenet_four
from convlens.errors import ShapeError


def test_every_layer_has_the_shape_and_the_parameters_of_the_table() -> None:
    found = re.findall(r"^    (\w+) .*?  ([\d x]+?)  +(\d+)$", _lenet_four.__doc__, flags=re.MULTILINE)
    net = _lenet_four.lenet_four()
    activation = torch.zeros(1, *net.image_shape)
    rows = {}
    for name, layer in net.named_children():
        activation = layer(activation)
        rows[name] = (list(activation.shape[1:]), sum(parameter.numel() for parameter in layer.parameters()))
    assert len(found) == 12
    for name, shape, count in found:
        assert rows[name] == ([int(size) for size in shape.split(" x ")], int(count)), name


def test_its_layers_are_those_of_the_articles_figure_in_their_order() -> None:
    convolve = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    step = [*convolve, *convolve, nn.MaxPool2d]  # two in succession, as figure 16 allows
    drawn = [*step, *step, nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in _lenet_four.lenet_four().children()] == drawn


def test_in_float16_it_has_less_than_two_megabytes() -> None:
    # filters of 3x3 with bias, scale and shift each, then 4096-128-4 with biases
    expected = 32 * 30 + 64 * 291 + 128 * 579 + 256 * 1155 + 128 * 4097 + 4 * 129
    assert sum(parameter.numel() for parameter in _lenet_four.lenet_four().parameters()) == expected
    assert 2 * expected < 2_000_000


def test_other_images_and_classes_can_be_asked_for() -> None:
    net = _lenet_four.lenet_four(classes=10, image_shape=(1, 28, 40))
    assert net(torch.zeros(2, 1, 28, 40)).shape == (2, 10)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"Fully connected layers read .*shape=\(1, 3, 64, 64\).*image_shape="):
        _lenet_four.lenet_four()(torch.zeros(1, 3, 64, 64))
