"""VGG: depth from windows of 3x3 alone.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (2014), tables 1
and 2. Input: 3 x 224 x 224.

    layer    what (vgg16)             output           parameters
    conv1_1  64 filters 3x3           64 x 224 x 224         1792
    conv1_2  64 filters 3x3           64 x 224 x 224        36928
    pool1    max 2x2, stride 2        64 x 112 x 112            0
    conv2_1  128 filters 3x3          128 x 112 x 112       73856
    conv2_2  128 filters 3x3          128 x 112 x 112      147584
    pool2    max 2x2, stride 2        128 x 56 x 56             0
    conv3_1  256 filters 3x3          256 x 56 x 56        295168
    conv3_2  256 filters 3x3          256 x 56 x 56        590080
    conv3_3  256 filters 3x3          256 x 56 x 56        590080
    pool3    max 2x2, stride 2        256 x 28 x 28             0
    conv4_1  512 filters 3x3          512 x 28 x 28       1180160
    conv4_2  512 filters 3x3          512 x 28 x 28       2359808
    conv4_3  512 filters 3x3          512 x 28 x 28       2359808
    pool4    max 2x2, stride 2        512 x 14 x 14             0
    conv5_1  512 filters 3x3          512 x 14 x 14       2359808
    conv5_2  512 filters 3x3          512 x 14 x 14       2359808
    conv5_3  512 filters 3x3          512 x 14 x 14       2359808
    pool5    max 2x2, stride 2        512 x 7 x 7               0
    average  average to 7x7           512 x 7 x 7               0
    fc6      fully connected          4096              102764544
    fc7      fully connected          4096               16781312
    scores   fully connected          1000                4097000

    variant   column  filters a size  parameters
    vgg11     A       1 1 2 2 2        132863336
    vgg13     B       2 2 2 2 2        133047848
    vgg16     D       2 2 3 3 3        138357544
    vgg19     E       2 2 4 4 4        143667240
    vgg11_bn  A       1 1 2 2 2        132868840
    vgg13_bn  B       2 2 2 2 2        133053736
    vgg16_bn  D       2 2 3 3 3        138365992
    vgg19_bn  E       2 2 4 4 4        143678248

A name with _bn has batch normalisation (2015) between each convolution and its ReLU.
Differs from the paper: an average in front of fc6 admits images of other sizes; all nets begin with the uniform weights
of Glorot and Bengio, which the paper found good after its submission (section 3.1), not with those of a trained vgg11.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.architectures._initialise import glorot, initialise, normal
from convlens.architectures._max_pool import MaxPool2d
from convlens.architectures._naming import moved

_WIDTHS = (64, 128, 256, 512, 512)  # filters of a layer, for each size of the maps


class VGG(Chain):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = 32  # halved five times: one pixel

    def __init__(
        self,
        depths: tuple[int, int, int, int, int],
        *,
        batch_norm: bool,
        classes: int = 1000,
        image_shape: tuple[int, int, int] = image_shape,
    ) -> None:
        maps = stack(image_shape[0], depths, batch_norm=batch_norm)
        sides_after(maps.items(), image_shape)
        super().__init__(
            OrderedDict(
                **maps,
                average=nn.AdaptiveAvgPool2d(7),
                flatten=nn.Flatten(),
                fc6=nn.Linear(512 * 7 * 7, 4096),
                relu6=nn.ReLU(inplace=True),
                drop6=nn.Dropout(),
                fc7=nn.Linear(4096, 4096),
                relu7=nn.ReLU(inplace=True),
                drop7=nn.Dropout(),
                scores=nn.Linear(4096, classes),
            )
        )
        self.image_shape = image_shape
        features = {f"features.{place}": name for place, name in enumerate(maps)}
        self.TORCHVISION_NAMES = moved(
            {**features, "classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "scores"}
        )
        self.TIMM_NAMES = moved({**features, "pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7", "head.fc": "scores"})
        initialise(self, convolution=glorot, linear=normal(0.01))


def stack(channels: int, depths: tuple[int, ...], *, batch_norm: bool) -> "OrderedDict[str, nn.Module]":
    """Stack convolutions 3x3 and, after each size, a pooling, under the paper's names.

    Args:
        channels: of the image.
        depths: convolutions for each size of the maps.
        batch_norm: whether one stands between a convolution and its ReLU.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for size, (depth, width) in enumerate(zip(depths, _WIDTHS, strict=True), start=1):
        for place in range(1, depth + 1):
            layers[f"conv{size}_{place}"] = nn.Conv2d(channels, width, 3, padding=1)
            if batch_norm:
                layers[f"bn{size}_{place}"] = nn.BatchNorm2d(width)
            layers[f"relu{size}_{place}"] = nn.ReLU(inplace=True)
            channels = width
        layers[f"pool{size}"] = MaxPool2d(2, stride=2)
    return layers


vgg11 = Constructor("vgg11", VGG, depths=(1, 1, 2, 2, 2), batch_norm=False)
vgg13 = Constructor("vgg13", VGG, depths=(2, 2, 2, 2, 2), batch_norm=False)
vgg16 = Constructor("vgg16", VGG, depths=(2, 2, 3, 3, 3), batch_norm=False)
vgg19 = Constructor("vgg19", VGG, depths=(2, 2, 4, 4, 4), batch_norm=False)
vgg11_bn = Constructor("vgg11_bn", VGG, depths=(1, 1, 2, 2, 2), batch_norm=True)
vgg13_bn = Constructor("vgg13_bn", VGG, depths=(2, 2, 2, 2, 2), batch_norm=True)
vgg16_bn = Constructor("vgg16_bn", VGG, depths=(2, 2, 3, 3, 3), batch_norm=True)
vgg19_bn = Constructor("vgg19_bn", VGG, depths=(2, 2, 4, 4, 4), batch_norm=True)
