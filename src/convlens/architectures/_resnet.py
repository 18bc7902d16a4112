"""ResNet: blocks that learn what to add to their input.

Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2015), table 1. Input: 3 x 224 x 224.

    layer     what (resnet50)                       output            parameters
    conv1     64 filters 7x7, stride 2              64 x 112 x 112          9408
    bn1       batch normalisation                   64 x 112 x 112           128
    relu      ReLU                                  64 x 112 x 112             0
    maxpool   max 3x3, stride 2                     64 x 56 x 56               0
    layer1    3 blocks: 1x1 64, 3x3 64, 1x1 256     256 x 56 x 56         215808
    layer2    4 blocks: 1x1 128, 3x3 128, 1x1 512   512 x 28 x 28        1219584
    layer3    6 blocks: 1x1 256, 3x3 256, 1x1 1024  1024 x 14 x 14       7098368
    layer4    3 blocks: 1x1 512, 3x3 512, 1x1 2048  2048 x 7 x 7        14964736
    avgpool   average of each map                   2048 x 1 x 1               0
    fc        fully connected                       1000                 2049000

    variant    block       blocks     parameters
    resnet18   basic       2 2 2 2      11689512
    resnet34   basic       3 4 6 3      21797672
    resnet50   bottleneck  3 4 6 3      25557032
    resnet101  bottleneck  3 4 23 3     44549160
    resnet152  bottleneck  3 8 36 3     60192808

The table calls conv2_x to conv5_x what is layer1 to layer4 here, as in the published weights.
Differs from the paper as those weights do: a bottleneck that halves the maps does so in its 3x3, not in its first 1x1.
"""

from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._initialise import he, initialise
from convlens.architectures._max_pool import MaxPool2d


class BasicBlock(nn.Module):
    """Two convolutions 3x3, added to their input."""

    widening = 1  # channels that come out, for each of `width`
    folds = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = Shortcut(channels, width, stride=stride) if stride > 1 or channels != width else None
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = maps if self.downsample is None else self.downsample(maps)
        maps = self.relu1(self.bn1(self.conv1(maps)))
        maps = self.bn2(self.conv2(maps))
        maps += shortcut
        return self.relu2(maps)


class Bottleneck(nn.Module):
    """A convolution 3x3 between two 1x1 that make the maps fewer and more again, added to their input."""

    widening = 4
    folds = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        wide = self.widening * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.downsample = Shortcut(channels, wide, stride=stride) if stride > 1 or channels != wide else None
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = maps if self.downsample is None else self.downsample(maps)
        maps = self.relu1(self.bn1(self.conv1(maps)))
        maps = self.relu2(self.bn2(self.conv2(maps)))
        maps = self.bn3(self.conv3(maps))
        maps += shortcut
        return self.relu3(maps)


class Shortcut(nn.Sequential):
    """Bring a block's input to the shape of its output: option B of the paper, a 1x1 convolution."""

    def __init__(self, channels: int, wide: int, *, stride: int) -> None:
        super().__init__(nn.Conv2d(channels, wide, 1, stride=stride, bias=False), nn.BatchNorm2d(wide))


class ResNet(nn.Module):
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
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _layer(block, 64, 64, blocks=blocks[0], stride=1)
        self.layer2 = _layer(block, 64 * block.widening, 128, blocks=blocks[1], stride=2)
        self.layer3 = _layer(block, 128 * block.widening, 256, blocks=blocks[2], stride=2)
        self.layer4 = _layer(block, 256 * block.widening, 512, blocks=blocks[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.widening, classes)
        initialise(self, convolution=he, linear=nn.init.xavier_uniform_)

    def forward(self, images: Tensor) -> Tensor:
        check_images(self, images)
        maps = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        maps = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        return self.fc(self.avgpool(maps).flatten(1))


def _layer(
    block: type[BasicBlock | Bottleneck], channels: int, width: int, *, blocks: int, stride: int
) -> nn.Sequential:
    """Stack blocks that make maps of one size; the first of them may halve it."""
    wide = width * block.widening
    rest = [block(wide, width, stride=1) for _ in range(blocks - 1)]
    return nn.Sequential(block(channels, width, stride=stride), *rest)


resnet18 = Constructor("resnet18", ResNet, block=BasicBlock, blocks=(2, 2, 2, 2))
resnet34 = Constructor("resnet34", ResNet, block=BasicBlock, blocks=(3, 4, 6, 3))
resnet50 = Constructor("resnet50", ResNet, block=Bottleneck, blocks=(3, 4, 6, 3))
resnet101 = Constructor("resnet101", ResNet, block=Bottleneck, blocks=(3, 4, 23, 3))
resnet152 = Constructor("resnet152", ResNet, block=Bottleneck, blocks=(3, 8, 36, 3))
