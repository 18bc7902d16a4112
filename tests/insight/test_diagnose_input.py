"""What the shipped nets are given: as their card says, and in the ways in which it goes wrong."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convlens import architectures, data
from convlens.insight import diagnose


def kinds(net, images, **options):
    return [finding.kind for finding in diagnose(net, images, **options).findings]


@pytest.fixture(scope="module")
def digits():
    return data.digits(90).images  # too few to call a unit dead


@pytest.fixture
def lenet():
    return architectures.open_net("lenet").net


def test_pixels_and_what_the_card_makes_of_them_are_what_the_shipped_net_wants(lenet, digits):
    assert kinds(lenet, digits) == kinds(lenet, lenet.card.preprocessing(digits)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pixels, _: F.pad(pixels, [2] * 4).float(),
        lambda pixels, _: F.pad(pixels, [2] * 4) / 255,
        lambda pixels, card: card.preprocessing(pixels) / 255,
        lambda pixels, card: card.preprocessing(255 - pixels),
    ],
    ids=["0..255", "0..1", "divided twice", "black on white"],
)
def test_what_is_normalised_in_another_way_than_the_card_says_is_found(lenet, digits, spoil):
    finding = diagnose(lenet, spoil(digits, lenet.card)).findings[0]
    assert (finding.kind, finding.layer) == ("wrong normalisation", "input")
    assert finding.figures["pixel 255 becomes"] == pytest.approx(2.8215, abs=1e-3)  # (1 - 0.1307) / 0.3081


def test_sorted_images_are_compared_over_all_of_them():
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6, momentum=None), nn.ReLU()).train()
    images = torch.randn(400, 1, 12, 12) + 4 * torch.arange(400).view(-1, 1, 1, 1) / 400  # ever brighter
    net(images)
    assert kinds(net.eval(), images) == []


def test_one_image_tells_the_mode_where_batch_normalisation_reads_one_place():
    net = nn.Sequential(nn.Conv2d(3, 6, 8), nn.BatchNorm2d(6)).train()
    assert "training mode" in kinds(net, torch.randn(1, 3, 8, 8))


class Scalar(nn.Module):
    """One score an image, without an axis of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3)

    def forward(self, images):
        return self.conv(images).mean((1, 2, 3))


@pytest.mark.parametrize("make", [Scalar, lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())], ids=["score", "maps"])
def test_nets_without_classes_are_no_checkerboards(make):
    assert "checkerboard" not in kinds(make().eval(), torch.randn(8, 3, 24, 24))
