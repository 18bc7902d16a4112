import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.errors import ShapeError
from convlens.geometry import Reach, window_taps

CONV = (3, 1, 1)  # kernel, stride, padding
HALVED = (3, 2, 1)
POINT = (1, 1, 0)
POOL = (2, 2, 0)

# Published: Araujo, Norris and Sim (2019), the table of the nets of TF-Slim. Its AlexNet is that of 2014; its ResNets
# halve in the last unit of a block. Their 1 x 1 convolutions are left out: they change no field.
ALEXNET = [(11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0), CONV, CONV, CONV, (3, 2, 0)]
VGG_16 = [CONV, CONV, POOL] * 2 + [CONV, CONV, CONV, POOL] * 3


def resnet(*units):
    *halved, last = units
    return (
        [(7, 2, 3), HALVED] + [layer for count in halved for layer in [CONV] * (count - 1) + [HALVED]] + [CONV] * last
    )


@pytest.mark.parametrize(
    ("layers", "size", "stride"),
    [
        (ALEXNET, 195, 32),
        (VGG_16, 212, 32),
        (resnet(3, 4, 6, 3), 483, 32),
        (resnet(3, 4, 23, 3), 1027, 32),
        (resnet(3, 8, 36, 3), 1507, 32),
    ],
    ids=["AlexNet", "VGG-16", "ResNet-50", "ResNet-101", "ResNet-152"],
)
def test_a_chain_of_windows_has_the_published_receptive_field(layers, size, stride):
    reach = after(layers)
    assert (reach.size, reach.jump) == (size, stride)


def test_padding_moves_the_field_as_published():
    assert after(VGG_16).first == -90  # "effective padding" 90 of VGG-16, Araujo, Norris and Sim (2019)


def test_the_branches_of_inception_reach_as_far_as_their_widest():
    before = Reach(first=-3, size=7, jump=2)
    branches = [[POINT], [POINT, CONV], [POINT, (5, 1, 2)], [CONV, POINT]]
    joined = before.after_window(1)
    for branch in branches:
        joined = joined.joined_with(after(branch, before))
    assert joined == before.after_window(5, padding=2)


@st.composite
def chains(draw):
    window = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
    return draw(st.lists(window, min_size=1, max_size=4))


@given(chain=chains(), place=st.integers(0, 4))
def test_the_field_is_from_the_first_to_the_last_pixel_that_the_taps_lead_to(chain, place):
    reach = Reach()
    for kernel_size, stride, padding, dilation in chain:
        reach = reach.after_window(kernel_size, stride=stride, padding=padding, dilation=dilation)
    units = {place}
    for kernel_size, stride, padding, dilation in reversed(chain):
        # An input that is moved far away from its ends, so that no tap lies outside.
        far = 10_000 * stride
        units = {
            pixel - far
            for unit in units
            for _, pixel in window_taps(
                unit + 10_000, 10**9, kernel_size, stride=stride, padding=padding, dilation=dilation
            )
        }
    assert (min(units), max(units)) == (
        reach.first + place * reach.jump,
        reach.first + place * reach.jump + reach.size - 1,
    )


def test_branches_of_different_strides_are_refused():
    with pytest.raises(ShapeError, match=r"steps of one length. Received jump=2, 4. Give both branches the same"):
        Reach(jump=2).joined_with(Reach(jump=4))


def test_a_window_without_taps_is_refused():
    with pytest.raises(ValueError, match=r"at least 1. Received kernel_size=0, stride=1, dilation=1. Pass 1"):
        Reach().after_window(0)


def after(layers, reach=None):
    reach = reach or Reach()
    for kernel_size, stride, padding in layers:
        reach = reach.after_window(kernel_size, stride=stride, padding=padding)
    return reach
