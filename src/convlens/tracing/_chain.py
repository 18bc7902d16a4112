"""The steps that one number goes through: convolution, batch normalisation, ReLU, pooling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any

import numpy as np

from convlens.tracing._explanation import Explanation
from convlens.tracing._forms import Call, Maximum, Rearrangement, sources
from convlens.tracing._printable import Printable
from convlens.tracing._reads import Index, Shape
from convlens.tracing._statement import Document

Place = tuple[str, Index]  # the key of a tensor, and an index into the whole of it


@dataclass(frozen=True)
class Chain(Printable):
    """Explanations of which each reads the earlier ones' numbers. `print` it to read it.

    Attributes:
        unit: the name of the unit that was asked for, such as conv2[3, 5, 7].
        steps: in the order of computation.
    """

    unit: str
    steps: tuple[Explanation, ...]

    @property
    def closes(self) -> bool:
        """Whether every step closes."""
        return all(step.closes for step in self.steps)

    @property
    def title(self) -> str:
        """What is explained, in a line."""
        count = len(self.steps)
        if count == 1:
            return f"{self.unit} in 1 step, which {'closes' if self.closes else 'DOES NOT CLOSE'}"
        return f"{self.unit} in {count} steps, {'all of which close' if self.closes else 'NOT ALL OF WHICH CLOSE'}"

    def _document(self, most: int | None) -> Document:
        statements = [statement for step in self.steps for statement in step._document(most).statements]
        return Document(self.title, statements)

    def _plain(self) -> dict[str, Any]:
        return {"unit": self.unit, "steps": [step._plain() for step in self.steps]}


def follow_back(
    calls: Sequence[Call], call: Call, index: Index, *, explain: Callable[[Call, Index], Explanation]
) -> list[Explanation]:
    """Explain a unit and, step by step, the numbers that it was made of, until they are sums of many.

    A step is followed back where each tensor that it reads gives one number: a function, a batch normalisation, a moved
    number, an addition or product of branches. Of a maximum the winner is followed, of a softmax or standardisation
    the unit's own number. The addition nearest to the unit is followed into all of its branches; one before it ends its
    branch, since through a residual net's shortcuts each would lead to the next.

    Args:
        calls: of a trace, in order.
        call: that made the unit.
        index: into that call's whole output, item of the batch first.
        explain: explains the unit of a call with a form.

    Returns:
        Each unit on the way once, the one that was asked for last. What a call without a form made, the net's input and
        weights have no step.
    """
    makers = {each.output: (position, each) for position, each in enumerate(calls)}
    steps: dict[tuple[int, Index], Explanation] = {}
    waiting, seen = [(call.output, index, False)], set()
    while waiting:
        place = key, index, is_added = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        position, call = makers[key]
        step = steps[position, index] = explain(call, index)
        onward = {(key, at) for key, at in _followed(step) if key in makers and makers[key][1].form is not None}
        is_addition = step.adds and len(onward) > 1
        if not (is_addition and is_added):
            waiting += [(key, at, is_added or is_addition) for key, at in onward]
    return [steps[place] for place in sorted(steps)]


def follow_on(
    calls: Sequence[Call],
    call: Call,
    index: Index,
    *,
    shapes: Mapping[str, Shape],
    explain: Callable[[Call, Index], Explanation],
) -> list[Explanation]:
    """Explain what becomes of a unit, step by step, as long as it stays one number.

    It does in a function, a batch normalisation, another place, and as the winner of a maximum. A step in which it
    meets other computed numbers, as in an addition, is the last of its way. Sums of many have no step.

    Args:
        calls: of a trace, in order.
        call: that made the unit.
        index: into that call's whole output, item of the batch first.
        shapes: of the tensors of all keys.
        explain: explains the unit of a call with a form.

    Returns:
        The steps after the unit, in order.
    """
    computed = {each.output for each in calls}
    alone: set[Place] = {(call.output, index)}
    steps = []
    for reader in calls:
        if reader.form is None:
            continue
        read = sources(reader.form)
        found = {at for place in alone if place[0] in read for at in _readers(reader, place, shapes=shapes)}
        for at in sorted(found):
            step = explain(reader, at)
            followed = {place for place in _followed(step) if place[0] in computed}
            if not alone.isdisjoint(followed):
                steps.append(step)
                if followed <= alone:
                    alone.add((reader.output, at))
    return steps


def _followed(step: Explanation) -> list[Place]:
    """List the numbers that a step is followed back to."""
    if step.winner is not None:
        places = [(part.key, index) for part in step.reads for index in part.indices[step.winner :][:1]]
    elif all(len(part.indices) <= 1 and part.weight_key is None for part in step.reads):
        places = [(part.key, index) for part in step.reads for index in part.indices]
    else:
        return []
    return [(key, tuple(index.tolist())) for key, index in places]


def _readers(call: Call, place: Place, *, shapes: Mapping[str, Shape]) -> list[Index]:
    """List units of a call that may be followed back to a place, which lies in a tensor that the call reads."""
    form, (key, index) = call.form, place
    before, after = shapes[key], shapes[call.output]
    if isinstance(form, Maximum):
        spans = [_windows_over(form, axis, at=at, count=after[axis + 2]) for axis, at in enumerate(index[2:])]
        return [(*index[:2], *window) for window in product(*spans)]
    candidates: list[Sequence[int]] = [index]
    if isinstance(form, Rearrangement):
        if form.how == "reshape":
            candidates = [[int(at) for at in np.unravel_index(np.ravel_multi_index(index, before), after)]]
        elif form.how == "permute":
            candidates = [[index[axis] for axis in form.axes]]
        elif form.how == "concatenate":
            starts = accumulate((shapes[each][form.axis] for each in form.inputs), initial=0)
            candidates = [
                [at + start * (axis == form.axis) for axis, at in enumerate(index)]
                for start, each in zip(starts, form.inputs, strict=False)
                if each == key
            ]
        elif form.how in ("slice", "pad"):
            steps = form.steps or (1,) * len(index)
            candidates = [[(at - start) // step for at, start, step in zip(index, form.starts, steps, strict=True)]]
    return [
        tuple(candidate)
        for candidate in candidates
        if len(candidate) == len(after) and all(0 <= at < size for at, size in zip(candidate, after, strict=True))
    ]


def _windows_over(form: Maximum, axis: int, *, at: int, count: int) -> list[int]:
    """List the places of a window, along one axis, that have a tap at a pixel."""
    stride = form.stride[axis]
    starts = [at + form.padding[axis] - tap * form.dilation[axis] for tap in range(form.kernel[axis])]
    return [start // stride for start in starts if start % stride == 0 and start // stride in range(count)]
