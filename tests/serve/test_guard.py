import http.client
import socket
import time

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from convlens.serve import Workspace
from convlens.serve._guard import UPLOAD_LIMIT

NO_TOKEN = b"This page opens with the address that Convlens printed when it started"
EVERY_ROUTE = [("GET", "/"), ("GET", "/page.js"), ("GET", "/page.css"), ("POST", "/image"), ("GET", "/unknown")]
# What somebody who owns a name, or guesses at parsers, may send.
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:{port}.evil.example",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "user@127.0.0.1:{port}",
    "127.0.0.1:0{port}",
    "127.1:{port}",
    "[::1]:{port}",
    "LOCALHOST:{port}",
    "",
]
FOREIGN_ORIGINS = [
    "http://evil.example",
    "http://evil.example:{port}",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}/",
    "null",
    "file://",
    "",
]


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_every_route_is_refused_without_the_token(client, method, path):
    answer = client.ask(path, method=method, cookie=None)
    assert answer.status == 403
    assert answer.content.startswith(NO_TOKEN)
    assert b"Received no token." in answer.content


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_every_route_is_refused_with_another_token(client, method, path):
    answer = client.ask(path, method=method, cookie=f"convlens-{client.port}={'x' * 22}")
    assert answer.status == 403
    assert b"Received another token." in answer.content


@pytest.mark.parametrize("token", ["", "x", "{token}x", "x{token}", "{TOKEN}", "%C3%A9", "{token}&token=x"])
def test_the_page_opens_with_the_whole_token_only(client, token):
    given = token.format(token=client.token, TOKEN=client.token.swapcase())
    answer = client.ask(f"/?token={given}", cookie=None)
    assert answer.status == (200 if token.endswith("&token=x") else 403)


def test_the_token_in_the_address_opens_the_page_and_nothing_else(client):
    assert client.ask(f"/?token={client.token}", cookie=None).status == 200
    for method, path in EVERY_ROUTE[1:]:
        assert client.ask(f"{path}?token={client.token}", method=method, cookie=None).status == 403


def test_the_page_sets_a_cookie_that_scripts_and_other_sites_cannot_use(client):
    answer = client.ask(f"/?token={client.token}", cookie=None)
    assert answer.headers["set-cookie"] == f"{client.cookie}; HttpOnly; SameSite=Strict; Path=/"


def test_tokens_have_128_bits_and_differ(serve):
    tokens = {serve(Workspace()).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) == 22 for token in tokens)  # 22 letters of 6 bits


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_request_to_another_host_is_refused_even_with_the_token(client, host):
    answer = client.ask("/", host=host.format(port=client.port))
    assert answer.status == 403
    assert f"answers to 127.0.0.1:{client.port} and localhost:{client.port}. Received Host=" in answer.content.decode()


def test_a_request_without_a_host_is_refused(client):
    assert client.ask("/", host=None).status == 400  # by the HTTP parser: HTTP/1.1 demands one


def test_localhost_is_this_host(client):
    assert client.ask("/", host=f"localhost:{client.port}", origin=f"http://localhost:{client.port}").status == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/image?net=lenet")])
def test_a_request_from_another_origin_is_refused_even_with_the_token(client, method, path, origin):
    answer = client.ask(path, method=method, origin=origin.format(port=client.port))
    assert answer.status == 403
    assert f"Only its own page may ask this server: {client.origin}. Received Origin=" in answer.content.decode()


def test_a_request_with_two_origins_is_refused(client):
    request = f"GET / HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(f"{request}Origin: {client.origin}\r\nOrigin: http://evil.example\r\n\r\n".encode())
        assert read_answer(connection)[0] == 403


@pytest.mark.parametrize(
    ("headers", "origin", "reason"),
    [
        ({}, None, "Received Origin=none"),
        ({}, "http://evil.example", "Received Origin='http://evil.example'"),
        ({}, "null", "Received Origin='null'"),
        ({"Cookie": "convlens=x"}, "own", "Received no token"),
        ({"Cookie": "{name}=x"}, "own", "Received another token"),
        ({"Host": "evil.example:{port}"}, "own", "Received Host='evil.example:"),
    ],
)
def test_the_websocket_is_refused_with_status_and_reason(client, headers, origin, reason):
    sent = {"Cookie": client.cookie}
    sent |= {key: value.format(port=client.port, name=f"convlens-{client.port}") for key, value in headers.items()}
    host = sent.pop("Host", None)
    with pytest.raises(InvalidStatus) as refusal:
        open_websocket(client, sent, host=host, origin=client.origin if origin == "own" else origin)
    assert refusal.value.response.status_code == 403
    assert reason in refusal.value.response.body.decode()


