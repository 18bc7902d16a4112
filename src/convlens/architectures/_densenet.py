"""DenseNet: every layer of a block reads all maps that the block has made so far.

Source: Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks" (2016), table 1.
Input: 3 x 224 x 224.

    layer        what (densenet121)                   output           parameters
    conv0        64 filters 7x7, stride 2             64 x 112 x 112         9408
    norm0        batch normalisation                  64 x 112 x 112          128
    relu0        ReLU                                 64 x 112 x 112            0
    pool0        max 3x3, stride 2                    64 x 56 x 56              0
    block1       6 layers: 1x1 128, 3x3 32            256 x 56 x 56        335040
    transition1  1x1 128, average 2x2, stride 2       128 x 28 x 28         33280
    block2       12 layers: 1x1 128, 3x3 32           512 x 28 x 28        919680
    transition2  1x1 256, average 2x2, stride 2       256 x 14 x 14        132096
    block3       24 layers: 1x1 128, 3x3 32           1024 x 14 x 14      2837760
    transition3  1x1 512, average 2x2, stride 2       512 x 7 x 7          526336
    block4       16 layers: 1x1 128, 3x3 32           1024 x 7 x 7        2158080
    norm5        batch normalisation                  1024 x 7 x 7           2048
    relu5        ReLU                                 1024 x 7 x 7              0
    average      average of each map                  1024 x 1 x 1              0
    scores       fully connected                      1000                1025000

    variant      growth  layers      first  parameters
    densenet121      32  6 12 24 16     64     7978856
    densenet161      48  6 12 36 24     96    28681000
    densenet169      32  6 12 32 32     64    14149480
    densenet201      32  6 12 48 32     64    20013928

A layer adds `growth` maps. Those of these variants are bottlenecks (B): a 1x1 to 4 x growth maps comes before the 3x3;
and a transition halves the maps (C).
"""

import contextlib
from collections.abc import Generator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from convlens.architectures._constructor import Constructor, check_images
from convlens.architectures._initialise import he_forward, initialise
from convlens.architectures._max_pool import MaxPool2d
from convlens.architectures._naming import Rules


class DenseLayer(nn.Module):
    """Normalise, cut off, convolve 1x1; normalise, cut off, convolve 3x3 to `growth` new maps."""

    folds = (("conv1", "norm2"),)

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        return self.expand(self.squeeze(maps))

    def squeeze(self, *maps: Tensor) -> Tensor:
        """Make few maps of all that there are; several batches of maps are put together first."""
        together = maps[0] if len(maps) == 1 else torch.cat(maps, 1)
        return self.conv1(self.relu1(self.norm1(together)))

    def expand(self, maps: Tensor) -> Tensor:
        """Make the new maps."""
        return self.conv2(self.relu2(self.norm2(maps)))


class DenseBlock(nn.Module):
    """Layers that each read what came before the block and what all earlier ones added."""

    def __init__(self, channels: int, growth: int, *, layers: int, memory_efficient: bool = False) -> None:
        super().__init__()
        self.memory_efficient = memory_efficient
        self.maps = channels + layers * growth
        for place in range(layers):
            self.add_module(f"layer{place + 1}", DenseLayer(channels + place * growth, growth))

    def forward(self, maps: Tensor) -> Tensor:
        if self.memory_efficient and torch.is_grad_enabled():
            return self._forward_in_little_memory(maps)
        for layer in self.children():
            maps = torch.cat([maps, layer(maps)], 1)
        return maps

    def _forward_in_little_memory(self, maps: Tensor) -> Tensor:
        """Keep only the new maps and the squeezed ones; put the others together again when gradients need them.

        Source: Pleiss et al., "Memory-efficient implementation of DenseNets" (2017).
        """
        parts = [maps]
        for layer in self.children():
            assert isinstance(layer, DenseLayer)
            squeezed = checkpoint(_Again(layer), *parts, use_reentrant=False)
            parts.append(layer.expand(squeezed))
        return torch.cat(parts, 1)


