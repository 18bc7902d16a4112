"""A window that slides along one axis."""

from convlens.errors import ShapeError


def output_size(
    size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1, ceil: bool = False
) -> int:
    """Count the places that a window can take along one axis.

    Args:
        size: length of the input along this axis, in pixels.
        kernel_size: taps of the kernel along this axis, before dilation.
        stride: pixels from one place of the window to the next.
        padding: pixels added at each end of the axis, not in total.
        dilation: pixels from one tap to the next; 1 puts them side by side.
        ceil: whether a last window may reach beyond the end, as long as it begins on a pixel or on the padding before
            the first. Pooling in Caffe and the networks published with it count so.

    Returns:
        The length of the output along this axis, at least 1.

    Raises:
        ValueError: a value is below its least.
        ShapeError: the window is longer than the padded input.

    Source:
        Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).

    >>> output_size(32, 5)  # LeNet, conv1
    28
    >>> output_size(224, 11, stride=4, padding=2)  # AlexNet, conv1
    55
    >>> output_size(112, 3, stride=2, ceil=True)  # GoogLeNet, pool1
    56
    """
    received = f"Received {size=}, {kernel_size=}, {stride=}, {padding=}, {dilation=}{', ceil=True' if ceil else ''}."
    if min(size, kernel_size, stride, dilation) < 1 or padding < 0:
        raise ValueError(
            f"Size, kernel_size, stride and dilation are at least 1, padding at least 0. {received} "
            "Pass padding=0 for none."
        )
    window = dilation * (kernel_size - 1) + 1
    spare = size + 2 * padding - window
    places = (spare + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (places - 1) * stride >= size + padding:
        places -= 1
    if places < 1:
        missing = -(spare // 2)
        raise ShapeError(
            f"A window of {window} pixels does not fit into {size + 2 * padding}. {received} "
            f"A padding of {padding + missing} or more would fit."
        )
    return places


def window_taps(
    place: int, size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> list[tuple[int, int]]:
    """List the taps of the window at one place that lie inside the input.

    Args:
        place: which place of the window, counted from 0.
        size: length of the input along this axis, in pixels.
        kernel_size: taps of the kernel along this axis, before dilation.
        stride: pixels from one place of the window to the next.
        padding: pixels added at each end of the axis, not in total.
        dilation: pixels from one tap to the next.

    Returns:
        Pairs (tap, pixel), in order. Taps that lie on padding are left out.

    >>> window_taps(0, 5, 3, padding=1)
    [(1, 0), (2, 1)]
    """
    first = place * stride - padding
    return [(tap, pixel) for tap in range(kernel_size) if 0 <= (pixel := first + tap * dilation) < size]


def transposed_taps(
    place: int, size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> list[tuple[int, int]]:
    """List the taps through which the pixels of a transposed window's input reach one place of its output.

    Args:
        place: of the output, counted from 0.
        size: length of the input along this axis, in pixels.
        kernel_size: taps of the kernel along this axis, before dilation.
        stride: places of the output from one pixel to the next.
        padding: places that are cut off at each end of the output, not in total.
        dilation: places from one tap to the next.

    Returns:
        Pairs (tap, pixel), in order of the taps, with pixel * stride - padding + tap * dilation = place.

    Source:
        Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.

    >>> transposed_taps(3, 4, 3, stride=2, padding=1)
    [(0, 2), (2, 1)]
    """
    reached = [(tap, place + padding - tap * dilation) for tap in range(kernel_size)]
    return [(tap, at // stride) for tap, at in reached if at % stride == 0 and 0 <= at // stride < size]
