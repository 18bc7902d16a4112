"""ZFNet: AlexNet with smaller windows and strides at the front, found by looking at what its layers see.

Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks" (2013), figure 3.
Input: 3 x 224 x 224.

    layer    what                          output          parameters
    conv1    96 filters 7x7, stride 2      96 x 110 x 110       14208
    pool1    max 3x3, stride 2             96 x 55 x 55             0
    norm1    response over 5 maps          96 x 55 x 55             0
    conv2    256 filters 5x5, stride 2     256 x 26 x 26       614656
    pool2    max 3x3, stride 2             256 x 13 x 13            0
    norm2    response over 5 maps          256 x 13 x 13            0
    conv3    384 filters 3x3               384 x 13 x 13       885120
    conv4    384 filters 3x3               384 x 13 x 13      1327488
    conv5    256 filters 3x3               256 x 13 x 13       884992
    pool5    max 3x3, stride 2             256 x 6 x 6              0
    fc6      fully connected               4096              37752832
    fc7      fully connected               4096              16781312
    scores   fully connected               1000               4097000

    variant  parameters
    zfnet      62357608

Differs from the paper in what it leaves out: the borders that give its sizes (1 in conv1; pool1 and pool2 have 1, too),
and the numbers of the contrast normalisation, which are those of AlexNet.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.architectures._initialise import initialise, normal
from convlens.architectures._max_pool import MaxPool2d


def _contrast() -> nn.LocalResponseNorm:
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # torch divides its alpha by the 5 maps


class ZFNet(Chain):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = None

    def __init__(self, *, classes: int = 1000, image_shape: tuple[int, int, int] = image_shape) -> None:
        maps = OrderedDict(
            conv1=nn.Conv2d(image_shape[0], 96, 7, stride=2, padding=1),
            relu1=nn.ReLU(inplace=True),
            pool1=MaxPool2d(3, stride=2, padding=1),
            norm1=_contrast(),
            conv2=nn.Conv2d(96, 256, 5, stride=2),
            relu2=nn.ReLU(inplace=True),
            pool2=MaxPool2d(3, stride=2, padding=1),
            norm2=_contrast(),
            conv3=nn.Conv2d(256, 384, 3, padding=1),
            relu3=nn.ReLU(inplace=True),
            conv4=nn.Conv2d(384, 384, 3, padding=1),
            relu4=nn.ReLU(inplace=True),
            conv5=nn.Conv2d(384, 256, 3, padding=1),
            relu5=nn.ReLU(inplace=True),
            pool5=MaxPool2d(3, stride=2),
        )
        rows, columns = sides_after(maps.items(), image_shape)
        super().__init__(
            OrderedDict(
                **maps,
                flatten=nn.Flatten(),
                fc6=nn.Linear(256 * rows * columns, 4096),
                relu6=nn.ReLU(inplace=True),
                drop6=nn.Dropout(),
                fc7=nn.Linear(4096, 4096),
                relu7=nn.ReLU(inplace=True),
                drop7=nn.Dropout(),
                scores=nn.Linear(4096, classes),
            )
        )
        self.image_shape = image_shape
        initialise(self, convolution=normal(0.01), linear=normal(0.01))


zfnet = Constructor("zfnet", ZFNet)
