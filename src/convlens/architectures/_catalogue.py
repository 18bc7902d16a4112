"""The architectures by name, with what is published of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from convlens.architectures import _densenet as densenet
from convlens.architectures import _densenet_cifar as densenet_cifar
from convlens.architectures import _googlenet as googlenet
from convlens.architectures import _preact_resnet as preact_resnet
from convlens.architectures import _preact_resnet_cifar as preact_resnet_cifar
from convlens.architectures import _resnet as resnet
from convlens.architectures import _resnet_cifar as resnet_cifar
from convlens.architectures import _vgg as vgg
from convlens.architectures import _vgg_cifar as vgg_cifar
from convlens.architectures._alexnet import alexnet
from convlens.architectures._alexnet_2012 import alexnet_2012
from convlens.architectures._constructor import Constructor
from convlens.architectures._googlenet_2014 import googlenet_2014
from convlens.architectures._lenet import lenet
from convlens.architectures._lenet5 import lenet5, lenet5_linear
from convlens.architectures._lenet_four import lenet_four
from convlens.architectures._lenet_harley import lenet_harley
from convlens.architectures._written import is_written, read_layers
from convlens.architectures._zfnet import zfnet
from convlens.errors import NetError


@dataclass(frozen=True)
class Entry:
    """An architecture, and what is published of it.

    Attributes:
        name: of its constructor.
        make: the constructor.
        year: of the paper.
        paper: author and title.
        idea: what was new, in one line.
        top1: per cent of test images whose highest score is that of their class, as published; None if it is not.
        data: the images that `top1` is of.
        claim: what is said of its size, where counting gives another number, and why.
    """

    name: str
    make: Constructor
    year: int
    paper: str
    idea: str
    top1: float | None
    data: str
    claim: str = ""


def _family(
    year: int,
    paper: str,
    *,
    idea: str,
    variants: Mapping[Constructor, float | None],
    data: str = "ImageNet",
    claim: str = "",
) -> list[Entry]:
    return [Entry(make.name, make, year, paper, idea, top1, data, claim) for make, top1 in variants.items()]


# Accuracies on ImageNet: of torchvision's published weights, one view of each image, where there are any; else of the
# paper. On CIFAR-10 and MNIST: of the paper.
_ENTRIES = [
    *_family(
        2016,
        "Karn, An Intuitive Explanation of Convolutional Neural Networks, after LeCun et al.",
        idea="convolution, ReLU and max pooling, twice, then fully connected layers: the article's walk through",
        variants={lenet: None},
        data="MNIST",
    ),
    *_family(
        2016,
        "Karn, An Intuitive Explanation of Convolutional Neural Networks, figure 3",
        idea="the article's four-class network: dog, cat, boat or bird",
        variants={lenet_four: None},
        data="four classes of CIFAR-10",
    ),
    *_family(
        2015,
        "Harley, An interactive node-link visualization of convolutional neural networks",
        idea="LeNet with max pooling, every unit of which can be looked at",
        variants={lenet_harley: None},
        data="MNIST",
    ),
    *_family(
        1998,
        "LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition",
        idea="convolution and subsampling in turn, learned from pixels to scores",
        variants={lenet5: 99.05, lenet5_linear: None},
        data="MNIST",
        claim="The paper says 60,000 trainable parameters, and so they are: the codes of the output are fixed.",
    ),
    *_family(
        2014,
        "Krizhevsky, One weird trick for parallelizing convolutional neural networks",
        idea="AlexNet in one tower, without response normalisation",
        variants={alexnet: 56.522},
        claim="AlexNet is said to have 60 million parameters: that is the two towers of 2012. One tower has 61.1 "
        "million, since its conv2, conv4 and conv5 read all maps, and its narrower layers do not make up for it.",
    ),
    *_family(
        2012,
        "Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural networks",
        idea="ReLUs, dropout and two GPUs made a deep net trainable on a million photos",
        variants={alexnet_2012: 59.3},
        claim="The paper and Karn's article say 60 million parameters; counted, they are 61.0 million, 58.6 of them in "
        "the fully connected layers.",
    ),
    *_family(
        2013,
        "Zeiler and Fergus, Visualizing and understanding convolutional networks",
        idea="look at what each layer sees, then choose smaller windows and strides at the front",
        variants={zfnet: 61.6},
    ),
    *_family(
        2015,
        "Szegedy et al., Going deeper with convolutions; Ioffe and Szegedy, Batch normalization",
        idea="blocks with windows of several sizes side by side, after 1x1 convolutions that make the maps few",
        variants={googlenet.googlenet: 69.778},
        claim="Karn's article says 4 million parameters against AlexNet's 60; counted, they are 6.6 million, 1.0 of "
        "them in the last layer. The paper says 12 times fewer than AlexNet, which would be 5 million.",
    ),
    *_family(
        2014,
        "Szegedy et al., Going deeper with convolutions",
        idea="blocks with windows of several sizes side by side, after 1x1 convolutions that make the maps few",
        variants={googlenet_2014: None},
        claim="Karn's article says 4 million parameters against AlexNet's 60; counted from the paper's table 1 they "
        "are 7.0 million, 1.0 of them in the last layer, which leaves 6.0.",
    ),
    *_family(
        2014,
        "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition",
        idea="depth from windows of 3x3 alone",
        variants={
            vgg.vgg11: 69.020,
            vgg.vgg13: 69.928,
            vgg.vgg16: 71.592,
            vgg.vgg19: 72.376,
            vgg.vgg11_bn: 70.370,
            vgg.vgg13_bn: 71.586,
            vgg.vgg16_bn: 73.360,
            vgg.vgg19_bn: 74.218,
        },
        claim="VGG-16 is said to have 140 million parameters; counted, they are 138.4 million, 102.8 of them in fc6.",
    ),
    *_family(
        2015,
        "Zagoruyko, 92.45% on CIFAR-10 in Torch",
        idea="VGG's stack for small images, with batch normalisation and one fully connected layer",
        variants={vgg_cifar.vgg11_cifar: None, vgg_cifar.vgg13_cifar: None, vgg_cifar.vgg16_cifar: None,
                  vgg_cifar.vgg19_cifar: None},
        data="CIFAR-10",
    ),
    *_family(
        2015,
        "He, Zhang, Ren and Sun, Deep residual learning for image recognition",
        idea="blocks that learn what to add to their input, so that depth does no harm",
        variants={
            resnet.resnet18: 69.758,
            resnet.resnet34: 73.314,
            resnet.resnet50: 76.130,
            resnet.resnet101: 77.374,
            resnet.resnet152: 78.312,
        },
    ),
    *_family(
        2015,
        "He, Zhang, Ren and Sun, Deep residual learning for image recognition",
        idea="ResNet for small images: three sizes of maps, shortcuts without parameters",
        variants={
            resnet_cifar.resnet20_cifar: 91.25,
            resnet_cifar.resnet32_cifar: 92.49,
            resnet_cifar.resnet44_cifar: 92.83,
            resnet_cifar.resnet56_cifar: 93.03,
            resnet_cifar.resnet110_cifar: 93.57,
        },
        data="CIFAR-10",
    ),
    *_family(
        2016,
        "He, Zhang, Ren and Sun, Identity mappings in deep residual networks",
        idea="normalise and cut off before each convolution, so that the shortcut stays an identity",
        variants=dict.fromkeys(
            [preact_resnet.preact_resnet18, preact_resnet.preact_resnet34, preact_resnet.preact_resnet50,
             preact_resnet.preact_resnet101, preact_resnet.preact_resnet152]
        ),
    ),
    *_family(
        2016,
        "He, Zhang, Ren and Sun, Identity mappings in deep residual networks",
        idea="pre-activation ResNet for small images",
        variants={
            preact_resnet_cifar.preact_resnet20_cifar: None,
            preact_resnet_cifar.preact_resnet32_cifar: None,
            preact_resnet_cifar.preact_resnet44_cifar: None,
            preact_resnet_cifar.preact_resnet56_cifar: None,
            preact_resnet_cifar.preact_resnet110_cifar: 93.63,
        },
        data="CIFAR-10",
    ),
    *_family(
        2016,
        "Huang, Liu, van der Maaten and Weinberger, Densely connected convolutional networks",
        idea="every layer of a block reads all maps that the block has made so far",
        variants={
            densenet.densenet121: 74.434,
            densenet.densenet161: 77.138,
            densenet.densenet169: 75.600,
            densenet.densenet201: 76.896,
        },
        claim="Elsewhere densenet121 is counted with 2.83 billion multiply-adds; predicting, ours averages before the "
        "1x1 of each transition, which needs a quarter of that one's, and 2.60 billion in all.",
    ),
    *_family(
        2016,
        "Huang, Liu, van der Maaten and Weinberger, Densely connected convolutional networks",
        idea="DenseNet for small images: three blocks",
        variants={
            densenet_cifar.densenet40_cifar: 94.76,
            densenet_cifar.densenet100_cifar: 95.49,
            densenet_cifar.densenet190_cifar: 96.54,
        },
        data="CIFAR-10",
    ),
]  # fmt: skip
_CATALOGUE = {entry.name: entry for entry in _ENTRIES}


def entries() -> list[Entry]:
    """List the architectures, with what is published of them."""
    return list(_ENTRIES)


def names() -> list[str]:
    """List the architectures that `build` knows."""
    return sorted(_CATALOGUE)


def build(name: str, *, classes: int = 10) -> nn.Module:
    """Build an untrained net by its name.

    Args:
        name: one of `names()`; or the text that describes a net, or its .yaml file, as `read_layers` takes them.
        classes: how many scores it gives, at least 2.

    Returns:
        The net, with random weights from torch's generator.

    Raises:
        NetError: there is no such architecture, or fewer than two classes.
        ShapeError: a window of a written net does not fit.
    """
    if is_written(name):
        return read_layers(name, classes=classes)
    if name not in _CATALOGUE:
        raise NetError(f"An architecture is named as in the catalogue. Received {name=}. Known: {', '.join(names())}.")
    if classes < 2:
        raise NetError(f"A classifier tells 2 classes or more apart. Received {classes=}. Add another class.")
    return _CATALOGUE[name].make(classes=classes)


def rebuild(architecture: str, *, classes: int, image_shape: Sequence[int]) -> nn.Module:
    """Build the net that a file records. A file may come from anywhere: what it says is never taken for a path.

    Args:
        architecture: one of `names()`, or the text that describes a net.
        classes: how many scores it gives.
        image_shape: channels, rows and columns of what it reads; a text says its own.

    Raises:
        NetError: it is neither.
        ShapeError: it cannot read such images.
    """
    if architecture in _CATALOGUE:
        return _CATALOGUE[architecture].make(classes=classes, image_shape=image_shape)
    if "\n" not in architecture:
        raise NetError(
            f"A file of a net records a name in the catalogue or a net's text. Received architecture="
            f"{architecture[:80]!r}. Pass the module that it belongs to as net=."
        )
    return read_layers(architecture, classes=classes)
