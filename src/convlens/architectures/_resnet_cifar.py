"""ResNet for images of 32 x 32: three sizes of maps, and shortcuts without parameters.

Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2015), section 4.2.
Input: 3 x 32 x 32.

    layer    what (resnet20_cifar)    output        parameters
    conv1    16 filters 3x3           16 x 32 x 32         432
    bn1      batch normalisation      16 x 32 x 32          32
    relu     ReLU                     16 x 32 x 32           0
    layer1   3 blocks of two 3x3, 16  16 x 32 x 32       14016
    layer2   3 blocks of two 3x3, 32  32 x 16 x 16       51072
    layer3   3 blocks of two 3x3, 64  64 x 8 x 8        203520
    average  average of each map      64 x 1 x 1             0
    fc       fully connected          10                   650

    variant          blocks a size  parameters
    resnet20_cifar               3      269722
    resnet32_cifar               5      464154
    resnet44_cifar               7      658586
    resnet56_cifar               9      853018
    resnet110_cifar             18     1727962

A shortcut to fewer and more maps takes every second row and column, and zeros for the new maps (option A).
"""

from torch import Tensor, nn
from torch.nn import functional as F

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._initialise import he, initialise


class Block(nn.Module):
    """Two convolutions 3x3, added to their input."""

    folds = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = Shortcut(width - channels, stride=stride) if stride > 1 or width != channels else None
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = maps if self.shortcut is None else self.shortcut(maps)
        maps = self.relu1(self.bn1(self.conv1(maps)))
        maps = self.bn2(self.conv2(maps))
        maps += shortcut
        return self.relu2(maps)


class Shortcut(nn.Module):
    """Bring a block's input to the shape of its output, without parameters: option A of the paper."""

    def __init__(self, more: int, *, stride: int) -> None:
        super().__init__()
        self.more = more  # maps of zeros
        self.stride = stride

    def forward(self, maps: Tensor) -> Tensor:
        return F.pad(maps[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class ResNetCifar(nn.Module):
    """A small photo in, `classes` scores out, before softmax."""

    image_shape = (3, 32, 32)  # channels, rows, columns
    least_size = 1  # every window is padded to fit
    folds = (("conv1", "bn1"),)

    def __init__(self, blocks: int, *, classes: int = 10, image_shape: tuple[int, int, int] = image_shape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.conv1 = nn.Conv2d(image_shape[0], 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _layer(16, 16, blocks=blocks, stride=1)
        self.layer2 = _layer(16, 32, blocks=blocks, stride=2)
        self.layer3 = _layer(32, 64, blocks=blocks, stride=2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)
        initialise(self, convolution=he, linear=nn.init.xavier_uniform_)

    def forward(self, images: Tensor) -> Tensor:
        check_images(self, images)
        maps = self.relu(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        return self.fc(self.average(maps).flatten(1))


def _layer(channels: int, width: int, *, blocks: int, stride: int) -> nn.Sequential:
    """Stack blocks that make maps of one size; the first of them may halve it."""
    rest = [Block(width, width, stride=1) for _ in range(blocks - 1)]
    return nn.Sequential(Block(channels, width, stride=stride), *rest)


resnet20_cifar = Constructor("resnet20_cifar", ResNetCifar, blocks=3)
resnet32_cifar = Constructor("resnet32_cifar", ResNetCifar, blocks=5)
resnet44_cifar = Constructor("resnet44_cifar", ResNetCifar, blocks=7)
resnet56_cifar = Constructor("resnet56_cifar", ResNetCifar, blocks=9)
resnet110_cifar = Constructor("resnet110_cifar", ResNetCifar, blocks=18)
