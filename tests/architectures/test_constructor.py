"""What every constructor promises: seeds, shapes, refusals."""

import re

import pytest
import torch
from torch import nn

import convlens as cl
from convlens import architectures
from convlens.errors import NetError, ShapeError

# The first variant of each class: the others differ in numbers alone.
FIRST = list({entry.make.make: entry.make for entry in reversed(architectures.entries())}.values())
FREE = [make for make in FIRST if getattr(make.make, "least_size", None) is not None]
FIXED = [make for make in FIRST if getattr(make.make, "least_size", None) is None]


def named(make: architectures.Constructor) -> str:
    return make.name


def test_there_are_free_and_fixed_nets() -> None:
    assert len(FREE) >= 9
    assert len(FIXED) >= 3


@pytest.mark.parametrize("name", ["lenet", "resnet18", "densenet40_cifar"])
def test_a_seed_decides_every_number_and_leaves_torchs_generator_alone(name: str) -> None:
    make = getattr(architectures, name)
    torch.manual_seed(5)
    first, second, other = make(seed=1).state_dict(), make(seed=1).state_dict(), make(seed=2).state_dict()
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("make", FREE, ids=named)
def test_a_net_reads_its_least_size_with_other_channels_and_classes_and_no_smaller_one(
    make: architectures.Constructor,
) -> None:
    least = make.make.least_size
    with torch.device("meta"):
        net = make(classes=3, image_shape=(2, *make.make.image_shape[1:])).eval()
        assert net(torch.zeros(1, 2, least, least + 1)).shape == (1, 3)
        if least > 1:
            with pytest.raises(
                ShapeError,
                match=rf"Every window of a net fits.*left at [\w.]+\. .*A padding of.*reads {least} x {least}",
            ):
                net(torch.zeros(1, 2, least, least - 1))


@pytest.mark.parametrize("make", FIXED, ids=named)
def test_a_net_with_fixed_sides_is_built_for_others_and_refuses_all_but_them(make: architectures.Constructor) -> None:
    channels, rows, columns = make.make.image_shape
    with torch.device("meta"):
        net = make(classes=3, image_shape=(channels, rows + 32, columns + 64)).eval()
        assert net(torch.zeros(2, channels, rows + 32, columns + 64)).shape == (2, 3)
        with pytest.raises(
            ShapeError,
            match=rf"fixed count of numbers\. Received images of shape=\(2, {channels}, {rows}, {columns}\) for a \w+ "
            rf"of {rows + 32} x {columns + 64} pixels\. Build it with image_shape=\({channels}, {rows}, {columns}\)",
        ):
            net(torch.zeros(2, channels, rows, columns))


@pytest.mark.parametrize("make", FIRST, ids=named)
def test_other_channels_are_refused_with_what_would_work(make: architectures.Constructor) -> None:
    channels, rows, columns = make.make.image_shape
    with torch.device("meta"):
        net = make()
    with pytest.raises(
        ShapeError,
        match=rf"reach through all channels\. Received .* of {channels} channels\. Build it with image_shape=\(5, ",
    ):
        net(torch.zeros(1, 5, rows, columns))


@pytest.mark.parametrize("make", FIRST, ids=named)
def test_an_image_without_a_batch_is_refused(make: architectures.Constructor) -> None:
    with torch.device("meta"):
        net = make()
    with pytest.raises(ShapeError, match=r"reads a batch: item, channel, row, column\. Received .*unsqueeze\(0\)"):
        net(torch.zeros(net.image_shape))


@pytest.mark.parametrize("make", FIRST, ids=named)
def test_no_classes_are_refused(make: architectures.Constructor) -> None:
    with pytest.raises(NetError, match=r"at least one score\. Received classes=0\. Ask for 2 or more"):
        make(classes=0)


def test_an_image_too_small_for_a_layer_is_refused_with_the_arithmetic_of_that_layer() -> None:
    # AlexNet: 62 pixels leave (62 + 4 - 11) // 4 + 1 = 14, then 6, then 2, in which pool5's window of 3 has no place
    with pytest.raises(
        ShapeError,
        match=r"Received images of 62 x 62, of which 2 x 2 are left at pool5\. A window of 3 pixels does not fit into "
        r"2\. Received size=2, kernel_size=3, stride=2, padding=0, dilation=1\. A padding of 1 or more would fit\. "
        r"A AlexNet reads 63 x 63 pixels or more\.",
    ):
        architectures.alexnet(classes=2)(torch.zeros(1, 3, 62, 62))


