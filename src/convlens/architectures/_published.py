"""Which trained weights are published for which architecture, where, and what their publishers say of them.

The addresses follow the environment variable CONVLENS_WEIGHTS_MIRROR where it is set: "http://localhost:8000" then
stands for each publisher's server, with the same paths below it.

Source: the table of weights in torchvision 0.29 (names of files, top-1 accuracies on ImageNet's validation part,
preprocessing); the file config.json beside each of timm's models.
"""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from convlens.data import Preprocessing
from convlens.errors import NetError

_MODELS = "https://download.pytorch.org/models/"
_HUB = "https://huggingface.co/"
CLASS_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"
CLASSES = 1000  # of ImageNet's challenge

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's photos: red, green, blue
_HALF = (0.5, 0.5, 0.5)

_WEIGHTS = Path(__file__).parent / "weights"
# By architecture, then by data; docs/lenet-mnist.md and docs/lenet-four.md are the model cards.
SHIPPED = {
    "lenet": {"mnist": _WEIGHTS / "lenet-mnist.safetensors"},
    "lenet_four": {"cifar": _WEIGHTS / "lenet-four-cifar.safetensors"},
}


class Published(NamedTuple):
    """Weights that torchvision publishes.

    Attributes:
        file: its name, which ends with the first eight digits of its SHA-256.
        top1: share of ImageNet's validation part that it names correctly, as published.
        resize: pixels of an image's shorter side, of which the middle 224 x 224 are read.
        mean: of each channel, 0..1.
        deviation: of each channel, 0..1.
    """

    file: str
    top1: float
    resize: int = 256
    mean: tuple[float, ...] = _MEAN
    deviation: tuple[float, ...] = _DEVIATION

    @property
    def sha256(self) -> str:
        """The first digits of the file's checksum."""
        return self.file.removesuffix(".pth").rpartition("-")[2]

    @property
    def url(self) -> str:
        """Where it is."""
        return address(_MODELS + self.file)

    @property
    def preprocessing(self) -> Preprocessing:
        """What it expects of an image."""
        return Preprocessing(3, (224, 224), 0, mean=self.mean, deviation=self.deviation, resize=self.resize)


PUBLISHED: dict[str, dict[str, Published]] = {
    "alexnet": {"imagenet": Published("alexnet-owt-7be5be79.pth", 0.56522)},
    "vgg11": {"imagenet": Published("vgg11-8a719046.pth", 0.69020)},
    "vgg11_bn": {"imagenet": Published("vgg11_bn-6002323d.pth", 0.70370)},
    "vgg13": {"imagenet": Published("vgg13-19584684.pth", 0.69928)},
    "vgg13_bn": {"imagenet": Published("vgg13_bn-abd245e5.pth", 0.71586)},
    "vgg16": {"imagenet": Published("vgg16-397923af.pth", 0.71592)},
    "vgg16_bn": {"imagenet": Published("vgg16_bn-6c64b313.pth", 0.73360)},
    "vgg19": {"imagenet": Published("vgg19-dcbb9e9d.pth", 0.72376)},
    "vgg19_bn": {"imagenet": Published("vgg19_bn-c79401a0.pth", 0.74218)},
    # It was trained on pixels from -1 to 1. torchvision normalises as for the others, and undoes that inside the net.
    "googlenet": {"imagenet": Published("googlenet-1378be20.pth", 0.69778, mean=_HALF, deviation=_HALF)},
    "resnet18": {"imagenet": Published("resnet18-f37072fd.pth", 0.69758)},
    "resnet34": {"imagenet": Published("resnet34-b627a593.pth", 0.73314)},
    "resnet50": {
        "imagenet": Published("resnet50-0676ba61.pth", 0.76130),
        "imagenet-v2": Published("resnet50-11ad3fa6.pth", 0.80858, resize=232),
    },
    "resnet101": {
        "imagenet": Published("resnet101-63fe2227.pth", 0.77374),
        "imagenet-v2": Published("resnet101-cd907fc2.pth", 0.81886, resize=232),
    },
    "resnet152": {
        "imagenet": Published("resnet152-394f9c45.pth", 0.78312),
        "imagenet-v2": Published("resnet152-f82ba261.pth", 0.82284, resize=232),
    },
    "densenet121": {"imagenet": Published("densenet121-a639ec97.pth", 0.74434)},
    "densenet161": {"imagenet": Published("densenet161-8d451a50.pth", 0.77138)},
    "densenet169": {"imagenet": Published("densenet169-b2777c0a.pth", 0.75600)},
    "densenet201": {"imagenet": Published("densenet201-c1103571.pth", 0.76896)},
}
_MOST_CLASSES = 100_000  # ImageNet-21k has 21,841
_IN_TIMM = re.compile(r"(resnet|vgg|densenet)\d+(_bn)?")  # architectures that timm has under the same name
_TIMM = re.compile(r"timm/([a-z0-9_]+)(\.[a-z0-9_]+)?")


