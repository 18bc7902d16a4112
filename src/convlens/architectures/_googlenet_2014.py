"""GoogLeNet as it won ImageNet's challenge in 2014, before batch normalisation.

Source: Szegedy et al., "Going deeper with convolutions" (2014), table 1 and section 5. Input: 3 x 224 x 224.

    layer        what                              output           parameters
    conv1        64 filters 7x7, stride 2          64 x 112 x 112         9472
    pool1        max 3x3, stride 2                 64 x 56 x 56              0
    norm1        response over 5 maps              64 x 56 x 56              0
    conv2        64 filters 1x1                    64 x 56 x 56           4160
    conv3        192 filters 3x3                   192 x 56 x 56        110784
    norm2        response over 5 maps              192 x 56 x 56             0
    pool2        max 3x3, stride 2                 192 x 28 x 28             0
    inception3a  64, 96 128, 16 32, 32             256 x 28 x 28        163696
    inception3b  128, 128 192, 32 96, 64           480 x 28 x 28        388736
    pool3        max 3x3, stride 2                 480 x 14 x 14             0
    inception4a  192, 96 208, 16 48, 64            512 x 14 x 14        376176
    inception4b  160, 112 224, 24 64, 64           512 x 14 x 14        449160
    inception4c  128, 128 256, 24 64, 64           512 x 14 x 14        510104
    inception4d  112, 144 288, 32 64, 64           528 x 14 x 14        605376
    inception4e  256, 160 320, 32 128, 128         832 x 14 x 14        868352
    pool4        max 3x3, stride 2                 832 x 7 x 7               0
    inception5a  256, 160 320, 32 128, 128         832 x 7 x 7         1043456
    inception5b  384, 192 384, 48 128, 128         1024 x 7 x 7        1444080
    average      average of each map               1024 x 1 x 1              0
    scores       fully connected                   1000                1025000

    variant                              parameters
    googlenet_2014                          6998552
    googlenet_2014 with auxiliary heads    13378280

The numbers of a block are filters: 1x1; 1x1 before 3x3, and 3x3; 1x1 before 5x5, and 5x5; 1x1 after pooling. The
paper's table says 2.7 thousand for conv1, which a 7x7 on three channels cannot have: 7 x 7 x 3 x 64 is 9,408.
Differs from the paper in what it leaves out: the uniform first weights of Glorot and Bengio; AlexNet's response
normalisation, and none between conv2 and conv3.
"""

import torch
from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images, sides_after
from convlens.architectures._googlenet import GoogLeNetScores
from convlens.architectures._initialise import glorot, initialise
from convlens.architectures._max_pool import MaxPool2d


class Unit(nn.Module):
    """A convolution and its ReLU."""

    def __init__(self, channels: int, filters: int, kernel_size: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, kernel_size, stride=stride, padding=padding)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        return self.relu(self.conv(maps))


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
        self.conv5x5 = Unit(reduce5, conv5, 5, padding=2)
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

    def __init__(self, channels: int, classes: int, *, sides: tuple[int, int]) -> None:
        super().__init__()
        self.average = nn.AvgPool2d(5, stride=3)
        self.reduce = Unit(channels, 128, 1)
        rows, columns = sides
        self.fc = nn.Linear(128 * rows * columns, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.7)
        self.scores = nn.Linear(1024, classes)

    def forward(self, maps: Tensor) -> Tensor:
        features = self.reduce(self.average(maps)).flatten(1)
        return self.scores(self.drop(self.relu(self.fc(features))))


def _response() -> nn.LocalResponseNorm:
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # torch divides its alpha by the 5 maps


class GoogLeNet2014(nn.Module):
    """A photo in, `classes` scores out, before softmax; with auxiliary heads in training mode all three scores."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size: int | None = 31

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
        self.norm1 = _response()
        self.conv2 = Unit(64, 64, 1)
        self.conv3 = Unit(64, 192, 3, padding=1)
        self.norm2 = _response()
        self.pool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.pool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.pool4 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = self.aux2 = None
        if not auxiliary:  # a net that was trained with them is loaded without
            self.TORCHVISION_NAMES = ((r"aux\d\..+", None),)
        if auxiliary:  # whose fully connected layers fix the sides of the image
            self.least_size = None
            windows = [self.conv1.conv, self.pool1, self.pool2, self.pool3, nn.AvgPool2d(5, stride=3)]
            names = ["conv1", "pool1", "pool2", "pool3", "aux1.average"]
            sides = sides_after(zip(names, windows, strict=True), image_shape)
            self.aux1 = AuxiliaryHead(512, classes, sides=sides)
            self.aux2 = AuxiliaryHead(528, classes, sides=sides)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.4)
        self.scores = nn.Linear(1024, classes)
        initialise(self, convolution=glorot, linear=glorot)

    def forward(self, images: Tensor) -> Tensor | GoogLeNetScores:
        check_images(self, images)
        maps = self.norm1(self.pool1(self.conv1(images)))
        maps = self.pool2(self.norm2(self.conv3(self.conv2(maps))))
        maps = self.pool3(self.inception3b(self.inception3a(maps)))
        halfway1 = self.inception4a(maps)
        aux1 = None if self.aux1 is None or not self.training else self.aux1(halfway1)
        halfway2 = self.inception4d(self.inception4c(self.inception4b(halfway1)))
        aux2 = None if self.aux2 is None or not self.training else self.aux2(halfway2)
        maps = self.pool4(self.inception4e(halfway2))
        maps = self.inception5b(self.inception5a(maps))
        logits = self.scores(self.drop(self.average(maps).flatten(1)))
        return logits if aux1 is None or aux2 is None else GoogLeNetScores(logits, aux2=aux2, aux1=aux1)


googlenet_2014 = Constructor("googlenet_2014", GoogLeNet2014)
