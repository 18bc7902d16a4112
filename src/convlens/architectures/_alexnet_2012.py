"""AlexNet, which won ImageNet's challenge in 2012.

Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks" (2012),
section 3.5. Input: 3 x 224 x 224.

    layer    what                              output          parameters
    conv1    96 filters 11x11, stride 4        96 x 55 x 55         34944
    norm1    response over 5 maps              96 x 55 x 55             0
    pool1    max 3x3, stride 2                 96 x 27 x 27             0
    conv2    256 filters 5x5, two groups       256 x 27 x 27       307456
    norm2    response over 5 maps              256 x 27 x 27            0
    pool2    max 3x3, stride 2                 256 x 13 x 13            0
    conv3    384 filters 3x3                   384 x 13 x 13       885120
    conv4    384 filters 3x3, two groups       384 x 13 x 13       663936
    conv5    256 filters 3x3, two groups       256 x 13 x 13       442624
    pool5    max 3x3, stride 2                 256 x 6 x 6              0
    fc6      fully connected                   4096              37752832
    fc7      fully connected                   4096              16781312
    scores   fully connected                   1000               4097000

    variant       parameters
    alexnet_2012    60965224

The two groups are the paper's two GPUs: conv2, conv4 and conv5 read only the maps of their own half.
Differs from the paper in a number that it leaves out: an image of 224 pixels gives maps of 55 x 55 with a border of 2.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.architectures._initialise import initialise, normal
from convlens.architectures._max_pool import MaxPool2d


def _response() -> nn.LocalResponseNorm:
    # Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75. torch divides its alpha by n.
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


class AlexNet2012(Chain):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = None

    def __init__(self, *, classes: int = 1000, image_shape: tuple[int, int, int] = image_shape) -> None:
        maps = OrderedDict(
            conv1=nn.Conv2d(image_shape[0], 96, 11, stride=4, padding=2),
            relu1=nn.ReLU(inplace=True),
            norm1=_response(),
            pool1=MaxPool2d(3, stride=2),
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),
            relu2=nn.ReLU(inplace=True),
            norm2=_response(),
            pool2=MaxPool2d(3, stride=2),
            conv3=nn.Conv2d(256, 384, 3, padding=1),
            relu3=nn.ReLU(inplace=True),
            conv4=nn.Conv2d(384, 384, 3, padding=1, groups=2),
            relu4=nn.ReLU(inplace=True),
            conv5=nn.Conv2d(384, 256, 3, padding=1, groups=2),
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
        for name, bias in self.named_parameters():
            if name in ("conv2.bias", "conv4.bias", "conv5.bias", "fc6.bias", "fc7.bias"):
                nn.init.ones_(bias)  # section 5: the ReLUs begin with positive inputs


alexnet_2012 = Constructor("alexnet_2012", AlexNet2012)
