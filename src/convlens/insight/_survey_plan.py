"""What a survey records: which modules, how large their maps are, and which pixels each unit reads."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from convlens.errors import ConvlensError, SurveyError
from convlens.geometry import Reach
from convlens.tracing import Trace, trace

_BATCH_FLOATS = 2**21  # numbers of the largest layer in a batch: 8 MiB, less than a processor's cache
_MOST_IMAGES = 256
_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
               nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Softplus)  # fmt: skip

Rectangle = tuple[int, int, int, int]  # first row, end row, first column, end column; pixels of the fitted image


@dataclass(frozen=True)
class SurveyedLayer:
    """A module's output at one visit.

    Attributes:
        name: the module's path; `_2` and so on at further visits in one pass.
        shape: of its output without the batch: channels, then rows and columns; or features alone.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def units(self) -> int:
        """Units of one map."""
        return torch.Size(self.shape[1:]).numel()


@contextmanager
def watched(net: nn.Module, names: Sequence[str] | None, outputs: dict[str, Tensor]) -> Generator[None]:
    """Put the outputs of a net's modules into a dictionary as each forward pass goes on; None: of all modules.

    In-place layers may change them afterwards, so a pass's own hook copies nothing: see `seen`.
    """
    with seen(net, names, lambda name, output: outputs.update({name: output.clone()})):
        yield


@contextmanager
def seen(net: nn.Module, names: Sequence[str] | None, see: Any) -> Generator[None]:
    """Call `see(name, output)` whenever a module has computed, before anything changes its output in place."""
    visits: dict[str, int] = {}
    wanted = None if names is None else set(names)

    def watch(path: str) -> Any:
        def hook(_module: nn.Module, _arguments: Any, output: Any) -> None:
            visits[path] = visits.get(path, 0) + 1
            name = path if visits[path] == 1 else f"{path}_{visits[path]}"
            if isinstance(output, Tensor) and (wanted is None or name in wanted):
                see(name, output)

        return hook

    with ExitStack() as stack:
        for path, module in net.named_modules():
            if path and (wanted is None or any(name == path or name.startswith(f"{path}_") for name in wanted)):
                stack.callback(module.register_forward_hook(watch(path)).remove)
        stack.callback(net.register_forward_pre_hook(lambda *_: visits.clear()).remove)
        yield


def choose_layers(net: nn.Module, image: Tensor, patterns: Sequence[str] | None) -> list[SurveyedLayer]:
    """Choose what is recorded.

    Args:
        net: in evaluation mode.
        image: a ready batch of one.
        patterns: names of modules, or globs such as "layer4.*"; by default each convolution or linear layer is recorded
            behind the activation function that follows it: or itself, where none does.

    Returns:
        The layers in the order of their calls.

    Raises:
        SurveyError: a pattern fits no module that gives numbers by channel.
    """
    found: dict[str, tuple[int, ...]] = {}
    modules = dict(net.named_modules())

    def see(name: str, output: Tensor) -> None:
        if output.dim() >= 2 and output.is_floating_point():
            found[name] = tuple(output.shape[1:])

    with seen(net, None, see):
        net(image)
    if patterns is None:
        names = _blocks(list(found), modules)
    else:
        names = [name for name in found if any(fnmatchcase(name, pattern) for pattern in patterns)]
        missing = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in found)]
        if missing:
            raise SurveyError(
                "A layer is a module of the net that gives numbers by channel, or a pattern that fits some. "
                f"Received layers={missing!r}. There are: {', '.join(found)}."
            )
    if not names:
        raise SurveyError(
            "A survey records the outputs of modules that convolve or weigh. "
            f"Received a {type(net).__name__} with none among {', '.join(found) or 'no modules'}. Name some in layers."
        )
    return [SurveyedLayer(name, found[name]) for name in names]


def _blocks(names: Sequence[str], modules: dict[str, nn.Module]) -> list[str]:
    """Name the last module of each block: a layer with weights, or the activation function behind it."""
    weighted = (nn.modules.conv._ConvNd, nn.Linear)
    chosen: list[str] = []
    pending: str | None = None
    for name in names:
        module = modules.get(name) or modules.get(name.rpartition("_")[0])
        if isinstance(module, _RECTIFIERS):
            chosen.append(name)
            pending = None
        elif isinstance(module, weighted):
            if pending is not None:
                chosen.append(pending)
            pending = name
    return [*chosen, pending] if pending is not None else chosen


