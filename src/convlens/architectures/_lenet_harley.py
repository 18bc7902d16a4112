"""The LeNet behind Harley's picture of a ConvNet, whose layers stand above a drawn digit as glowing cubes.

Source: Harley, "An interactive node-link visualization of convolutional neural networks" (2015), and the numbers that
its page loads. Input: 1 x 32 x 32; a pixel p of 0..1 is read as 1.275 p - 0.1, the border of 2 black pixels, too.

    layer   what                                  output       parameters
    conv1   6 filters 5x5                         6 x 28 x 28         156
    pool1   max 2x2, stride 2                     6 x 14 x 14           0
    conv2   16 filters 5x5 of 3, 4 or 6 maps      16 x 10 x 10       1516
    pool2   max 2x2, stride 2                     16 x 5 x 5            0
    fc1     fully connected                       120               48120
    fc2     fully connected                       100               12100
    scores  fully connected                       10                 1010

    variant       parameters
    lenet_harley       62902

The filters of conv2 read what table I of LeCun et al. (1998) lets C3 read. The scaled tanh follows every layer with
weights, the scores included. Before fc1 each map is written out column by column, as MATLAB does. Random weights are
drawn as in LeNet-5: the paper does not say.
"""

import json
import os
import re
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from convlens.architectures._blocks import ScaledTanh, TableConv2d
from convlens.architectures._card import NetCard, TrainedNet
from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.architectures._lenet5 import TABLE, draw_by_fan_in
from convlens.data import Preprocessing
from convlens.errors import NetError

_KERNELS = [f"conv_nodes[1][{place}][{rank}]" for place, maps in enumerate(TABLE) for rank in range(len(maps))]
_ASSIGNMENT = re.compile(r"(?:var\s+)?(?<![\w\[\]])([\w\[\]]+)\s*=\s*(?:Matrix|Vector)\.create\((\[[^()]*\])\)")
_LARGEST = 10_000_000  # bytes; the published file has 666,034


class ColumnMajorFlatten(nn.Module):
    """All numbers of an item in one row: map by map, in each column by column."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.transpose(2, 3).flatten(1)


class LeNetHarley(Chain):
    """A digit in, `classes` scores out, each between -1.7159 and 1.7159."""

    image_shape = (1, 32, 32)  # channels, rows, columns; a 28 x 28 digit is padded by 2
    least_size = None

    def __init__(self, *, classes: int = 10, image_shape: tuple[int, int, int] = image_shape) -> None:
        # sides_after knows torch's own windows: these stand for conv1 to pool2.
        windows = [("conv1", (5, 1)), ("pool1", (2, 2)), ("conv2", (5, 1)), ("pool2", (2, 2))]
        rows, columns = sides_after([(name, nn.AvgPool2d(*window)) for name, window in windows], image_shape)
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(image_shape[0], 6, 5),
                tanh1=ScaledTanh(),
                pool1=nn.MaxPool2d(2),
                conv2=TableConv2d(6, TABLE, 5),
                tanh2=ScaledTanh(),
                pool2=nn.MaxPool2d(2),
                flatten=ColumnMajorFlatten(),
                fc1=nn.Linear(16 * rows * columns, 120),
                tanh3=ScaledTanh(),
                fc2=nn.Linear(120, 100),
                tanh4=ScaledTanh(),
                scores=nn.Linear(100, classes),
                tanh5=ScaledTanh(),
            )
        )
        self.image_shape = image_shape
        draw_by_fan_in(self)


lenet_harley = Constructor("lenet_harley", LeNetHarley)


def load_harley(path: str | os.PathLike[str]) -> TrainedNet:
    """Read the numbers that Harley's page loads, convnet_weights.js. Nothing in the file is executed.

    Args:
        path: the file, which assigns matrices and vectors to names: `keepers`, the table of connections;
            `conv_nodes[0][filter]`, `conv_nodes[1][filter][kernel]`, `hidden_weights_1`, `conv_biases_1` and the like.

    Returns:
        The net, in evaluation mode, with Harley's preprocessing on its card.

    Raises:
        NetError: the file is missing or another one, or a number is missing, extra, misshapen or not finite.
    """
    found = _assignments(Path(path))
    keepers = found.pop("keepers", None)
    table = [[float(channel in maps) for maps in TABLE] for channel in range(6)]
    if keepers is None or keepers.tolist() != table:
        raise NetError(
            f"The second convolution reads what table I of LeCun et al. (1998) says. Received path={str(path)!r}, "
            f"keepers={None if keepers is None else keepers.long().tolist()}. Name Harley's convnet_weights.js."
        )
    net = LeNetHarley()
    own = _by_his_names(net)
    missing, extra = sorted(own.keys() - found.keys()), sorted(found.keys() - own.keys())
    misshapen = [
        f"{name}: {tuple(found[name].shape)} for {tuple(own[name].shape)}"
        for name in sorted(own.keys() & found.keys())
        if found[name].shape != own[name].shape
    ]
    spoilt = [name for name, tensor in found.items() if not tensor.isfinite().all()]
    if missing or extra or misshapen or spoilt:
        raise NetError(
            "Harley's file holds the numbers of his network, all of them and no others. "
            f"Received path={str(path)!r}, {missing=}, {extra=}, {misshapen=}, not finite={spoilt}. Fetch it anew."
        )
    for name, tensor in own.items():
        tensor.copy_(found[name])
    card = NetCard(
        architecture="lenet_harley",
        classes=tuple("0123456789"),
        preprocessing=Preprocessing(1, (28, 28), 2, mean=(0.1 / 1.275,), deviation=(1 / 1.275,)),
        trained_on="MNIST, augmented, by A. W. Harley",
    )
    return TrainedNet(net.eval(), card)


def _by_his_names(net: LeNetHarley) -> dict[str, Tensor]:
    """Return the net's parameters as Harley's file divides and names them."""
    own = dict(net.named_parameters())
    return {
        name: tensor.data
        for name, tensor in {
            **{f"conv_nodes[0][{place}]": own["conv1.weight"][place, 0] for place in range(6)},
            **dict(zip(_KERNELS, own["conv2.kernels"], strict=True)),
            "conv_biases_1": own["conv1.bias"],
            "conv_biases_2": own["conv2.bias"],
            "hidden_weights_1": own["fc1.weight"],
            "hidden_biases_1": own["fc1.bias"],
            "hidden_weights_2": own["fc2.weight"],
            "hidden_biases_2": own["fc2.bias"],
            "final_weights": own["scores.weight"],
            "final_biases": own["scores.bias"],
        }.items()
    }


def _assignments(path: Path) -> dict[str, Tensor]:
    """Find all matrices and vectors, by the names that they are assigned to."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST:,} bytes")
        text = path.read_text(encoding="utf-8")
        return {
            name: torch.tensor(json.loads(numbers), dtype=torch.float) for name, numbers in _ASSIGNMENT.findall(text)
        }
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise NetError(
            "Harley's numbers are text: rows of numbers in brackets. "
            f"Received path={str(path)!r}: {error}. Name his convnet_weights.js."
        ) from error
