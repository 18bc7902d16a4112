import re

import torch

from convlens import architectures
from convlens.architectures import _lenet


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
