"""What the benchmarks share: what machine this is, and figures written into docs/measured.md."""

import datetime
import importlib.metadata
import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measured.md"


def machine(*packages: str) -> str:
    """Describe the machine and the versions of packages in one sentence."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*: (.*)", cpuinfo.read_text())
        processor = found[1] if found else processor
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    python = f"Python {platform.python_version()}"
    today = datetime.date.today().isoformat()
    return f"{os.cpu_count()} cores ({processor}), {', '.join([python, *versions])}, {today}."


def spread(values: Sequence[float], *, digits: int = 2) -> str:
    """Say median, least and most of repeated measurements."""
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f} ({least:.{digits}f} to {most:.{digits}f}, n = {len(values)})"


def write_section(name: str, lines: Sequence[str]) -> None:
    """Replace the section between the markers of a name in docs/measured.md, or append it.

    Args:
        name: of the benchmark; stands in the markers.
        lines: Markdown.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    section = "\n".join([begin, *lines, end])
    text = MEASURED.read_text() if MEASURED.exists() else "# Measured\n\nWritten by the scripts in `benchmarks/`.\n"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else f"{text.rstrip()}\n\n{section}\n"
    MEASURED.write_text(text)
    print(section)
