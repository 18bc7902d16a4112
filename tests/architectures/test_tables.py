"""The tables in the docstrings, which are the papers', against the networks."""

import importlib
import re

import pytest
import torch
from torch import nn

from convlens import architectures

FILES = [
    "alexnet",
    "alexnet_2012",
    "densenet",
    "densenet_cifar",
    "googlenet",
    "googlenet_2014",
    "preact_resnet",
    "preact_resnet_cifar",
    "resnet",
    "resnet_cifar",
    "vgg",
    "vgg_cifar",
    "zfnet",
]
# What papers and publishers say, not what our docstrings say.
PUBLISHED = {
    "alexnet": 61_100_840,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "googlenet": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
}
ROUNDED = {  # in millions, to the digits that the papers print
    "alexnet_2012": "61",
    "resnet20_cifar": "0.27",
    "resnet32_cifar": "0.46",
    "resnet44_cifar": "0.66",
    "resnet56_cifar": "0.85",
    "resnet110_cifar": "1.7",
    "densenet40_cifar": "1.0",
    "densenet100_cifar": "0.8",
    "densenet190_cifar": "25.6",
}


def build_without_numbers(name: str, **options: object) -> nn.Module:
    with torch.device("meta"):
        return getattr(architectures, name)(**options).eval()


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def read_tables(file: str) -> tuple[str, list[tuple[str, list[int], int]], dict[str, int]]:
    """Read from a docstring whose layers it lists, (layer, output, parameters), and the parameters of the variants."""
    text = importlib.import_module(f"convlens.architectures._{file}").__doc__ or ""
    layers, variants = text.split("    variant", maxsplit=1)
    named = re.search(r"what \((\w+)\)", layers)
    rows = re.findall(r"^    (\w+) +\S.*?  +(\d+(?: x \d+)*)  +(\d+)$", layers, flags=re.MULTILINE)
    totals = re.findall(r"^    (\w+(?: with auxiliary heads)?)  +(?:.* )?(\d+)$", variants, flags=re.MULTILINE)
    return (
        named[1] if named else file,
        [(name, [int(size) for size in shape.split(" x ")], int(number)) for name, shape, number in rows],
        {name: int(number) for name, number in totals},
    )


@pytest.mark.parametrize("file", FILES)
def test_every_layer_has_the_output_and_the_parameters_of_the_table(file: str) -> None:
    name, rows, _ = read_tables(file)
    net = build_without_numbers(name)
    found: dict[str, tuple[list[int], int]] = {}
    for child, layer in net.named_children():
        layer.register_forward_hook(
            lambda layer, inputs, output, child=child: found.update({child: (list(output.shape[1:]), count(layer))})
        )
    net(torch.zeros(2, *net.image_shape, device="meta"))
    assert len(rows) >= 8
    for layer, shape, parameters in rows:
        assert found[layer] == (shape, parameters), layer
    left_out = found.keys() - {layer for layer, _, _ in rows}
    assert all(re.match(r"(relu|drop|flatten|bn)", layer) for layer in left_out), left_out
    assert [layer for layer in found if layer not in left_out] == [layer for layer, _, _ in rows], "in other order"


@pytest.mark.parametrize("file", FILES)
def test_every_variant_has_the_parameters_of_the_table(file: str) -> None:
    _, _, totals = read_tables(file)
    assert totals
    for name, parameters in totals.items():
        options = {"auxiliary": True} if "auxiliary" in name else {}
        assert count(build_without_numbers(name.split(" ")[0], **options)) == parameters, name


def test_every_variant_stands_in_a_table() -> None:
    in_tables = {name for file in FILES for name in read_tables(file)[2]}
    image_nets = {entry.name for entry in architectures.entries() if not entry.name.startswith("lenet")}
    assert image_nets <= in_tables


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_parameters_are_those_of_the_published_weights(name: str) -> None:
    assert count(build_without_numbers(name)) == PUBLISHED[name]


@pytest.mark.parametrize("name", ROUNDED)
def test_the_parameters_are_those_that_the_paper_rounds(name: str) -> None:
    said = ROUNDED[name]
    decimals = len(said.partition(".")[2])
    assert f"{count(build_without_numbers(name)) / 1e6:.{decimals}f}" == said
