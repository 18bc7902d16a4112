"""Each illness in a net that has it on purpose, and none of them in a healthy one."""

import itertools
import json
import os
import tarfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convlens import architectures, data
from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight import diagnose

IMAGES = 200


def healthy():
    """A small net with every kind of layer that is checked, whose running statistics fit what it reads."""
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.Tanh(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )
    with torch.no_grad():
        for _ in range(30):
            net(torch.randn(IMAGES, 1, 16, 16))
    return net.eval()


def noise(channels=1, size=16):
    return torch.randn(IMAGES, channels, size, size)


def only(diagnosis, kind):
    """The one finding, which is of this kind."""
    assert [finding.kind for finding in diagnosis.findings] == [kind], str(diagnosis)
    return diagnosis.findings[0]


def one(diagnosis, kind):
    """The one finding of this kind, where the illness has others in its train."""
    (finding,) = (finding for finding in diagnosis.findings if finding.kind == kind)
    return finding


def test_a_healthy_net_gives_no_finding_and_every_check_says_what_it_measured():
    found = diagnose(healthy(), noise())
    assert found.findings == ()
    assert len(found.checked) == 14
    assert str(found).startswith("Sequential, 200 images: no findings\n\nChecked\n")


@pytest.mark.parametrize("functional", [False, True])
def test_channels_that_never_fire_are_dead_whether_the_relu_is_a_module_or_a_function(functional):
    net = healthy()
    with torch.no_grad():
        net[5].bias[[3, 7]] = -100.0
    if functional:

        class Functional(nn.Module):
            def __init__(self):
                super().__init__()
                self.parts = net

            def forward(self, images):
                maps = F.relu(self.parts[1](self.parts[0](images)), inplace=True)
                return self.parts[8:](F.relu(self.parts[3:6](maps)))

        found = diagnose(Functional().eval(), noise())
    else:
        found = diagnose(net, noise())
    finding = only(found, "dead units")
    assert finding.layer == ("relu_2" if functional else "6")
    assert finding.channels == (3, 7)
    assert finding.figures == {"channels never above 0": 2, "of": 16, "images": 200, "limit": 0.8}


def test_few_images_call_no_unit_dead():
    net = healthy()
    nn.init.constant_(net[5].bias, -100.0)
    found = diagnose(net, noise()[:99])
    assert "dead units" not in {finding.kind for finding in found.findings}
    assert any("Not checked: 2, 6, which takes 100 images" in line for line in found.checked)


@pytest.mark.parametrize("function", [nn.Tanh(), nn.Sigmoid()])
def test_a_unit_that_lies_where_its_function_is_flat_is_saturated(function):
    net = healthy()
    net[4] = function
    net[3].bias.data[5] = 50.0
    assert one(diagnose(net, noise()), "saturated units").channels == (5,)


def test_sure_answers_of_a_last_sigmoid_are_no_saturation():
    net = nn.Sequential(*healthy(), nn.Sigmoid())
    net[9].bias.data.fill_(50.0)
    assert "saturated units" not in {finding.kind for finding in diagnose(net, noise()).findings}


def test_the_gradient_through_ten_sigmoids_vanishes():
    layers = [layer for _ in range(10) for layer in (nn.Linear(40, 40), nn.Sigmoid())]
    net = nn.Sequential(nn.Flatten(), *layers, nn.Linear(40, 3))
    finding = only(diagnose(net, noise(10, 2)), "vanishing gradients")
    assert finding.figures["ratio"] < 0.25**10 * 40  # each sigmoid's slope is a quarter at most


def test_the_gradient_through_weights_that_are_too_large_explodes():
    layers = [layer for _ in range(10) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    net = nn.Sequential(nn.Conv2d(1, 16, 3), *layers, nn.Flatten(), nn.Linear(16 * 14 * 14, 3))
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=4 * (2 / 144) ** 0.5)  # four times He's: 4**10 is about 10**6
        nn.init.zeros_(layer.bias)
    assert only(diagnose(net, noise()), "exploding gradients").figures["ratio"] > 1e4


