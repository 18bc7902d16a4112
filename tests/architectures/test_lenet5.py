import itertools
import math
import re

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from convlens.architectures import _lenet5
from convlens.architectures._card import NetCard
from convlens.architectures._lenet5 import TABLE, codes_of, lenet5, lenet5_linear
from convlens.architectures._net_file import load_net, save_net
from convlens.data import DataSet, Preprocessing, digits
from convlens.errors import NetError, ShapeError
from convlens.tracing import trace
from convlens.training import train

IMAGES = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def squash(sums: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(2 / 3 * sums)


def test_every_layer_has_the_shape_and_the_parameters_of_the_table():
    table = _lenet5.__doc__.split("variant")[0]
    rows = re.findall(r"^    (\w+) .*  (\d[\d x]*?)  +(\d+)$", table, flags=re.MULTILINE)
    assert len(rows) == 7
    net, activation, found = lenet5(), IMAGES[:1], {}
    for name, layer in net.named_children():
        activation = layer(activation)
        shape = " x ".join(map(str, activation.shape[1:]))
        found[name] = (shape, sum(parameter.numel() for parameter in layer.parameters()))
    for name, shape, count in rows:
        assert found[name] == (shape, int(count)), name


def test_lenet5_has_the_60_000_parameters_of_the_paper():
    assert sum(parameter.numel() for parameter in lenet5().parameters()) == 60_000


def test_with_plain_scores_it_has_a_matrix_of_84_x_10_and_10_biases_more():
    assert sum(parameter.numel() for parameter in lenet5_linear().parameters()) == 60_000 + 850


def test_c3_reads_what_the_paper_says_of_table_1():
    def neighbours(count: int) -> set[frozenset[int]]:
        return {frozenset((first + step) % 6 for step in range(count)) for first in range(6)}

    maps = [frozenset(reads) for reads in TABLE]
    assert set(maps[:6]) == neighbours(3)
    assert set(maps[6:12]) == neighbours(4)
    assert {len(reads) for reads in maps[12:15]} == {4}
    assert not set(maps[12:15]) & neighbours(4)
    assert maps[15] == set(range(6))
    assert len(set(maps)) == 16
    assert {sum(channel in reads for reads in maps) for channel in range(6)} == {10}  # a row has ten marks


def test_the_net_computes_what_the_paper_says_map_by_map():
    net = lenet5(seed=3).double()
    state = net.state_dict()
    maps = squash(F.conv2d(IMAGES.double(), state["C1.weight"], state["C1.bias"]))
    maps = squash(subsampled(maps, state, "S2"))
    kernels = iter(state["C3.kernels"])
    sums = [sum(F.conv2d(maps[:, [i]], next(kernels)[None, None]) for i in reads) for reads in TABLE]
    maps = squash(torch.cat(sums, 1) + state["C3.bias"][:, None, None])
    maps = squash(subsampled(maps, state, "S4"))
    features = squash(maps.flatten(1) @ state["C5.weight"].flatten(1).T + state["C5.bias"])
    features = squash(features @ state["F6.weight"].T + state["F6.bias"])
    distances = torch.stack([(features - code).square().sum(1) for code in codes_of(10).double().flatten(1)], 1)
    torch.testing.assert_close(net(IMAGES.double()), -distances)


def subsampled(maps: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    sums = sum(maps[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1))
    return sums * state[f"{name}.coefficient"][:, None, None] + state[f"{name}.bias"][:, None, None]


def test_a_code_is_nearest_to_itself_and_four_a_pixel_away_from_the_others():
    codes = codes_of(10)
    scores = lenet5().output(codes.flatten(1))
    unlike = torch.tensor([[(one != other).sum() for other in codes] for one in codes])
    torch.testing.assert_close(scores, -4.0 * unlike)
    assert (unlike + 84 * torch.eye(10)).min() >= 10


def test_codes_of_other_counts_of_classes_are_random_signs_that_never_change():
    assert set(codes_of(3).unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(codes_of(3), codes_of(3))
    pairs = list(itertools.combinations(codes_of(12).flatten(1), 2))
    assert min((one != other).sum() for one, other in pairs) > 20


def test_weights_and_biases_begin_within_2_4_over_what_their_units_read():
    net = lenet5(seed=0)
    reads = {"C1": 25, "S2": 4, "S4": 4, "C5": 400, "F6": 120}
    for name, count in reads.items():
        for parameter in net.get_submodule(name).parameters():
            assert parameter.abs().max() <= 2.4 / count
    assert net.C5.weight.std().item() == pytest.approx(2.4 / 400 / math.sqrt(3), rel=0.02)  # of a uniform distribution
    for place, kernel in zip([i for i, reads in enumerate(TABLE) for _ in reads], net.C3.kernels, strict=True):
        bound = 2.4 / (25 * len(TABLE[place]))
        assert 0.5 * bound < kernel.abs().max() <= bound


@pytest.mark.parametrize("make", [lenet5, lenet5_linear])
def test_every_step_has_a_form_and_an_explanation_that_closes(make):
    recorded = trace(make(seed=0).eval(), IMAGES[:1])
    assert len(recorded.layers) > 20
    for name in recorded.layers:
        index = [size // 2 for size in recorded[name].output.shape[1:]]
        assert recorded.explain(name, *index).closes, name


@pytest.mark.parametrize("make", [lenet5, lenet5_linear])
def test_it_compiles_without_a_break(make):
    net = make(seed=0)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(IMAGES), net(IMAGES))


def test_larger_images_give_larger_maps_before_f6():
    net = lenet5(classes=4, image_shape=(3, 40, 36))
    assert net.F6.in_features == 120 * 3 * 2  # 40 - 4 = 36, 18, 14, 7, 3 rows; 36 - 4 = 32, 16, 12, 6, 2 columns
    assert net(torch.zeros(2, 3, 40, 36)).shape == (2, 4)


def test_too_small_an_image_is_refused_at_the_window_that_does_not_fit():
    with pytest.raises(
        ShapeError, match=r"images of 28 x 28, of which 4 x 4 are left at C5. A window of 5 .* padding of 1"
    ):
        lenet5(image_shape=(1, 28, 28))


def test_images_of_another_size_than_it_was_built_for_are_refused():
    with pytest.raises(
        ShapeError, match=r"fixed count of numbers. Received .*\(2, 1, 36, 36\) for a LeNet5 of 32 x 32"
    ):
        lenet5()(torch.zeros(2, 1, 36, 36))


def test_another_output_is_refused():
    with pytest.raises(NetError, match=r"distances or is linear. Received output='softmax'. Choose one of the two"):
        _lenet5.LeNet5(output="softmax")


def test_it_comes_back_from_its_file_with_its_codes(tmp_path):
    net = lenet5(seed=1).eval()
    card = NetCard("lenet5", tuple("0123456789"), Preprocessing(1, (28, 28), 2, mean=(0.0,), deviation=(1.0,)))
    save_net(tmp_path / "net.safetensors", net, card)
    back = load_net(tmp_path / "net.safetensors", net=lenet5(seed=2)).net
    assert torch.equal(back(IMAGES), net(IMAGES))


def test_it_learns_in_a_training(tmp_path):
    parts = {"train": digits(1280), "val": digits(100, seed=1), "test": digits(200, seed=2)}
    data = DataSet("some-digits", **parts, classes=tuple("0123456789"), source={})
    run = train(lenet5(seed=0), data, epochs=6, folder=tmp_path / "run", progress=False)
    assert run.accuracy > 0.5  # by chance: 0.1


@pytest.mark.parametrize("classes", [10, 3])
def test_it_is_built_without_memory_for_those_who_only_count(classes):
    with torch.device("meta"):
        net = lenet5(classes=classes)
    assert {parameter.device.type for parameter in net.parameters()} == {"meta"}
