import copy
import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from convlens import architectures
from convlens.architectures._describe import describe
from convlens.errors import NetError

# Published: torchvision's documentation, parameters and giga-multiply-adds ("GFLOPS"); depths by the papers.
TRANSITIONS = 3 * (56 * 56 * 256 * 128) * 3 // 4  # DenseNet-121 averages before its three transitions, not after them
PUBLISHED = [
    ("alexnet", 61_100_840, 0.71, 8),
    ("vgg16", 138_357_544, 15.47, 16),
    ("googlenet", 6_624_904, 1.50, 22),
    ("resnet18", 11_689_512, 1.81, 18),
    ("resnet50", 25_557_032, 4.09, 50),
    ("densenet121", 7_978_856, round(2.834 - TRANSITIONS / 1e9, 2), 121),
]
# Araujo, Norris and Sim (2019). ResNet-50 is not there as torchvision has it, with strides in the 3 x 3 convolutions.
FIELDS = [("alexnet", 195), ("vgg16", 212), ("resnet50", 427)]


class Residual(nn.Module):
    """A branch, a functional call, and a module that runs twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, image):
        once = F.relu(self.norm(self.conv(image)))
        return image + F.max_pool2d(self.conv(once), 3, stride=1, padding=1)


class Forward(nn.Module):
    """Whatever a function does to an image."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, image):
        return self.function(self, image)


def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Residual(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8 * 36, 10)
    )


def meta(name):
    with torch.device("meta"):
        return getattr(architectures, name)()


@pytest.mark.parametrize(("name", "parameters", "giga_multiply_adds", "depth"), PUBLISHED)
def test_the_counts_are_the_published_ones(name, parameters, giga_multiply_adds, depth):
    description = describe(meta(name), image_shape=(3, 224, 224))
    assert description.parameters - description.unread == parameters
    assert round(description.multiply_adds / 1e9, 2) == giga_multiply_adds
    assert description.depth == depth


@pytest.mark.parametrize(("name", "pixels"), FIELDS)
def test_the_receptive_field_is_the_published_one(name, pixels):
    assert describe(meta(name), image_shape=(3, 224, 224)).receptive_field == (pixels, pixels)


def test_multiply_adds_of_a_convolution_are_those_that_a_loop_makes():
    count = 0
    for _filter in range(6):
        for _row in range(5):
            for _column in range(5):
                for _tap in range(4 // 2 * 3 * 3):
                    count += 1
    net = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    assert describe(net, image_shape=(4, 9, 9)).multiply_adds == count


def test_multiply_adds_are_half_of_what_torchs_own_counter_counts():
    net, images = small().eval(), torch.zeros(4, 3, 12, 12)
    with FlopCounterMode(display=False) as counter:
        net(images)
    description = describe(net, image_shape=(3, 12, 12), batch=4)
    assert 2 * description.multiply_adds == counter.get_total_flops()
    assert description.multiply_adds == sum(layer.multiply_adds for layer in description.layers)


def test_memory_is_that_of_all_outputs_but_views_and_numbers_in_place():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Tanh(), nn.Flatten(), nn.Linear(2 * 36, 5))
    description = describe(net.double(), image_shape=(1, 8, 8), batch=3)
    assert [layer.memory for layer in description.layers] == [3 * 2 * 36 * 8, 0, 3 * 2 * 36 * 8, 0, 3 * 5 * 8]
    assert description.memory == 2 * 3 * 2 * 36 * 8 + 3 * 5 * 8


def test_rows_name_functional_calls_branches_and_second_visits():
    description = describe(small(), image_shape=(3, 12, 12))
    assert [(layer.name, layer.kind, layer.parameters) for layer in description.layers[2:9]] == [
        ("2.conv", "convolution", 8 * 8 * 9 + 8),
        ("2.norm", "normalisation", 16),
        ("2.relu", "activation", 0),
        ("2.conv_2", "convolution", 0),  # the same weights: read already
        ("2.max_pool2d_with_indices", "max pooling", 0),
        ("2.add", "addition", 0),
        ("3", "average pooling", 0),
    ]
    assert description.layers[7].reads == ("1", "2.max_pool2d_with_indices")
    assert sum(layer.parameters for layer in description.layers) == description.parameters


