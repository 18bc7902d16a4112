"""GoogLeNet with batch normalisation: blocks that look through windows of several sizes at once.

Source: Szegedy et al., "Going deeper with convolutions" (2014), table 1; Ioffe and Szegedy, "Batch normalization"
(2015). Input: 3 x 224 x 224.

    layer        what                              output           parameters
    conv1        64 filters 7x7, stride 2          64 x 112 x 112         9536
    pool1        max 3x3, stride 2                 64 x 56 x 56              0
    conv2        64 filters 1x1                    64 x 56 x 56           4224
    conv3        192 filters 3x3                   192 x 56 x 56        110976
    pool2        max 3x3, stride 2                 192 x 28 x 28             0
    inception3a  64, 96 128, 16 32, 32             256 x 28 x 28        155872
    inception3b  128, 128 192, 32 96, 64           480 x 28 x 28        340224
    pool3        max 3x3, stride 2                 480 x 14 x 14             0
    inception4a  192, 96 208, 16 48, 64            512 x 14 x 14        364512
    inception4b  160, 112 224, 24 64, 64           512 x 14 x 14        425232
    inception4c  128, 128 256, 24 64, 64           512 x 14 x 14        486192
    inception4d  112, 144 288, 32 64, 64           528 x 14 x 14        573312
    inception4e  256, 160 320, 32 128, 128         832 x 14 x 14        803840
    pool4        max 2x2, stride 2                 832 x 7 x 7               0
    inception5a  256, 160 320, 32 128, 128         832 x 7 x 7          978944
    inception5b  384, 192 384, 48 128, 128         1024 x 7 x 7        1347040
    average      average of each map               1024 x 1 x 1              0
    scores       fully connected                   1000                1025000

    variant                            parameters
    googlenet                             6624904
    googlenet with auxiliary heads       13004888

The numbers of a block are filters: 1x1; 1x1 before 3x3, and 3x3; 1x1 before the last, and the last; 1x1 after pooling.
Differs from the paper as the published weights do: batch normalisation for biases and response normalisation; windows
of 3x3 where the paper has 5x5; pool4 is 2x2; an auxiliary head averages to 4x4. `googlenet_2014` is the paper's.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._initialise import he_forward, initialise, normal
from convlens.architectures._max_pool import MaxPool2d
from convlens.architectures._naming import Rules


class GoogLeNetScores(NamedTuple):
    """What a GoogLeNet with auxiliary heads gives in training mode.

    Attributes:
        logits: of the net; item, class.
        aux2: of the head on inception4d.
        aux1: of the head on inception4a.
    """

    logits: Tensor
    aux2: Tensor
    aux1: Tensor


class Unit(nn.Module):
    """A convolution, batch normalisation, ReLU."""

    folds = (("conv", "bn"),)

    def __init__(self, channels: int, filters: int, kernel_size: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, kernel_size, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(filters, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(maps)))


class Inception(nn.Module):
    """Four ways through one block, side by side: figure 2b of the paper.

    The counts are filters, in the order of the paper's table 1.
    """

    def __init__(
        self, channels: int, conv1: int, reduce3: int, conv3: int, reduce5: int, conv5: int, project: int
    ) -> None:
        super().__init__()
        self.conv1x1 = Unit(channels, conv1, 1)
        self.reduce3x3 = Unit(channels, reduce3, 1)
        self.conv3x3 = Unit(reduce3, conv3, 3, padding=1)
        self.reduce5x5 = Unit(channels, reduce5, 1)
        self.conv5x5 = Unit(reduce5, conv5, 3, padding=1)  # 3x3 in the published weights
        self.pool = MaxPool2d(3, stride=1, padding=1)
        self.project = Unit(channels, project, 1)

    def forward(self, maps: Tensor) -> Tensor:
        ways = [
            self.conv1x1(maps),
            self.conv3x3(self.reduce3x3(maps)),
            self.conv5x5(self.reduce5x5(maps)),
            self.project(self.pool(maps)),
        ]
        return torch.cat(ways, 1)


class AuxiliaryHead(nn.Module):
    """A classifier on maps half-way, which strengthens the gradient there: section 5 of the paper."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.average = nn.AdaptiveAvgPool2d(4)
        self.reduce = Unit(channels, 128, 1)
        self.fc = nn.Linear(128 * 4 * 4, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.7)
        self.scores = nn.Linear(1024, classes)

    def forward(self, maps: Tensor) -> Tensor:
        features = self.reduce(self.average(maps)).flatten(1)
        return self.scores(self.drop(self.relu(self.fc(features))))


class GoogLeNet(nn.Module):
    """A photo in, `classes` scores out, before softmax; with auxiliary heads in training mode all three scores."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = 15
    _PLACES = (
        ("branch1", "conv1x1"),
        (r"branch2\.0", "reduce3x3"),
        (r"branch2\.1", "conv3x3"),
        (r"branch3\.0", "reduce5x5"),
        (r"branch3\.1", "conv5x5"),
        (r"branch4\.1", "project"),
    )
    TORCHVISION_NAMES: Rules = (
        *((rf"(inception\d\w)\.{published}\.(.+)", rf"\1.{own}.\2") for published, own in _PLACES),
        (r"(aux\d)\.conv\.(.+)", r"\1.reduce.\2"),
        (r"(aux\d)\.fc1\.(.+)", r"\1.fc.\2"),
        (r"(aux\d)\.fc2\.(.+)", r"\1.scores.\2"),
        (r"fc\.(.+)", r"scores.\1"),
    )

    def __init__(
        self,
        *,
        auxiliary: bool = False,
        classes: int = 1000,
        image_shape: tuple[int, int, int] = image_shape,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.conv1 = Unit(image_shape[0], 64, 7, stride=2, padding=3)
        self.pool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = Unit(64, 64, 1)
        self.conv3 = Unit(64, 192, 3, padding=1)
        self.pool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.pool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.pool4 = MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        if not auxiliary:
            self.TORCHVISION_NAMES = ((r"aux\d\..+", None), *self.TORCHVISION_NAMES)
        self.aux1 = AuxiliaryHead(512, classes) if auxiliary else None
        self.aux2 = AuxiliaryHead(528, classes) if auxiliary else None
        self.average = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.2)
        self.scores = nn.Linear(1024, classes)
        initialise(self, convolution=he_forward, linear=normal(0.01))

    def forward(self, images: Tensor) -> Tensor | GoogLeNetScores:
        check_images(self, images)
        maps = self.pool1(self.conv1(images))
        maps = self.pool2(self.conv3(self.conv2(maps)))
        maps = self.pool3(self.inception3b(self.inception3a(maps)))
        halfway1 = self.inception4a(maps)
        aux1 = None if self.aux1 is None or not self.training else self.aux1(halfway1)
        halfway2 = self.inception4d(self.inception4c(self.inception4b(halfway1)))
        aux2 = None if self.aux2 is None or not self.training else self.aux2(halfway2)
        maps = self.pool4(self.inception4e(halfway2))
        maps = self.inception5b(self.inception5a(maps))
        logits = self.scores(self.drop(self.average(maps).flatten(1)))
        return logits if aux1 is None or aux2 is None else GoogLeNetScores(logits, aux2=aux2, aux1=aux1)


googlenet = Constructor("googlenet", GoogLeNet)
