import http.client
import io
import socket

import pytest
import torch
from PIL import Image

from convlens.errors import ServeError
from convlens.serve import Server, Workspace, decode_frame


def image_file(mode, size, colour, *, kind="PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


def upload(client, body, *, net="lenet"):
    return client.ask(f"/image?net={net}", method="POST", body=body, origin=client.origin)


@pytest.mark.parametrize(
    ("path", "name", "media_type"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/page.js", "page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "page.css", "text/css; charset=utf-8"),
    ],
)
def test_the_files_of_the_page_are_served(client, path, name, media_type):
    answer = client.ask(path)
    assert answer.status == 200
    assert answer.content.decode() == f"this is {name}"
    assert answer.headers["content-type"] == media_type


def test_only_the_page_itself_sets_the_cookie(client):
    assert "set-cookie" in client.ask("/").headers
    assert "set-cookie" not in client.ask("/page.js").headers


@pytest.mark.parametrize("missing", ["index.html", "page.js", "page.css"])
def test_a_page_that_was_not_built_is_named_with_what_builds_it(page, tmp_path, missing):
    for file in page.iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(
        ServeError, match=rf"The page is built before it is served.*without {missing}\. Run `make page`"
    ):
        Server(Workspace(), port=0, page=tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_uploaded_image_comes_back_at_the_size_that_the_net_reads(client, kind):
    answer = upload(client, image_file("L", (300, 200), 90, kind=kind))
    assert answer.status == 200
    header, tensors = decode_frame(answer.content)
    assert header == {"what": "image", "net": "lenet"}
    assert tensors["image"].shape == (1, 28, 28)  # without the padding to 32, which the net's preprocessing adds
    assert tensors["image"].unique().tolist() == [90]


def test_an_uploaded_colour_image_becomes_luma_for_a_grey_net(client):
    _, tensors = decode_frame(upload(client, image_file("RGB", (28, 28), (200, 100, 50))).content)
    assert tensors["image"].unique().tolist() == [124]  # BT.601: 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2


def test_an_uploaded_image_can_be_traced_as_it_came(client):
    _, tensors = decode_frame(upload(client, image_file("L", (28, 28), 90)).content)
    with client.page() as page:
        page.say("trace", net="lenet", sequence=0, image=tensors["image"])
        traced = page.hear("trace").tensors["image"]
    assert torch.equal(traced[:, 2:-2, 2:-2], tensors["image"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "JPEG, PNG, WebP"),
        (b"this is no image", "JPEG, PNG, WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "JPEG, PNG, WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "JPEG, PNG, WebP"),
        (image_file("L", (50, 50), 9)[:60], "truncated"),
        (image_file("1", (5001, 5000), 0), "25 million pixels"),
    ],
    ids=["nothing", "text", "svg", "postscript", "truncated", "too many pixels"],
)
def test_a_file_that_is_no_good_image_is_refused_with_the_reason(client, body, reason):
    answer = upload(client, body)
    assert answer.status == 400
    assert reason in answer.content.decode()


def test_an_image_for_an_unknown_net_is_refused(client):
    answer = upload(client, image_file("L", (28, 28), 0), net="alexnet")
    assert answer.status == 400
    assert answer.content.decode() == "A net is one of hello's. Received net='alexnet'. There are: lenet."


def test_an_upload_that_does_not_come_to_its_end_is_given_up(client, monkeypatch):
    monkeypatch.setattr("convlens.serve._app.UPLOAD_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        head = f"POST /image?net=lenet HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 408
        assert response.read() == b"An upload takes at most 0.2 s. It was not all there."


def test_an_upload_that_breaks_off_leaves_the_server_well(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        head = f"POST /image?net=lenet HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
    assert upload(client, image_file("L", (28, 28), 0)).status == 200
