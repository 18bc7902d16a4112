import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from convlens.errors import ShapeError
from convlens.geometry import output_size, window_taps

settings = {
    "size": st.integers(1, 20),
    "kernel_size": st.integers(1, 6),
    "stride": st.integers(1, 4),
    "padding": st.integers(0, 4),
    "dilation": st.integers(1, 3),
}


@given(**settings)
def test_output_size_is_what_torch_makes(size, kernel_size, stride, padding, dilation):
    slide = {"stride": stride, "padding": padding, "dilation": dilation}
    try:
        made = F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size), **slide).shape[-1]
    except RuntimeError:
        with pytest.raises(
            ShapeError, match=r"does not fit into .* Received size=.* A padding of \d+ or more would fit"
        ):
            output_size(size, kernel_size, **slide)
    else:
        assert output_size(size, kernel_size, **slide) == made


@given(**settings)
def test_the_padding_that_an_error_advises_fits_and_one_less_does_not(size, kernel_size, stride, padding, dilation):
    slide = {"stride": stride, "dilation": dilation}
    try:
        output_size(size, kernel_size, padding=padding, **slide)
    except ShapeError as error:
        advised = int(str(error).split("padding of ")[1].split()[0])
        assert output_size(size, kernel_size, padding=advised, **slide) >= 1
        with pytest.raises(ShapeError, match="does not fit"):
            output_size(size, kernel_size, padding=advised - 1, **slide)


@given(**settings)
def test_window_taps_are_the_pixels_that_the_gradient_of_a_convolution_reaches(
    size, kernel_size, stride, padding, dilation
):
    slide = {"stride": stride, "padding": padding, "dilation": dilation}
    if dilation * (kernel_size - 1) + 1 > size + 2 * padding:
        return
    pixels = torch.zeros(1, 1, size, requires_grad=True)
    kernel = torch.arange(1.0, kernel_size + 1).view(1, 1, -1)  # a tap's gradient is its number, from 1
    places = F.conv1d(pixels, kernel, **slide)[0, 0]
    for place in range(len(places)):
        (reached,) = torch.autograd.grad(places[place], pixels, retain_graph=True)
        expected = [(int(tap) - 1, pixel) for pixel, tap in enumerate(reached[0, 0].tolist()) if tap]
        assert window_taps(place, size, kernel_size, **slide) == expected


def test_a_stride_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"stride and dilation are at least 1.*stride=0.*Pass padding=0 for none"):
        output_size(8, 3, stride=0)
