"""What all architectures have in common: how they are called into being, and what images they refuse."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from convlens.architectures._weights import Weights, load_weights
from convlens.errors import NetError, ShapeError
from convlens.geometry import output_size

Net = TypeVar("Net", bound=nn.Module)

_SLIDES = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


@runtime_checkable
class ReadsImages(Protocol):
    """What a net says of the images that it reads."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        ...

    @property
    def least_size(self) -> int | None:
        """Fewest rows and columns; None where the fully connected layers fix them to those of `image_shape`."""
        ...


_explaining: ContextVar[bool] = ContextVar("explaining", default=False)


class Constructor(Generic[Net]):
    """One variant of an architecture: call it to build the net.

    Attributes:
        name: in the catalogue.
        make: the class of the net; `make.image_shape` is the paper's input.
        numbers: what tells this variant from its siblings.
    """

    def __init__(self, name: str, make: Callable[..., Net], **numbers: Any) -> None:
        self.name = name
        self.make = make
        self.numbers = numbers
        self.__doc__ = make.__doc__

    def __call__(
        self,
        *,
        weights: Weights | None = None,
        classes: int | None = None,
        image_shape: Sequence[int] | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> Net:
        """Build the net.

        Args:
            weights: published or shipped ones by name ("imagenet"), a file, or a state dict; None for random ones.
            classes: how many scores it gives; by default as many as in the paper.
            image_shape: channels, rows and columns of what it reads; by default the paper's. Nets that average over
                the last maps read any size from `least_size` on, whatever stands here.
            seed: decides the random weights; without it torch's generator does, and moves on.
            options: of this architecture alone, such as `auxiliary=True` of GoogLeNet; its class names them.

        Returns:
            The net: in training mode; with weights in evaluation mode, and with their card as `net.card`. As every
            module of torch it computes faster after `net.to(memory_format=torch.channels_last)`.

        Raises:
            NetError: no class to tell, or weights that are unknown or do not fit.
            ShapeError: its windows do not fit into such images.
        """
        chosen: dict[str, Any] = {}
        if classes is not None:
            if classes < 1:
                raise NetError(f"A classifier gives at least one score. Received {classes=}. Ask for 2 or more.")
            chosen["classes"] = classes
        if image_shape is not None:
            if len(image_shape) != 3 or min(image_shape) < 1:
                raise ShapeError(
                    f"An image has channels, rows and columns, each at least 1. Received {image_shape=}. "
                    f"The paper's are {getattr(self.make, 'image_shape', None)}."
                )
            chosen["image_shape"] = tuple(image_shape)
        with _seeded(seed):
            net = self.make(**self.numbers, **chosen, **options)
        if weights is not None:
            load_weights(net, weights, name=self.name)
        return net

    def __repr__(self) -> str:
        return f"convlens.architectures.{self.name}"


@contextlib.contextmanager
def _seeded(seed: int | None) -> Generator[None]:
    if seed is None:
        yield
        return
    if not 0 <= seed < 2**63:
        raise NetError(f"A seed is a whole number from 0 on, below 2**63. Received {seed=}. Take 0.")
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:  # else nothing draws there, and seeding would outlast this block
            torch.cuda.manual_seed_all(seed)
        yield


class Chain(nn.Sequential):
    """Layers in a row that read images of `image_shape`; a slice of them is a plain nn.Sequential."""

    image_shape: tuple[int, int, int]
    least_size: int | None

    def forward(self, input: Tensor) -> Tensor:
        check_images(self, input)
        return super().forward(input)

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):  # torch would call the net's own class with the layers
            return nn.Sequential(OrderedDict(list(self._modules.items())[idx]))
        return super().__getitem__(idx)