def open_websocket(client, headers, *, host, origin):
    # The address's name becomes the Host header, while the connection goes to the server: as after DNS rebinding.
    address = f"ws://{host or client.host}/wire"
    with (
        socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection,
        connect(address, sock=connection, origin=origin, additional_headers=headers),
    ):
        pass


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get"])
def test_other_methods_are_refused(client, method):
    answer = client.ask("/page.js", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert f"Methods are GET, HEAD, POST. Received '{method}'." in answer.content.decode()


def test_a_method_that_a_route_does_not_have_is_refused(client):
    assert client.ask("/page.js", method="POST").status == 405
    assert client.ask("/image?net=lenet").status == 405


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/page.js", 200), ("/page.css", 200), ("/unknown", 404), ("/image", 405)]
)
def test_every_answer_carries_the_strict_headers(client, path, status):
    answer = client.ask(path)
    assert answer.status == status
    assert_strict(answer.headers, client.port)


def test_refusals_carry_the_strict_headers_and_do_not_name_the_software(client):
    answer = client.ask("/", cookie=None)
    assert answer.status == 403
    assert_strict(answer.headers, client.port)
    assert "server" not in answer.headers


def assert_strict(headers, port):
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control-") for name in headers)


def test_a_body_of_100_megabytes_is_refused_before_it_is_sent(client):
    request = f"POST /image?net=lenet HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(f"{request}Content-Length: 100000000\r\n\r\n".encode())
        status, content = read_answer(connection)
    assert status == 413
    assert "at most 25,000,000 bytes. Received Content-Length='100000000'" in content


def test_a_chunked_body_of_100_megabytes_is_refused_as_soon_as_it_passes_the_limit(client):
    request = f"POST /image?net=lenet HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
    chunk = b"f4240\r\n" + bytes(1_000_000) + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(f"{request}Transfer-Encoding: chunked\r\n\r\n".encode())
        while sent < 100_000_000 and not is_answered(connection):
            connection.sendall(chunk)
            sent += 1_000_000
        status, content = read_answer(connection)
    assert status == 413
    assert "Received more than 25,000,000 bytes" in content
    assert UPLOAD_LIMIT < sent < 2 * UPLOAD_LIMIT  # what lies in the socket's buffers was sent, but not read


def read_answer(connection) -> tuple[int, str]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.read().decode()


def is_answered(connection) -> bool:
    connection.settimeout(0.02)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        connection.settimeout(20)


@pytest.mark.parametrize("length", ["-1", "1e9", "0x10", "9" * 30, "5, 6"])
def test_a_body_of_no_length_is_refused(client, length):
    request = f"POST /image?net=lenet HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(f"{request}Content-Length: {length}\r\n\r\n".encode())
        assert read_answer(connection)[0] in (400, 413)


def test_headers_over_the_limit_are_refused(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {client.host}\r\nX: ".encode() + b"x" * 20_000)
        assert read_answer(connection)[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.js/../../_wire.py",
        "/page.js%00.html",
        "/static/index.html",
        "//etc/passwd",
        "/index.html",
        "/wire",
        "/page.js/",
        "/favicon.ico",
    ],
)
def test_paths_that_are_not_in_the_table_are_unknown(client, path):
    assert client.ask(path).status == 404


def test_a_connection_that_says_nothing_keeps_nobody_else_out(client):
    silent = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(50)]
    try:
        started = time.monotonic()
        assert client.ask("/").status == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in silent:
            connection.close()


def test_the_server_listens_on_the_loopback_address_alone(client):
    with pytest.raises(OSError, match=r"refused|Errno"):
        http.client.HTTPConnection("127.0.0.2", client.port, timeout=5).request("GET", "/")