def test_the_norms_of_gradients_are_those_of_autograd():
    net, images, labels = healthy(), noise(), torch.arange(IMAGES) % 10
    first = net[0](images[::2][:32]).detach().requires_grad_()
    scores = net[1:](first).gather(1, labels[::2][:32, None]).sum()
    (gradient,) = torch.autograd.grad(scores, first)
    expected = gradient.flatten(1).norm(dim=1).median()
    line = next(line for line in diagnose(net, images, labels=labels).checked if line.startswith("Gradients: norm"))
    assert f"norm {expected:.3g} at 0," in line


def test_filters_that_are_copies_up_to_a_factor_are_found():
    net = healthy()
    with torch.no_grad():
        net[3].weight[9] = -0.5 * net[3].weight[2]
    finding = only(diagnose(net, noise()), "duplicated filters")
    assert (finding.layer, finding.channels, finding.figures["pairs"]) == ("3", (2, 9), 1)


def test_filters_of_other_groups_read_other_maps_and_are_no_copies():
    net = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Flatten())
    nn.init.constant_(net[0].weight, 1.0)
    assert "duplicated filters" not in {finding.kind for finding in diagnose(net, noise(4)).findings}


def test_a_bank_of_few_directions_has_a_low_rank_as_the_singular_values_say():
    net = healthy()
    net[3].weight.data = (torch.randn(16, 2) @ torch.randn(2, 200)).view(16, 8, 5, 5)
    singular = torch.linalg.svdvals(net[3].weight.double().flatten(1))
    shares = singular[:2] / singular[:2].sum()
    finding = one(diagnose(net, noise()), "low rank")
    assert finding.figures["effective rank"] == pytest.approx(
        torch.exp(-(shares * shares.log()).sum()).item(), rel=1e-3
    )


@pytest.mark.parametrize(("kernel", "fewest", "most"), [(3, 1, 4), (5, 4, 9)])
def test_a_kernel_that_its_stride_does_not_divide_makes_a_checkerboard(kernel, fewest, most):
    net = nn.Sequential(OrderedDict(layer=nn.ConvTranspose2d(1, 2, kernel, stride=2)))
    taps = F.conv_transpose2d(torch.ones(1, 1, 9, 9), torch.ones(1, 1, kernel, kernel), stride=2)[0, 0, 6:-6, 6:-6]
    assert (taps.min(), taps.max()) == (fewest, most)
    finding = next(f for f in diagnose(net, noise()).findings if f.layer == "layer")
    assert (finding.figures["fewest taps a number"], finding.figures["most taps"]) == (fewest, most)


def test_maps_that_repeat_with_the_stride_are_a_checkerboard_and_bilinear_ones_are_not():
    net = nn.Sequential(nn.AvgPool2d(5, 1), nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False))
    ramp = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    net[1].weight.data = (ramp[:, None] * ramp[None])[None, None]
    images = noise() + 1
    assert diagnose(net, images).findings == ()
    net[1].weight.data[..., ::2] = 0
    finding = only(diagnose(net, images), "checkerboard")
    output = net(images).detach()
    odd, even = output[..., ::2].mean((2, 3)), output[..., 1::2].mean((2, 3))
    expected = ((odd - even) / 2).square().sum() / output.flatten(2).var(2, correction=0).sum()
    assert finding.figures["share of variance that repeats with the stride"] == pytest.approx(float(expected), rel=0.05)


def test_pixels_that_a_stride_passes_over_are_found_by_their_gradient():
    net = nn.Sequential(nn.Conv2d(1, 8, 1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 3))
    finding = one(diagnose(net, noise()), "checkerboard")
    assert finding.layer == "input"
    assert finding.figures["period in pixels"] == 2
    assert finding.figures["least of the most"] == 0


def test_pixels_to_255_for_a_net_that_wants_normalised_ones_are_found_with_and_without_a_card():
    pixels = torch.randint(0, 256, (IMAGES, 1, 16, 16)).float()
    net = healthy()
    found = [f for f in diagnose(net, pixels).findings if f.kind == "wrong normalisation"]
    assert [f.layer for f in found] == ["input", "1"]
    assert found[0].figures["largest deviation"] == pytest.approx(float(pixels[::2].std()), rel=1e-3)
    card = Preprocessing(1, (16, 16), 0, mean=(0.5,), deviation=(0.29,))
    found = diagnose(net, pixels, preprocessing=card).findings[0]
    assert found.figures["pixel 255 becomes"] == pytest.approx(0.5 / 0.29)
    assert diagnose(net, pixels.to(torch.uint8), preprocessing=card).findings == ()


