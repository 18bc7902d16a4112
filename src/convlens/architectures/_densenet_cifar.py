"""DenseNet for images of 32 x 32: three blocks.

Source: Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks" (2016), section 4 and
table 2. Input: 3 x 32 x 32.

    layer        what (densenet40_cifar)              output         parameters
    conv0        16 filters 3x3                       16 x 32 x 32          432
    block1       12 layers: 3x3 12                    160 x 32 x 32      108240
    transition1  1x1 160, average 2x2, stride 2       160 x 16 x 16       25920
    block2       12 layers: 3x3 12                    304 x 16 x 16      298320
    transition2  1x1 304, average 2x2, stride 2       304 x 8 x 8         93024
    block3       12 layers: 3x3 12                    448 x 8 x 8        488400
    norm3        batch normalisation                  448 x 8 x 8           896
    relu3        ReLU                                 448 x 8 x 8             0
    average      average of each map                  448 x 1 x 1             0
    scores       fully connected                      10                   4490

    variant            growth  layers    bottleneck  parameters
    densenet40_cifar       12  12 12 12  no             1019722
    densenet100_cifar      12  16 16 16  yes             769162
    densenet190_cifar      40  31 31 31  yes           25624430

densenet100_cifar and densenet190_cifar are the paper's DenseNet-BC: a 1x1 to 4 x growth maps before each 3x3, and
transitions that halve the maps.
"""

import torch
from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._densenet import DenseBlock, Transition
from convlens.architectures._initialise import he_forward, initialise


class PlainLayer(nn.Module):
    """Normalise, cut off, convolve 3x3 to `growth` new maps."""

    folds = ()  # the normalisation comes before its convolution

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, growth, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        return self.conv(self.relu(self.norm(maps)))


class PlainBlock(nn.Module):
    """Layers that each read what came before the block and what all earlier ones added."""

    def __init__(self, channels: int, growth: int, *, layers: int) -> None:
        super().__init__()
        self.maps = channels + layers * growth
        for place in range(layers):
            self.add_module(f"layer{place + 1}", PlainLayer(channels + place * growth, growth))

    def forward(self, maps: Tensor) -> Tensor:
        for layer in self.children():
            maps = torch.cat([maps, layer(maps)], 1)
        return maps


class DenseNetCifar(nn.Module):
    """A small photo in, `classes` scores out, before softmax."""

    folds = ()  # each normalisation follows maps that were put together
    image_shape = (3, 32, 32)  # channels, rows, columns
    least_size = 4  # halved twice: one pixel

    def __init__(
        self,
        growth: int,
        layers: int,
        *,
        bottleneck: bool,
        classes: int = 10,
        image_shape: tuple[int, int, int] = image_shape,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        channels = 2 * growth if bottleneck else 16
        self.conv0 = nn.Conv2d(image_shape[0], channels, 3, padding=1, bias=False)
        block = DenseBlock if bottleneck else PlainBlock
        compression = 0.5 if bottleneck else 1.0
        self.block1 = block(channels, growth, layers=layers)
        self.transition1 = Transition(self.block1.maps, compression=compression)
        self.block2 = block(self.transition1.maps, growth, layers=layers)
        self.transition2 = Transition(self.block2.maps, compression=compression)
        self.block3 = block(self.transition2.maps, growth, layers=layers)
        channels = self.block3.maps
        self.norm3 = nn.BatchNorm2d(channels)
        self.relu3 = nn.ReLU(inplace=True)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.scores = nn.Linear(channels, classes)
        initialise(self, convolution=he_forward, linear=nn.init.xavier_uniform_)

    def forward(self, images: Tensor) -> Tensor:
        check_images(self, images)
        maps = self.transition1(self.block1(self.conv0(images)))
        maps = self.transition2(self.block2(maps))
        maps = self.relu3(self.norm3(self.block3(maps)))
        return self.scores(self.average(maps).flatten(1))


densenet40_cifar = Constructor("densenet40_cifar", DenseNetCifar, growth=12, layers=12, bottleneck=False)
densenet100_cifar = Constructor("densenet100_cifar", DenseNetCifar, growth=12, layers=16, bottleneck=True)
densenet190_cifar = Constructor("densenet190_cifar", DenseNetCifar, growth=40, layers=31, bottleneck=True)
