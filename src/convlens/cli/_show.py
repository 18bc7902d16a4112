"""What the commands that open the page have in common."""

import os
import threading
import webbrowser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convlens.serve import Server


def show(server: "Server", *, browser: bool) -> None:
    """Print a server's address, open it in a browser, and serve it until Ctrl-C.

    Args:
        server: not yet running; what connects meanwhile waits.
        browser: whether to open one.
    """
    print(f"Convlens is at {server.address}\nCtrl-C ends it.", flush=True)  # noqa: T201  # the command's answer
    if browser and _has_window():
        threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
    server.run()


def _has_window() -> bool:
    """Say whether the browser opens a window; a text browser would take over this terminal."""
    try:
        return "BROWSER" in os.environ or type(webbrowser.get()) is not webbrowser.GenericBrowser
    except webbrowser.Error:
        return False
