"""Time `import convlens` and `convlens --help` as whole processes, and weigh the wheel."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _report import machine, spread, write_section

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15


def seconds(*command: str) -> float:
    """Time one process from start to exit."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def wheel_megabytes() -> float:
    """Build the wheel and weigh it."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--wheel-dir", folder, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.stat().st_size / 1e6


def main() -> None:
    """Measure in alternation and write the figures."""
    commands = {
        "python -c pass (the floor)": [sys.executable, "-c", "pass"],
        "import convlens": [sys.executable, "-c", "import convlens"],
        "convlens --help": [sys.executable, "-m", "convlens", "--help"],
    }
    timings: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            timings[name].append(seconds(*command))
    rows = [f"| `{name}` | {spread(timings[name], digits=3)} |" for name in commands]
    write_section(
        "startup",
        [
            "## Starting",
            "",
            "| whole process | seconds: median (least to most) |",
            "| --- | --- |",
            *rows,
            "",
            f"The wheel has {wheel_megabytes():.2f} MB. {machine('convlens')}",
        ],
    )


if __name__ == "__main__":
    main()
