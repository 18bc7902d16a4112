"""Feature visualisation, against nets whose best picture is known, autograd, and natural and random images."""

import io

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from convlens import architectures, data
from convlens.data import Preprocessing
from convlens.errors import InsightError
from convlens.insight import Ascent, visualise

QUICK = Ascent(steps=40)


def plain(channels, *size):
    return Preprocessing(channels, size, 0, mean=(0.5,) * channels, deviation=(0.25,) * channels)


@pytest.fixture
def lenet():
    return architectures.open_net("lenet").net


def test_a_class_that_weighs_pixels_is_drawn_as_its_weights():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * 6 * 7, 3))
    still = Ascent(steps=200, jitter=0, turn=0, scale=0, fourier=False)
    drawn = visualise(net, "output", 1, preprocessing=plain(2, 6, 7), ascent=still)
    weight = net[1].weight[1].view(2, 6, 7)
    heavy = weight.abs() > 0.01  # a step's length does not depend on the gradient's
    assert heavy.sum() > 60
    assert torch.equal(drawn.images[0][heavy] > 128, (weight > 0)[heavy])  # a linear score is best at the corners


def test_the_values_are_those_that_the_net_makes_of_the_written_pixels(lenet):
    drawn = visualise(lenet, "relu2", 3, count=2, ascent=QUICK)
    with torch.no_grad():
        expected = lenet[:5](lenet.card.preprocessing(drawn.images))[:, 3].mean((1, 2))
    assert torch.allclose(drawn.after, expected, rtol=1e-5)
    assert drawn.history.shape == (40, 2)


def test_a_unit_is_named_by_channel_row_and_column(lenet):
    drawn = visualise(lenet, "conv2", 3, 4, 5, ascent=QUICK)
    with torch.no_grad():
        expected = lenet[:4](lenet.card.preprocessing(drawn.images))[0, 3, 4, 5]
    assert drawn.after.item() == pytest.approx(expected.item(), rel=1e-5)
    assert drawn.after > drawn.before


@pytest.mark.parametrize("channel", [0, 3, 5])
def test_a_channel_of_the_shipped_net_reacts_more_than_to_500_noises_as_smooth_as_photos(lenet, channel):
    drawn = visualise(lenet, "relu1", channel)
    frequency = torch.hypot(torch.fft.fftfreq(28)[:, None], torch.fft.rfftfreq(28)[None]).clamp(min=1 / 28)
    noise = torch.fft.irfft2(torch.randn(500, 1, 28, 15, dtype=torch.complex64) / frequency, s=(28, 28))
    pixels = ((noise / noise.std() + 2).clamp(0, 4) * 63.75).to(torch.uint8)
    with torch.no_grad():
        values = lenet[:2](lenet.card.preprocessing(pixels))[:, channel].mean((1, 2))
    assert drawn.after > values.max()


def test_channels_of_the_shipped_net_react_more_than_to_500_real_digits(lenet, mnist_folder):
    digits = data.load(mnist_folder).test.images[:500]
    with torch.no_grad():
        real = lenet[:5](lenet.card.preprocessing(digits)).mean((2, 3)).amax(0)
    for channel in (0, 3, 7, 13):
        assert visualise(lenet, "relu2", channel).after > real[channel]


def roughness(images):
    """Share of the energy above a quarter of a cycle a pixel."""
    energy = torch.fft.fft2(images.double() - images.double().mean((2, 3), keepdim=True)).abs().square()
    rows, columns = (torch.fft.fftfreq(size).abs() for size in images.shape[2:])
    high = torch.hypot(rows[:, None], columns[None]) > 0.25
    return float(energy[..., high].sum() / energy.sum())


def test_frequencies_make_a_smoother_picture_than_pixels_that_move_alone():
    net = architectures.open_net("lenet_four").net
    smooth = visualise(net, "output", "ship", ascent=QUICK)
    rough = visualise(net, "output", "ship", ascent=Ascent(steps=40, fourier=False, jitter=0, turn=0, scale=0))
    assert roughness(smooth.images) < 0.5 * roughness(rough.images)


def test_several_pictures_of_a_channel_are_less_alike_with_the_term_for_diversity():
    net = architectures.open_net("lenet_four").net

    def mean_cosine(diversity):
        images = visualise(net, "relu2_1", 5, count=3, ascent=Ascent(steps=60, diversity=diversity)).images
        with torch.no_grad():
            maps = net[:10](net.card.preprocessing(images)).flatten(2)
        grams = [(one @ one.T).flatten() for one in maps]
        pairs = [F.cosine_similarity(grams[a], grams[b], dim=0) for a, b in ((0, 1), (0, 2), (1, 2))]
        return float(sum(pairs)) / 3

    assert mean_cosine(3.0) < mean_cosine(0.0) - 0.05


