"""Blocks that articles on ConvNets name and torch leaves out: poolings, heads, borders, tables of connections."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convlens.errors import ShapeError

_PADDINGS = ("narrow", "same", "wide")


class ScaledTanh(nn.Module):
    """A tanh(S a), which maps 1 to 1 and -1 to -1 with A = 1.7159 and S = 2/3.

    Args:
        amplitude: A, the largest output.
        slope: S.

    Source:
        LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998), appendix A.
    """

    def __init__(self, amplitude: float = 1.7159, slope: float = 2 / 3) -> None:
        super().__init__()
        # As float32 has them: a trace then names the very numbers that were computed with.
        self.amplitude, self.slope = torch.tensor([amplitude, slope], dtype=torch.float32, device="cpu").tolist()

    def forward(self, sums: Tensor) -> Tensor:
        return (sums * self.slope).tanh_() * self.amplitude

    def extra_repr(self) -> str:
        return f"amplitude={self.amplitude:.5g}, slope={self.slope:.4g}"


class SumPool2d(nn.AvgPool2d):
    """The sum of each window, of each map alone.

    Args:
        kernel_size: taps of the window along rows and columns.
        stride: units from one place of the window to the next; by default windows do not overlap.
        padding: zeros added at each end of rows and columns, not in total.

    Source:
        Karn (2016) names it beside maximum and average; Boureau, Ponce and LeCun, "A theoretical analysis of feature
        pooling in visual recognition" (2010), and Scherer, Müller and Behnke, "Evaluation of pooling operations in
        convolutional architectures for object recognition" (2010), compare kinds of pooling.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        rows, columns = _pair(kernel_size)
        self.taps = rows * columns

    def forward(self, input: Tensor) -> Tensor:
        # Not avg_pool2d's divisor_override, which an export to ONNX drops without a word.
        return super().forward(input) * self.taps


class TrainedSubsampling(nn.Module):
    """The sum of each 2 x 2 window of a map, times a coefficient of the map, plus a bias of the map; both are trained.

    It is computed as the convolution that it is: each map alone, with four taps of one weight.

    Args:
        channels: maps that it reads, and makes.

    Source:
        LeCun et al. (1998), section II-B, layers S2 and S4.
    """

    kernel_size = stride = 2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels,), 0.25))  # the average, to begin with
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        taps = self.coefficient.view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
        return F.conv2d(maps, taps, self.bias, stride=2, groups=len(taps))

    def extra_repr(self) -> str:
        return f"{len(self.bias)}"