def batch_size(layers: Sequence[SurveyedLayer]) -> int:
    """Choose how many images are read at once: the net alone decides it, so that all processes agree."""
    largest = max(layer.channels * layer.units for layer in layers)
    fitting = max(1, min(_MOST_IMAGES, _BATCH_FLOATS // largest))
    return 1 << (fitting.bit_length() - 1)


class Fields:
    """The pixels that the units of surveyed layers read, as rectangles."""

    def __init__(self, net: nn.Module, image: Tensor, layers: Sequence[SurveyedLayer]) -> None:
        self._trace = trace(net, image)
        self._rows, self._columns = image.shape[-2:]
        outputs: dict[str, Tensor] = {}
        with torch.no_grad(), watched(net, [layer.name for layer in layers], outputs):
            net(image)
        self._calls = {layer.name: _call_of(self._trace, layer.name, outputs[layer.name]) for layer in layers}
        self._steps: dict[str, tuple[Reach, Reach] | None] = {}
        self._known: dict[tuple[str, tuple[int, ...]], Rectangle] = {}

    def rectangle(self, layer: SurveyedLayer, place: tuple[int, ...]) -> Rectangle:
        """Find the rows and columns that a unit reads, clipped to the image.

        Args:
            layer: one of the survey's.
            place: row and column in its map; () for a feature.

        Returns:
            The smallest rectangle around its receptive field; the whole image where an operator has no form.
        """
        if len(place) == 2:
            if layer.name not in self._steps:
                self._steps[layer.name] = self._find_steps(layer)
            steps = self._steps[layer.name]
            if steps is not None:
                return (*_span(steps[0], place[0], self._rows), *_span(steps[1], place[1], self._columns))
        return self._at(layer, place)

    def _at(self, layer: SurveyedLayer, place: tuple[int, ...]) -> Rectangle:
        key = (layer.name, place)
        if key not in self._known:
            self._known[key] = self._measure(layer, place)
        return self._known[key]

    def _find_steps(self, layer: SurveyedLayer) -> tuple[Reach, Reach] | None:
        """Measure two units in the middle of the map; None unless the corners' fields follow from theirs."""
        rows, columns = layer.shape[1:]
        if min(rows, columns) < 4:
            return None
        middle = (rows // 2 - 1, columns // 2 - 1)
        one, next_one = self._at(layer, middle), self._at(layer, (middle[0] + 1, middle[1] + 1))
        reaches = []
        for axis, sides in enumerate((self._rows, self._columns)):
            first, end, jump = one[2 * axis], one[2 * axis + 1], next_one[2 * axis] - one[2 * axis]
            if first <= 0 or end >= sides or jump < 1:
                return None  # clipped by the image's edge: its size is not known
            reaches.append(Reach(first - middle[axis] * jump, end - first, jump))
        steps = (reaches[0], reaches[1])
        for corner in ((0, 0), (rows - 1, columns - 1)):
            spans = [_span(*each) for each in zip(steps, corner, (self._rows, self._columns), strict=True)]
            if self._at(layer, corner) != (*spans[0], *spans[1]):
                return None
        return steps

    def _measure(self, layer: SurveyedLayer, place: tuple[int, ...]) -> Rectangle:
        call = self._calls[layer.name]
        whole = (0, self._rows, 0, self._columns)
        if call is None or len(place) not in (0, 2):
            return whole
        try:
            field = self._trace.receptive_field(call, 0, *place)
        except ConvlensError:
            return whole
        rectangle = (*field.rows, *field.columns)
        return rectangle if rectangle[1] > rectangle[0] and rectangle[3] > rectangle[2] else whole


def _span(reach: Reach, place: int, side: int) -> tuple[int, int]:
    first = reach.first + place * reach.jump
    return max(first, 0), min(first + reach.size, side)


def _call_of(record: Trace, name: str, output: Tensor) -> str | None:
    """Find the traced call that made a module's output: by its name, else by its numbers."""
    for candidate in [name, *reversed(record.layers)]:
        if candidate in record.layers:
            numbers = record[candidate].output
            if numbers.shape == output.shape and torch.allclose(numbers, output, rtol=1e-4, atol=1e-5, equal_nan=True):
                return candidate
    return None
