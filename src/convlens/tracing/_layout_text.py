"""Explanations as text for a terminal."""

from convlens.tracing._statement import Document, Statement, Working, write_working

_PATTERNS = {
    "product": "{} x {}",
    "square": "({} - {})^2 / {}",
    "exponential": "e^({} - {})",
    "quotient": "{} / {}",
    "log_quotient": "{} - {} - ln {}",
    "standardised": "({} - {}) / sqrt({} + {}) x {} + {}",
}
_INDENT = "   "


def to_text(document: Document) -> str:
    """Lay a document out in columns; of several statements each is numbered and indented."""
    statements = ["\n".join(_lines(statement)) for statement in document.statements]
    if document.heading is None:
        return "\n\n".join(statements)
    steps = [f"{number}. {_indented(text)}" for number, text in enumerate(statements, 1)]
    return "\n\n".join([document.heading, *steps])


def _indented(text: str) -> str:
    return "\n".join(_INDENT + line if line and place else line for place, line in enumerate(text.split("\n")))


def _lines(statement: Statement) -> list[str]:
    rows = [
        (f"  {line.label}" if line.role == "subtotal" else _label(line.label, line.working), line.number)
        for line in statement.lines
    ]
    rows += [
        (_label("total", statement.working), statement.total),
        (f"recorded by {statement.recorded_by}", statement.recorded),
        ("difference", statement.difference),
    ]
    width = max(len(label) for label, _ in rows)
    number_width = max(len(number) for _, number in rows)
    table = [f"{label:<{width}}  {number:>{number_width}}".rstrip() for label, number in rows]
    return [statement.title, "", *table, f"tolerance {statement.tolerance}: {statement.verdict}"]


def _label(label: str, working: Working | None) -> str:
    if working is None:
        return label
    return f"{label}  {write_working(working, _PATTERNS, number=str, brackets=False)} ="