def test_a_module_without_children_is_one_layer_of_the_kind_that_says_most():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 3, 3, 3))

        def forward(self, image):
            return torch.relu(F.conv2d(image * 2, self.weight, stride=2))

    (layer,) = describe(nn.Sequential(Own()), image_shape=(3, 9, 9)).layers
    assert (layer.name, layer.kind, layer.detail) == ("0", "convolution", "3 x 3, stride 2")
    assert layer.weights == {"0.weight": (4, 3, 3, 3)}


def test_parameters_that_are_frozen_shared_or_unread_are_told_apart():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))
    net[0].bias.requires_grad_(False)
    net[2].bias = net[0].bias = nn.Parameter(torch.zeros(4), requires_grad=False)
    net[2].weight = nn.Parameter(torch.zeros(4, 4, 1, 1))
    net.register_parameter("idle", nn.Parameter(torch.zeros(7)))
    description = describe(net, image_shape=(3, 5, 5))
    assert (description.parameters, description.trainable) == (12 + 8 + 16 + 4 + 7, 12 + 8 + 16 + 7)
    assert (description.unread, description.buffers) == (7, 4 + 4 + 1)


def mean(net, image):
    return net.conv(image).mean((2, 3))


def one_by_one(net, image):
    return net.conv(image).permute(0, 2, 3, 1) @ torch.ones(4, 4)


def linear_over_channels(net, image):
    return net.linear(net.conv(image).permute(0, 2, 3, 1).contiguous())


def padded_and_cut(net, image):
    return net.conv(image) + F.pad(net.conv(image), (0, 0, 2, 0))[:, :, 2:]


def shuffled(net, image):
    maps = net.conv(image)
    return net.conv2(maps.unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2))


def in_one_memory(net, image):
    maps = image.new_empty(1, 8, 6, 6)
    maps[:, :4] = net.conv(image)
    maps[:, 4:] = net.conv2(maps[:, :4])
    return maps


def cut_and_padded(net, image):
    return F.pad(net.conv(image)[:, :, 1::2, ::2], (1, 0, 2, 1))


def neighbours(net, image):
    return net.norm(net.conv(image)) / (1 + F.avg_pool3d(net.conv(image)[:, None], (3, 1, 1), 1, (1, 0, 0))[:, 0])


@pytest.mark.parametrize(
    "function", [one_by_one, linear_over_channels, padded_and_cut, shuffled, cut_and_padded, neighbours]
)
def test_a_receptive_field_is_as_wide_as_the_gradient_is(function):
    torch.manual_seed(0)
    net = Forward(
        function,
        conv=nn.Conv2d(3, 4, 3, padding=1),
        conv2=nn.Conv2d(4, 4, (3, 1), padding=(2, 0), dilation=(2, 1)),
        norm=nn.LocalResponseNorm(3),
        linear=nn.Linear(4, 4),
    ).eval()
    image = torch.rand(1, 3, 31, 31, requires_grad=True)
    rows, columns = describe(net, image_shape=(3, 31, 31)).receptive_field
    maps = net(image)
    if function in (one_by_one, linear_over_channels):
        maps = maps.permute(0, 3, 1, 2)
    maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum().backward()
    read = image.grad[0].abs().sum(0).nonzero()
    assert (read.max(0).values - read.min(0).values + 1).tolist() == [rows, columns]


def test_maps_that_are_written_into_one_memory_are_described_like_concatenated_ones():
    def concatenated(net, image):
        maps = net.conv(image)
        return torch.cat([maps, net.conv2(maps)], 1)

    one, other = (
        describe(
            Forward(function, conv=nn.Conv2d(3, 4, 3, padding=1), conv2=nn.Conv2d(4, 4, 3, padding=1)),
            image_shape=(3, 6, 6),
        )
        for function in (in_one_memory, concatenated)
    )
    assert (one.receptive_field, one.depth, one.multiply_adds) == ((5, 5), 2, other.multiply_adds)
    assert (one.receptive_field, one.depth, one.memory) == (other.receptive_field, other.depth, other.memory)


def test_the_field_before_pooling_the_whole_map_is_that_of_the_maps_units():
    assert describe(Forward(mean, conv=nn.Conv2d(3, 4, 5)), image_shape=(3, 9, 9)).receptive_field == (5, 5)
    pooled = nn.Sequential(nn.Conv2d(3, 4, 5), nn.AvgPool2d(5), nn.Flatten(), nn.Linear(4, 2))
    assert describe(pooled, image_shape=(3, 9, 9)).receptive_field == (5, 5)