def test_windows_that_do_not_fit_are_refused_when_the_net_is_built() -> None:
    with pytest.raises(
        ShapeError, match=r"Received images of 20 x 20, of which 4 x 4 are left at conv2\. A window of 5"
    ):
        architectures.zfnet(image_shape=(3, 20, 20))


@pytest.mark.parametrize("image_shape", [(3, 224), (3, 0, 224), (3, 224, 224, 1)])
def test_what_is_no_shape_of_an_image_is_refused(image_shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=rf"channels, rows and columns.*{re.escape(f'{image_shape=}')}.*paper's are"):
        architectures.resnet18(image_shape=image_shape)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_torch_cannot_take_is_refused(seed: int) -> None:
    with pytest.raises(NetError, match=rf"whole number from 0 on, below 2\*\*63\. Received {seed=}\. Take 0"):
        architectures.lenet(seed=seed)


@pytest.mark.parametrize(("name", "side"), [("vgg11_cifar", 31), ("densenet121", 28), ("googlenet", 14)])
def test_an_image_too_small_is_refused_in_training_mode_as_well(name: str, side: int) -> None:
    with pytest.raises(ShapeError, match=r"Every window of a net fits.*A padding of"):
        getattr(architectures, name)(classes=2).train()(torch.zeros(4, 3, side, side))


@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg11", "zfnet"])
def test_the_first_layers_of_a_chain_are_a_sequence_of_their_own(name: str) -> None:
    net = getattr(architectures, name)()
    images = torch.randn(1, *net.image_shape)
    assert torch.equal(net[:2](images), net[1](net[0](images)))


@pytest.mark.parametrize("make", [entry.make for entry in architectures.entries()], ids=named)
def test_an_optimiser_step_lowers_the_loss(make: architectures.Constructor) -> None:
    channels, rows, _ = make.make.image_shape
    side = rows if rows < 64 else 64
    net = make(classes=10, image_shape=(channels, side, side), seed=0).train()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, channels, side, side, generator=generator)
    labels = torch.arange(4)

    def loss() -> torch.Tensor:
        torch.manual_seed(3)  # the same units are dropped before and after
        return nn.functional.cross_entropy(net(images), labels)

    before = loss()
    before.backward()
    length = torch.nn.utils.get_total_norm(
        [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    )
    torch.optim.SGD(net.parameters(), lr=float(0.002 / length)).step()
    with torch.no_grad():
        assert loss() < before


@pytest.mark.parametrize("name", ["resnet18", "alexnet", "googlenet", "densenet121", "vgg11_bn"])
def test_a_trace_sees_every_layer_as_one_operator(name: str) -> None:
    make = getattr(architectures, name)
    net = make(classes=4, seed=0).eval()
    trace = cl.trace(net, torch.rand(1, 3, 64, 64))
    kinds = [call.operator for call in trace.calls]
    assert not any("clone" in kind or "copy" in kind for kind in kinds)
    assert sum("max_pool" in kind for kind in kinds) == sum(isinstance(layer, nn.MaxPool2d) for layer in net.modules())


def test_auxiliary_heads_speak_in_training_only() -> None:
    for make in (architectures.googlenet, architectures.googlenet_2014):
        with torch.device("meta"):
            net = make(auxiliary=True, classes=5)
            scores = net.train()(torch.zeros(2, 3, 224, 224))
            assert [tuple(each.shape) for each in scores] == [(2, 5)] * 3
            assert net.eval()(torch.zeros(2, 3, 224, 224)).shape == (2, 5)


def test_memory_efficient_densenets_give_the_same_bits_gradients_and_statistics() -> None:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    nets = [architectures.densenet121(classes=3, seed=0, memory_efficient=thrift) for thrift in (False, True)]
    for net in nets:
        net(images).square().sum().backward()
    plain, thrifty = nets
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(plain.parameters(), thrifty.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(plain.buffers(), thrifty.buffers(), strict=True))
