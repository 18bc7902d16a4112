"""What a net is made of, counted: parameters, multiply-adds, memory, depth, receptive field."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves

from convlens.architectures._counting import CountedLayer, Counter, watched
from convlens.architectures._fields import Field, Flat, Map, Unknown
from convlens.architectures._text_table import plain
from convlens.errors import ConvlensError, NetError

ReceptiveField = tuple[int, ...] | str  # rows and columns in pixels, or one of the two below
WHOLE, UNKNOWN = "whole image", "unknown"


@dataclass(frozen=True)
class Layer:
    """A module without children, or an operator between modules, in one forward pass.

    Attributes:
        name: the module's path, or that of the module around it and the operator; `_2` and so on at further visits.
        kind: "convolution", "fully connected", "max pooling", "normalisation", "addition" ..., or the operator's name.
        detail: of a convolution or pool its window, "3 x 3, stride 2"; of an activation its function; else "".
        output: shape, item of the batch first.
        parameters: of those that no layer before it has read.
        multiply_adds: one multiplication and one addition count as one, for the whole batch.
        memory: bytes of its outputs; 0 if it overwrites what it reads, or only names places anew.
        receptive_field: of a unit of its output; "whole image" and "unknown" as in Description.
        weights: shapes of the parameters that it reads, by qualified name.
        reads: names of the layers whose outputs it reads; "input" is the image.
    """

    name: str
    kind: str
    detail: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory: int
    receptive_field: ReceptiveField
    weights: dict[str, tuple[int, ...]]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """A net, counted by one forward pass in evaluation mode.

    Attributes:
        name: of the net's class.
        image_shape: channels, rows, columns of the image that was assumed.
        batch: how many images the pass had; multiply-adds and memory are for all of them.
        output_shape: of the net's first output, item of the batch first.
        parameters: numbers in all parameters; shared ones count once.
        trainable: of these, numbers that an optimiser may change.
        unread: of these, numbers that the pass did not read, such as those of auxiliary heads.
        buffers: numbers in all buffers, such as batch normalisation's running statistics.
        multiply_adds: of convolutions and matrix products, one multiplication and one addition counted as one.
        operators: multiply-adds by operator.
        memory: bytes of all tensors that depend on the image; memory that an in-place operator overwrites, or that
            a view names anew, counts once. It bounds what a training keeps of them; inference frees most of it.
        depth: layers with weights (convolutions, matrix products) on the longest path, as the papers count.
        receptive_field: pixels along each axis that a unit of the last map reads, padding included; the last map is
            what is flattened or pooled to one place. "whole image" if a gate reads it all, "unknown" if no rule says.
        layers: in the order of their calls.
    """

    name: str
    image_shape: tuple[int, ...]
    batch: int
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int
    unread: int
    buffers: int
    multiply_adds: int
    operators: dict[str, int]
    memory: int
    depth: int
    receptive_field: ReceptiveField
    layers: tuple[Layer, ...]

    def to_json(self) -> dict[str, object]:
        """Describe the description as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        facts = [
            ("image", written_shape((self.batch, *self.image_shape))),
            ("output", written_shape(self.output_shape)),
            ("parameters", f"{self.parameters:,}" + (f", {self.unread:,} of them not read" if self.unread else "")),
            ("trainable", f"{self.trainable:,}"),
            ("buffers", f"{self.buffers:,}"),
            ("multiply-adds", f"{self.multiply_adds:,}"),
            ("activations", f"{self.memory:,} bytes"),
            ("depth", f"{self.depth} layers with weights"),
            ("receptive field", written_field(self.receptive_field)),
        ]
        header = ["layer", "kind", "detail", "output", "parameters", "multiply-adds", "bytes", "receptive field"]
        rows = [
            [
                layer.name,
                layer.kind,
                layer.detail,
                written_shape(layer.output),
                f"{layer.parameters:,}",
                f"{layer.multiply_adds:,}",
                f"{layer.memory:,}",
                written_field(layer.receptive_field),
            ]
            for layer in self.layers
        ]
        width = max(len(name) for name, _ in facts)
        summary = "\n".join(f"{name.ljust(width)}  {value}" for name, value in facts)
        table = plain(header, rows, right=["parameters", "multiply-adds", "bytes"])
        return f"{self.name}\n{summary}\n\n{table}"


