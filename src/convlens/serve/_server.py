"""The server: on loopback, for one person's pages."""

import contextlib
import logging
import os
import secrets
import socket
from pathlib import Path

import uvicorn

from convlens.errors import ServeError
from convlens.serve._app import PAGE, build_app, read_page
from convlens.serve._workspace import Workspace

USUAL_PORT = 8765
MESSAGE_LIMIT = 4 << 20  # bytes of one WebSocket message; the page sends images at a net's size
HEADER_LIMIT = 16 << 10  # bytes of a request's line and headers
CONNECTION_LIMIT = 256


class Server:
    """Serves a workspace. Connections wait from the beginning, and are answered while `run` runs.

    Args:
        workspace: what there is to see.
        port: 0 takes any free one; None takes 8765, or any free one if that is taken.
        page: the folder that holds the built page.

    Attributes:
        port: the port that was taken.
        address: where the page is, with the token that opens it.

    Raises:
        ServeError: the port is taken, or the page was not built.
    """

    def __init__(self, workspace: Workspace, *, port: int | None = None, page: Path = PAGE) -> None:
        token = secrets.token_urlsafe(16)  # 128 bits
        files = read_page(page)
        self._listener = _listen(port)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/?token={token}"
        app = build_app(workspace, files, port=self.port, token=token)
        # The protocols are named because uvicorn would take others where they are installed. Nothing below a warning is
        # logged: an access log would hold the token. Compression costs more time than it saves on one machine.
        logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="websockets-sansio",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTION_LIMIT,
                h11_max_incomplete_event_size=HEADER_LIMIT,
                ws_max_size=MESSAGE_LIMIT,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=2,
            )
        )

    def run(self) -> None:
        """Answer until `stop`, or until Ctrl-C, which ends it in good order."""
        with contextlib.suppress(KeyboardInterrupt):
            self._uvicorn.run(sockets=[self._listener])

    def stop(self) -> None:
        """End `run`; from any thread."""
        self._uvicorn.should_exit = True

    def close(self) -> None:
        """Give the port back where `run` was never called; `run` does it at its end."""
        self._listener.close()


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Let uvicorn log anything but its complaint about a WebSocket that was refused with a reason, as ASGI allows."""
    return "without completing handshake" not in record.getMessage()


def _listen(port: int | None) -> socket.socket:
    if port is None:
        with contextlib.suppress(ServeError):
            return _listen(USUAL_PORT)
        return _listen(0)
    if not 0 <= port <= 65535:
        raise ServeError(f"A port is 0 (any free one) to 65535. Received {port=}. Leave it out to take a free one.")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let another program take the port over
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ServeError(
            f"A server needs a port that no other program uses. Received {port=}: {error.strerror}. "
            "Leave the port out to take a free one."
        ) from error
    return listener