class _Again:
    """A layer's squeeze, which reckons a batch into its running statistics once, though it is computed twice."""

    def __init__(self, layer: DenseLayer) -> None:
        self._layer = layer
        self._done = False

    def __call__(self, *parts: Tensor) -> Tensor:
        if not self._done:
            self._done = True
            return self._layer.squeeze(*parts)
        with _unmoved(self._layer.norm1):
            return self._layer.squeeze(*parts)


@contextlib.contextmanager
def _unmoved(norm: nn.BatchNorm2d) -> Generator[None]:
    momentum, norm.momentum = norm.momentum, 0.0
    assert norm.num_batches_tracked is not None
    count = norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        norm.momentum = momentum
        norm.num_batches_tracked.copy_(count)


class Transition(nn.Module):
    """Halve the sides of the maps, and their count or a part of it."""

    folds = ()  # the normalisation comes before its convolution

    def __init__(self, channels: int, *, compression: float = 0.5) -> None:
        super().__init__()
        self.maps = int(compression * channels)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, self.maps, 1, bias=False)
        self.pool = nn.AvgPool2d(2, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.relu(self.norm(maps))
        if self.training or torch.is_grad_enabled():
            return self.pool(self.conv(maps))
        # Both are sums whose order makes no difference but in rounding: averaged first, the 1x1 costs a quarter.
        # Where gradients are wanted the paper's order stays, for a rounding may move a number across a ReLU's corner.
        return self.conv(self.pool(maps))


class DenseNet(nn.Module):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = 29
    folds = (("conv0", "norm0"),)
    _PLACE = r"denseblock(\d)\.denselayer(\d+)\.(norm|conv)\.?(\d)\.(.+)"
    TORCHVISION_NAMES: Rules = (
        (r"features\." + _PLACE, r"block\1.layer\2.\3\4.\5"),
        (r"features\.(.+)", r"\1"),
        (r"classifier\.(.+)", r"scores.\1"),
    )
    TIMM_NAMES = TORCHVISION_NAMES

    def __init__(
        self,
        growth: int,
        layers: tuple[int, int, int, int],
        first: int,
        *,
        memory_efficient: bool = False,
        classes: int = 1000,
        image_shape: tuple[int, int, int] = image_shape,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.conv0 = nn.Conv2d(image_shape[0], first, 7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(first)
        self.relu0 = nn.ReLU(inplace=True)
        self.pool0 = MaxPool2d(3, stride=2, padding=1)
        options = {"memory_efficient": memory_efficient}
        self.block1 = DenseBlock(first, growth, layers=layers[0], **options)
        self.transition1 = Transition(self.block1.maps)
        self.block2 = DenseBlock(self.transition1.maps, growth, layers=layers[1], **options)
        self.transition2 = Transition(self.block2.maps)
        self.block3 = DenseBlock(self.transition2.maps, growth, layers=layers[2], **options)
        self.transition3 = Transition(self.block3.maps)
        self.block4 = DenseBlock(self.transition3.maps, growth, layers=layers[3], **options)
        channels = self.block4.maps
        self.norm5 = nn.BatchNorm2d(channels)
        self.relu5 = nn.ReLU(inplace=True)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.scores = nn.Linear(channels, classes)
        initialise(self, convolution=he_forward, linear=nn.init.xavier_uniform_)

    def forward(self, images: Tensor) -> Tensor:
        check_images(self, images)
        maps = self.pool0(self.relu0(self.norm0(self.conv0(images))))
        maps = self.transition1(self.block1(maps))
        maps = self.transition2(self.block2(maps))
        maps = self.transition3(self.block3(maps))
        maps = self.relu5(self.norm5(self.block4(maps)))
        return self.scores(self.average(maps).flatten(1))


densenet121 = Constructor("densenet121", DenseNet, growth=32, layers=(6, 12, 24, 16), first=64)
densenet161 = Constructor("densenet161", DenseNet, growth=48, layers=(6, 12, 36, 24), first=96)
densenet169 = Constructor("densenet169", DenseNet, growth=32, layers=(6, 12, 32, 32), first=64)
densenet201 = Constructor("densenet201", DenseNet, growth=32, layers=(6, 12, 48, 32), first=64)
