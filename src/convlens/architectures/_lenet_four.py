"""The network of figure 3 of "An Intuitive Explanation of Convolutional Neural Networks": cat, dog, bird or ship?

Source: Karn (2016), whose figure draws the steps and their order, and gives no sizes. Input: 3 x 32 x 32.

    layer    what                   output         parameters
    conv1_1  32 filters 3x3         32 x 32 x 32          896
    bn1_1    batch normalisation    32 x 32 x 32           64
    conv1_2  64 filters 3x3         64 x 32 x 32        18496
    bn1_2    batch normalisation    64 x 32 x 32          128
    pool1    max 2x2, stride 2      64 x 16 x 16            0
    conv2_1  128 filters 3x3        128 x 16 x 16       73856
    bn2_1    batch normalisation    128 x 16 x 16         256
    conv2_2  256 filters 3x3        256 x 16 x 16      295168
    bn2_2    batch normalisation    256 x 16 x 16         512
    pool2    max 4x4, stride 4      256 x 4 x 4             0
    fc1      fully connected        128                524416
    scores   fully connected        4                     516

Differs from the figure: where it has one convolution and ReLU before a pooling, here are two in succession, which the
article allows at its figure 16, with batch normalisation (2015) before each ReLU.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after


class LeNetFour(Chain):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 32, 32)  # channels, rows, columns
    least_size = None

    def __init__(self, classes: int = 4, *, image_shape: tuple[int, int, int] = image_shape) -> None:
        # A ReLU is a layer of its own and not in place: a trace needs the value before it, too.
        maps = OrderedDict(
            conv1_1=nn.Conv2d(image_shape[0], 32, 3, padding=1),
            bn1_1=nn.BatchNorm2d(32),
            relu1_1=nn.ReLU(),
            conv1_2=nn.Conv2d(32, 64, 3, padding=1),
            bn1_2=nn.BatchNorm2d(64),
            relu1_2=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2_1=nn.Conv2d(64, 128, 3, padding=1),
            bn2_1=nn.BatchNorm2d(128),
            relu2_1=nn.ReLU(),
            conv2_2=nn.Conv2d(128, 256, 3, padding=1),
            bn2_2=nn.BatchNorm2d(256),
            relu2_2=nn.ReLU(),
            pool2=nn.MaxPool2d(4),
        )
        rows, columns = sides_after(maps.items(), image_shape)
        super().__init__(
            OrderedDict(
                **maps,
                flatten=nn.Flatten(),
                fc1=nn.Linear(256 * rows * columns, 128),
                relu3=nn.ReLU(),
                drop=nn.Dropout(0.25),
                scores=nn.Linear(128, classes),
            )
        )
        self.image_shape = image_shape


lenet_four = Constructor("lenet_four", LeNetFour)
