"""Who may talk to the server, and how much at a time.

A page on any other site can make the reader's browser send requests to this machine, and a name that it owns can be
pointed at 127.0.0.1. So every request and every WebSocket must name this server in Host, come from its own page if it
has an Origin, and carry the token that only the printed address and the page's cookie hold. SECURITY.md says what this
keeps out and what it does not.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

UPLOAD_LIMIT = 25_000_000  # bytes of a request's body
METHODS = ("GET", "HEAD", "POST")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Guard:
    """Stands before an application: refuses what is not its page's own, and puts strict headers on every answer."""

    def __init__(self, app: App, *, port: int, token: str) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie_name(port)
        bare = ("127.0.0.1", "localhost") if port == 80 else ()  # browsers leave the standard port out
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}", *bare)
        self._origins = tuple(f"http://{host}" for host in self._hosts)
        self._headers = _headers(self._hosts)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: MutableMapping[str, Any]) -> Response | None:
        connection = HTTPConnection(scope)
        is_page = scope["type"] == "http" and scope["path"] == "/"
        hosts = connection.headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _refuse(403, f"This server answers to {' and '.join(self._hosts)}. Received Host={_shown(hosts)}.")
        if scope["type"] == "http" and scope["method"] not in METHODS:
            return _refuse(405, f"Methods are {', '.join(METHODS)}. Received {_shown([scope['method']])}.")
        origins = connection.headers.getlist("origin")
        if (origins or scope["type"] == "websocket") and (len(origins) != 1 or origins[0] not in self._origins):
            return _refuse(
                403, f"Only its own page may ask this server: {self._origins[0]}. Received Origin={_shown(origins)}."
            )
        tokens = [connection.cookies.get(self._cookie)]
        if is_page:
            tokens += connection.query_params.getlist("token")
        if not any(self._is_token(token) for token in tokens):
            return _refuse(
                403,
                "This page opens with the address that Convlens printed when it started, its token included. "
                f"Received {'another' if any(tokens) else 'no'} token. Copy the address of the server that runs now.",
            )
        length = connection.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > UPLOAD_LIMIT:
            return too_large(f"Content-Length={_shown([length])}")
        return None

    def _is_token(self, token: str | None) -> bool:
        return token is not None and secrets.compare_digest(token.encode(), self._token.encode())


def cookie_name(port: int) -> str:
    """Name the cookie. Cookies do not tell ports apart: two servers must not overwrite each other's."""
    return f"convlens-{port}"


def too_large(received: str) -> Response:
    """Refuse a body."""
    return _refuse(413, f"A request carries at most {UPLOAD_LIMIT:,} bytes. Received {received}. Scale the image down.")


def _refuse(status: int, reason: str) -> Response:
    headers = {"Allow": ", ".join(METHODS)} if status == 405 else None
    return PlainTextResponse(reason + "\n", status, headers)


def _shown(values: list[str]) -> str:
    return repr(", ".join(values)[:100]) if values else "none"


def _headers(hosts: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    # 'self' means http alone in some browsers, so the WebSocket's addresses are spelt out.
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"connect-src 'self' {' '.join(f'ws://{host}' for host in hosts)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()]
