"""LeNet-5, which read cheques from 1996 on.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998),
section II-B and appendix A. Input: 1 x 32 x 32.

    layer   what                                  output       parameters
    C1      6 filters 5x5                         6 x 28 x 28         156
    S2      trained subsampling 2x2               6 x 14 x 14          12
    C3      16 filters 5x5 of 3, 4 or 6 maps      16 x 10 x 10       1516
    S4      trained subsampling 2x2               16 x 5 x 5           32
    C5      120 filters 5x5                       120 x 1 x 1       48120
    F6      fully connected                       84                10164
    output  distance to the code of each class    10                    0

    variant        output           parameters
    lenet5         distances             60000
    lenet5_linear  fully connected       60850

The scaled tanh follows every layer from C1 to F6, subsampling included. The codes are fixed, as the paper's were.
Differs from the paper: the output is minus the squared distance, so that larger is better. Cross-entropy on it is the
paper's equation 9 without its class of rubbish (j infinite). The codes are our own drawing of the digits.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from convlens.architectures._blocks import ScaledTanh, TableConv2d, TrainedSubsampling
from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.errors import NetError

# Table I: a row for each map of S2, a column for each map of C3, X where the one reads the other.
_TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""
TABLE = tuple(
    tuple(row for row, mark in enumerate(column) if mark == "X") for column in zip(*_TABLE_I.split(), strict=True)
)

_BITMAP = (12, 7)  # rows, columns
_SEED = 1998  # of the random codes for other counts of classes

# Figure 3 shows the paper's; these are drawn anew after the digits' usual shapes.
_DIGITS = """
..###..  ...##..  .#####.  .#####.  .....#.  #######  ..####.  #######  .#####.  .#####.
.#...#.  ..###..  ##...##  ##...##  ....##.  #......  .##....  #.....#  ##...##  ##...##
##...##  .#.##..  #.....#  ......#  ...###.  #......  ##.....  ......#  #.....#  #.....#
#.....#  ...##..  ......#  ......#  ..##.#.  #......  #......  .....##  #.....#  #.....#
#.....#  ...##..  ......#  .....##  .##..#.  ######.  #......  .....#.  ##...##  #.....#
#.....#  ...##..  .....##  ..####.  ##...#.  .....##  #.####.  ....##.  .#####.  ##...##
#.....#  ...##..  ....##.  .....##  #....#.  ......#  ###..##  ....#..  ##...##  .######
#.....#  ...##..  ...##..  ......#  #######  ......#  ##....#  ...##..  #.....#  ......#
#.....#  ...##..  ..##...  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
##...##  ...##..  .##....  ......#  .....#.  #.....#  #.....#  ..##...  #.....#  .....##
.#...#.  ...##..  ##.....  ##...##  .....#.  ##...##  ##...##  ..#....  ##...##  ....##.
..###..  .######  #######  .#####.  .....#.  .#####.  .#####.  ..#....  .#####.  .####..
"""


def codes_of(classes: int) -> Tensor:
    """Make the code of each class: class, row, column, each number 1 (ink) or -1.

    Args:
        classes: the ten digits have drawn ones; other counts random ones, always the same.
    """
    if classes != 10:
        coin = torch.randint(2, (classes, *_BITMAP), generator=torch.Generator().manual_seed(_SEED), device="cpu")
        return 2.0 * coin - 1
    digits = zip(*(line.split() for line in _DIGITS.strip().split("\n")), strict=True)
    return torch.tensor([[[1.0 if dot == "#" else -1.0 for dot in row] for row in digit] for digit in digits])


class CodeDistance(nn.Module):
    """Minus the squared Euclidean distance of what it reads to the code of each class."""

    codes: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", codes_of(classes).to(torch.get_default_device()))

    def forward(self, features: Tensor) -> Tensor:
        difference = features.view(-1, 1, *_BITMAP) - self.codes
        # The mean over a whole map times its size is the sum, in operators of which a trace knows the arithmetic.
        return (difference * difference).mean((2, 3), keepdim=True).flatten(1) * -(_BITMAP[0] * _BITMAP[1])


class LeNet5(Chain):
    """A digit in, `classes` scores out: minus the squared distance to each class's code, or plain ones."""

    image_shape = (1, 32, 32)  # channels, rows, columns; a 28 x 28 digit is padded by 2
    least_size = None

    def __init__(
        self, *, output: str = "distances", classes: int = 10, image_shape: tuple[int, int, int] = image_shape
    ) -> None:
        if output not in ("distances", "linear"):
            raise NetError(f"LeNet-5 ends in distances or is linear. Received {output=}. Choose one of the two.")
        # sides_after knows torch's own windows: these stand for C1 to C5.
        windows = [("C1", (5, 1)), ("S2", (2, 2)), ("C3", (5, 1)), ("S4", (2, 2)), ("C5", (5, 1))]
        rows, columns = sides_after([(name, nn.AvgPool2d(*window)) for name, window in windows], image_shape)
        super().__init__(
            OrderedDict(
                C1=nn.Conv2d(image_shape[0], 6, 5),
                tanh1=ScaledTanh(),
                S2=TrainedSubsampling(6),
                tanh2=ScaledTanh(),
                C3=TableConv2d(6, TABLE, 5),
                tanh3=ScaledTanh(),
                S4=TrainedSubsampling(16),
                tanh4=ScaledTanh(),
                C5=nn.Conv2d(16, 120, 5),
                tanh5=ScaledTanh(),
                flatten=nn.Flatten(),
                F6=nn.Linear(120 * rows * columns, 84),
                tanh6=ScaledTanh(),
                output=CodeDistance(classes) if output == "distances" else nn.Linear(84, classes),
            )
        )
        self.image_shape = image_shape
        draw_by_fan_in(self)


@torch.no_grad()
def draw_by_fan_in(net: nn.Module) -> None:
    """Draw all weights and biases uniformly between -2.4 / F and 2.4 / F, where a unit reads F numbers.

    Source: LeCun et al. (1998), appendix A.
    """
    for layer in net.modules():
        if isinstance(layer, TableConv2d):
            layer.draw([2.4 / reads for reads in layer.fan_in()])
        elif isinstance(layer, nn.Conv2d | nn.Linear | TrainedSubsampling):
            reads = 4 if isinstance(layer, TrainedSubsampling) else layer.weight[0].numel()
            for parameter in layer.parameters():
                parameter.uniform_(-2.4 / reads, 2.4 / reads)


lenet5 = Constructor("lenet5", LeNet5)
lenet5_linear = Constructor("lenet5_linear", LeNet5, output="linear")