class TableConv2d(nn.Module):
    """A convolution whose filters read only the maps that a table names.

    The kernels that are there are the parameters. For each pass they are laid out, with zeros between them, as the
    dense filter bank of one ordinary convolution: absent weights are zero, get no gradient and are not counted.

    Args:
        channels: maps that it reads.
        table: for each filter, the maps that it reads, counted from 0.
        kernel_size: taps of a kernel along rows and along columns.

    Attributes:
        kernels: connection, row, column: filter by filter, and within a filter in the table's order.
        bias: one number a filter.

    Raises:
        ShapeError: a filter reads no map, one map twice, or a map that is not there.

    Source:
        LeCun et al. (1998), table I.
    """

    stride = 1
    places: Tensor

    def __init__(self, channels: int, table: Sequence[Sequence[int]], kernel_size: int) -> None:
        super().__init__()
        for place, maps in enumerate(table):
            if not maps or len(set(maps)) < len(maps) or not set(maps) <= set(range(channels)):
                raise ShapeError(
                    f"Each filter reads one map or more, each once. Received filter {place} with maps "
                    f"{list(maps)} of {channels}. Name maps from 0 to {channels - 1}."
                )
        self.channels = channels
        self.table = tuple(map(tuple, table))
        self.kernel_size = kernel_size
        places = torch.full((len(table) * channels,), sum(map(len, table)))  # absent kernels are the zero at the end
        present = [place * channels + channel for place, maps in enumerate(table) for channel in maps]
        places[present] = torch.arange(len(present))
        self.register_buffer("places", places, persistent=False)
        self.kernels = nn.Parameter(torch.empty(len(present), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(len(table)))
        self.draw([reads**-0.5 for reads in self.fan_in()])  # as nn.Conv2d draws

    def fan_in(self) -> list[int]:
        """Count the numbers that a unit of each filter reads."""
        return [len(maps) * self.kernel_size**2 for maps in self.table]

    @torch.no_grad()
    def draw(self, bounds: Sequence[float]) -> None:
        """Draw kernels and bias anew, uniformly.

        Args:
            bounds: of each filter, the largest magnitude.
        """
        kernels = iter(self.kernels)
        for maps, bound, bias in zip(self.table, bounds, self.bias, strict=True):
            for _ in maps:
                next(kernels).uniform_(-bound, bound)
            bias.uniform_(-bound, bound)

    def bank(self) -> Tensor:
        """Return the dense filter bank: filter, channel, row, column."""
        size = self.kernel_size
        none = self.kernels.new_zeros(1, size, size)
        return torch.cat((self.kernels, none)).index_select(0, self.places).view(-1, self.channels, size, size)

    def forward(self, maps: Tensor) -> Tensor:
        return F.conv2d(maps, self.bank(), self.bias)

    def extra_repr(self) -> str:
        possible = self.channels * len(self.table)
        return f"{self.channels}, {len(self.table)}, kernel_size={self.kernel_size}, {len(self.kernels)} of {possible}"


class SoftmaxHead(nn.Linear):
    """Scores that are trained through a softmax: its cross-entropy is the loss, which takes the scores as they are.

    `loss` is its name; a net with that attribute is trained so: `net.loss = head.loss`.
    """

    loss = "cross_entropy"


class SVMHead(nn.Linear):
    """Scores that are trained as those of a linear support-vector machine: its hinge is the loss.

    `loss` is its name; a net with that attribute is trained so: `net.loss = head.loss`.

    Source:
        Tang, "Deep learning using linear support vector machines" (2013).
    """

    loss = "hinge"


def padding_for(
    kind: str, kernel_size: int | tuple[int, int], *, dilation: int | tuple[int, int] = 1
) -> int | tuple[int, int]:
    """Return the padding that makes a convolution of stride 1 narrow, same or wide.

    Args:
        kind: "narrow": the kernel stays inside the image, and the output is smaller. "same": the output is as large as
            the image. "wide": every overlap of kernel and image counts, and the output is larger.
        kernel_size: taps along rows and columns.
        dilation: units from one tap to the next.

    Returns:
        Zeros added at each end, not in total, as nn.Conv2d takes them: a pair where kernel_size or dilation is one.

    Raises:
        ValueError: the kind is another one.
        ShapeError: a "same" kernel has an even span, which no equal padding at both ends balances.

    Source:
        Kalchbrenner, Grefenstette and Blunsom, "A convolutional neural network for modelling sentences" (2014),
        section 2.2; Karn (2016).

    >>> padding_for("narrow", 5), padding_for("same", 5), padding_for("wide", 5)
    (0, 2, 4)
    >>> nn.Conv2d(1, 1, 5, padding=padding_for("wide", 5))(torch.zeros(1, 1, 7, 7)).shape  # 7 + 5 - 1
    torch.Size([1, 1, 11, 11])
    """
    if kind not in _PADDINGS:
        raise ValueError(
            f"A convolution is narrow, same or wide. Received {kind=}. Choose one of {', '.join(_PADDINGS)}."
        )
    if isinstance(kernel_size, tuple) or isinstance(dilation, tuple):
        sizes, steps = _pair(kernel_size), _pair(dilation)
        rows, columns = (_padding_along(kind, size, step) for size, step in zip(sizes, steps, strict=True))
        return rows, columns
    return _padding_along(kind, kernel_size, dilation)


def _padding_along(kind: str, size: int, step: int) -> int:
    beyond = (size - 1) * step  # units from the first tap to the last
    if kind == "narrow":
        return 0
    if kind == "wide":
        return beyond
    if beyond % 2:
        raise ShapeError(
            f"Output and image have the same size where the kernel has a middle. Received kernel_size={size}, "
            f"dilation={step}. Take kernels of {max(size - 1, 1)} or {size + 1}, or narrow or wide."
        )
    return beyond // 2


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