def sides_after(layers: Iterable[tuple[str, nn.Module]], image_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return rows and columns of the maps that a chain of layers makes of an image.

    Args:
        layers: names and modules, in order; those without a window leave the sides as they are.
        image_shape: channels, rows, columns.

    Raises:
        ShapeError: a window does not fit; the message names the layer.
    """
    sides = image_shape[1:]
    for name, layer in layers:
        if isinstance(layer, _SLIDES):
            sides = _slide(name, layer, sides, image=image_shape[1:])
    return sides


def _slide(name: str, layer: nn.Module, sides: tuple[int, int], *, image: tuple[int, int]) -> tuple[int, int]:
    kernel, stride, padding, dilation = (
        _pair(getattr(layer, each, default))
        for each, default in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1))
    )
    try:
        rows, columns = (
            output_size(
                sides[axis],
                kernel[axis],
                stride=stride[axis],
                padding=padding[axis],
                dilation=dilation[axis],
                ceil=getattr(layer, "ceil_mode", False),
            )
            for axis in (0, 1)
        )
    except ShapeError as error:
        raise ShapeError(
            f"Every window of a net fits into what it reads. Received images of {image[0]} x {image[1]}, of which "
            f"{sides[0]} x {sides[1]} are left at {name}. {error}"
        ) from None
    return rows, columns


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def check_images(net: ReadsImages, images: Tensor) -> None:
    """Refuse a batch that a net cannot read, with the arithmetic that fails.

    Args:
        net: a module that says what it reads.
        images: batch, channel, row, column.

    Raises:
        ShapeError: other channels, or rows and columns that its windows or fully connected layers do not fit.
    """
    channels, rows, columns = net.image_shape
    least = net.least_size
    if images.dim() == 4 and images.shape[1] == channels:
        if least is None and images.shape[2] == rows and images.shape[3] == columns:
            return
        if least is not None and images.shape[2] >= least and images.shape[3] >= least:
            return
    if not _explaining.get():
        _refuse(net, images)


def _refuse(net: ReadsImages, images: Tensor) -> None:
    channels, rows, columns = net.image_shape
    name = type(net).__name__
    received = f"Received images of shape={tuple(images.shape)}"
    if images.dim() != 4:
        raise ShapeError(
            f"A net reads a batch: item, channel, row, column. {received}. "
            "Put one image into a batch with images.unsqueeze(0)."
        )
    if images.shape[1] != channels:
        raise ShapeError(
            f"The filters of the first layer reach through all channels. {received} for a {name} of {channels} "
            f"channels. Build it with image_shape=({images.shape[1]}, {rows}, {columns}), or bring the images to "
            f"{channels} channels."
        )
    if net.least_size is None:
        raise ShapeError(
            f"Fully connected layers read a fixed count of numbers. {received} for a {name} of {rows} x {columns} "
            f"pixels. Build it with image_shape={(channels, *images.shape[2:])}, or scale the images."
        )
    _find_the_window(net, images)
    raise ShapeError(
        f"A {name} reads at least {net.least_size} x {net.least_size} pixels. {received}. Scale the images up."
    )


def _find_the_window(net: ReadsImages, images: Tensor) -> None:
    """Go through the net without numbers, and raise at the first window that does not fit."""
    assert isinstance(net, nn.Module)
    image = (images.shape[2], images.shape[3])
    least = net.least_size

    def check(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            try:
                _slide(name, layer, (inputs[0].shape[2], inputs[0].shape[3]), image=image)
            except ShapeError as error:
                raise ShapeError(f"{error} A {type(net).__name__} reads {least} x {least} pixels or more.") from None

        return hook

    hooks = [
        layer.register_forward_pre_hook(check(name))
        for name, layer in net.named_modules()
        if isinstance(layer, _SLIDES)
    ]
    state = {name: tensor.to("meta") for name, tensor in (*net.named_parameters(), *net.named_buffers())}
    token = _explaining.set(True)
    try:
        with torch.no_grad():
            # Two items, for a normalisation in training mode wants more than one number of each map.
            torch.func.functional_call(net, state, (images.new_empty(2, *images.shape[1:], device="meta"),))
    finally:
        _explaining.reset(token)
        for hook in hooks:
            hook.remove()
