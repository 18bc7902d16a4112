"""The steps that made one unit, from the sums of many numbers on: convolution, batch normalisation, ReLU, pooling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from convlens.tracing._explanation import Explanation
from convlens.tracing._forms import Call
from convlens.tracing._printable import Printable
from convlens.tracing._reads import Index
from convlens.tracing._statement import Document


@dataclass(frozen=True)
class Chain(Printable):
    """Explanations of which each reads the earlier ones' numbers. `print` it to read it.

    Attributes:
        steps: in the order of computation; the last one's is the unit that was asked for.
    """

    steps: tuple[Explanation, ...]

    @property
    def closes(self) -> bool:
        """Whether every step closes."""
        return all(step.closes for step in self.steps)

    @property
    def title(self) -> str:
        """What is explained, in a line."""
        count = len(self.steps)
        verdict = "closes" if count == 1 else "all of which close"
        steps = f"{count} {'step' if count == 1 else 'steps'}"
        return f"{self.steps[-1].unit} in {steps}, {verdict if self.closes else 'NOT ALL OF WHICH CLOSE'}"

    def _document(self, most: int | None) -> Document:
        statements = [statement for step in self.steps for statement in step._document(most).statements]
        return Document(self.title, statements)

    def _plain(self) -> dict[str, Any]:
        return {"steps": [step._plain() for step in self.steps]}


def follow_back(
    calls: Sequence[Call], call: Call, index: Index, *, explain: Callable[[Call, Index], Explanation]
) -> Chain:
    """Explain a unit and, step by step, the numbers that it was made of, until they are sums of many.

    A step is followed back where each tensor that it reads gives one number: a function, a batch normalisation, a moved
    number, an addition or product of branches. Of a maximum the winner is followed, of a softmax or standardisation
    the unit's own number. The addition nearest to the unit is followed into all of its branches; one before it ends its
    branch, since through a residual net's shortcuts each would lead to the next.

    Args:
        calls: of a trace.
        call: that made the unit.
        index: into that call's whole output, item of the batch first.
        explain: explains the unit of a call with a form.

    Returns:
        Each unit on the way once. What a call without a form made, the net's input and weights have no step.
    """
    makers = {each.output: (position, each) for position, each in enumerate(calls)}
    steps: dict[tuple[int, Index], Explanation] = {}
    waiting, seen = [(call.output, index, False)], set()
    while waiting:
        place = key, index, added = waiting.pop()
        position, call = makers[key]
        if place in seen:
            continue
        seen.add(place)
        step = steps.setdefault((position, index), explain(call, index))
        onward = {(key, at) for key, at in _followed(step) if key in makers and makers[key][1].form is not None}
        is_addition = step.adds and len(onward) > 1
        if not (is_addition and added):
            waiting += [(key, at, added or is_addition) for key, at in onward]
    return Chain(tuple(steps[place] for place in sorted(steps)))


def _followed(step: Explanation) -> list[tuple[str, Index]]:
    """List the numbers that a step is followed back to."""
    if step.winner is not None:
        places = [(part.key, index) for part in step.reads for index in part.indices[step.winner :][:1]]
    elif all(len(part.indices) <= 1 and part.weight_key is None for part in step.reads):
        places = [(part.key, index) for part in step.reads for index in part.indices]
    else:
        return []
    return [(key, tuple(index.tolist())) for key, index in places]
