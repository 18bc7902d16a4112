from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from convlens.architectures import LeNet
from convlens.data import Part, Preprocessing, digits, load, load_digits


@pytest.fixture(scope="module")
def part() -> Part:
    return digits(2000, seed=3)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads are slower at this size where tests share the processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sides(image: torch.Tensor) -> tuple[int, int]:
    """Count the rows and columns from the first inked pixel to the last."""
    rows = image.any(1).nonzero()
    columns = image.any(0).nonzero()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def test_images_are_bytes_of_28_by_28_pixels_with_one_channel(part: Part):
    assert part.images.shape == (2000, 1, 28, 28)
    assert part.images.dtype == torch.uint8
    assert part.labels.dtype == torch.int64


def test_ink_is_white_and_paper_is_black(part: Part):
    flat = part.images.flatten(1)
    assert (flat.amax(1) > 200).all()
    assert (flat.float().quantile(0.25, dim=1) == 0).all()


def test_mean_and_deviation_are_near_those_of_mnist(part: Part):
    pixels = part.images / 255
    assert pixels.mean().item() == pytest.approx(0.1307, abs=0.01)  # of the 60,000 training digits of MNIST
    assert pixels.std().item() == pytest.approx(0.3081, abs=0.02)


def test_the_larger_side_of_the_ink_is_20_pixels(part: Part):
    larger = torch.tensor([max(sides(image)) for image in part.images[:, 0]])
    assert larger.max() <= 20
    assert larger.float().mean() > 19.5  # an outermost pixel that is hardly touched rounds to 0


def test_the_centre_of_mass_is_within_half_a_pixel_of_the_middle_where_the_page_has_room(part: Part):
    weight = part.images[:, 0].double()
    at = torch.arange(28, dtype=torch.float64)
    rows = weight.sum(2) @ at / weight.sum((1, 2))
    columns = weight.sum(1) @ at / weight.sum((1, 2))
    # MNIST centres to pixel 14, counted from 0: the means over its training digits are 14.00 and 14.01.
    off = torch.maximum((rows - 14).abs(), (columns - 14).abs())
    assert (off <= 0.5 + 1e-4).double().mean() > 0.99
    assert off.max() < 2  # ink that is all at one end of its 20 pixels stops at the edge of the page


def test_each_ten_digits_are_the_ten_classes(part: Part):
    tens = part.labels.view(-1, 10)
    assert (tens.sort(1).values == torch.arange(10)).all()
    assert len(tens.unique(dim=0)) > 150  # shuffled: 200 orders out of 10! rarely meet


def test_the_same_seed_gives_the_same_bits(part: Part):
    again = digits(2000, seed=3)
    assert torch.equal(again.images, part.images)
    assert torch.equal(again.labels, part.labels)


def test_fewer_digits_are_the_first_of_more(part: Part):
    fewer = digits(1234, seed=3)
    assert torch.equal(fewer.images, part.images[:1234])
    assert torch.equal(fewer.labels, part.labels[:1234])


def test_no_two_digits_are_equal(part: Part):
    other = digits(2000, seed=4)
    images = torch.cat([part.images, other.images]).flatten(1)
    assert len(images.unique(dim=0)) == 4000


def test_a_name_says_seed_and_index(part: Part):
    assert part[17].name == "digits/3:17"
    assert len(part.names) == 2000


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-5, 0), (3, -1)])
def test_a_count_below_1_or_a_negative_seed_is_refused(count: int, seed: int):
    with pytest.raises(ValueError, match=rf"at least 1, .* Received count={count}, seed={seed}\. .* would work"):
        digits(count, seed=seed)


def test_the_parts_of_a_data_set_have_seeds_of_their_own():
    data = load_digits(seed=2, train=30, val=20, test=10)
    assert [part[0].name for part in (data.train, data.val, data.test)] == ["digits/6:0", "digits/7:0", "digits/8:0"]
    assert torch.equal(data.val.images, digits(20, seed=7).images)
    assert data.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert data.source == {
        "generator": "digits",
        "version": 1,
        "seed": 2,
        "counts": {"train": 30, "val": 20, "test": 10},
    }


def test_a_net_that_learnt_from_them_reads_real_digits(mnist_folder: Path, one_thread: None):
    torch.manual_seed(0)
    preprocessing = Preprocessing(1, (28, 28), padding=2, mean=(0.1307,), deviation=(0.3081,))
    learnt, real = digits(10_000), load(mnist_folder).test
    net = LeNet()
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    inputs = preprocessing(learnt.images)
    for _ in range(2):
        for batch in torch.randperm(len(learnt)).split(64):
            loss = F.cross_entropy(net(inputs[batch]), learnt.labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        read = net(preprocessing(real.images)).argmax(1)
    assert (read == real.labels).double().mean() > 0.93
