"""The catalogue with its numbers: what is counted, beside what is published and claimed."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import torch

from convlens.architectures._catalogue import Entry, entries
from convlens.architectures._describe import ReceptiveField, describe, written_field, written_shape
from convlens.architectures._text_table import markdown, plain
from convlens.errors import NetError

Column = Literal["name", "year", "parameters", "multiply_adds", "memory", "depth", "receptive_field", "top1"]


@dataclass(frozen=True)
class TableRow:
    """An architecture, counted at the paper's image size, one image.

    Attributes:
        name: of its constructor.
        year: of the paper.
        image_shape: channels, rows, columns.
        parameters: as in Description; so are the following four.
        multiply_adds: for one image.
        memory: bytes, for one image.
        depth: layers with weights on the longest path.
        receptive_field: of a unit of the last map, in pixels.
        top1: per cent, as published; None if it is not.
        data: the images that `top1` is of.
        paper: author and title.
        idea: what was new.
        claim: what is said of its size where counting gives another number, and why; else "".
    """

    name: str
    year: int
    image_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory: int
    depth: int
    receptive_field: ReceptiveField
    top1: float | None
    data: str
    paper: str
    idea: str
    claim: str


_HEADER = [
    "name",
    "year",
    "image",
    "parameters",
    "multiply-adds",
    "activations",
    "depth",
    "receptive field",
    "top-1",
    "idea",
]
_RIGHT = ["parameters", "multiply-adds", "activations", "depth", "receptive field"]


@dataclass(frozen=True)
class Table:
    """The catalogue's rows.

    Attributes:
        rows: in order.
    """

    rows: tuple[TableRow, ...]

    def __iter__(self) -> Iterator[TableRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def sorted_by(self, column: Column) -> "Table":
        """Put the rows in order: names and years from the first, sizes from the smallest, accuracies from the best.

        Args:
            column: which one decides; equal rows stay as they are, and unknown values come last.
        """
        return replace(self, rows=tuple(sorted(self.rows, key=lambda row: _rank(getattr(row, column), column))))

    def to_json(self) -> list[dict[str, object]]:
        """Describe the rows as plain data."""
        return [asdict(row) for row in self.rows]

    def to_markdown(self) -> str:
        """Write the table, and below it what is claimed, in Markdown."""
        lines = [markdown(_HEADER, [_texts(row) for row in self.rows], right=_RIGHT)]
        claims = [f"- **{', '.join(names)}**: {claim}" for claim, names in self._claims().items()]
        return "\n".join([*lines, *(["", *claims] if claims else [])]) + "\n"

    def __str__(self) -> str:
        table = plain(_HEADER, [_texts(row) for row in self.rows], right=_RIGHT)
        claims = [f"{', '.join(names)}: {claim}" for claim, names in self._claims().items()]
        return "\n".join([table, *(["", *claims] if claims else [])])

    def _claims(self) -> dict[str, list[str]]:
        """Names of the rows by what is claimed of them."""
        claims: dict[str, list[str]] = {}
        for row in self.rows:
            if row.claim:
                claims.setdefault(row.claim, []).append(row.name)
        return claims


def table(names: Sequence[str] | None = None) -> Table:
    """Count the architectures of the catalogue: no weights are made, only shapes.

    Args:
        names: which; by default all.

    Returns:
        A row each, by year.

    Raises:
        NetError: there is no such architecture.
    """
    known = {entry.name: entry for entry in entries()}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise NetError(
            f"An architecture is named as in the catalogue. Received names={unknown}. Known: {', '.join(known)}."
        )
    chosen = list(known.values()) if names is None else [known[name] for name in names]
    return Table(tuple(_row(entry) for entry in chosen)).sorted_by("year")


def _row(entry: Entry) -> TableRow:
    with torch.device("meta"):
        net = entry.make()
    counted = describe(net)
    return TableRow(
        name=entry.name,
        year=entry.year,
        image_shape=counted.image_shape,
        parameters=counted.parameters,
        multiply_adds=counted.multiply_adds,
        memory=counted.memory,
        depth=counted.depth,
        receptive_field=counted.receptive_field,
        top1=entry.top1,
        data=entry.data,
        paper=entry.paper,
        idea=entry.idea,
        claim=entry.claim,
    )


def _texts(row: TableRow) -> list[str]:
    return [
        row.name,
        str(row.year),
        written_shape(row.image_shape),
        f"{row.parameters:,}",
        f"{row.multiply_adds / 1e6:,.1f} M",
        f"{row.memory / 1e6:,.1f} MB",
        str(row.depth),
        written_field(row.receptive_field),
        "" if row.top1 is None else f"{row.top1:.1f} % ({row.data})",
        row.idea,
    ]


def _rank(value: object, column: str) -> tuple:
    """What a value is sorted by: unknown ones, and fields that are the whole image, come last."""
    if column == "receptive_field":
        return (isinstance(value, str), 0 if isinstance(value, str) else value)
    if isinstance(value, float) and column == "top1":
        value = -value
    return (value is None, 0 if value is None else value)
