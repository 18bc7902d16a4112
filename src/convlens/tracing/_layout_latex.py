"""Explanations as LaTeX: aligned equations that need the package amsmath and nothing else."""

import re

from convlens.tracing._statement import Document, Line, Statement, Working, write_working

_PATTERNS = {
    "product": r"{} \times {}",
    "square": r"({} - {})^2 / {}",
    "exponential": r"e^{{{} - {}}}",
    "quotient": r"\frac{{{}}}{{{}}}",
    "log_quotient": r"{} - {} - \ln {}",
    "standardised": r"\frac{{{} - {}}}{{\sqrt{{{} + {}}}}} \times {} + {}",
}
_ESCAPED = {
    **{letter: f"\\{letter}" for letter in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def to_latex(document: Document) -> str:
    """Lay a document out as an align* environment a statement, each after its title.

    Letters beyond ASCII in the names of layers stay as they are.
    """
    parts = [] if document.heading is None else [f"{_escape(document.heading)}\n"]
    for statement in document.statements:
        if document.heading is not None:
            parts.append(_escape(statement.title))
        parts.append("\n".join([r"\begin{align*}", " \\\\\n".join(_equations(statement)), r"\end{align*}"]))
    return "\n".join(parts)


def _equations(statement: Statement) -> list[str]:
    unit = rf"\text{{{_escape(statement.unit)}}}"
    terms = [line for line in statement.lines if line.role in ("term", "folded")]
    addends = [line for line in statement.lines if line.role == "addend"]
    sums = [line for line in statement.lines if line.role == "sum"]
    total = f"&= {_number(statement.total)} && {_check(statement)}"
    if statement.adds:
        return [*_sum(unit, [*terms, *addends]), total]
    if sums:
        name = rf"\text{{{_escape(sums[0].label)}}}"
        value = f"&= {_number(sums[0].number)}"
        working = "" if statement.working is None else f"&= {_working(statement.working)}"
        return [f"{unit} {working}".rstrip(), total, *_sum(name, terms), value]
    settings = [line for line in statement.lines if line.role == "setting"]
    return [*_function(unit, [*terms, *addends, *settings], function=statement.kind), total]


def _sum(name: str, lines: list[Line]) -> list[str]:
    """Write a sum, a summand a line."""
    equations = []
    for place, line in enumerate(lines):
        number = _number(line.number)
        sign = "-" if number.startswith("-") else "+"
        summand = f"&\\quad {{}}{sign} {number.removeprefix('-')}" if place else f"{name} &= {number}"
        equations.append(f"{summand} && {_remark(line)}")
    return equations or [f"{name} &= 0"]


def _function(name: str, lines: list[Line], *, function: str) -> list[str]:
    """Write a function of numbers, a number a line."""
    called = r"\max" if function == "maximum" else rf"\operatorname{{{_escape(function)}}}"
    equations = []
    for place, line in enumerate(lines):
        start = "&\\quad " if place else f"{name} &= {called}("
        end = ")" if place + 1 == len(lines) else ","
        number = _number(line.number) if line.number else r"\ldots"
        equations.append(f"{start}{number}{end} && {_remark(line)}")
    return equations


def _remark(line: Line) -> str:
    label = rf"\text{{{_escape(line.label)}}}"
    return label if line.working is None else rf"{label}:\; {_working(line.working)}"


def _check(statement: Statement) -> str:
    return (
        rf"\text{{recorded }} {_number(statement.recorded)},\; \text{{difference }} {_number(statement.difference)},\; "
        rf"\text{{tolerance }} {_number(statement.tolerance)}\text{{: {statement.verdict}}}"
    )


def _working(working: Working) -> str:
    return write_working(working, _PATTERNS, number=_number)


def _number(number: str) -> str:
    """Write a printed number: 1.5e-08 as a power of ten."""
    number = number.replace("\N{MINUS SIGN}", "-")
    mantissa, _, exponent = number.partition("e")
    if exponent:
        return rf"{mantissa} \times 10^{{{int(exponent)}}}"
    return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}.get(number, number)


def _escape(text: str) -> str:
    """Write any text so that LaTeX prints it as it is, line breaks as spaces."""
    return re.sub(r"\s+", " ", "".join(_ESCAPED.get(letter, letter) for letter in text))
