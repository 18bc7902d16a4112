import json
import time
from contextlib import ExitStack

import pytest
import torch
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from convlens.architectures import TrainedNet, build
from convlens.serve import Workspace
from convlens.serve._nets import LiveNet


@pytest.fixture(scope="module")
def image():
    return torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def activations_by_torch(trained, image):
    """What each layer makes of an image, one by one; in a copy of the net, for the server has hooks in its own."""
    net = build("lenet")
    net.load_state_dict(trained.net.state_dict())
    pixels = torch.nn.functional.pad(image.float() / 255, [2] * 4)
    found = {"input": (pixels - 0.1307) / 0.3081}
    found["input"] = found["input"][None]
    value = found["input"]
    with torch.no_grad():
        for name, layer in net.named_children():
            found[name] = value = layer(value)
    return found | {"probabilities": value.softmax(1)}


def test_the_page_is_told_what_there_is(client):
    with client.page() as page:
        hello = page.hear("hello")
    assert hello.start == "#/network/lenet"
    assert hello.runs == []
    (net,) = hello.nets
    assert (net["id"], net["title"], net["samples"], net["accepts_images"]) == ("lenet", "LeNet", 5, True)
    assert net["classes"] == list("0123456789")
    assert net["input_shape"] == [1, 32, 32]
    assert net["preprocessing"]["size"] == [28, 28]
    assert net["card"]["architecture"] == "lenet"


def test_an_opened_net_comes_with_its_calls_and_all_its_weights(client, lenet):
    with client.page() as page:
        page.say("open", net="lenet")
        net = page.hear("net")
    assert (net.net, net.version) == ("lenet", 1)
    layers = [name for name, _ in lenet.net.named_children()]
    assert [call["name"] for call in net.calls] == [*layers, "probabilities"]
    assert net.calls[0]["form"]["kind"] == "weighted_sum"
    weights = {f"weight/{name}": tensor for name, tensor in lenet.net.state_dict().items()}
    assert net.tensors.keys() == weights.keys()
    for key, tensor in weights.items():
        assert torch.equal(net.tensors[key], tensor)


def test_a_trace_holds_the_numbers_that_torch_computes(client, lenet, image):
    with client.page() as page:
        page.say("trace", net="lenet", sequence=7, image=image)
        answer = page.hear("trace")
    assert (answer.net, answer.version, answer.sequence, answer.label) == ("lenet", 1, 7, None)
    assert 0 < answer.milliseconds < 10_000
    assert torch.equal(answer.tensors.pop("image"), torch.nn.functional.pad(image, [2] * 4))
    expected = activations_by_torch(lenet, image)
    assert answer.tensors.keys() == {f"activation/{name}" for name in expected}
    for name, tensor in expected.items():
        # The server may use another count of threads: the order of a float32 sum of up to 400 products may differ.
        torch.testing.assert_close(answer.tensors[f"activation/{name}"], tensor, rtol=1e-5, atol=1e-5)


def test_a_sample_is_traced_and_comes_with_its_label(client, lenet, samples):
    with client.page() as page:
        page.say("sample", net="lenet", sequence=0, index=4)
        answer = page.hear("trace")
    assert answer.label == 5
    expected = activations_by_torch(lenet, samples.images[4])["scores"]
    torch.testing.assert_close(answer.tensors["activation/scores"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 280, 280), (3, 28, 28), (3, 41, 97), (1, 1, 1)])
def test_an_image_of_any_size_is_fitted_to_the_net(client, shape):
    with client.page() as page:
        page.say("trace", net="lenet", sequence=0, image=torch.full(shape, 200, dtype=torch.uint8))
        fitted = page.hear("trace").tensors["image"]
    assert fitted.shape == (1, 32, 32)
    assert fitted[0, 2:-2, 2:-2].unique().tolist() == [200]  # a plain grey stays that grey; around it is the padding
    assert fitted.float().sum() == 200 * 28 * 28


def test_two_pages_are_answered_each_with_its_own_image(client, lenet):
    images = [torch.full((1, 28, 28), grey, dtype=torch.uint8) for grey in (0, 255)]
    with client.page() as one, client.page() as other:
        for sequence in range(5):
            one.say("trace", net="lenet", sequence=sequence, image=images[0])
            other.say("trace", net="lenet", sequence=100 + sequence, image=images[1])
            for page, first, image in ((one, 0, images[0]), (other, 100, images[1])):
                answer = page.hear("trace")
                assert answer.sequence == first + sequence
                expected = activations_by_torch(lenet, image)["scores"]
                torch.testing.assert_close(answer.tensors["activation/scores"], expected, rtol=1e-5, atol=1e-5)


def test_of_many_waiting_images_the_newest_is_traced_and_work_does_not_queue_up(client, image):
    with client.page() as page:
        page.hear("hello")
        for sequence in range(200):
            page.say("trace", net="lenet", sequence=sequence, image=image)
        answered = [page.hear("trace").sequence]
        while answered[-1] < 199:
            answered.append(page.hear("trace").sequence)
        assert answered == sorted(set(answered))
        assert len(answered) < 200  # some were passed over
        page.say("trace", net="lenet", sequence=1000, image=image)
        assert page.hear("trace").sequence == 1000  # and nothing is left of them


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("", "A page sends open, trace, sample or watch"),
        ("null", "A page sends open, trace, sample or watch"),
        ("[" * 10_000, "A page sends open, trace, sample or watch"),
        ('{"what": "exec", "net": "lenet"}', "Invalid value 'exec'"),
        ('{"what": "open"}', "missing required field `net`"),
        ('{"what": "open", "net": 1}', "Expected `str`, got `int`"),
        ('{"what": "open", "net": "lenet", "path": "/etc/passwd"}', "unknown field `path`"),
        (json.dumps({"what": "open", "net": "x" * 201}), "length <= 200"),
        ('{"what": "open", "net": "alexnet"}', "A net is one of hello's. Received net='alexnet'. There are: lenet."),
        ('{"what": "watch", "run": "../.."}', "A run is one of hello's. Received run='../..'. There are: none yet."),
        ('{"what": "trace", "net": "lenet", "sequence": 1}', "Received trace with none."),
        (b"", "A frame begins with 4 bytes"),
        (b"\xff\xff\xff\xff", "A frame's header is a multiple of 4 bytes long"),
        (b"\x04\x00\x00\x00[]  ", "A frame's header is a JSON object"),
        (b'\x18\x00\x00\x00{"what":"open","net":1}  ', "A page sends open, trace, sample or watch"),
    ],
)
def test_a_bad_message_is_answered_with_its_fault_and_the_page_stays_connected(client, sent, message):
    with client.page() as page:
        page.hear("hello")
        page.socket.send(sent)
        error = page.hear("error")
        assert message in error.message
        assert error.sequence is None
        assert_still_answers(page)


