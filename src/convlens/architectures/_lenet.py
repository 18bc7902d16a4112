"""LeNet as "An Intuitive Explanation of Convolutional Neural Networks" walks through it.

Source: Karn (2016), after the network that Harley (2015) draws. Input: 1 x 32 x 32.

    layer   what                   output       parameters
    conv1   6 filters 5x5          6 x 28 x 28         156
    pool1   max 2x2, stride 2      6 x 14 x 14           0
    conv2   16 filters 5x5         16 x 10 x 10       2416
    pool2   max 2x2, stride 2      16 x 5 x 5            0
    fc1     fully connected        120               48120
    fc2     fully connected        100               12100
    scores  fully connected        10                 1010

Differs from LeNet-5 (LeCun et al., 1998): each filter of conv2 reads all 6 maps, where their table I leaves some out;
ReLU for the scaled tanh; max for the trained mean; 100 units for 84; plain scores for distances to a code.
"""

from collections import OrderedDict

from torch import nn

from convlens.architectures._constructor import Chain, Constructor, sides_after


class LeNet(Chain):
    """A digit in, `classes` scores out, before softmax."""

    image_shape = (1, 32, 32)  # channels, rows, columns; a 28 x 28 digit is padded by 2
    least_size = None

    def __init__(self, classes: int = 10, *, image_shape: tuple[int, int, int] = image_shape) -> None:
        # A ReLU is a layer of its own and not in place: a trace needs the value before it, too.
        maps = OrderedDict(
            conv1=nn.Conv2d(image_shape[0], 6, 5),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(6, 16, 5),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
        )
        rows, columns = sides_after(maps.items(), image_shape)
        super().__init__(
            OrderedDict(
                **maps,
                flatten=nn.Flatten(),
                fc1=nn.Linear(16 * rows * columns, 120),
                relu3=nn.ReLU(),
                fc2=nn.Linear(120, 100),
                relu4=nn.ReLU(),
                scores=nn.Linear(100, classes),
            )
        )
        self.image_shape = image_shape


lenet = Constructor("lenet", LeNet)