def test_running_statistics_that_do_not_fit_are_measured():
    net = healthy()
    net[1].running_mean += 5 * net[1].running_var.sqrt()
    finding = one(diagnose(net, noise()), "wrong normalisation")
    assert finding.layer == "1"
    assert finding.figures["median distance of means in deviations"] == pytest.approx(5, abs=0.1)


def test_training_mode_left_on_is_found_and_left_on():
    net = healthy().train()
    finding = only(diagnose(net, noise()), "training mode")
    assert (finding.figures["batch normalisations"], finding.figures["dropouts"]) == (1, 1)
    assert all(module.training for module in net.modules())


def test_training_mode_that_changes_nothing_is_no_finding():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3)).train()
    assert diagnose(net, noise()).findings == ()


def test_a_functional_dropout_that_is_always_on_is_found():
    net = healthy()
    net[7].forward = lambda maps: F.dropout(maps, 0.5)
    assert only(diagnose(net, noise()), "random in evaluation").figures


def test_an_average_over_parts_that_see_less_than_the_image_is_found():
    def averaging(count):
        layers = [layer for _ in range(count) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())]
        pool = nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), *layers, pool, nn.Flatten(), nn.Linear(8, 3))

    finding = only(diagnose(averaging(2), noise()), "receptive field")
    assert finding.figures == {"receptive field": 7, "of": 16}  # three times 3 x 3: 1 + 3 * 2
    assert diagnose(averaging(2), noise(), object_size=7).findings == ()
    assert "receptive field" not in {finding.kind for finding in diagnose(averaging(8), noise()).findings}


def test_numbers_that_are_none_are_found_in_weights_and_where_they_arise():
    net = healthy()
    net[3].weight.data[2, 0, 0, 0] = float("nan")
    first, second = (f for f in diagnose(net, noise()).findings if f.kind == "not finite")
    assert (first.layer, first.figures["numbers that are infinite or none"]) == ("3.weight", 1)
    assert second.layer == "3"
    json.dumps(diagnose(net, noise()).to_json(), allow_nan=False)


def test_the_net_and_torch_are_left_as_they_were():
    net = healthy().train()
    net[3].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images, modes = noise(), [module.training for module in net.modules()]
    state = torch.get_rng_state()
    diagnose(net, images)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert modes == [module.training for module in net.modules()]
    assert torch.equal(state, torch.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(value.grad is None for value in net.parameters())


def test_the_shipped_net_on_real_digits_gives_no_finding(mnist_folder):
    digits = data.load(mnist_folder).val
    found = diagnose(architectures.open_net("lenet").net, digits.images[:3000], labels=digits.labels[:3000])
    assert found.findings == ()
    assert any("Dead units: 4 of 242 channels" in line for line in found.checked)  # counted once by hand


def test_the_shipped_net_of_photos_gives_no_finding_on_real_photos():
    archive = Path(os.environ.get("CONVLENS_DATA", "")) / "cifar10-jpg" / "test.tar.gz"
    if not archive.is_file():
        pytest.skip("CIFAR-10 is not at hand: set CONVLENS_DATA to a folder that holds cifar10-jpg/test.tar.gz")
    images = []
    with tarfile.open(archive) as members:
        for member in itertools.islice(filter(tarfile.TarInfo.isfile, members), 0, 200):
            images.append(data.read_image(members.extractfile(member).read()))
    assert diagnose(architectures.open_net("lenet_four").net, torch.stack(images)).findings == ()


def test_what_cannot_be_diagnosed_is_refused_in_a_sentence():
    with pytest.raises(InsightError, match=r"diagnosed on images.*Received images of shape=\(1, 16, 16\).*unsqueeze"):
        diagnose(healthy(), noise()[0])
    with pytest.raises(InsightError, match=r"one label. Received 200 images and 2 labels. Leave labels out"):
        diagnose(healthy(), noise(), labels=torch.tensor([1, 2]))
    with pytest.raises(InsightError, match=r"index of a score. Received labels from 10 to 10, and 10 scores. Leave"):
        diagnose(healthy(), noise(), labels=torch.full((IMAGES,), 10))
    with pytest.raises(InsightError, match=r"uint8 pixels, for a net that says.*no preprocessing. Pass preproc"):
        diagnose(healthy(), noise().to(torch.uint8))
