"""Surveys against naive loops, for any number of processes, and after kills."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from convlens.data import Part, Preprocessing
from convlens.errors import SurveyError
from convlens.insight import open_survey, survey
from convlens.insight._survey_totals import Totals, add_pair, as_pair, bin_edges

PLAIN = Preprocessing(1, (12, 12), 0, mean=(0.5,), deviation=(0.25,))


def small_net():
    torch.manual_seed(3)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 4, 3, padding=1),
            relu1=nn.ReLU(inplace=True),
            pool=nn.MaxPool2d(2),
            conv2=nn.Conv2d(4, 6, 3),
            relu2=nn.ReLU(inplace=True),
            flat=nn.Flatten(),
            scores=nn.Linear(96, 3),
        )
    )


def images(count=300):
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randint(0, 256, (count, 1, 12, 12), dtype=torch.uint8, generator=generator)
    return Part(pixels, torch.arange(count) % 3, names=[f"image {index}" for index in range(count)])


def dump(path):
    with sqlite3.connect(path) as database:
        return list(database.iterdump())


@pytest.fixture
def surveyed(tmp_path):
    net, data = small_net(), images()
    net.card = type("Card", (), {"classes": ("a", "b", "c"), "preprocessing": PLAIN})()
    found = survey(net, data, file=tmp_path / "one.survey")
    with torch.no_grad():
        after = net[:2](PLAIN(data.images)).double().numpy()  # all images at once
    return net, data, found, after


def test_each_block_is_recorded_behind_its_activation(surveyed):
    assert surveyed[2].layers == ["relu1", "relu2", "scores"]


def test_moments_and_extremes_are_those_of_all_numbers(surveyed):
    *_, found, maps = surveyed
    for channel in range(4):
        numbers, row = maps[:, channel], found.channel("relu1", channel)
        assert row.units == numbers.size
        # Sums of one map are taken in float32, whose rounding is 6e-8.
        assert row.mean == pytest.approx(numbers.mean(), rel=1e-6)
        assert row.variance == pytest.approx(numbers.var(), rel=1e-5)
        assert row.minimum == numbers.min()
        assert row.maximum == pytest.approx(numbers.max(), rel=1e-6)
        assert row.sparsity == pytest.approx((numbers < 2**-16).mean(), abs=1e-4)


def test_the_histogram_counts_every_unit_in_its_bin(surveyed):
    *_, found, maps = surveyed
    halves = maps[:, 2].astype(np.float16).astype(np.float64)
    for low, high, count in found.histogram("relu1", 2):
        # A unit at the edge of rounding may differ in its last bit between batches of different sizes.
        assert count == pytest.approx(((halves >= low) & (halves < high)).sum(), abs=2)
    assert sum(count for *_, count in found.histogram("relu1", 2)) == halves.size


def test_negative_numbers_have_bins_of_their_own(surveyed):
    net, data, found, _ = surveyed
    with torch.no_grad():
        scores = net(PLAIN(data.images))[:, 1].half().double().numpy()
    bins = found.histogram("scores", 1)
    assert sum(count for low, _, count in bins if low < 0) == (scores < 0).sum() > 0
    for low, high, count in bins:
        inside = (scores >= low) & (scores < high) if low >= 0 else (scores > low) & (scores <= high)
        assert count == pytest.approx(inside.sum(), abs=2)


def test_bins_double_in_four_steps():
    edges = bin_edges()
    assert {1.0, 1.25, 1.5, 1.75, 2.0, 2.5, -1.25} <= set(edges.tolist())
    assert len(edges) == 257


def test_class_means_are_the_means_over_a_classs_images(surveyed):
    _, data, found, maps = surveyed
    for label in range(3):
        expected = maps[data.labels.numpy() == label].mean((0, 2, 3))
        assert found.class_means("relu1")[:, label] == pytest.approx(expected, rel=1e-6)


def test_top_patches_are_the_highest_units_one_an_image(surveyed):
    _, _, found, maps = surveyed
    highest = maps[:, 1].reshape(len(maps), -1)
    order = np.argsort(-highest.max(1), kind="stable")[:9]
    top = found.top("relu1", 1)
    assert [patch.image for patch in top] == order.tolist()
    assert [patch.place for patch in top] == [divmod(int(highest[image].argmax()), 12) for image in order]


def test_a_patch_is_what_changes_the_winning_unit(surveyed):
    _, data, found, _ = surveyed
    for patch in found.top("relu2", 0)[:2]:
        image = PLAIN(data.images[patch.image])[None].double().requires_grad_()
        bare = small_net().double()
        reading = nn.AvgPool2d(2)  # reads all that a max pool may read
        before = bare.conv2(reading(bare.conv1(image)))
        (gradient,) = torch.autograd.grad(before[0, 0][patch.place], image)
        rows, columns = (np.flatnonzero(gradient[0, 0].abs().sum(axis).numpy()) for axis in (1, 0))
        assert patch.rows == (rows[0], rows[-1] + 1)
        assert patch.columns == (columns[0], columns[-1] + 1)
        expected = data.images[patch.image][:, slice(*patch.rows), slice(*patch.columns)]
        assert torch.equal(patch.pixels, expected.expand(3, -1, -1))


def test_several_processes_write_the_same_file(surveyed, tmp_path, monkeypatch):
    net, data, *_ = surveyed
    for processes in (2, 3):
        path = tmp_path / f"{processes}.survey"
        monkeypatch.setenv("WORLD_SIZE", str(processes))
        for rank in reversed(range(processes)):
            monkeypatch.setenv("RANK", str(rank))
            found = survey(net, data, file=path)
            assert (found is None) == (rank > 0)
        assert dump(path) == dump(tmp_path / "one.survey")


_SLOW = """
import sys, time, torch
sys.path.insert(0, sys.argv[1])
import test_survey as t
from convlens.insight import survey, _survey
torch.set_num_threads(1)
_survey._KEEP_EVERY = 0.0
class Slow:
    def __init__(self, part): self.part = part
    def __len__(self): return len(self.part)
    def __getitem__(self, index):
        time.sleep(0.0005)
        return self.part[index]
