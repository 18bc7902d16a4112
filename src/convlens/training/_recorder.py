"""Writes what a training does into its run folder, at the pace of those who look on."""

import time
from dataclasses import replace
from pathlib import Path

from convlens.architectures import NetCard, save_net
from convlens.data import DataSet, Part
from convlens.training._config import Config
from convlens.training._evaluate import Evaluation, evaluate
from convlens.training._events import EventLog
from convlens.training._loop import Step
from convlens.training._run import CHECKPOINT, NET
from convlens.training._state import State

_TELL_EVERY = 0.08  # seconds: smooth for who looks on, and a file of a few hundred lines
_KEEP_EVERY = 1.0  # seconds: what a power cut costs; a checkpoint takes a few milliseconds
_EVALUATIONS = 10  # in a whole training
_GLANCE = 500  # images of the val part in each of them


class Recorder:
    """Tells of steps, evaluates and keeps checkpoints.

    Attributes:
        card: of the net that is kept.
    """

    def __init__(self, folder: Path, events: EventLog, *, state: State, data: DataSet, config: Config) -> None:
        self._folder = folder
        self._events = events
        self._state = state
        self._data = data
        self._config = config
        self._steps = config.recipe.steps(len(data.train))
        self._losses: list[float] = []
        self._told = self._kept = time.perf_counter()
        self.card = NetCard(
            architecture=config.net,
            classes=config.classes,
            preprocessing=config.preprocessing,
            trained_on=f"{config.data}: {len(data.train):,} images",
            command=config.command,
            date=config.date,
            versions=config.versions,
        )

    def record(self, step: Step) -> None:
        """Take note of one step: tell of it, evaluate the net or keep it, whatever is due."""
        done, now = self._state.step, time.perf_counter()
        self._losses.append(step.loss)
        if now - self._told > _TELL_EVERY or done == self._steps:
            images = self._config.recipe.batch_size * len(self._losses)
            self._events.write(
                "step",
                step=done,
                epoch=self._config.recipe.epochs * (done - 1) // self._steps,
                loss=sum(self._losses) / len(self._losses),
                learning_rate=step.learning_rate,
                images_per_second=images / (now - self._told),
            )
            self._losses.clear()
            self._told = now
        if done < self._steps and done * _EVALUATIONS // self._steps > (done - 1) * _EVALUATIONS // self._steps:
            self.evaluate("val", most=_GLANCE)
        if now - self._kept > _KEEP_EVERY:
            self.keep()
            self._kept = now

    def evaluate(self, name: str, *, most: int | None = None) -> Evaluation:
        """Evaluate the net on a part of the data set, and tell."""
        part: Part = getattr(self._data, name)
        loss = self._config.recipe.loss
        found = evaluate(self._state.net, part, self._config.preprocessing, loss=loss, most=most)
        self._events.write("evaluation", step=self._state.step, part=name, **found._asdict())
        return found

    def keep(self) -> None:
        """Write the checkpoint and the net as they are now."""
        self._state.save(self._folder / CHECKPOINT)
        save_net(self._folder / NET, self._state.net, self.card)
        self._events.write("checkpoint", step=self._state.step)

    def finish(self, *, seconds: float) -> None:
        """Evaluate the trained net and write it with its accuracy."""
        self.evaluate("val")
        accuracy = self.evaluate("test").accuracy
        self.card = replace(self.card, accuracy=accuracy)
        self.keep()
        self._events.write("end", accuracy=accuracy, seconds=seconds)