def describe(module: nn.Module, *, image_shape: Sequence[int] | None = None, batch: int = 1) -> Description:
    """Count what any net is made of, by one forward pass that computes shapes only.

    Operators are counted, not modules: functional calls, modules that run twice and branches are seen. The net's
    parameters, buffers, mode and torch's random generator stay as they are, and no memory is taken for activations.

    Args:
        module: takes one batch of images, or of anything with channels and axes.
        image_shape: channels, rows, columns; by default the net's own attribute `image_shape`.
        batch: how many images it reads at once.

    Returns:
        The counts, and a row a layer.

    Raises:
        NetError: the shape is not known, or the net does not take it.

    Source:
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill (2019).
        Multiply-adds: half of what the formulas of torch.utils.flop_counter count.

    >>> describe(nn.Conv2d(3, 64, 7, stride=2, padding=3), image_shape=(3, 224, 224)).multiply_adds  # ResNet, conv1
    118013952
    """
    shape = tuple(image_shape if image_shape is not None else getattr(module, "image_shape", ()))
    if not shape or min(shape) < 1 or batch < 1:
        raise NetError(
            "A net is counted on images of a known shape, 1 or more channels, rows and columns, in a batch of 1 or "
            f"more. Received image_shape={shape or None}, {batch=}, module={type(module).__name__}. "
            "Pass image_shape=(3, 224, 224), or set the net's attribute image_shape."
        )
    named = dict(module.named_parameters(remove_duplicate=False))
    buffers = dict(module.named_buffers(remove_duplicate=False))
    first = next((tensor for tensor in [*named.values(), *buffers.values()] if tensor.is_floating_point()), None)
    without_numbers, stand_in = _shapes_only(first)
    with without_numbers, torch.no_grad():
        parameters = {name: stand_in(tensor.detach()) for name, tensor in module.named_parameters()}
        image = torch.empty(
            (batch, *shape),
            dtype=torch.float32 if first is None else first.dtype,
            device="cpu" if first is None else first.device,
        )
        counter = Counter(parameters, image)
        by_identity = {id(tensor): parameters[name] for name, tensor in module.named_parameters()}
        stand_ins: dict[str, Tensor] = {name: by_identity[id(tensor)] for name, tensor in named.items()}
        stand_ins |= {name: stand_in(tensor.detach()) for name, tensor in buffers.items()}
        output = _run(module, stand_ins, image, counter)
    return Description(
        name=type(module).__name__,
        image_shape=shape,
        batch=batch,
        output_shape=tuple(output.shape),
        parameters=sum(tensor.numel() for tensor in module.parameters()),
        trainable=sum(tensor.numel() for tensor in module.parameters() if tensor.requires_grad),
        unread=sum(counter.unread.values()),
        buffers=sum(tensor.numel() for tensor in module.buffers()),
        multiply_adds=sum(counter.operators.values()),
        operators=counter.operators,
        memory=sum(layer.memory for layer in counter.layers),
        depth=counter.depth(output),
        receptive_field=_last_map(counter.field(output)),
        layers=_layers(counter.layers),
    )


def written_shape(shape: Sequence[int]) -> str:
    """Write a shape as the papers do: 64 x 112 x 112."""
    return " x ".join(map(str, shape))


def written_field(field: ReceptiveField) -> str:
    """Write a receptive field: 483 x 483."""
    return field if isinstance(field, str) else written_shape(field)


def _shapes_only(tensor: Tensor | None) -> tuple[AbstractContextManager, Callable[[Tensor], Tensor]]:
    """Prepare a pass without numbers: its context, and what makes a tensor's stand-in."""
    if tensor is not None and tensor.is_meta:  # such a net has no numbers: this is three times as fast
        return torch.device("meta"), lambda tensor: tensor
    fake = FakeTensorMode(allow_non_fake_inputs=True)  # plain tensors, kept beside buffers, may stand among them
    return fake, fake.from_tensor


def _run(module: nn.Module, stand_ins: dict[str, Tensor], image: Tensor, counter: Counter) -> Tensor:
    try:
        with watched(module, counter), counter:
            result = torch.func.functional_call(module, stand_ins, (image,), tie_weights=False)
    except ConvlensError:
        raise
    except Exception as error:
        raise NetError(
            f"A net is counted by one forward pass on one batch of images, in which only shapes are known. It ended "
            f"with {type(error).__name__}: {error}. Received module={type(module).__name__}, "
            f"image shape {tuple(image.shape)}. Pass the image_shape=(channels, rows, columns) that it was made for."
        ) from error
    output = next((leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)), None)
    if output is None:
        raise NetError(
            f"A net gives a tensor. Received {type(result).__name__} from {type(module).__name__}. "
            "Wrap it in a module whose forward returns its scores."
        )
    return output


def _layers(counted: list[CountedLayer]) -> tuple[Layer, ...]:
    names: dict[str, None] = {}  # in order
    for layer in counted:
        name = bare = layer.module if layer.is_module else ".".join(filter(None, [layer.module, layer.operator]))
        visit = 1
        while name in names:
            visit += 1
            name = f"{bare}_{visit}"
        names[name] = None
    places = list(names)
    return tuple(
        Layer(
            name=name,
            kind=layer.kind,
            detail=layer.detail,
            output=layer.shape,
            parameters=layer.parameters,
            multiply_adds=layer.multiply_adds,
            memory=layer.memory,
            receptive_field=_field_of(layer.field),
            weights=layer.weights,
            reads=tuple(places[place] for place in sorted(layer.reads)) or ("input",),
        )
        for name, layer in zip(names, counted, strict=True)
    )


def _field_of(field: Field | None) -> ReceptiveField:
    """The receptive field of a tensor's units."""
    if isinstance(field, Map | Flat):
        return _sizes(field)
    return UNKNOWN if field is None or isinstance(field, Unknown) else WHOLE


def _last_map(field: Field | None) -> ReceptiveField:
    """The receptive field of the units of the last map before an output."""
    return UNKNOWN if field is None or isinstance(field, Unknown) else _sizes(field)


def _sizes(field: Field) -> ReceptiveField:
    reaches = () if isinstance(field, Unknown) else field.reaches
    sizes = tuple(reach.size for reach in reaches if reach is not None)
    return sizes if len(sizes) == len(reaches) > 0 else WHOLE
