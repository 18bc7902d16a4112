"""What happens in a run, a line of JSON at a time, for whoever reads along."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]

CTRL_C = "Ctrl-C"  # the reason of an `interrupted` event; any other reason is the message of an error


class EventLog:
    """Appends events to a file and tells a listener."""

    def __init__(self, path: Path, *, listener: Callable[[Event], None] | None = None) -> None:
        torn = path.exists() and path.read_bytes()[-1:] not in (b"\n", b"")
        self._file = path.open("a", encoding="utf-8")
        self._listener = listener
        if torn:  # the process before this one was killed in the middle of a line
            self._file.write("\n")

    def write(self, event: str, **fields: object) -> None:
        """Append one event; a reader sees the whole line at once."""
        record = {"event": event, **fields}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        if self._listener:
            self._listener(record)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_events(path: Path) -> Iterator[Event]:
    """Read the events of a file in order, passing over a line that was cut off; none if there is no file yet."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "event" in record:
            yield record
