"""The routes: the page's files, uploads, the WebSocket."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from convlens.data import read_image
from convlens.errors import ConvlensError, ServeError
from convlens.serve._guard import UPLOAD_LIMIT, App, Guard, cookie_name, too_large
from convlens.serve._messages import ImageAnswer, write_frame
from convlens.serve._nets import Net
from convlens.serve._session import Session
from convlens.serve._workspace import Workspace

PAGE = Path(__file__).parent / "static"
UPLOAD_SECONDS = 30
UPLOAD_MEGAPIXELS = 25
SESSION_LIMIT = 32  # pages at once
REFRESH_INTERVAL = 0.1  # seconds from one look into the run folders to the next

_log = logging.getLogger(__name__)

# Every file that is served. A path in a request is looked up here and never joined to a folder.
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}


class PageFile(NamedTuple):
    """A file of the page."""

    content: bytes
    media_type: str


def read_page(folder: Path) -> dict[str, PageFile]:
    """Read the built page: one file for each of its routes.

    Raises:
        ServeError: one is missing.
    """
    try:
        return {route: PageFile((folder / name).read_bytes(), kind) for route, (name, kind) in _FILES.items()}
    except FileNotFoundError as error:
        raise ServeError(
            f"The page is built before it is served. Received folder={str(folder)!r} without "
            f"{Path(error.filename).name}. Run `make page`."
        ) from error


def build_app(workspace: Workspace, files: Mapping[str, PageFile], *, port: int, token: str) -> App:
    """Put the routes together, behind the guard."""
    endpoints = _Endpoints(workspace, files, cookie=f"{cookie_name(port)}={token}")
    routes = [
        *(Route(path, endpoints.file) for path in files),
        Route("/image", endpoints.image, methods=["POST"]),
        WebSocketRoute("/wire", endpoints.wire),
    ]
    app = Starlette(routes=routes, lifespan=endpoints.lifespan)
    app.router.redirect_slashes = False
    return Guard(app, port=port, token=token)


class _Endpoints:
    def __init__(self, workspace: Workspace, files: Mapping[str, PageFile], *, cookie: str) -> None:
        self._workspace = workspace
        self._files = files
        self._cookie = cookie
        # torch with one thread: a second would wait for a core that training uses (two cores: 55 ms a trace, not 1.5).
        self._worker = ThreadPoolExecutor(1, "trace", initializer=torch.set_num_threads, initargs=(1,))
        self._decoding = asyncio.Semaphore(1)  # 25 megapixels as floats take 300 MB
        self._sessions = 0

    async def file(self, request: Request) -> Response:
        """Answer with a file of the page; with the page itself goes the cookie that opens the rest."""
        content, media_type = self._files[request.url.path]
        is_page = request.url.path == "/"
        headers = {"Set-Cookie": f"{self._cookie}; HttpOnly; SameSite=Strict; Path=/"} if is_page else {}
        return Response(content, headers=headers, media_type=media_type)

    async def image(self, request: Request) -> Response:
        """Decode an uploaded image file and bring it to the size that a net reads."""
        try:
            net = self._workspace.net(request.query_params.get("net", ""))
            async with asyncio.timeout(UPLOAD_SECONDS):
                body = await _read_body(request)
            if body is None:
                return too_large(f"more than {UPLOAD_LIMIT:,} bytes")
            async with self._decoding:
                return Response(await asyncio.to_thread(_fit, body, net), media_type="application/octet-stream")
        except TimeoutError:
            raise HTTPException(408, f"An upload takes at most {UPLOAD_SECONDS} s. It was not all there.") from None
        except ClientDisconnect:
            raise HTTPException(400, "The upload was broken off.") from None
        except ConvlensError as error:
            raise HTTPException(400, str(error)) from error

    async def wire(self, websocket: WebSocket) -> None:
        """Talk with a page."""
        if self._sessions >= SESSION_LIMIT:
            reason = f"At most {SESSION_LIMIT} pages are open at once. Close one, then load this one again.\n"
            await websocket.send_denial_response(PlainTextResponse(reason, 503))
            return
        self._sessions += 1
        try:
            await Session(websocket, self._workspace, worker=self._worker).run()
        finally:
            self._sessions -= 1

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        """Look into the run folders as long as the server runs."""
        task = asyncio.create_task(self._refresh())
        yield
        task.cancel()
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _refresh(self) -> None:
        logged = ""
        while True:
            try:
                # In the worker, so that no trace sees half of a change.
                await asyncio.get_running_loop().run_in_executor(self._worker, self._workspace.refresh)
            except Exception as error:  # a run that cannot be read must not end the watch over it
                if str(error) != logged:
                    logged = str(error)
                    _log.warning("%s", logged, exc_info=not isinstance(error, ConvlensError))
            await asyncio.sleep(REFRESH_INTERVAL)


async def _read_body(request: Request) -> bytes | None:
    """Read a request's body; None as soon as it is too large, whatever its Content-Length said."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > UPLOAD_LIMIT:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _fit(body: bytes, net: Net) -> bytes:
    image = net.fit(read_image(body, megapixels=UPLOAD_MEGAPIXELS))
    return write_frame(ImageAnswer(net=net.id), {"image": image})
