"""Pre-activation ResNet for images of 32 x 32.

Source: He, Zhang, Ren and Sun, "Identity mappings in deep residual networks" (2016), section 4 and appendix.
Input: 3 x 32 x 32.

    layer    what (preact_resnet20_cifar)  output        parameters
    conv1    16 filters 3x3                16 x 32 x 32         432
    bn1      batch normalisation           16 x 32 x 32          32
    relu1    ReLU                          16 x 32 x 32           0
    layer1   3 blocks of two 3x3, 16       16 x 32 x 32       13984
    layer2   3 blocks of two 3x3, 32       32 x 16 x 16       51040
    layer3   3 blocks of two 3x3, 64       64 x 8 x 8        203456
    bn5      batch normalisation           64 x 8 x 8           128
    relu5    ReLU                          64 x 8 x 8             0
    average  average of each map           64 x 1 x 1             0
    fc       fully connected               10                   650

    variant                 blocks a size  parameters
    preact_resnet20_cifar               3      269722
    preact_resnet32_cifar               5      464154
    preact_resnet44_cifar               7      658586
    preact_resnet56_cifar               9      853018
    preact_resnet110_cifar             18     1727962

A shortcut to fewer and more maps takes every second row and column, and zeros for the new maps.
"""

from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._initialise import he, initialise
from convlens.architectures._preact_resnet import Activation
from convlens.architectures._resnet_cifar import Shortcut


class Block(nn.Module):
    """Two convolutions 3x3, each after normalisation and ReLU, added to the block's input."""

    folds = (("conv1", "bn2"),)

    def __init__(self, channels: int, width: int, *, stride: int, first: bool) -> None:
        super().__init__()
        self.activation1 = None if first else Activation(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = Shortcut(width - channels, stride=stride) if stride > 1 or width != channels else None

    def forward(self, maps: Tensor) -> Tensor:
        activated = maps if self.activation1 is None else self.activation1(maps)
        shortcut = maps if self.shortcut is None else self.shortcut(activated)
        maps = self.relu2(self.bn2(self.conv1(activated)))
        maps = self.conv2(maps)
        maps += shortcut
        return maps


class PreActResNetCifar(nn.Module):
    """A small photo in, `classes` scores out, before softmax."""

    image_shape = (3, 32, 32)  # channels, rows, columns
    least_size = 1  # every window is padded to fit
    folds = (("conv1", "bn1"),)

    def __init__(self, blocks: int, *, classes: int = 10, image_shape: tuple[int, int, int] = image_shape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.conv1 = nn.Conv2d(image_shape[0], 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU(inplace=True)
        self.layer1 = _layer(16, 16, blocks=blocks, stride=1, first=True)
        self.layer2 = _layer(16, 32, blocks=blocks, stride=2)
        self.layer3 = _layer(32, 64, blocks=blocks, stride=2)
        self.bn5 = nn.BatchNorm2d(64)
        self.relu5 = nn.ReLU(inplace=True)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)
        initialise(self, convolution=he, linear=nn.init.xavier_uniform_)

    def forward(self, images: Tensor) -> Tensor:
        check_images(self, images)
        maps = self.relu1(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        return self.fc(self.average(self.relu5(self.bn5(maps))).flatten(1))


def _layer(channels: int, width: int, *, blocks: int, stride: int, first: bool = False) -> nn.Sequential:
    """Stack blocks that make maps of one size; the first of them may halve it."""
    rest = [Block(width, width, stride=1, first=False) for _ in range(blocks - 1)]
    return nn.Sequential(Block(channels, width, stride=stride, first=first), *rest)


preact_resnet20_cifar = Constructor("preact_resnet20_cifar", PreActResNetCifar, blocks=3)
preact_resnet32_cifar = Constructor("preact_resnet32_cifar", PreActResNetCifar, blocks=5)
preact_resnet44_cifar = Constructor("preact_resnet44_cifar", PreActResNetCifar, blocks=7)
preact_resnet56_cifar = Constructor("preact_resnet56_cifar", PreActResNetCifar, blocks=9)
preact_resnet110_cifar = Constructor("preact_resnet110_cifar", PreActResNetCifar, blocks=18)
