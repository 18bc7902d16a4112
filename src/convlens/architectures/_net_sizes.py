"""Rows and columns on their way through the windows of a written net."""

from bisect import bisect_left

from torch import nn

from convlens.architectures._blocks import TrainedSubsampling
from convlens.errors import ShapeError
from convlens.geometry import output_size

Shape = tuple[int, ...]  # channels, rows, columns of maps, or the length of a row of numbers
_SLIDES = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, TrainedSubsampling)
_LARGEST_SIDE = 4096  # pixels that are tried to find out what would fit


class Sizes:
    """Follows the shape of what layers make of an image."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        self._image_shape = image_shape
        self._windows: list[nn.Module] = []
        self._is_averaged = False  # whether maps of any size were averaged to one place each
        self._is_fixed = False  # whether a row of numbers was made of maps of one size

    def after(self, layer: nn.Module, shape: Shape, *, place: str) -> Shape:
        """Return the shape of what a layer makes.

        Args:
            layer: one of those that can be written down.
            shape: of what it reads.
            place: of its line, for errors.

        Raises:
            ShapeError: its window does not fit; the message says where, why, and which images would do.
        """
        if isinstance(layer, nn.Flatten):
            self._is_fixed = not self._is_averaged
            return (shape[0] * shape[1] * shape[2],)
        if isinstance(layer, nn.Linear):
            return (layer.out_features,)
        if isinstance(layer, nn.AdaptiveAvgPool2d):
            self._is_averaged = True
            return (shape[0], 1, 1)
        if not isinstance(layer, _SLIDES):
            return shape
        try:
            rows, columns = (_places(layer, shape[1 + axis], axis) for axis in (0, 1))
        except ShapeError as error:
            raise self._unfit(layer, shape, place=place, reason=str(error)) from None
        if not self._is_averaged:
            self._windows.append(layer)
        return (layer.out_channels if isinstance(layer, nn.Conv2d) else shape[0], rows, columns)

    def least_size(self) -> int | None:
        """Return the fewest rows and columns of images that fit, or None if only those that were written do."""
        return None if self._is_fixed else _least_side(self._windows)

    def _unfit(self, layer: nn.Module, shape: Shape, *, place: str, reason: str) -> ShapeError:
        least = None if self._is_averaged else _least_side([*self._windows, layer])
        advice = f" Or write image: {self._image_shape[0]} x {least} x {least}, or larger." if least else ""
        return ShapeError(
            f"Every window of a net fits into what it reads. Received {place}, where maps of {shape[1]} x {shape[2]} "
            f"are left of an image of {self._image_shape[1]} x {self._image_shape[2]}. {reason}{advice}"
        )


def _places(layer: nn.Module, size: int, axis: int) -> int:
    """Count the places of a layer's window along one axis."""
    kernel, stride, padding, dilation = (
        value[axis] if isinstance(value, tuple) else value
        for value in (
            getattr(layer, name, default)
            for name, default in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1))
        )
    )
    return output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)


def _least_side(windows: list[nn.Module]) -> int | None:
    """Find the smallest square image into which all windows fit. If one fits, so do all that are larger."""

    def fits(side: int) -> bool:
        try:
            for axis in (0, 1):
                left = side
                for layer in windows:
                    left = _places(layer, left, axis)
        except ShapeError:
            return False
        return True

    side = 1 + bisect_left(range(1, _LARGEST_SIDE + 1), True, key=fits)
    return side if side <= _LARGEST_SIDE else None
