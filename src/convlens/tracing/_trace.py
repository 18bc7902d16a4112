"""The record of one forward pass, and the questions that it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import TraceError, TraceFileError
from convlens.tracing._capture import record
from convlens.tracing._chain import Chain, follow_back, follow_on
from convlens.tracing._edit import Comparison, compare, recompute
from convlens.tracing._explain import explain_unit
from convlens.tracing._explanation import Explanation, name_unit
from convlens.tracing._forms import Call, Form, Normalisation
from convlens.tracing._gradients import Gradients, propagate
from convlens.tracing._input import to_batch
from convlens.tracing._net import unwrap
from convlens.tracing._pixels import PixelSum, sum_over_pixels
from convlens.tracing._reads import Index
from convlens.tracing._receptive_field import INPUT, ReceptiveField, receptive_field
from convlens.tracing._trace_file import TraceHeader, read_trace, write_trace


@dataclass(frozen=True)
class Layer:
    """What one operator call made.

    Attributes:
        name: the module's dotted path; with the operator where a module makes several calls.
        operator: torch's name for it.
        form: how each number is made, or None.
        reason: where there is no form: why.
        output: its whole output, item of the batch first.
    """

    name: str
    operator: str
    form: Form | None
    reason: str | None
    output: Tensor

    @property
    def maps(self) -> Tensor:
        """The output of the first image: channel, row, column; or features alone."""
        return self.output[0]


class Trace:
    """Every operator call of one forward pass, with its numbers.

    Attributes:
        net: the class of the net, such as "LeNet".
        calls: in order.
        tensors: by key: "activation/NAME", "weight/NAME".
        classes: class names, in the order of the scores; empty where the net names none.
        preprocessing: how the image became the input, or None for a ready tensor.
        image: the fitted image before normalisation, uint8: channel, row, column; or None.
        recomputed: of an edited trace: names of the layers that came out different; else empty.
    """

    def __init__(
        self,
        net: str,
        calls: Sequence[Call],
        *,
        tensors: Mapping[str, Tensor],
        classes: Sequence[str] = (),
        preprocessing: Preprocessing | None = None,
        image: Tensor | None = None,
        recomputed: Sequence[str] = (),
    ) -> None:
        self.net = net
        self.calls = tuple(calls)
        self.tensors = dict(tensors)
        self.classes = tuple(classes)
        self.preprocessing = preprocessing
        self.image = image
        self.recomputed = tuple(recomputed)

    @property
    def layers(self) -> list[str]:
        """Names of the calls, in order."""
        return [call.name for call in self.calls]

    @property
    def input(self) -> Tensor:
        """What the net read, item of the batch first; of several tensors the first."""
        return self.tensors[INPUT]

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Every tensor that the net read, by name."""
        made = {call.output for call in self.calls}
        return {key.removeprefix("activation/"): tensor for key, tensor in self.activations.items() if key not in made}

    @property
    def activations(self) -> dict[str, Tensor]:
        """Everything computed, and the input, by key."""
        return {key: tensor for key, tensor in self.tensors.items() if key.startswith("activation/")}

    @property
    def weights(self) -> dict[str, Tensor]:
        """Every weight that a form names, by key."""
        return {key: tensor for key, tensor in self.tensors.items() if key.startswith("weight/")}

    def __getitem__(self, name: str) -> Layer:
        call = self.calls[self._position(name)]
        return Layer(name, call.operator, call.form, call.reason, self.tensors[call.output])

    def explain(self, layer: str, *index: int, item: int = 0) -> Explanation:
        """Show the arithmetic behind one unit.

        Args:
            layer: one of `layers`.
            *index: channel, row, column; or the feature of a fully connected layer. Counted from 0.
            item: which image of the batch.

        Returns:
            Every term, the total in float64, and the check against what the net computed.

        Raises:
            TraceError: there is no such layer or unit.
            UnsupportedError: the layer's operator has no form.
        """
        call = self.calls[self._position(layer)]
        return self._explain(call, self._place(call, index, item))

    def explain_chain(self, layer: str, *index: int, item: int = 0, onward: bool = False) -> Chain:
        """Show the steps that made one unit, from the sums of many numbers on.

        From a unit behind a block of convolution, batch normalisation, ReLU and pooling it leads back to the
        convolution, or to one in each branch of an addition: `follow_back` in `_chain.py` has the rule.

        Args:
            layer: one of `layers`.
            *index: channel, row, column; or the feature of a fully connected layer. Counted from 0.
            item: which image of the batch.
            onward: whether to go on after the unit, too, as long as it stays one number.

        Returns:
            An explanation a step, in the order of computation.

        Raises:
            TraceError: there is no such layer or unit.
            UnsupportedError: the layer's operator has no form.
        """
        call = self.calls[self._position(layer)]
        place = self._place(call, index, item)
        steps = follow_back(self.calls, call, place, explain=self._explain)
        unit = steps[-1].unit
        if onward:
            shapes = {key: tuple(tensor.shape) for key, tensor in self.tensors.items()}
            steps += follow_on(self.calls, call, place, shapes=shapes, explain=self._explain)
        return Chain(unit, tuple(steps))

    def receptive_field(self, layer: str, *index: int, item: int = 0) -> ReceptiveField:
        """Find the pixels that a unit reads, through all layers before it.

        Args:
            layer: one of `layers`.
            *index: channel, row, column; or the feature of a fully connected layer.
            item: which image of the batch.

        Returns:
            Exactly those pixels, whatever the weights are. Where an operator on the way has no form: the whole input,
            and a `kind` that says so.

        Raises:
            TraceError: there is no such layer or unit.
        """
        position = self._position(layer)
        place = self._place(self.calls[position], index, item)
        shapes = {key: tuple(tensor.shape) for key, tensor in self.tensors.items()}
        return receptive_field(self.calls, position, place, shapes=shapes, weights=self._numbers)

    def to_pixels(self, layer: str, *index: int, item: int = 0) -> PixelSum:
        """Write one unit as a sum over the pixels: value = sum of pixel x weight, plus a constant.

        Args:
            layer: one of `layers`.
            *index: channel, row, column; or the feature of a fully connected layer. Counted from 0.
            item: which image of the batch.

        Returns:
            The sum, which closes where all on the way is linear piece by piece; else the tangent, and what bends.

        Raises:
            TraceError: there is no such layer or unit.
            UnsupportedError: an operator on the way has no form.
        """
        call = self.calls[self._position(layer)]
        return sum_over_pixels(self.calls, self.tensors, call=call, place=self._place(call, index, item))

    def gradient(self, layer: str, *index: int, item: int = 0) -> Gradients:
        """Find how much one unit changes with every number before it.

        Args:
            layer: one of `layers`.
            *index: channel, row, column; or the feature of a fully connected layer. Counted from 0.
            item: which image of the batch.

        Returns:
            The derivatives by all activations and weights that the unit depends on, each of which can be explained.

        Raises:
            TraceError: there is no such layer or unit.
            UnsupportedError: an operator on the way has no form.
        """
        call = self.calls[self._position(layer)]
        place = self._place(call, index, item)
        output = self.tensors[call.output]
        seed = torch.zeros_like(output)
        seed[place] = 1
        return self._gradients(name_unit(layer, index), float(output[place]), seed={call.output: seed})

    def gradient_of_loss(self, label: int, *, item: int = 0) -> Gradients:
        """Find how much the loss of one image changes with every number: what a training goes by.

        Args:
            label: which class the image belongs to, counted from 0.
            item: which image of the batch.

        Returns:
            The derivatives of the cross-entropy of the scores: of the last layer, or the one before a softmax.

        Raises:
            TraceError: the net has no scores, or fewer than label + 1.
            UnsupportedError: an operator on the way has no form.
        """
        last = self.calls[-1]
        key = last.form.input if isinstance(last.form, Normalisation) else last.output
        scores = self.tensors[key]
        if scores.dim() != 2 or not 0 <= label < scores.shape[1] or not 0 <= item < len(scores):
            raise TraceError(
                "A loss is of a net that ends in one score a class, and a class and an image that are there. "
                f"Received label={label}, item={item}, scores of shape {tuple(scores.shape)}."
            )
        with torch.enable_grad():
            varied = scores.detach().requires_grad_()
            loss = torch.nn.functional.cross_entropy(
                varied[item : item + 1], torch.tensor([label], device=scores.device)
            )
        (seed,) = torch.autograd.grad(loss, varied)
        return self._gradients("loss", float(loss.detach()), seed={key: seed}, label=label)

    def _gradients(self, of: str, value: float, *, seed: dict[str, Tensor], label: int | None = None) -> Gradients:
        tensors = propagate(self.calls, self.tensors, seed=seed)
        return Gradients(of, value, self.calls, self.tensors, tensors, label)

    def edit(self, changes: Mapping[str, Tensor] | None = None, *, forms: Mapping[str, Form] | None = None) -> "Trace":
        """Ask "what if": change numbers or forms, and compute anew what depends on them, and that alone.

        Args:
            changes: new tensors, by "input", by the name of a layer, which then stays as it is given, or by that of a
                weight, such as "conv1.weight"; each of the shape of the old one, item of the batch first.
            forms: new forms by the name of the layer, such as an average in the place of a maximum.

        Returns:
            Another trace, whose `recomputed` names what came out different. This one stays as it was.

        Raises:
            TraceError: there is no such layer or weight, or the shape is another.
            UnsupportedError: what depends on the change may have been made by an operator without a form.
        """
        keyed = {}
        for name, tensor in (changes or {}).items():
            key = next((key for key in (f"activation/{name}", f"weight/{name}") if key in self.tensors), None)
            expected = None if key is None else tuple(self.tensors[key].shape)
            if key is None or tuple(tensor.shape) != expected:
                raise TraceError(
                    "A change is a tensor of the shape of what it replaces: the input, a layer's output or a weight. "
                    f"Received name={name!r}, shape={tuple(tensor.shape)}. "
                    + (f"It has {expected}." if key else f"There are: {', '.join(self._names())}.")
                )
            keyed[key] = tensor.detach().to(self.tensors[key].dtype).clone()
        for name in forms or {}:
            self._position(name)
        calls, tensors, recomputed = recompute(self.calls, self.tensors, changes=keyed, forms=forms or {})
        return Trace(
            self.net,
            calls,
            tensors=tensors,
            classes=self.classes,
            preprocessing=self.preprocessing,
            image=None if INPUT in keyed else self.image,
            recomputed=recomputed,
        )

    def without_map(self, layer: str, channel: int) -> "Trace":
        """Ask what the net would make without one feature map: set it to 0, in every image.

        Args:
            layer: one of `layers`.
            channel: of its output.

        Returns:
            Another trace, as `edit` makes it.

        Raises:
            TraceError: there is no such layer or channel.
        """
        output = self[layer].output.clone()
        if output.dim() < 2 or not 0 <= channel < output.shape[1]:
            raise TraceError(f"A map is a channel of a layer. Received channel={channel}, {layer} of {output.shape}.")
        output[:, channel] = 0
        return self.edit({layer: output})

    def compare(self, other: "Trace") -> Comparison:
        """Compare two traces layer by layer: of two images, two checkpoints, two nets.

        Args:
            other: any trace; layers are compared that bear the same name.

        Returns:
            For each layer how far the other lies from this one.

        Raises:
            TraceError: no layer has the same name.
        """
        one, two = ({call.name: each.tensors[call.output] for call in each.calls} for each in (self, other))
        return compare(one, two)

    def _names(self) -> list[str]:
        return [key.split("/", 1)[1] for key in self.tensors]

    def save(self, path: str | Path) -> None:
        """Write the trace as one safetensors file that opens without the net's code.

        Args:
            path: the file; it is replaced whole.
        """
        preprocessing = None if self.preprocessing is None else self.preprocessing.to_json()
        header = TraceHeader(self.net, self.calls, self.classes, preprocessing, tuple(self.inputs))
        write_trace(Path(path), header, tensors=self.tensors, image=self.image)

    def _explain(self, call: Call, place: Index) -> Explanation:
        return explain_unit(call, place, numbers=self._numbers, dtype=self.tensors[call.output].dtype)

    def _position(self, layer: str) -> int:
        for position, call in enumerate(self.calls):
            if call.name == layer:
                return position
        raise TraceError(
            f"A layer is named as in trace.layers. Received layer={layer!r}. There are: {', '.join(self.layers)}."
        )

    def _place(self, call: Call, index: tuple[int, ...], item: int) -> tuple[int, ...]:
        shape = tuple(self.tensors[call.output].shape)
        place = (item, *index)
        if len(place) != len(shape) or not all(0 <= at < size for at, size in zip(place, shape, strict=True)):
            names = {1: "feature", 2: "channel, position", 3: "channel, row, column"}.get(
                len(shape) - 1, "one number an axis"
            )
            raise TraceError(
                f"A unit of {call.name!r} is named by {names}, below {shape[1:]}, and an item below {shape[0]}. "
                f"Received index={index}, item={item}."
            )
        return place

    @cached_property
    def _numbers(self) -> Mapping[str, np.ndarray]:
        return _Arrays(self.tensors)


