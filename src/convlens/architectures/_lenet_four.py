"""The network of figure 3 of "An Intuitive Explanation of Convolutional Neural Networks": cat, dog, bird or ship?

Source: Karn (2016), whose figure draws the steps and their order, and gives no sizes. Input: 3 x 32 x 32.

    layer    what                   output         parameters
    conv1_1  32 filters 3x3         32 x 32 x 32          896
    conv1_2  64 filters 3x3         64 x 32 x 32        18496
    pool1    max 3x3, stride 2      64 x 16 x 16            0
    conv2_1  128 filters 3x3        128 x 16 x 16       73856
    conv2_2  128 filters 3x3        128 x 16 x 16      147584
    pool2    max 4x4, stride 4      128 x 4 x 4             0
    fc1      fully connected        192                393408
    scores   fully connected        4                     772

Differs from the figure: where it has one convolution and ReLU before a pooling, here are two in succession, which the
article allows at its figure 16. With one, the best of many sizes told 85 of 100 photos apart.
"""

from collections import OrderedDict

from torch import Tensor, nn

from convlens.architectures._constructor import Constructor, check_images, sides_after


class LeNetFour(nn.Sequential):
    """A photo in, `classes` scores out, before softmax."""

    image_shape = (3, 32, 32)  # channels, rows, columns
    least_size = None

    def __init__(self, classes: int = 4, *, image_shape: tuple[int, int, int] = image_shape) -> None:
        # A ReLU is a layer of its own and not in place: a trace needs the value before it, too.
        maps = OrderedDict(
            conv1_1=nn.Conv2d(image_shape[0], 32, 3, padding=1),
            relu1_1=nn.ReLU(),
            conv1_2=nn.Conv2d(32, 64, 3, padding=1),
            relu1_2=nn.ReLU(),
            pool1=nn.MaxPool2d(3, stride=2, padding=1),
            conv2_1=nn.Conv2d(64, 128, 3, padding=1),
            relu2_1=nn.ReLU(),
            conv2_2=nn.Conv2d(128, 128, 3, padding=1),
            relu2_2=nn.ReLU(),
            pool2=nn.MaxPool2d(4),
        )
        rows, columns = sides_after(maps.items(), image_shape)
        super().__init__(
            OrderedDict(
                **maps,
                flatten=nn.Flatten(),
                fc1=nn.Linear(128 * rows * columns, 192),
                relu3=nn.ReLU(),
                scores=nn.Linear(192, classes),
            )
        )
        self.image_shape = image_shape

    def forward(self, input: Tensor) -> Tensor:
        check_images(self, input)
        return super().forward(input)


lenet_four = Constructor("lenet_four", LeNetFour)
