"""VGG for images of 32 x 32: its stack of 3x3 convolutions, and one fully connected layer.

Source: Zagoruyko, "92.45% on CIFAR-10 in Torch" (2015), after Simonyan and Zisserman (2014). Input: 3 x 32 x 32.

    layer    what (vgg16_cifar)        output        parameters
    conv1_1  64 filters 3x3            64 x 32 x 32        1792
    conv1_2  64 filters 3x3            64 x 32 x 32       36928
    pool1    max 2x2, stride 2         64 x 16 x 16           0
    conv2_1  128 filters 3x3           128 x 16 x 16      73856
    conv2_2  128 filters 3x3           128 x 16 x 16     147584
    pool2    max 2x2, stride 2         128 x 8 x 8            0
    conv3_1  256 filters 3x3           256 x 8 x 8       295168
    conv3_2  256 filters 3x3           256 x 8 x 8       590080
    conv3_3  256 filters 3x3           256 x 8 x 8       590080
    pool3    max 2x2, stride 2         256 x 4 x 4            0
    conv4_1  512 filters 3x3           512 x 4 x 4      1180160
    conv4_2  512 filters 3x3           512 x 4 x 4      2359808
    conv4_3  512 filters 3x3           512 x 4 x 4      2359808
    pool4    max 2x2, stride 2         512 x 2 x 2            0
    conv5_1  512 filters 3x3           512 x 2 x 2      2359808
    conv5_2  512 filters 3x3           512 x 2 x 2      2359808
    conv5_3  512 filters 3x3           512 x 2 x 2      2359808
    pool5    max 2x2, stride 2         512 x 1 x 1            0
    average  average of each map       512 x 1 x 1            0
    scores   fully connected           10                  5130

    variant      filters a size  parameters
    vgg11_cifar  1 1 2 2 2          9231114
    vgg13_cifar  2 2 2 2 2          9416010
    vgg16_cifar  2 2 3 3 3         14728266
    vgg19_cifar  2 2 4 4 4         20040522

Differs from the source: no layer of 512 hidden units, and no dropout; batch normalisation alone keeps it honest.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.architectures._initialise import he, initialise, normal
from convlens.architectures._vgg import stack


class VGGCifar(Chain):
    """A small photo in, `classes` scores out, before softmax."""

    image_shape = (3, 32, 32)  # channels, rows, columns
    least_size = 32  # halved five times: one pixel

    def __init__(
        self,
        depths: tuple[int, int, int, int, int],
        *,
        classes: int = 10,
        image_shape: tuple[int, int, int] = image_shape,
    ) -> None:
        maps = stack(image_shape[0], depths, batch_norm=True)
        sides_after(maps.items(), image_shape)
        super().__init__(
            OrderedDict(**maps, average=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), scores=nn.Linear(512, classes))
        )
        self.image_shape = image_shape
        initialise(self, convolution=he, linear=normal(0.01))


vgg11_cifar = Constructor("vgg11_cifar", VGGCifar, depths=(1, 1, 2, 2, 2))
vgg13_cifar = Constructor("vgg13_cifar", VGGCifar, depths=(2, 2, 2, 2, 2))
vgg16_cifar = Constructor("vgg16_cifar", VGGCifar, depths=(2, 2, 3, 3, 3))
vgg19_cifar = Constructor("vgg19_cifar", VGGCifar, depths=(2, 2, 4, 4, 4))
