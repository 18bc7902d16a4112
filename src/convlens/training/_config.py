"""A run's config.json: everything that decides its result."""

import json
import platform
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from convlens.data import DataSet, Preprocessing
from convlens.errors import RunError
from convlens.files import write_whole
from convlens.training._recipe import Recipe


@dataclass(frozen=True)
class Config:
    """What decides a run.

    Attributes:
        net: name in the catalogue, the text of a written net, or the module's class.
        data: name of the data set.
        load: what `data.load` takes to load it, or None if it was handed over ready.
        content: what identifies the data: counts, checksums, seeds.
        classes: class names, in the order of the scores.
        preprocessing: from images to what the net reads.
        recipe: how it is trained.
        seed: decides the first weights and the order of the images.
        threads: of torch, within an operator: sums differ in their last bits with their number.
        command: what trains the same net anew.
        date: day of its start, ISO 8601.
        versions: of Convlens, torch and Python.
    """

    net: str
    data: str
    load: str | None
    content: dict[str, object]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    recipe: Recipe
    seed: int
    threads: int
    command: str
    date: str
    versions: dict[str, str]

    @classmethod
    def now(
        cls,
        *,
        net: str,
        data: DataSet,
        load: str | None,
        preprocessing: Preprocessing,
        recipe: Recipe,
        options: Mapping[str, object],
        seed: int,
    ) -> "Config":
        """Describe a training that begins now, with the threads that torch has, and the options that were asked for."""
        threads = torch.get_num_threads()
        words = [f"--net {shlex.quote(net)} --epochs {recipe.epochs} --seed {seed} --threads {threads}"]
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            given = shlex.quote(str(value))
            words.append(option if value is True else f"--no-{option[2:]}" if value is False else f"{option} {given}")
        return cls(
            net=net,
            data=data.name,
            load=load,
            content=content_of(data),
            classes=data.classes,
            preprocessing=preprocessing,
            recipe=recipe,
            seed=seed,
            threads=threads,
            command=f"convlens train {shlex.quote(load or data.name)} {' '.join(words)}",
            date=datetime.now(UTC).date().isoformat(),
            versions={
                "convlens": version("convlens"),
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        )


def content_of(data: DataSet) -> dict[str, Any]:
    """Say what identifies a data set, wherever it lies: counts, checksums, seeds."""
    counts = {"train": len(data.train), "val": len(data.val), "test": len(data.test)}
    source = {key: value for key, value in data.source.items() if key != "load"}
    return json.loads(json.dumps({"images": counts, **source}))


def write_config(path: Path, config: Config) -> None:
    """Write config.json."""
    record = {"format": "convlens-run", "version": 1, **asdict(config)}
    write_whole(path, (json.dumps(record, indent=2) + "\n").encode())


def read_config(path: Path) -> Config:
    """Read what `write_config` wrote.

    Raises:
        RunError: the file is missing or not a run's configuration.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record.pop("format"), record.pop("version")) != ("convlens-run", 1):
            raise ValueError('its format is not "convlens-run", version 1')
        return Config(
            **record
            | {
                "classes": tuple(record["classes"]),
                "preprocessing": Preprocessing.from_json(record["preprocessing"]),
                "recipe": Recipe.from_json(record["recipe"]),
            }
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"A run folder holds config.json, written when its training began. Received folder={str(path.parent)!r}: "
            f"{error!r}. Name the folder that `convlens train` printed."
        ) from error
