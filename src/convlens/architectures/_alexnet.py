"""AlexNet in one tower: the variant whose weights are published.

Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), section 5, with the 64,
192, 384, 256 and 256 filters of the published weights. Input: 3 x 224 x 224.

    layer    what                          output          parameters
    conv1    64 filters 11x11, stride 4    64 x 55 x 55         23296
    pool1    max 3x3, stride 2             64 x 27 x 27             0
    conv2    192 filters 5x5               192 x 27 x 27       307392
    pool2    max 3x3, stride 2             192 x 13 x 13            0
    conv3    384 filters 3x3               384 x 13 x 13       663936
    conv4    256 filters 3x3               256 x 13 x 13       884992
    conv5    256 filters 3x3               256 x 13 x 13       590080
    pool5    max 3x3, stride 2             256 x 6 x 6              0
    average  average to 6x6                256 x 6 x 6              0
    fc6      fully connected               4096              37752832
    fc7      fully connected               4096              16781312
    scores   fully connected               1000               4097000

    variant  parameters
    alexnet    61100840

Differs from AlexNet as it won in 2012 (`alexnet_2012`): one tower instead of two, fewer filters in conv1, conv2 and
conv4, no response normalisation, and an average in front of fc6, which admits images of other sizes.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after
from convlens.architectures._initialise import initialise, normal
from convlens.architectures._max_pool import MaxPool2d
from convlens.architectures._naming import moved


class AlexNet(Chain):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 224, 224)  # channels, rows, columns
    least_size = 63
    TORCHVISION_NAMES = moved(
        {
            "features.0": "conv1",
            "features.3": "conv2",
            "features.6": "conv3",
            "features.8": "conv4",
            "features.10": "conv5",
            "classifier.1": "fc6",
            "classifier.4": "fc7",
            "classifier.6": "scores",
        }
    )

    def __init__(self, *, classes: int = 1000, image_shape: tuple[int, int, int] = image_shape) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(image_shape[0], 64, 11, stride=4, padding=2),
                relu1=nn.ReLU(inplace=True),
                pool1=MaxPool2d(3, stride=2),
                conv2=nn.Conv2d(64, 192, 5, padding=2),
                relu2=nn.ReLU(inplace=True),
                pool2=MaxPool2d(3, stride=2),
                conv3=nn.Conv2d(192, 384, 3, padding=1),
                relu3=nn.ReLU(inplace=True),
                conv4=nn.Conv2d(384, 256, 3, padding=1),
                relu4=nn.ReLU(inplace=True),
                conv5=nn.Conv2d(256, 256, 3, padding=1),
                relu5=nn.ReLU(inplace=True),
                pool5=MaxPool2d(3, stride=2),
                average=nn.AdaptiveAvgPool2d(6),
                flatten=nn.Flatten(),
                drop6=nn.Dropout(),
                fc6=nn.Linear(256 * 6 * 6, 4096),
                relu6=nn.ReLU(inplace=True),
                drop7=nn.Dropout(),
                fc7=nn.Linear(4096, 4096),
                relu7=nn.ReLU(inplace=True),
                scores=nn.Linear(4096, classes),
            )
        )
        sides_after(self.named_children(), image_shape)
        self.image_shape = image_shape
        initialise(self, convolution=normal(0.01), linear=normal(0.01))


alexnet = Constructor("alexnet", AlexNet)
