"""What the server holds: nets, which trace any image, and trace files, which hold one."""

import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from convlens.architectures import TrainedNet
from convlens.data import Example, Preprocessing
from convlens.errors import TraceError, WireError
from convlens.serve._messages import NetAnswer, NetSummary, TraceAnswer, write_frame
from convlens.tracing import Trace, trace

_T = TypeVar("_T")


class LiveNet:
    """A net with weights, which traces any image. Its weights can be replaced while it is served.

    Attributes:
        id: its name on the wire and in addresses.
        version: counts how often its weights changed.
    """

    def __init__(self, id: str, trained: TrainedNet, *, title: str, samples: Sequence[Example]) -> None:
        self.id = id
        self.version = 1
        self._title = title
        self._samples = samples
        self._trained = trained

    def replace(self, trained: TrainedNet) -> None:
        """Go on with other weights. Not while a trace is made."""
        self._trained = trained
        self.version += 1

    def summary(self) -> NetSummary:
        """Say what it is."""
        card = self._trained.card
        return NetSummary(
            id=self.id,
            title=self._title,
            classes=card.classes,
            input_shape=card.preprocessing.image_shape,
            samples=len(self._samples),
            preprocessing=card.preprocessing.to_json(),
            card=card.to_json(),
            accepts_images=True,
        )

    def answer_open(self) -> bytes:
        """Pack its calls and weights."""
        blank = torch.zeros(self._trained.card.preprocessing.image_shape, dtype=torch.uint8)
        return _pack_net(self.id, self._trace(blank), version=self.version)

    def answer_trace(self, image: Tensor, *, sequence: int, label: int | None = None) -> bytes:
        """Trace it on an image (uint8; channel, row, column) and pack all activations."""
        start = time.perf_counter()
        record = self._trace(image)
        answer = TraceAnswer(
            net=self.id,
            version=self.version,
            sequence=sequence,
            milliseconds=(time.perf_counter() - start) * 1e3,
            label=label,
        )
        return _pack_trace(answer, record)

    def answer_sample(self, index: int, *, sequence: int) -> bytes:
        """Trace it on one of its samples and pack all activations."""
        example = _pick(self._samples, index, net=self.id)
        return self.answer_trace(example.image, sequence=sequence, label=example.label)

    def fit(self, image: Tensor) -> Tensor:
        """Bring an image to its channels and size, as pixels, not yet padded."""
        preprocessing = self._trained.card.preprocessing
        rows, columns = preprocessing.size
        padding = preprocessing.padding
        return preprocessing.fit(image)[:, padding : padding + rows, padding : padding + columns]

    def _trace(self, image: Tensor) -> Trace:
        return trace(self._trained.net, image, probabilities=True)


class RecordedNet:
    """A trace file: one forward pass, without the net that made it. Its one sample is the recorded image.

    It answers what a LiveNet answers.
    """

    version = 1

    def __init__(self, id: str, record: Trace, *, title: str) -> None:
        self.id = id
        self._title = title
        self._record = record

    def summary(self) -> NetSummary:
        record = self._record
        channels, rows, columns = _picture(record).shape
        # Without preprocessing the net read these very numbers.
        plain = Preprocessing(channels, (rows, columns), 0, mean=(0.0,) * channels, deviation=(1.0,) * channels)
        return NetSummary(
            id=self.id,
            title=self._title,
            classes=record.classes,
            input_shape=(channels, rows, columns),
            samples=1,
            preprocessing=(record.preprocessing or plain).to_json(),
            card={"architecture": record.net},
            accepts_images=False,
        )

    def answer_open(self) -> bytes:
        return _pack_net(self.id, self._record, version=self.version)

    def answer_trace(self, image: Tensor, *, sequence: int) -> bytes:
        raise self._refusal(image)

    def answer_sample(self, index: int, *, sequence: int) -> bytes:
        record = _pick([self._record], index, net=self.id)
        answer = TraceAnswer(net=self.id, version=1, sequence=sequence, milliseconds=0.0, label=None)
        return _pack_trace(answer, record)

    def fit(self, image: Tensor) -> Tensor:
        raise self._refusal(image)

    def _refusal(self, image: Tensor) -> TraceError:
        return TraceError(
            "A trace file holds the numbers of one image and no net to compute others. "
            f"Received net={self.id!r} and an image of shape={tuple(image.shape)}. "
            "Open the net itself: `convlens open lenet`, a run's folder, or its net.safetensors."
        )


Net = LiveNet | RecordedNet


def _pack_net(net: str, record: Trace, *, version: int) -> bytes:
    return write_frame(NetAnswer(net=net, version=version, calls=list(record.calls)), _numbers(record.weights))


def _pack_trace(answer: TraceAnswer, record: Trace) -> bytes:
    return write_frame(answer, {"image": _picture(record), **_numbers(record.activations)})


def _numbers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring tensors to the dtypes of the wire: float32, which the page computes with, and int64."""
    return {key: tensor.float() if tensor.is_floating_point() else tensor.long() for key, tensor in tensors.items()}


def _picture(record: Trace) -> Tensor:
    """The recorded pixels; where a trace began with ready numbers, these, from the least (0) to the largest (255)."""
    if record.image is not None:
        return record.image
    numbers = record.input[0].float().nan_to_num()
    maps = numbers.reshape(-1, *(1, *numbers.shape)[-2:])
    maps = maps if len(maps) == 3 else maps[:1]
    span = (maps.max() - maps.min()).clamp(min=1e-12)
    return ((maps - maps.min()) / span * 255).round().to(torch.uint8)


def _pick(samples: Sequence[_T], index: int, *, net: str) -> _T:
    if index >= len(samples):
        raise WireError(
            f"A sample is counted from 0. Received index={index} of the {len(samples)} samples of {net!r}. "
            "Ask for a smaller one."
        )
    return samples[index]
