"""convlens demo: watch a net learn to read digits, then draw digits for it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from datetime import datetime
from pathlib import Path

from convlens.errors import RunError

_PATIENCE = 10  # seconds that the training gets to write its last checkpoint


def demo_command(*, browser: bool = True, port: int | None = None, seed: int = 0, folder: Path | None = None) -> None:
    """Train LeNet on built-in digits while the page shows it, then draw digits for it. Nothing is downloaded.

    Args:
        browser: open the page in a browser; otherwise only its address is printed.
        port: of the server on this machine; by default 8765, or any free one.
        seed: decides the first weights and the order of the images.
        folder: the run folder, which is kept; by default runs/demo-DATE-TIME.
    """
    folder = folder or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    with _ending_in_order(), _training(folder, seed=seed) as training:
        from convlens.cli._show import show
        from convlens.serve import Server, watch_workspace

        server = Server(watch_workspace(folder), port=port)
        failed = threading.Event()

        def stop_if_training_fails() -> None:
            if training.wait() != 0:
                failed.set()
                server.stop()

        threading.Thread(target=stop_if_training_fails, daemon=True).start()
        show(server, browser=browser)
        if failed.is_set():
            raise RunError(
                "A demo shows a training, and this one ended early; what it said stands above. "
                f"Received folder={str(folder)!r}, exit status {training.returncode}."
            )
    print(f"The run is kept. See it again: convlens open {folder}")  # noqa: T201  # the command's answer


@contextlib.contextmanager
def _training(folder: Path, *, seed: int) -> Generator[subprocess.Popen]:
    """Train in another process; when the block ends, let it keep what it has reached, and end it."""
    # One core is left to the page and its server: threads that share a core wait for each other in every operator.
    threads = max(1, (os.cpu_count() or 1) - 1)
    options = [f"--seed={seed}", f"--threads={threads}", f"--folder={folder}"]
    # -P: nothing is imported from the folder that the user happens to be in.
    command = [sys.executable, "-P", "-m", "convlens", "train", "digits", *options]
    # A session of its own: a Ctrl-C in the terminal reaches the training once, from here. A second would cut it off.
    training = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  # no shell
    try:
        yield training
    finally:
        if training.poll() is None and os.name == "posix":  # Windows tells every process of the terminal by itself
            training.send_signal(signal.SIGINT)
        try:
            training.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            training.kill()
            training.wait()


@contextlib.contextmanager
def _ending_in_order() -> Generator[None]:
    """Turn the signals that end a process into an exception, so that the training is ended, too."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    names = ("SIGTERM", "SIGHUP")  # kill; a terminal that is closed, which Windows does not have
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [signal.signal(number, leave) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