net = t.small_net()
net.card = type("Card", (), {"classes": ("a", "b", "c"), "preprocessing": t.PLAIN})()
print("ready", flush=True)
survey(net, Slow(t.images(2000)), file=sys.argv[2])
"""


@pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX does")
def test_a_survey_killed_at_random_moments_ends_with_the_same_rows(tmp_path):
    command = [sys.executable, "-c", _SLOW, os.path.dirname(__file__)]
    subprocess.run([*command, str(tmp_path / "straight")], check=True, timeout=120)
    for _ in range(2):
        process = subprocess.Popen([*command, str(tmp_path / "killed")], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(random.uniform(0.1, 0.8))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    subprocess.run([*command, str(tmp_path / "killed")], check=True, timeout=120)
    assert dump(tmp_path / "killed") == dump(tmp_path / "straight")


def test_another_net_does_not_go_on_with_a_file(surveyed, tmp_path):
    net, data, *_ = surveyed
    with torch.no_grad():
        net.conv1.bias += 1
    with pytest.raises(SurveyError, match=r"goes on with the same net.*of another weights.*Name another file"):
        survey(net, data, file=tmp_path / "one.survey")


def test_an_unknown_layer_is_refused_with_the_known_ones(surveyed, tmp_path):
    net, data, *_ = surveyed
    with pytest.raises(SurveyError, match=r"A layer is a module.*Received layers=\['cnv1'\]. There are: conv1, relu1"):
        survey(net, data, file=tmp_path / "other.survey", layers=["cnv1"])


@pytest.mark.parametrize("cut", [0, 100, 5000, -2000])
def test_a_truncated_file_is_refused(surveyed, tmp_path, cut):
    content = (tmp_path / "one.survey").read_bytes()
    (tmp_path / "cut.survey").write_bytes(content[:cut])
    with pytest.raises(SurveyError, match=r"whole SQLite database.*cut\.survey.*Write it anew"):
        open_survey(tmp_path / "cut.survey")


def test_a_dead_channel_is_found(tmp_path):
    net = small_net()
    with torch.no_grad():
        net.conv1.bias[2] = -100
    found = survey(net, images(40), file=tmp_path / "dead.survey", preprocessing=PLAIN)
    assert [(channel.layer, channel.channel) for channel in found.dead()] == [("relu1", 2)]
    assert found.channel("relu1", 2).variance == 0


def random_totals(seed):
    random = np.random.default_rng(seed)
    totals = Totals.empty(3, classes=2, top=4)
    totals.sums = as_pair(random.normal(size=3) * 10.0 ** random.integers(-9, 9))
    totals.images += 5
    totals.top_values = -np.sort(-random.integers(0, 4, (3, 4)), axis=1).astype(np.float32)
    totals.top_images = np.sort(random.permutation(12).reshape(3, 4)) * 1000 + seed % 1000
    return totals


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=3, unique=True))
def test_merging_is_associative(seeds):
    left, right = random_totals(seeds[0]), random_totals(seeds[0])
    middle = random_totals(seeds[1])
    left.merge(middle)
    left.merge(random_totals(seeds[2]))
    middle = random_totals(seeds[1])
    middle.merge(random_totals(seeds[2]))
    right.merge(middle)
    assert np.array_equal(left.sums.sum(0), right.sums.sum(0))
    assert np.array_equal(left.top_values, right.top_values)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=40))
def test_pairs_add_up_as_fractions_do(numbers):
    from fractions import Fraction

    total = np.zeros((2, 1))
    for number in numbers:
        add_pair(total, as_pair(np.array([number])))
    exact = float(sum(map(Fraction, numbers)))
    size = float(sum(abs(Fraction(number)) for number in numbers))
    assert total.sum() == pytest.approx(exact, rel=2e-16, abs=size * 1e-29)
