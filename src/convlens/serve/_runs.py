"""A run's folder while somebody, perhaps another process, writes it."""

import os
from pathlib import Path

import msgspec

from convlens.architectures import TrainedNet, load_net
from convlens.serve._messages import wire_id

EVENTS = "events.jsonl"
NET = "net.safetensors"
_READ_LIMIT = 1 << 20  # bytes of events that are read at once; a longer line is no event


class _Event(msgspec.Struct):
    event: str


class EventTail:
    """Reads a file of events, one JSON object a line, from its beginning and on as it grows.

    It need not exist yet. A line that is still being written waits for its end; a line that is not an event (half of
    one, where a writer was killed) is passed over. A file that was replaced or cut is read from its beginning again.

    Attributes:
        count: how many events were read of the file as it is now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget(None)

    def _forget(self, file: tuple[int, int] | None) -> None:
        self._file = file
        self._offset = 0  # of the first byte that was not read
        self.count = 0

    def read(self) -> list[msgspec.Raw]:
        """Return the events that came since the last call, at most a megabyte of them."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                identity = (status.st_dev, status.st_ino)
                if identity != self._file or status.st_size < self._offset:
                    self._forget(identity)
                file.seek(self._offset)
                content = file.read(_READ_LIMIT)
        except FileNotFoundError:
            self._forget(None)  # a new file may get the old one's inode
            return []
        except OSError:  # it is just being replaced, where a file that is open cannot be
            return []
        end = content.rfind(b"\n") + 1
        if not end and len(content) == _READ_LIMIT:
            end = _READ_LIMIT
        self._offset += end
        events = [msgspec.Raw(line) for line in content[:end].split(b"\n") if _is_event(line)]
        self.count += len(events)
        return events


def _is_event(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


class RunFolder:
    """A run: its events, and its net whenever that was written anew.

    Attributes:
        id: what the page calls the run and its net.
        title: the folder's name.
        folder: where it is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.title = self.folder.name
        self.id = wire_id(self.title)
        self._tail = self.tail()
        self._ended = False
        self._seen: tuple[int, int, int] | None = None

    def exists(self) -> bool:
        """Say whether there are events."""
        return (self.folder / EVENTS).is_file()

    def tail(self) -> EventTail:
        """Begin to read the run's events."""
        return EventTail(self.folder / EVENTS)

    def ended(self) -> bool:
        """Say whether the training has come to its end."""
        while events := self._tail.read():
            self._ended |= any(msgspec.json.decode(event, type=_Event).event == "end" for event in events)
        return self._ended

    def newer_net(self) -> TrainedNet | None:
        """Load the net if it was written since the last call.

        Raises:
            NetError: it was, and cannot be read. The next call tries again only when the file has changed.
        """
        path = self.folder / NET
        try:
            status = path.stat()
        except OSError:  # not there yet
            return None
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen == self._seen:
            return None
        self._seen = seen
        return load_net(path)
