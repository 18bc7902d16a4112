"""What the scripts that ship a net share: train it with the public command, tell of it."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from convlens.architectures import NetCard
from convlens.training import Run, open_run

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src" / "convlens" / "architectures" / "weights"


def train(data: str | Path, arguments: Sequence[str], *, folder: Path) -> tuple[Run, NetCard]:
    """Train with `convlens train` in a process of its own.

    Args:
        data: what the command takes: a name or a folder.
        arguments: the others.
        folder: of the run.
    """
    command = [sys.executable, "-m", "convlens", "train", str(data), *arguments, "--folder", str(folder)]
    subprocess.run(command, check=True)
    return read(folder)


def read(folder: Path) -> tuple[Run, NetCard]:
    """Open a run, and make the card to ship: its command names folders by their last part, wherever they stood."""
    run = open_run(folder)
    return run, replace(run.card, command=re.sub(r"(?<=\s)/\S*/", "", run.card.command))


def facts(run: Run, card: NetCard) -> dict[str, Any]:
    """Collect the figures of a model card, under the names that its text gives them."""
    channels, rows, columns = card.preprocessing.image_shape
    return {
        "parameters": sum(value.numel() for value in run.net.parameters()),
        "channels": channels,
        "rows": rows,
        "columns": columns,
        "size": " x ".join(map(str, card.preprocessing.size)),
        "padding": card.preprocessing.padding,
        "mean": " ".join(map(str, card.preprocessing.mean)),
        "deviation": " ".join(map(str, card.preprocessing.deviation)),
        "classes": len(card.classes),
        "images": run.config.content["images"],
        "recipe": ", ".join(
            f"{name.replace('_', ' ')} {_plain(value)}" for name, value in run.config.recipe.to_json().items()
        ),
        "command": card.command,
        "accuracy": card.accuracy,
        "date": card.date,
        "versions": ", ".join(f"{name} {number}" for name, number in card.versions.items()),
    }


def _plain(value: object) -> str:
    """Write one value of a recipe: three digits of a number, yes or no, a name in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("_", " ")
