"""One page's WebSocket.

Three tasks share it: one reads messages and answers the quick ones; one traces the newest image that waits, so that a
fast pen cannot queue up work; one sends what is new: nets, weights, events.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from torch import Tensor

from convlens.errors import ConvlensError, WireError
from convlens.serve._messages import Error, Events, Open, Sample, Trace, Watch, read_message, write_text
from convlens.serve._runs import EventTail
from convlens.serve._workspace import Workspace

NEWS_INTERVAL = 0.1  # seconds from one look for something new to the next
MESSAGE_RATE = 500  # messages that a page may send in a second; a pen makes one a frame, 240 on the fastest screens

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Session:
    """Talks with one page until it leaves.

    Args:
        websocket: not yet accepted.
        workspace: what the page can ask for.
        worker: one thread, in which all tracing is done: torch's hooks and modes are not made for several.
    """

    def __init__(self, websocket: WebSocket, workspace: Workspace, *, worker: Executor) -> None:
        self._websocket = websocket
        self._workspace = workspace
        self._worker = worker
        self._newest: tuple[Trace, Tensor] | tuple[Sample, None] | None = None
        self._asked = asyncio.Event()
        self._opened: dict[str, int] = {}  # net: the version that the page has
        self._watched: dict[str, EventTail] = {}  # run: how far the page has read

    async def run(self) -> None:
        """Serve the page, and return when it has left."""
        await self._websocket.accept()
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self._send_news()), tasks.create_task(self._answer_traces())]
                complaint = await self._read()
                for task in others:
                    task.cancel()
            if complaint is not None:
                await self._websocket.close(1008, complaint)
        except* WebSocketDisconnect:
            pass

    async def _read(self) -> str | None:
        """Take messages until the page leaves, or until there is something to complain about."""
        second, count = 0, 0
        while True:
            received = await self._websocket.receive()
            if received["type"] == "websocket.disconnect":
                return None
            now = int(time.monotonic())
            second, count = now, count + 1 if now == second else 1
            if count > MESSAGE_RATE:
                return f"A page sends at most {MESSAGE_RATE} messages a second."
            text = received.get("text")
            try:
                await self._take(received["bytes"] if text is None else text)
            except ConvlensError as error:
                await self._send(write_text(Error(sequence=None, message=str(error))))

    async def _take(self, received: str | bytes) -> None:
        request, tensors = read_message(received)
        match request:
            case Open():
                await self._send_net(request.net)
            case Trace():
                self._newest = (request, tensors["image"])
                self._asked.set()
            case Sample():
                self._newest = (request, None)
                self._asked.set()
            case Watch():
                self._watched[request.run] = self._workspace.run(request.run).tail()

    async def _answer_traces(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            assert self._newest is not None
            request, image = self._newest
            try:
                await self._send(await self._compute(partial(self._traced, request, image)))
            except ConvlensError as error:
                await self._send(write_text(Error(sequence=request.sequence, message=str(error))))

    def _traced(self, request: Trace | Sample, image: Tensor | None) -> bytes:
        net = self._workspace.net(request.net)
        if isinstance(request, Sample):
            return net.answer_sample(request.index, sequence=request.sequence)
        assert image is not None
        return net.answer_trace(image, sequence=request.sequence)

    async def _send_news(self) -> None:
        greeting = None
        while True:
            hello = write_text(self._workspace.hello())
            if hello != greeting:
                greeting = hello
                await self._send(hello)
            for net, version in list(self._opened.items()):
                if self._workspace.net(net).version != version:
                    await self._send_net(net)
            for run, tail in list(self._watched.items()):
                events = tail.read()
                if events:
                    await self._send(write_text(Events(run=run, first=tail.count - len(events), events=events)))
            await asyncio.sleep(NEWS_INTERVAL)

    async def _send_net(self, id: str) -> None:
        net = self._workspace.net(id)
        self._opened[id] = net.version
        await self._send(await self._compute(net.answer_open))

    async def _compute(self, function: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, function)
        except ConvlensError:
            raise
        except Exception as error:
            _log.exception("A request failed.")
            raise WireError(
                f"The server failed at this request: {type(error).__name__}. The terminal that it runs in says where."
            ) from error

    async def _send(self, message: str | bytes) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnect(1006)
        if isinstance(message, str):
            await self._websocket.send_text(message)
        else:
            await self._websocket.send_bytes(message)