@pytest.mark.parametrize(
    ("what", "fields", "message"),
    [
        ("trace", {"net": "alexnet", "image": torch.zeros(1, 28, 28, dtype=torch.uint8)}, "There are: lenet."),
        (
            "trace",
            {"net": "lenet", "image": torch.zeros(2, 28, 28, dtype=torch.uint8)},
            "Received images of 2 channels",
        ),
        ("sample", {"net": "lenet", "index": 5}, "Received index=5 of the 5 samples of 'lenet'"),
        ("sample", {"net": "alexnet", "index": 0}, "There are: lenet."),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_under_its_sequence(client, what, fields, message):
    with client.page() as page:
        page.hear("hello")
        page.say(what, sequence=42, **fields)
        error = page.hear("error")
        assert message in error.message
        assert error.sequence == 42
        assert_still_answers(page)


@pytest.mark.parametrize(
    "image", [torch.zeros(1, 28, 28), torch.zeros(28, 28, dtype=torch.uint8), torch.zeros(1, 28, 28, dtype=torch.int64)]
)
def test_numbers_that_are_no_pixels_are_refused(client, image):
    with client.page() as page:
        page.hear("hello")
        page.say("trace", net="lenet", sequence=0, image=image)
        assert "An image is uint8: channel, row, column. Received image with dtype=" in page.hear("error").message
        assert_still_answers(page)


def assert_still_answers(page):
    page.say("sample", net="lenet", sequence=43, index=0)
    assert page.hear("trace").sequence == 43


def test_a_fault_of_the_server_itself_is_answered_and_logged_and_the_page_stays_connected(
    serve, lenet, samples, image, caplog
):
    broken = build("lenet")
    broken.fc1 = torch.nn.Linear(399, 120)  # pool2 gives 400
    nets = {
        "broken": LiveNet("broken", TrainedNet(broken.eval(), lenet.card), title="", samples=samples),
        "lenet": LiveNet("lenet", lenet, title="", samples=samples),
    }
    with serve(Workspace(nets=nets)).page() as page:
        page.hear("hello")
        page.say("trace", net="broken", sequence=8, image=image)
        error = page.hear("error")
        assert error.message.startswith("The server failed at this request: RuntimeError.")
        assert error.sequence == 8
        assert "A request failed." in caplog.text
        assert_still_answers(page)


def test_a_message_over_4_megabytes_ends_the_connection(client):
    with client.page() as page:
        page.hear("hello")
        # The head of a binary frame, masked, of 4 MB and 1 byte: refused before any of them is sent.
        page.socket.socket.sendall(b"\x82\xff" + (4 * 2**20 + 1).to_bytes(8, "big") + bytes(4))
        with pytest.raises(ConnectionClosedError, match=r"1009 \(message too big\)"):
            page.hear("error")


def test_a_flood_of_messages_ends_the_connection(client):
    with client.page() as page, pytest.raises(ConnectionClosedError, match=r"1008.*at most 500 messages a second"):
        flood(page)


def flood(page):
    for _ in range(5000):
        page.say("open", net="nothing")
    while True:
        page.socket.recv(timeout=20)


def test_a_page_beyond_the_32nd_is_refused_until_another_leaves(serve):
    client = serve(Workspace())
    with ExitStack() as pages:
        for _ in range(31):
            pages.enter_context(client.page())
        with client.page(), pytest.raises(InvalidStatus, match=r"HTTP 503") as refusal:
            pages.enter_context(client.page())
        assert b"At most 32 pages are open at once. Close one" in refusal.value.response.body
        deadline = time.monotonic() + 10  # the server may notice a moment later that the page has left
        while not let_in(client):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def let_in(client) -> bool:
    try:
        with client.page():
            return True
    except InvalidStatus:
        return False


def test_a_net_whose_weights_changed_is_sent_anew_to_those_who_opened_it(serve, lenet, samples, image):
    net = LiveNet("lenet", lenet, title="LeNet", samples=samples)
    torch.manual_seed(1)
    other = TrainedNet(build("lenet").eval(), lenet.card)
    with serve(Workspace(nets={"lenet": net})).page() as page:
        page.say("open", net="lenet")
        assert page.hear("net").version == 1
        net.replace(other)
        anew = page.hear("net")
        assert anew.version == 2
        assert torch.equal(anew.tensors["weight/conv1.weight"], other.net.conv1.weight)
        page.say("trace", net="lenet", sequence=0, image=image)
        answer = page.hear("trace")
    assert answer.version == 2
    expected = activations_by_torch(other, image)["scores"]
    torch.testing.assert_close(answer.tensors["activation/scores"], expected, rtol=1e-5, atol=1e-5)
