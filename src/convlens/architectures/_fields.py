"""What is known of the pixels that a tensor's units read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from convlens.geometry import Reach

Reaches = tuple[Reach | None, ...]  # one an axis of the image; None: all its pixels


@dataclass(frozen=True)
class Map:
    """Units at known places: along `axes` of the tensor (rows, columns) they have these reaches."""

    axes: tuple[int, ...]
    reaches: Reaches


@dataclass(frozen=True)
class Flat:
    """The places of a map, and perhaps its channels, in one axis; `sizes` are those that were merged."""

    axis: int
    sizes: tuple[int, ...]
    places: tuple[int, ...]  # which of the sizes are the map's axes
    reaches: Reaches


@dataclass(frozen=True)
class Whole:
    """Every unit reads all places of the last map, whose units had these reaches."""

    reaches: Reaches


@dataclass(frozen=True)
class Unknown:
    """No rule says what the units read."""

    reason: str


Field = Map | Flat | Whole | Unknown


@dataclass(frozen=True)
class OperatorCall:
    """One operator call: its name without overload, its arguments by name, and the fields of what it reads."""

    name: str
    named: dict[str, Any]
    field: Callable[[Any], Field | None]
    output: Tensor
    is_pointwise: bool  # each number is computed from those at the same place

    @property
    def input(self) -> Tensor:
        """The first tensor among the arguments."""
        return next(tensors_in(self.named.values()))

    def dims(self, name: str = "dim") -> set[int]:
        """The axes that an argument names, counted from the first; all if it is None or empty."""
        value, count = self.named.get(name), max(self.input.ndim, 1)
        listed = [value] if isinstance(value, int) else list(value or range(count))
        return {dim % count for dim in listed}


def tensors_in(values: Iterable[Any]) -> Iterator[Tensor]:
    """List the tensors among an operator's arguments or results, in lists and dictionaries, too."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple) and value and not isinstance(value[0], int):
            yield from tensors_in(value)
        elif isinstance(value, dict):
            yield from tensors_in(value.values())


def joined(fields: Sequence[Field]) -> Field:
    """Join the fields of branches that lie in the same axes."""
    unknown = next((field for field in fields if isinstance(field, Unknown)), None)
    if unknown:
        return unknown
    maps = [field for field in fields if isinstance(field, Map | Flat)]
    if not maps:
        return Whole(furthest([field.reaches for field in fields if isinstance(field, Whole)]))
    first = maps[0]
    if any(type(field) is not type(first) or _where(field) != _where(first) for field in maps):
        return Unknown("Maps whose rows and columns lie in different axes are joined.")
    if len(maps) < len(fields):  # a gate, computed from the whole image, times a map
        return with_reaches(first, tuple(None for _ in first.reaches))
    return with_reaches(first, tuple(map(_join, *(field.reaches for field in maps))))


def with_reaches(field: Any, reaches: Reaches) -> Field:
    return replace(field, reaches=reaches)


def _where(field: Field) -> object:
    return field.axes if isinstance(field, Map) else field.axis if isinstance(field, Flat) else None


def _join(*reaches: Reach | None) -> Reach | None:
    result = reaches[0]
    for reach in reaches[1:]:
        result = None if result is None or reach is None else result.joined_with(reach)
    return result


def furthest(several: Sequence[Reaches]) -> Reaches:
    return max(several, key=lambda reaches: [float("inf") if reach is None else reach.size for reach in reaches])


def spread(field: Any, dims: set[int]) -> Field:
    """All pixels along the axes of a map whose numbers are mixed."""
    if not isinstance(field, Map):
        return field
    return replace(
        field,
        reaches=tuple(None if axis in dims else reach for axis, reach in zip(field.axes, field.reaches, strict=True)),
    )


def moved(field: Any, move: Callable[[int], int]) -> Field:
    if isinstance(field, Map):
        return replace(field, axes=tuple(map(move, field.axes)))
    return replace(field, axis=move(field.axis)) if isinstance(field, Flat) else field
