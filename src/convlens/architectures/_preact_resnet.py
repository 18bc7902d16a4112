"""Pre-activation ResNet: normalise and cut off before each convolution, so that the shortcut stays an identity.

Source: He, Zhang, Ren and Sun, "Identity mappings in deep residual networks" (2016), figure 1b. Input: 3 x 224 x 224.

    layer     what (preact_resnet50)                output            parameters
    conv1     64 filters 7x7, stride 2              64 x 112 x 112          9408
    bn1       batch normalisation                   64 x 112 x 112           128
    relu1     ReLU                                  64 x 112 x 112             0
    maxpool   max 3x3, stride 2                     64 x 56 x 56               0
    layer1    3 blocks: 1x1 64, 3x3 64, 1x1 256     256 x 56 x 56         214784
    layer2    4 blocks: 1x1 128, 3x3 128, 1x1 512   512 x 28 x 28        1218048
    layer3    6 blocks: 1x1 256, 3x3 256, 1x1 1024  1024 x 14 x 14       7095296
    layer4    3 blocks: 1x1 512, 3x3 512, 1x1 2048  2048 x 7 x 7        14958592
    bn5       batch normalisation                   2048 x 7 x 7            4096
    relu5     ReLU                                  2048 x 7 x 7               0
    avgpool   average of each map                   2048 x 1 x 1               0
    fc        fully connected                       1000                 2049000

    variant           block       blocks     parameters
    preact_resnet18   basic       2 2 2 2      11687720
    preact_resnet34   basic       3 4 6 3      21795880
    preact_resnet50   bottleneck  3 4 6 3      25549352
    preact_resnet101  bottleneck  3 4 23 3     44541480
    preact_resnet152  bottleneck  3 8 36 3     60185128

The first block's convolution reads what relu1 gave, which is activated already: its block has no normalisation of its
own in front, as the paper's appendix says. A shortcut that changes shape reads the activated maps.
"""

from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._initialise import he, initialise
from convlens.architectures._max_pool import MaxPool2d


class BasicBlock(nn.Module):
    """Two convolutions 3x3, each after normalisation and ReLU, added to the block's input."""

    widening = 1  # channels that come out, for each of `width`
    folds = (("conv1", "bn2"),)

    def __init__(self, channels: int, width: int, *, stride: int, first: bool) -> None:
        super().__init__()
        self.activation1 = None if first else Activation(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        changes = stride > 1 or channels != width
        self.downsample = nn.Conv2d(channels, width, 1, stride=stride, bias=False) if changes else None

    def forward(self, maps: Tensor) -> Tensor:
        activated = maps if self.activation1 is None else self.activation1(maps)
        shortcut = maps if self.downsample is None else self.downsample(activated)
        maps = self.relu2(self.bn2(self.conv1(activated)))
        maps = self.conv2(maps)
        maps += shortcut
        return maps


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3, 1x1, each after normalisation and ReLU, added to the block's input."""

    widening = 4
    folds = (("conv1", "bn2"), ("conv2", "bn3"))

    def __init__(self, channels: int, width: int, *, stride: int, first: bool) -> None:
        super().__init__()
        wide = self.widening * width
        self.activation1 = None if first else Activation(channels)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, wide, 1, bias=False)
        changes = stride > 1 or channels != wide
        self.downsample = nn.Conv2d(channels, wide, 1, stride=stride, bias=False) if changes else None

    def forward(self, maps: Tensor) -> Tensor:
        activated = maps if self.activation1 is None else self.activation1(maps)
        shortcut = maps if self.downsample is None else self.downsample(activated)
        maps = self.relu2(self.bn2(self.conv1(activated)))
        maps = self.relu3(self.bn3(self.conv2(maps)))
        maps = self.conv3(maps)
        maps += shortcut
        return maps


class Activation(nn.Sequential):
    """Batch normalisation and ReLU; what they read stays as it is, for the shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class PreActResNet(nn.Module):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = 1  # every window is padded to fit
    folds = (("conv1", "bn1"),)

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        blocks: tuple[int, int, int, int],
        *,
        classes: int = 1000,
        image_shape: tuple[int, int, int] = image_shape,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.conv1 = nn.Conv2d(image_shape[0], 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu1 = nn.ReLU(inplace=True)
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _layer(block, 64, 64, blocks=blocks[0], stride=1, first=True)
        self.layer2 = _layer(block, 64 * block.widening, 128, blocks=blocks[1], stride=2)
        self.layer3 = _layer(block, 128 * block.widening, 256, blocks=blocks[2], stride=2)
        self.layer4 = _layer(block, 256 * block.widening, 512, blocks=blocks[3], stride=2)
        self.bn5 = nn.BatchNorm2d(512 * block.widening)
        self.relu5 = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.widening, classes)
        initialise(self, convolution=he, linear=nn.init.xavier_uniform_)

    def forward(self, images: Tensor) -> Tensor:
        check_images(self, images)
        maps = self.maxpool(self.relu1(self.bn1(self.conv1(images))))
        maps = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        return self.fc(self.avgpool(self.relu5(self.bn5(maps))).flatten(1))


def _layer(
    block: type[BasicBlock | Bottleneck], channels: int, width: int, *, blocks: int, stride: int, first: bool = False
) -> nn.Sequential:
    """Stack blocks that make maps of one size; the first of them may halve it."""
    wide = width * block.widening
    rest = [block(wide, width, stride=1, first=False) for _ in range(blocks - 1)]
    return nn.Sequential(block(channels, width, stride=stride, first=first), *rest)


preact_resnet18 = Constructor("preact_resnet18", PreActResNet, block=BasicBlock, blocks=(2, 2, 2, 2))
preact_resnet34 = Constructor("preact_resnet34", PreActResNet, block=BasicBlock, blocks=(3, 4, 6, 3))
preact_resnet50 = Constructor("preact_resnet50", PreActResNet, block=Bottleneck, blocks=(3, 4, 6, 3))
preact_resnet101 = Constructor("preact_resnet101", PreActResNet, block=Bottleneck, blocks=(3, 4, 23, 3))
preact_resnet152 = Constructor("preact_resnet152", PreActResNet, block=Bottleneck, blocks=(3, 8, 36, 3))