def test_the_same_seed_draws_the_same_and_another_seed_another(lenet):
    first, again, other = (visualise(lenet, "relu2", 1, seed=seed, ascent=QUICK).images for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_net_and_torch_are_left_as_they_were():
    net = architectures.open_net("lenet_four").net.train()
    net.drop.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state, modes = torch.get_rng_state(), [module.training for module in net.modules()]
    visualise(net, "output", 0, ascent=Ascent(steps=2))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [module.training for module in net.modules()]
    assert all(value.grad is None for value in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())


def test_it_works_where_gradients_are_switched_off(lenet):
    with torch.inference_mode():
        assert visualise(lenet, "relu2", 3, ascent=QUICK).after > 0


@pytest.mark.parametrize(("channels", "size"), [(1, (9, 14)), (4, (16, 12)), (7, (11, 11))])
def test_any_channels_and_sizes_are_drawn(channels, size):
    net = nn.Sequential(nn.Conv2d(channels, 5, 3), nn.ReLU(inplace=True), nn.Conv2d(5, 2, 3))
    drawn = visualise(net, "0", 2, preprocessing=plain(channels, *size), count=2, ascent=QUICK)
    assert drawn.images.shape == (2, channels, *size)
    assert (drawn.after > drawn.before).all()


def test_the_layer_is_read_before_an_operator_in_place_overwrites_it():
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(inplace=True))
    nn.init.constant_(net[0].weight, -1.0)
    nn.init.constant_(net[0].bias, -100.0)
    assert visualise(net, "0", 0, preprocessing=plain(1, 8, 8), ascent=QUICK).after < 0


def test_the_second_call_of_a_module_is_named_as_in_a_trace():
    relu = nn.ReLU()
    net = nn.Sequential()
    net.add_module("first", nn.Conv2d(1, 2, 3))
    net.add_module("relu", relu)
    net.add_module("second", nn.Conv2d(2, 4, 3))
    net.forward = lambda images: relu(net.second(relu(net.first(images))))  # four maps, of which relu has but two
    drawn = visualise(net, "relu_2", 3, preprocessing=plain(1, 9, 9), ascent=QUICK)
    assert drawn.index == (3,)


def test_a_dead_channel_is_given_a_reason_and_the_start():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    nn.init.constant_(net[0].bias, -1000.0)
    drawn = visualise(net, "1", 2, preprocessing=plain(3, 12, 12))
    assert drawn.reason is not None
    assert "none has a gradient; the value stays 0." in drawn.reason
    assert drawn.after.item() == 0
    assert len(drawn.history) == 0


def test_a_net_that_says_nothing_of_its_pixels_is_given_a_stated_range():
    net = nn.Conv2d(3, 2, 3)
    net.image_shape = (3, 8, 8)
    drawn = visualise(nn.Sequential(net), "0", 0, preprocessing=plain(3, 8, 8), ascent=QUICK)
    assert drawn.notes == ()
    assert "so -2 to 2" in str(visualise(net, "output", 0, ascent=QUICK))


def test_colours_are_measured_in_given_photos():
    ramp = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    photos = torch.cat([ramp, ramp, 0 * ramp], 1)  # the third channel never changes
    drawn = visualise(nn.Conv2d(3, 2, 3), "output", 0, preprocessing=plain(3, 8, 8), colours=photos, ascent=QUICK)
    red, green, blue = drawn.images[0]
    assert torch.equal(red, green)
    assert blue.unique().numel() == 1


def test_the_file_shows_every_pixel_as_a_square_and_every_picture(tmp_path, lenet):
    drawn = visualise(lenet, "relu2", 1, count=2, ascent=Ascent(steps=2))
    drawn.save(tmp_path / "a.png")
    picture = Image.open(tmp_path / "a.png")
    assert picture.size == (2 * 140 + 2, 140)  # 28 pixels, each 5 x 5, are the first multiple from 128 on
    assert picture.getpixel((142 + 5 * 3 + 2, 5 * 9 + 2)) == (int(drawn.images[1, 0, 9, 3]),) * 3
    assert Image.open(io.BytesIO(drawn._repr_png_())).size == picture.size


def test_what_is_not_there_is_refused_in_a_sentence(lenet, tmp_path):
    with pytest.raises(InsightError, match=r"named by its module's path.*layer='conv9'.*There are: conv1, relu1"):
        visualise(lenet, "conv9", 0)
    with pytest.raises(InsightError, match=r"below \(16, 10, 10\)\. Received index=\(16,\)"):
        visualise(lenet, "conv2", 16)
    with pytest.raises(InsightError, match=r"a class also a name.*Received 'cat'.*Classes: 0, 1, 2"):
        visualise(lenet, "output", "cat")
    with pytest.raises(InsightError, match=r"One picture is drawn, or several. Received count=0. Pass 1 or more"):
        visualise(lenet, "conv2", 0, count=0)
    with pytest.raises(InsightError, match=r"has the size that the net reads.*Received a Conv2d.*Pass preprocessing="):
        visualise(nn.Conv2d(3, 2, 3), "output", 0)
    with pytest.raises(InsightError, match=r"one step or more.*steps=0.*Ascent\(\) has values"):
        Ascent(steps=0)
    with pytest.raises(InsightError, match=r"PNG file in a folder that is there. Received path='.*a\.gif'.*a\.png"):
        visualise(lenet, "conv2", 0, ascent=Ascent(steps=1)).save(tmp_path / "a.gif")
    lenet.conv1.weight.data[0, 0, 0, 0] = float("nan")
    with pytest.raises(InsightError, match=r"finite numbers. Received value=nan of 'output'.*diagnose"):
        visualise(lenet, "output", 0)


def test_a_net_of_one_score_without_an_axis_is_drawn_too():
    class Scalar(nn.Conv2d):
        def forward(self, images):
            return super().forward(images).mean((1, 2, 3))

    drawn = visualise(Scalar(3, 1, 3), "output", 0, preprocessing=plain(3, 8, 8), ascent=QUICK)
    assert drawn.after > drawn.before