def test_a_gate_that_reads_the_whole_image_lets_every_unit_read_it():
    gated = Forward(
        lambda net, image: (maps := net.conv(image)) * maps.mean((2, 3), keepdim=True), conv=nn.Conv2d(3, 4, 3)
    )
    assert describe(gated, image_shape=(3, 9, 9)).receptive_field == "whole image"


@pytest.mark.parametrize(
    "function",
    [
        lambda net, image: net.conv(image).flip(2),
        lambda net, image: F.interpolate(net.conv(image), scale_factor=2.0),
        lambda net, image: net.conv(image).transpose(2, 3) + net.conv(image),
        lambda net, image: (
            net.conv(image)
            + F.conv2d(image, torch.ones(4, 3, 3, 3))[:, :, :7, :7]
            + net.conv(image)[:, :, ::2, ::2][:, :, :1, :1]
        ),
        lambda net, image: net.conv(image)[:, :, [2, 0]],
        lambda net, image: net.conv(image).reshape(1, 4 * 7, 7),
        lambda net, image: F.pixel_shuffle(net.conv(image), 2),
    ],
)
def test_operators_that_move_numbers_across_pixels_in_unknown_ways_give_no_number(function):
    net = Forward(function, conv=nn.Conv2d(3, 4, 3))
    assert describe(net, image_shape=(3, 9, 9)).receptive_field == "unknown"


def test_the_net_and_the_random_generator_stay_as_they_are():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), Counting())
    before, modes = copy.deepcopy(net.state_dict()), [module.training for module in net.modules()]
    tensors = [tensor.data_ptr() for tensor in net.parameters()]
    generator = torch.get_rng_state()
    describe(net, image_shape=(3, 9, 9))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert [tensor.data_ptr() for tensor in net.parameters()] == tensors
    assert torch.equal(torch.get_rng_state(), generator)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.eval_part = nn.Conv2d(4, 4, 1).eval()
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, image):
        self.calls += 1
        return self.eval_part(image) + torch.zeros(4, 1, 1)


def test_a_net_with_numbers_and_one_without_are_described_alike():
    with_numbers, without = describe(architectures.resnet18()), describe(meta("resnet18"))
    assert with_numbers == without
    assert len(without.layers) > 60


def test_every_layer_says_what_its_units_read():
    # Karn's LeNet by hand: 5; pools of 2 add 1, 2; the second 5 x 5 adds 4 steps of 2 pixels.
    fields = {layer.name: layer.receptive_field for layer in describe(architectures.LeNet()).layers}
    by_hand = {"conv1": 5, "pool1": 6, "conv2": 14, "pool2": 16, "flatten": 16}
    assert {name: fields[name] for name in by_hand} == {name: (size, size) for name, size in by_hand.items()}
    assert fields["fc1"] == fields["scores"] == "whole image"


def test_the_image_shape_is_the_nets_own_unless_another_is_given():
    assert describe(architectures.LeNet()).output_shape == (1, 10)
    with pytest.raises(NetError, match=r"known shape.*Received image_shape=None, batch=1.*Pass image_shape=\(3, 224"):
        describe(nn.Conv2d(3, 4, 3))


def test_an_image_that_the_net_does_not_take_is_refused_with_its_shape():
    with pytest.raises(
        NetError, match=r"one forward pass.*RuntimeError.*image shape \(1, 1, 9, 9\). Pass the image_shape="
    ):
        describe(nn.Conv2d(3, 4, 3), image_shape=(1, 9, 9))


def test_the_text_is_a_table_and_the_json_is_plain_data():
    description = describe(architectures.LeNet())
    lines = str(description).splitlines()
    assert lines[0] == "LeNet"
    # 4 bytes a number; of a maximum 8 more, for its place.
    numbers = 2 * 6 * 28 * 28 + 3 * 6 * 14 * 14 + 2 * 16 * 10 * 10 + 3 * 16 * 5 * 5 + 2 * 120 + 2 * 100 + 10
    assert f"activations      {4 * numbers:,} bytes" in lines
    assert lines[-1].split() == [
        "scores",
        "fully",
        "connected",
        "1",
        "x",
        "10",
        "1,010",
        "1,000",
        "40",
        "whole",
        "image",
    ]
    assert json.loads(json.dumps(description.to_json()))["layers"][0]["weights"] == {
        "conv1.weight": [6, 1, 5, 5],
        "conv1.bias": [6],
    }
