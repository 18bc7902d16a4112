"""What a person sees of a training: a bar in a terminal, plain lines elsewhere."""

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from convlens.training._events import CTRL_C, Event

if TYPE_CHECKING:
    import rich.progress


class Progress:
    """Shows the events of a run on standard error while they happen."""

    def __init__(self, folder: Path, *, shown: bool) -> None:
        self._folder = folder
        self._shown = shown
        self._bar = _bar() if shown and sys.stderr.isatty() else None

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event["event"]:
            case "start" | "resume":
                after = f", after step {event['step']}" if event["step"] else ""
                self._say(f"{event['net']} on {event['images']:,} images of {event['data']}{after}: {self._folder}")
                if self._bar:
                    self._bar.add_task(
                        "", total=event["steps"], completed=event["step"], loss="", accuracy="", speed=""
                    )
            case "step" if self._bar:
                speed = f"{event['images_per_second']:,.0f} images/s"
                self._update(completed=event["step"], loss=f"loss {event['loss']:.3f}", speed=speed)
            case "evaluation" if event["part"] == "val":
                if self._bar:
                    self._update(accuracy=f"val {event['accuracy']:.1%}")
                else:
                    self._say(f"step {event['step']:6}  val {event['accuracy']:7.2%}  loss {event['loss']:.3f}")
            case "interrupted" if event["reason"] == CTRL_C:  # any other reason is an error, which speaks for itself
                self._say(f"Interrupted after step {event['step']}. To go on: convlens train --resume {self._folder}")
            case "end":
                self._say(f"Reads {event['accuracy']:.2%} of the test images, after {event['seconds']:.1f} s.")

    def _say(self, line: str) -> None:
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False)
        elif self._shown:
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # plain lines are the display where there is no terminal

    def _update(self, *, completed: int | None = None, **fields: Any) -> None:
        assert self._bar
        self._bar.update(self._bar.task_ids[0], completed=completed, **fields)


def _bar() -> "rich.progress.Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.fields[%s]}" % field) for field in ("loss", "accuracy", "speed"))  # noqa: UP031
    return Progress(BarColumn(), TimeRemainingColumn(), *columns, console=Console(stderr=True))