class _Arrays(dict[str, np.ndarray]):
    """Tensors as NumPy's arrays, each made when it is first asked for; 16-bit floats are widened: no value changes."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors

    def __missing__(self, key: str) -> np.ndarray:
        tensor = self._tensors[key]
        narrow = tensor.dtype in (torch.bfloat16, torch.float16)
        self[key] = (tensor.float() if narrow else tensor).detach().cpu().numpy()
        return self[key]


def load_trace(path: str | Path) -> Trace:
    """Open a trace file. It needs no code of the net, and nothing in it is executed.

    Args:
        path: what `Trace.save` wrote.

    Returns:
        The trace, which answers every question that it answered when it was saved.

    Raises:
        TraceFileError: the file is missing, damaged, of another version, or contradicts itself.
    """
    header, tensors, image = read_trace(Path(path))
    try:
        preprocessing = None if header.preprocessing is None else Preprocessing.from_json(header.preprocessing)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TraceFileError(
            f"A trace's preprocessing is what Trace.save wrote. Received path={str(path)!r}, "
            f"preprocessing={header.preprocessing}: {error!r}. A file that was changed cannot be repaired."
        ) from error
    return Trace(
        header.net,
        header.calls,
        tensors=tensors,
        classes=header.classes,
        preprocessing=preprocessing,
        image=image,
    )


def trace(
    net: nn.Module,
    image: Any,
    *others: Any,
    preprocessing: Preprocessing | None = None,
    probabilities: bool = False,
    training: bool = False,
    **named: Any,
) -> Trace:
    """Run a net on one image and record every operator call.

    Args:
        net: any module. It is left as it was: no hooks, same mode, same weights and buffers; so is the random state.
            Of a module in DataParallel or by torch.compile the one inside runs, as it was written.
        image: a file's path; a PIL image; uint8 pixels: (row, column), an array (row, column, channel) or a tensor
            (channel, row, column); or a float tensor that is ready for the net, item of the batch first.
        *others: what else the net reads. Tensors are recorded under the names that its forward method has for them.
        preprocessing: how pixels become the input; that of the net's card where it has one.
        probabilities: whether to follow the scores with a softmax over the classes, recorded as "probabilities".
        training: whether the net runs as in training: batch normalisation by the batch's own mean and variance, dropout
            with a mask, which is recorded.
        **named: what the net reads by name.

    Returns:
        The trace.

    Raises:
        TraceError: the image is none of these, there is no preprocessing for pixels, or the net cannot be seen into:
            TorchScript, sparse and quantised tensors, tensors without numbers.
    """
    net = unwrap(net)
    card = getattr(net, "card", None)  # trained nets say what they expect and which classes they know
    if preprocessing is None and card is not None:
        preprocessing = card.preprocessing
    batch, fitted = to_batch(image, preprocessing)
    if fitted is not None:
        weight = next((weight for weight in net.parameters() if weight.is_floating_point()), batch)
        batch = batch.to(weight.device, weight.dtype)
    calls, tensors = record(net, (batch, *others), named=named, training=training, probabilities=probabilities)
    return Trace(
        type(net).__name__,
        calls,
        tensors=tensors,
        classes=() if card is None else card.classes,
        preprocessing=None if fitted is None else preprocessing,
        image=fitted,
    )
