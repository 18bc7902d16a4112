"""Each illness is found in a net that has it on purpose; shipped nets on real images have none of those illnesses."""

import json
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convlens import architectures, data
from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight import diagnose


def found(kind, net, images, **options):
    """The findings of one kind."""
    return [finding for finding in diagnose(net, images, **options).findings if finding.kind == kind]


def photos(count=120, channels=3, size=16):
    return torch.randn(count, channels, size, size)


@pytest.fixture
def small():
    """A net without an illness that random weights would have."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 8, 5), relu=nn.ReLU(), pool=nn.MaxPool2d(2), flat=nn.Flatten(), fc=nn.Linear(288, 4)
        )
    ).eval()


def test_a_small_net_with_fresh_weights_is_healthy(small):
    report = diagnose(small, photos())
    assert report.findings == ()
    assert str(report).startswith("Sequential, 120 images: no findings")


@pytest.mark.parametrize("channel", [0, 5])
def test_channels_that_never_fire_are_dead(small, channel):
    with torch.no_grad():
        small.conv.bias[channel] = -1000.0
    (finding,) = found("dead units", small, photos())
    assert (finding.layer, finding.channels) == ("relu", (channel,))
    assert "2.50% of such images" in finding.meaning  # 3 / 120, the rule of three


def test_few_images_do_not_call_a_unit_dead(small):
    nn.init.constant_(small.conv.bias, -1000.0)
    report = diagnose(small, photos(99))
    assert not [finding for finding in report.findings if finding.kind == "dead units"]
    assert any("takes 100 images and more; there are 99" in line for line in report.checked)


def test_dead_units_of_a_functional_relu_in_place_are_found():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, images):
            return F.relu_(self.conv(images)).mean((2, 3))

    net = Functional().eval()
    nn.init.constant_(net.conv.bias[2:3], -1000.0)
    (finding,) = found("dead units", net, photos())
    assert (finding.layer, finding.channels) == ("relu", (2,))


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid])
def test_units_where_the_function_is_flat_are_saturated(activation):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), activation(), nn.Conv2d(4, 2, 3)).eval()
    assert not found("saturated units", net, photos())
    with torch.no_grad():
        net[0].weight[1] *= 1e6
    (finding,) = found("saturated units", net, photos())
    assert (finding.layer, finding.channels) == ("1", (1,))


def deep(activation, scale):
    layers = []
    for _ in range(12):
        layers += [nn.Conv2d(6, 6, 3, padding=1, bias=False), activation()]
        nn.init.normal_(layers[-2].weight, std=scale * (2 / 54) ** 0.5)  # of scale 1: He et al. (2015) for ReLU
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * 144, 3)).eval()


@pytest.mark.parametrize(
    ("activation", "scale", "kind"),
    [
        (nn.Sigmoid, 1.0, "vanishing gradients"),
        (nn.ReLU, 0.3, "vanishing gradients"),
        (nn.ReLU, 4.0, "exploding gradients"),
        (nn.ReLU, 1.0, None),
    ],
)
def test_gradients_that_fade_or_grow_with_depth_are_found(activation, scale, kind):
    report = diagnose(deep(activation, scale), photos(8, channels=6, size=12))
    kinds = [finding.kind for finding in report.findings if "gradients" in finding.kind]
    assert kinds == ([] if kind is None else [kind])


def test_the_norms_of_gradients_are_autograds(small):
    images = photos(1)
    (finding,) = found("vanishing gradients", nn.Sequential(small, nn.Flatten(), Shrink(), nn.Linear(4, 2)), images)
    assert finding.layer == "0.conv"
    assert finding.figures["ratio"] == pytest.approx(finding.figures["norm at 0.conv"] / finding.figures["norm at 3"])
    assert finding.figures["norm at 3"] == 1.0  # of the score by itself


class Shrink(nn.Module):
    def forward(self, scores):
        return scores * 1e-9


def test_filters_that_are_the_same_up_to_a_factor_are_duplicates(small):
    with torch.no_grad():
        small.conv.weight[6] = -2 * small.conv.weight[1]
    (finding,) = found("duplicated filters", small, photos(8))
    assert (finding.layer, finding.channels) == ("conv", (1, 6))
    assert finding.figures["highest |cosine|"] == pytest.approx(1, abs=1e-5)


def test_a_bank_that_mixes_two_filters_has_effective_rank_2():
    net = nn.Conv2d(3, 24, 5).eval()
    nn.init.zeros_(net.weight)
    angles = torch.arange(24) * torch.pi / 24  # half a turn in equal parts: both directions weigh the same
    with torch.no_grad():
        net.weight[:, 0, 1, 1], net.weight[:, 2, 3, 0] = angles.cos(), angles.sin()
    (finding,) = found("low rank", nn.Sequential(net), photos(8))
    assert finding.figures["effective rank"] == pytest.approx(2, abs=1e-4)
    assert finding.figures["of"] == 24


@pytest.mark.parametrize(("kernel", "counts"), [(3, (1, 4)), (5, (4, 9)), (2, None), (4, None)])
def test_a_transposed_kernel_not_divisible_by_its_stride_makes_a_checkerboard(kernel, counts):
    net = nn.Sequential(nn.ConvTranspose2d(3, 2, kernel, stride=2)).eval()
    findings = [one for one in found("checkerboard", net, photos(8)) if "kernel" in one.figures]
    if counts is None:
        assert not findings
    else:  # counted: a convolution of ones with ones
        ones = F.conv_transpose2d(torch.ones(1, 1, 9, 9), torch.ones(1, 1, kernel, kernel), stride=2)[..., 6:12, 6:12]
        assert (int(ones.min()), int(ones.max())) == counts
        assert tuple(findings[0].figures[name] for name in ("fewest taps a number", "most taps")) == counts


def test_a_stride_longer_than_its_kernel_leaves_pixels_unread():
    net = nn.Sequential(nn.Conv2d(3, 4, 1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3)).eval()
    (finding,) = found("checkerboard", net, photos(8))
    assert finding.layer == "input"
    assert finding.figures["least of the most"] == 0


@pytest.fixture
def lenet():
    return architectures.open_net("lenet").net


@pytest.fixture(scope="module")
def digits():
    return data.digits(100).images


@pytest.mark.parametrize(
    "spoil",
    [
        lambda net, pixels: F.pad(pixels, [2] * 4).float(),  # 0..255
        lambda net, pixels: F.pad(pixels, [2] * 4) / 255,  # mean not taken away
        lambda net, pixels: net.card.preprocessing(pixels) / 255,
        lambda net, pixels: net.card.preprocessing(255 - pixels),  # black on white
    ],
    ids=["0..255", "0..1", "divided twice", "inverted"],
)
def test_images_that_are_not_normalised_as_the_card_says_are_found(lenet, digits, spoil):
    assert not found("wrong normalisation", lenet, digits)
    (finding,) = found("wrong normalisation", lenet, spoil(lenet, digits))
    assert finding.figures["pixel 255 becomes"] == pytest.approx(2.8215, abs=1e-3)  # (1 - 0.1307) / 0.3081


def test_pixels_of_0_to_255_are_found_where_the_net_has_no_card(small):
    assert not found("wrong normalisation", small, torch.rand(8, 3, 16, 16))
    (finding,) = found("wrong normalisation", small, torch.randint(0, 256, (8, 3, 16, 16)).float())
    assert finding.figures["most"] == 255


def test_batch_normalisation_that_knows_other_images_is_found():
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, momentum=None), nn.ReLU()).train()
    net(photos())
    net.eval()
    assert not found("wrong normalisation", net, photos())
    (finding,) = found("wrong normalisation", net, 5 * photos())
    assert finding.layer == "1"
    assert finding.figures["median ratio of deviations"] == pytest.approx(5, rel=0.05)


def test_training_mode_left_on_is_found_and_left_on():
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    (finding,) = found("training mode", net, photos(8))
    assert finding.figures["batch normalisations"] == finding.figures["dropouts"] == 1
    assert not found("training mode", net.eval(), photos(8))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_one_image_is_enough_where_training_mode_normalises_a_single_place():
    net = nn.Sequential(nn.Conv2d(3, 6, 16), nn.BatchNorm2d(6)).train()
    assert found("training mode", net, photos(1))


def test_dropout_that_evaluation_does_not_stop_is_found():
    class Forgetful(nn.Sequential):
        def forward(self, images):
            return F.dropout(super().forward(images))

    (finding,) = found("random in evaluation", Forgetful(nn.Conv2d(3, 4, 3)).eval(), photos(8))
    assert "training=self.training" in finding.advice


def test_a_receptive_field_smaller_than_the_object_is_found():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1)).eval()
    (finding,) = found("receptive field", nn.Sequential(net[:3]), photos(8), object_size=9)
    assert finding.figures == {"receptive field": 5, "of": 9}  # 3 + 2
    assert not found("receptive field", nn.Sequential(net[:3]), photos(8), object_size=5)


def test_weights_and_activations_that_are_not_finite_are_found(small):
    with torch.no_grad():
        small.fc.weight[2, :3] = float("nan")
    weights, activations = found("not finite", small, photos(8))
    assert (weights.layer, weights.figures) == ("fc.weight", {"numbers that are infinite or none": 3, "of": 1152})
    assert (activations.layer, activations.figures) == ("fc", {"numbers that are infinite or none": 8, "of": 32})


def test_the_shipped_net_of_digits_is_healthy_on_mnist_but_for_units_that_never_fire(lenet, mnist_folder):
    known = data.load(mnist_folder)
    report = diagnose(lenet, known.test.images[:500], labels=known.test.labels[:500])
    assert {finding.kind for finding in report.findings} <= {"dead units"}
    with torch.no_grad():
        fires = lenet[: list(dict(lenet.named_children())).index("relu4") + 1](
            lenet.card.preprocessing(known.test.images[:500])
        )
    dead = tuple((fires.amax(0) <= 0).nonzero().flatten().tolist())
    assert [finding.channels for finding in report.findings if finding.layer == "relu4"] == ([dead] if dead else [])


def test_the_net_and_torch_are_left_as_they_were():
    net = architectures.open_net("lenet_four").net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    state, modes = torch.get_rng_state(), [module.training for module in net.modules()]
    diagnose(net, images)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [module.training for module in net.modules()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_a_diagnosis_is_plain_data_whatever_its_numbers(small):
    nn.init.constant_(small.conv.weight, float("inf"))
    record = json.loads(json.dumps(diagnose(small, photos(8)).to_json(), allow_nan=False))
    assert record["net"] == "Sequential"
    assert record["findings"][0]["kind"] == "not finite"


def test_images_that_cannot_be_read_are_refused_in_a_sentence(small):
    with pytest.raises(InsightError, match=r"image, channel, row, column.*shape=\(3, 16, 16\).*unsqueeze"):
        diagnose(small, photos(1)[0])
    with pytest.raises(InsightError, match=r"Each image has one label\. Received 8 images and 2 labels\. Leave labels"):
        diagnose(small, photos(8), labels=torch.tensor([0, 1]))
    with pytest.raises(InsightError, match=r"uint8 pixels.*dtype=torch.uint8, no preprocessing.*Pass"):
        diagnose(small, torch.zeros(8, 3, 16, 16, dtype=torch.uint8))
    with pytest.raises(InsightError, match=r"dtype=torch.int64, a preprocessing"):
        diagnose(small, torch.zeros(8, 3, 16, 16, dtype=torch.int64), preprocessing=PLAIN)


PLAIN = Preprocessing(3, (16, 16), 0, mean=(0.5,) * 3, deviation=(0.25,) * 3)