def known_weights(name: str) -> list[str]:
    """List the weights of an architecture by their names.

    Args:
        name: of the architecture, in the catalogue.
    """
    return [*SHIPPED.get(name, {}), *PUBLISHED.get(name, {}), *(["timm/" + name + ".TAG"] if is_in_timm(name) else [])]


def is_in_timm(name: str) -> bool:
    """Say whether timm has an architecture under the same name."""
    return _IN_TIMM.fullmatch(name) is not None


def timm_model(name: str, weights: str) -> str | None:
    """Return the model's name on the hub, such as "resnet50.a1_in1k", if that is what the weights are.

    Args:
        name: of the architecture, in the catalogue.
        weights: as a user names them, such as "timm/resnet50.a1_in1k".

    Raises:
        NetError: they are for another architecture.
    """
    found = _TIMM.fullmatch(weights)
    if found is None or not is_in_timm(name):
        return None
    if found[1] != name:
        raise NetError(
            f"Weights fit the architecture that they were trained for. Received {weights=} for {name}. "
            f'Build a {found[1]}, or name "timm/{name}{found[2] or ""}".'
        )
    return weights.removeprefix("timm/")


def timm_url(model: str, file: str) -> str:
    """Say where a file of one of timm's models is.

    Args:
        model: its name on the hub, such as "resnet50.a1_in1k".
        file: "model.safetensors" or "config.json".
    """
    return address(f"{_HUB}timm/{model}/resolve/main/{file}")


def read_timm_config(record: Any, *, name: str) -> tuple[Preprocessing, int]:
    """Read what timm's config.json says of a model.

    Args:
        record: the file's content.
        name: of the architecture that it must be for.

    Returns:
        What the net expects of an image, and its count of classes.

    Raises:
        NetError: it is for another architecture, or says something that is not known here.
    """
    try:
        details = record.get("pretrained_cfg", record)
        channels, rows, columns = details["input_size"]
        if record["architecture"] != name or details.get("crop_mode", "center") != "center":
            raise ValueError("another architecture, or not the middle of the image")
        preprocessing = Preprocessing(
            int(channels),
            (int(rows), int(columns)),
            0,
            mean=tuple(map(float, details["mean"])),
            deviation=tuple(map(float, details["std"])),
            resize=int(max(rows, columns) / float(details["crop_pct"])),
            interpolation=details["interpolation"],
        )
        classes = int(details.get("num_classes", record.get("num_classes", CLASSES)))
        if not 1 <= classes <= _MOST_CLASSES:
            raise ValueError(f"{classes} classes")
        return preprocessing, classes
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise NetError(
            f"A config.json of timm says architecture, input_size, mean, std, crop_pct and interpolation. "
            f"Received one for {name} that does not: {error!r}. Name other weights, or the file's path without it."
        ) from error


def address(url: str) -> str:
    """Put the mirror, if one is set, in place of a publisher's server."""
    mirror = os.environ.get("CONVLENS_WEIGHTS_MIRROR")
    return url if not mirror else mirror.rstrip("/") + urlsplit(url).path
