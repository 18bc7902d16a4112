"""Ctrl-C that waits for the end of a step."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def gentle_interrupt() -> Generator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a question that the caller asks between steps; a second one interrupts at once.

    Yields:
        A function that says whether Ctrl-C was pressed. Python tells only the main thread: elsewhere it never was.
    """
    pressed = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
