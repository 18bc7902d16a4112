"""What a diagnosis is: findings, each with the numbers that it rests on, and what was checked without one."""

import textwrap
from dataclasses import asdict, dataclass

_WIDTH = 100  # characters of a line
_MOST_CHANNELS = 12  # that are listed


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a net, or with what it is given.

    Attributes:
        kind: "dead units", "saturated units", "vanishing gradients", "exploding gradients", "duplicated filters",
            "low rank", "checkerboard", "wrong normalisation", "training mode", "random in evaluation",
            "receptive field", "not finite".
        layer: a module's path, "input" or "output", or "" for the net.
        channels: which of the layer's, where it is about some.
        figures: what was measured, and the limit.
        meaning: what follows from it.
        advice: what to do.
    """

    kind: str
    layer: str
    channels: tuple[int, ...]
    figures: dict[str, float]
    meaning: str
    advice: str

    def __str__(self) -> str:
        figures = "; ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        shown = ", ".join(map(str, self.channels[:_MOST_CHANNELS]))
        more = len(self.channels) - _MOST_CHANNELS
        channels = f"; channels {shown}{f' and {more} more' if more > 0 else ''}" if self.channels else ""
        heading = self.kind + (f" in {self.layer}" if self.layer else "")
        return "\n".join([f"{heading}: {figures}{channels}", *_lines(self.meaning), *_lines(self.advice)])


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a net, as far as was checked.

    Attributes:
        net: its class.
        images: how many were read.
        findings: in the order of the checks; none for a healthy net.
        checked: what every check measured, in a sentence each; one that could not be made says why.
    """

    net: str
    images: int
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.findings)
        heading = f"{self.net}, {self.images} images: {count or 'no'} finding{'s' if count != 1 else ''}"
        checked = "\n".join("\n".join(_lines(line)) for line in self.checked)
        return "\n\n".join([heading, *map(str, self.findings), f"Checked\n{checked}"])

    def to_json(self) -> dict[str, object]:
        """Describe the diagnosis as plain data; numbers that are not finite are written as text."""
        record = asdict(self)
        for finding in record["findings"]:
            finding["figures"] = {
                name: value if abs(value) < float("inf") else str(value) for name, value in finding["figures"].items()
            }
        return record


def _lines(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")


Checked = tuple[list[Finding], str]  # what a check gives back: findings, and what it measured
