import logging
import socket
import threading
from contextlib import closing

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from convlens.errors import ServeError
from convlens.serve import Server, Workspace


def test_a_port_that_is_taken_is_named(page):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            ServeError, match=rf"no other program uses\. Received port={port}: .*in use.*Leave the port"
        ):
            Server(Workspace(), port=port, page=page)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused(page, port):
    with pytest.raises(
        ServeError, match=rf"A port is 0 \(any free one\) to 65535\. Received port={port}\. Leave it out"
    ):
        Server(Workspace(), port=port, page=page)


def test_the_usual_port_gives_way_to_a_free_one(page):
    with closing(Server(Workspace(), page=page)), closing(Server(Workspace(), page=page)) as second:
        assert second.port != 8765


def test_whoever_connects_before_the_server_runs_waits_and_is_answered(page):
    server = Server(Workspace(), port=0, page=page)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as early:
        early.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        thread = threading.Thread(target=server.run)
        thread.start()
        assert early.recv(100).startswith(b"HTTP/1.1 403 ")
        server.stop()
        thread.join(timeout=20)
    assert not thread.is_alive()


def test_pages_are_told_when_the_server_stops(serve):
    client = serve(Workspace())
    with client.page() as page:
        page.hear("hello")
        client.server.stop()
        with pytest.raises(ConnectionClosed, match=r"1012 \(service restart\)"):
            page.hear("error")


def test_the_token_is_in_no_log_and_refusals_are_no_faults(serve, caplog):
    caplog.set_level(logging.INFO)
    client = serve(Workspace())
    client.ask(f"/?token={client.token}", cookie=None)
    client.ask(f"/page.js?token={client.token}", origin="http://evil.example")
    client.ask("/", cookie="x")
    with pytest.raises(InvalidStatus, match="HTTP 403"), client.page(origin="http://evil.example"):
        pass
    with client.page(path=f"/wire?token={client.token}") as page:
        page.hear("hello")  # by now the server has logged what there was to log of the others
    assert client.token not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
