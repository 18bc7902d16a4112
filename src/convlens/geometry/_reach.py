"""How far the units of a map see along one axis."""

from dataclasses import dataclass

from convlens.errors import ShapeError


@dataclass(frozen=True)
class Reach:
    """The pixels along one axis that the units of a map can read: their receptive field.

    The unit at place p reads no pixel before `first + p * jump` and none after the `size` pixels from there; some of
    them may lie on padding. An image's own pixels have `Reach()`.

    Attributes:
        first: the first pixel of the unit at place 0; negative on padding.
        size: pixels from the first to the last, both counted.
        jump: pixels from one unit's field to the next one's.

    Source:
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill (2019).

    >>> Reach().after_window(7, stride=2, padding=3).after_window(3, stride=2, padding=1)  # ResNet, conv1 and pool
    Reach(first=-5, size=11, jump=4)
    """

    first: int = 0
    size: int = 1
    jump: int = 1

    def after_window(self, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> "Reach":
        """Slide a window over the map.

        Args:
            kernel_size: taps of the kernel along this axis, before dilation.
            stride: units from one place of the window to the next.
            padding: units added before the first; negative if units are cut off.
            dilation: units from one tap to the next.

        Returns:
            The reach of the units that come out.

        Raises:
            ValueError: kernel_size, stride or dilation is below 1.
        """
        if min(kernel_size, stride, dilation) < 1:
            raise ValueError(
                f"Kernel_size, stride and dilation are at least 1. Received {kernel_size=}, {stride=}, {dilation=}. "
                "Pass 1 for a window that neither spreads nor skips."
            )
        return Reach(
            first=self.first - padding * self.jump,
            size=self.size + (kernel_size - 1) * dilation * self.jump,
            jump=self.jump * stride,
        )

    def joined_with(self, other: "Reach") -> "Reach":
        """Join two branches whose units are added, or stand side by side as channels.

        Args:
            other: the reach of the other branch.

        Returns:
            From the first pixel that either reads to the last.

        Raises:
            ShapeError: the branches take steps of different lengths, so that no one field describes all places.
        """
        if self.jump != other.jump:
            raise ShapeError(
                f"Branches that are joined take steps of one length. Received jump={self.jump}, {other.jump}. "
                "Give both branches the same product of strides."
            )
        first = min(self.first, other.first)
        end = max(self.first + self.size, other.first + other.size)
        return Reach(first=first, size=end - first, jump=self.jump)
