import re

import pytest
import torch
from torch import nn

from convlens import architectures
from convlens.architectures import _lenet
from convlens.errors import ShapeError


def table_rows() -> list[tuple[str, list[int], int]]:
    """Read (layer, output shape, parameters) out of the docstring's table."""
    found = re.findall(r"^    (\w+) .*?  ([\d x]+?)  +(\d+)$", _lenet.__doc__, flags=re.MULTILINE)
    return [(name, [int(size) for size in shape.split(" x ")], int(count)) for name, shape, count in found]


def test_every_layer_has_the_shape_and_the_parameters_of_the_table():
    net = architectures.build("lenet")
    activation = torch.zeros(1, *net.image_shape)
    shapes, counts = {}, {}
    for name, layer in net.named_children():
        activation = layer(activation)
        shapes[name] = list(activation.shape[1:])
        counts[name] = sum(parameter.numel() for parameter in layer.parameters())
    rows = table_rows()
    assert len(rows) == 7
    for name, shape, count in rows:
        assert (shapes[name], counts[name]) == (shape, count), name


def test_the_network_has_the_parameters_of_the_articles_layers_and_no_more():
    # 6 filters of 5 x 5 and a bias, 16 of 6 x 5 x 5 and a bias, then 400-120-100-10, each with biases
    expected = 6 * 26 + 16 * 151 + 401 * 120 + 121 * 100 + 101 * 10
    assert sum(parameter.numel() for parameter in architectures.build("lenet").parameters()) == expected


def test_its_first_numbers_are_those_of_torchs_layers_in_the_tables_order():
    # The shipped weights and the recorded runs began with them.
    torch.manual_seed(5)
    plain = [nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 120), nn.Linear(120, 100), nn.Linear(100, 10)]
    torch.manual_seed(5)
    net = _lenet.LeNet()
    drawn = [parameter for layer in plain for parameter in layer.parameters()]
    for ours, theirs in zip(net.parameters(), drawn, strict=True):
        assert torch.equal(ours, theirs)


def test_other_images_give_other_rows_of_numbers():
    net = _lenet.lenet(classes=4, image_shape=(3, 40, 36))
    assert net.fc1.in_features == 16 * 7 * 6  # 40 - 4 = 36, 18, 14, 7 rows; 36 - 4 = 32, 16, 12, 6 columns
    assert net(torch.zeros(2, 3, 40, 36)).shape == (2, 4)


def test_images_that_its_windows_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"images of 12 x 12, of which 4 x 4 are left at conv2. A window of 5"):
        _lenet.lenet(image_shape=(1, 12, 12))


def test_images_of_another_size_than_it_was_built_for_are_refused():
    with pytest.raises(ShapeError, match=r"\(1, 1, 28, 28\) for a LeNet of 32 x 32 .*image_shape=\(1, 28, 28\)"):
        _lenet.lenet()(torch.zeros(1, 1, 28, 28))
