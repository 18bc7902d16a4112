"""A real server on a real port, and clients that can be as rude as one likes."""

import http.client
import json
import threading
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest
import torch
from websockets.sync.client import connect

from convlens.architectures import NetCard, TrainedNet, build
from convlens.data import Part, Preprocessing
from convlens.serve import Server, Workspace, decode_frame, encode_frame
from convlens.serve._nets import LiveNet

DIGITS = tuple("0123456789")


@pytest.fixture(scope="session")
def lenet() -> TrainedNet:
    torch.manual_seed(0)
    preprocessing = Preprocessing(1, (28, 28), 2, mean=(0.1307,), deviation=(0.3081,))
    return TrainedNet(build("lenet").eval(), NetCard("lenet", DIGITS, preprocessing))


@pytest.fixture(scope="session")
def samples() -> Part:
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Part(images, torch.tensor([3, 1, 4, 1, 5]), names=[f"sample {i}" for i in range(5)])


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """A built page, of three words."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("index.html", "page.js", "page.css"):
        (folder / name).write_text(f"this is {name}")
    return folder


@pytest.fixture(scope="session")
def client(lenet, samples, page):
    """Talks with a server that all tests share: it holds LeNet and its samples, which no test changes."""
    net = LiveNet("lenet", lenet, title="LeNet", samples=samples)
    with running(Workspace(nets={"lenet": net}, start="#/network/lenet"), page) as client:
        yield client


@pytest.fixture
def serve(page):
    """Run a server of one's own, until the test ends; what is returned talks with it."""
    with ExitStack() as servers:
        yield lambda workspace: servers.enter_context(running(workspace, page))


@contextmanager
def running(workspace, page):
    server = Server(workspace, port=0, page=page)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        client = Client(server.address)
        client.server = server
        yield client
    finally:
        server.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def talk_to():
    """Talk with a server that runs anywhere on this machine, by the address that it printed."""
    return Client


class Client:
    """Knows a server's address and token, and asks in good order unless told otherwise."""

    def __init__(self, address):
        self.origin, _, self.token = address.partition("/?token=")
        self.host = self.origin.removeprefix("http://")
        self.port = int(self.host.removeprefix("127.0.0.1:"))
        self.cookie = f"convlens-{self.port}={self.token}"

    def ask(self, path, *, method="GET", body=None, **headers):
        """Make one request: `host` and `cookie` are right unless given; None leaves one out."""
        headers = {"host": self.host, "cookie": self.cookie, **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
            return SimpleNamespace(status=response.status, headers=response.headers, content=content)
        finally:
            connection.close()

    @contextmanager
    def page(self, *, path="/wire", **options):
        """Open the WebSocket as the page does."""
        options = {"additional_headers": {"Cookie": self.cookie}, "origin": self.origin, **options}
        with connect(f"ws://{self.host}{path}", max_size=None, compression=None, open_timeout=20, **options) as socket:
            yield Page(socket)


class Page:
    """The page's end of the WebSocket."""

    def __init__(self, socket):
        self.socket = socket

    def say(self, what, *, image=None, **fields):
        header = {"what": what, **fields}
        self.socket.send(json.dumps(header) if image is None else encode_frame(header, {"image": image}))

    def hear(self, what=None, *, timeout=20):
        """Wait for a message, passing over those of other kinds; return its header and tensors."""
        while True:
            received = self.socket.recv(timeout=timeout)
            header, tensors = (json.loads(received), {}) if isinstance(received, str) else decode_frame(received)
            if what is None or header["what"] == what:
                return SimpleNamespace(**header, tensors=tensors)
            assert header["what"] != "error", header["message"]
