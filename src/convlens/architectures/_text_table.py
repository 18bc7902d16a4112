"""Tables as plain text and as Markdown."""

from collections.abc import Sequence


def plain(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Write a table in columns, as wide as their longest entry.

    Args:
        header: name of each column.
        rows: texts, one a column.
        right: names of the columns whose texts end at the right, such as numbers.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    written = [
        "  ".join(
            text.rjust(width) if name in right else text.ljust(width)
            for text, width, name in zip(line, widths, header, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join(written)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Write a table as Markdown; the arguments are those of `plain`."""
    rule = ["---:" if name in right else "---" for name in header]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *rows])
