import math
import pickle
import struct

import pytest
import torch
from safetensors.torch import save

from convlens.architectures import NetCard, TrainedNet, build, save_net
from convlens.data import Preprocessing
from convlens.errors import NetError, RunError, TraceFileError
from convlens.serve import decode_frame, open_workspace, watch_workspace
from convlens.tracing import trace
from convlens.training import train

PREPROCESSING = Preprocessing(1, (28, 28), 2, mean=(0.1,), deviation=(0.3,))


@pytest.fixture
def net():
    torch.manual_seed(0)
    card = NetCard("lenet", tuple("0123456789"), PREPROCESSING, accuracy=0.5)
    return TrainedNet(build("lenet").eval(), card)


@pytest.fixture
def run(tmp_path, net):
    folder = tmp_path / "Zwölf Läufe"
    folder.mkdir()
    (folder / "events.jsonl").write_text('{"event": "start"}\n{"event": "step"}\n')
    save_net(folder / "net.safetensors", net.net, net.card)
    return folder


def test_a_net_file_opens_in_the_network_view_with_digits_to_begin_with(tmp_path, net):
    save_net(tmp_path / "my net.safetensors", net.net, net.card)
    hello = open_workspace(str(tmp_path / "my net.safetensors")).hello()
    assert hello.start == "#/network/my-net"
    assert hello.runs == []
    assert [(shown.id, shown.samples > 0, shown.accepts_images) for shown in hello.nets] == [("my-net", True, True)]
    assert hello.nets[0].card["accuracy"] == 0.5


def test_a_net_of_other_classes_has_no_samples(tmp_path):
    card = NetCard("lenet", ("cat", "dog"), PREPROCESSING)
    save_net(tmp_path / "pets.safetensors", build("lenet", classes=2), card)
    (shown,) = open_workspace(str(tmp_path / "pets.safetensors")).hello().nets
    assert (shown.classes, shown.samples) == (("cat", "dog"), 0)


def test_a_run_that_goes_on_opens_in_the_training_view_and_stays_there(run):
    workspace = open_workspace(str(run))
    assert workspace.hello().start == "#/training/Zw-lf-L-ufe"
    assert [(shown.id, shown.title) for shown in workspace.hello().nets] == [("Zw-lf-L-ufe", "Zwölf Läufe")]
    with (run / "events.jsonl").open("a") as events:
        events.write('{"event": "end"}\n')
    workspace.refresh()
    assert workspace.hello().start == "#/training/Zw-lf-L-ufe"


def test_a_run_that_has_ended_opens_in_the_network_view_and_has_its_training_too(run):
    with (run / "events.jsonl").open("a") as events:
        events.write('{"event": "end"}\n')
    hello = open_workspace(str(run)).hello()
    assert hello.start == "#/network/Zw-lf-L-ufe"
    assert [(shown.id, shown.net) for shown in hello.runs] == [("Zw-lf-L-ufe", "Zw-lf-L-ufe")]


@pytest.fixture
def idx_folder(tmp_path):
    """A data set of noise: 60 images to train on, 20 to test on."""
    folder = tmp_path / "noise"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 60), ("t10k", 20)):
        images = torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=generator)
        labels = torch.arange(count, dtype=torch.uint8) % 10
        for kind, numbers in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">HBB{numbers.dim()}I", 0, 8, numbers.dim(), *numbers.shape)
            (folder / f"{part}-{kind}-ubyte").write_bytes(head + numbers.numpy().tobytes())
    return folder


def test_a_run_on_idx_files_shows_its_own_test_images_as_long_as_they_are_there(tmp_path, idx_folder):
    train("lenet", idx_folder, epochs=1, folder=tmp_path / "run", progress=False)
    (net,) = open_workspace(str(tmp_path / "run")).nets.values()
    assert net.summary().samples == 20
    test_image = (idx_folder / "t10k-images-idx3-ubyte").read_bytes()[16 : 16 + 784]
    _, tensors = decode_frame(net.answer_sample(0, sequence=0))
    assert tensors["image"][0, 2:-2, 2:-2].numpy().tobytes() == test_image

    idx_folder.rename(tmp_path / "elsewhere")
    (net,) = open_workspace(str(tmp_path / "run")).nets.values()
    assert net.summary().samples == 100  # built-in digits


def test_a_run_that_was_not_begun_can_be_watched(tmp_path):
    hello = watch_workspace(tmp_path / "later").hello()
    assert (hello.start, hello.nets) == ("#/training/later", [])


def test_a_trace_file_opens_without_its_net_and_takes_no_other_image(serve, tmp_path, net):
    image = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    recorded = trace(net.net, image, probabilities=True)
    recorded.save(tmp_path / "seven.safetensors")
    workspace = open_workspace(str(tmp_path / "seven.safetensors"))
    client = serve(workspace)
    with client.page() as page:
        (shown,) = page.hear("hello").nets
        assert (shown["id"], shown["samples"], shown["accepts_images"]) == ("seven", 1, False)
        assert shown["preprocessing"]["size"] == [28, 28]
        page.say("open", net="seven")
        opened = page.hear("net")
        assert [call["name"] for call in opened.calls] == recorded.layers
        page.say("sample", net="seven", sequence=3, index=0)
        answer = page.hear("trace")
        assert answer.tensors.keys() == {"image", *recorded.activations}
        assert all(torch.equal(answer.tensors[key], tensor) for key, tensor in recorded.activations.items())
        assert torch.equal(answer.tensors["image"], recorded.image)
        page.say("trace", net="seven", sequence=4, image=image)
        error = page.hear("error")
        assert error.message.startswith("A trace file holds the numbers of one image and no net to compute others.")
        assert error.sequence == 4
    answer = client.ask("/image?net=seven", method="POST", body=b"...")
    assert answer.status == 400


@pytest.mark.parametrize(("shape", "pixels"), [((1, 2, 3), (1, 2, 3)), ((3, 2, 2), (3, 2, 2)), ((5, 2, 2), (1, 2, 2))])
def test_a_trace_of_ready_numbers_shows_them_from_least_to_largest(tmp_path, shape, pixels):
    numbers = torch.arange(float(math.prod(shape))).reshape(1, *shape) - 3
    trace(torch.nn.Conv2d(shape[0], 1, 1), numbers).save(tmp_path / "ready.safetensors")
    (net,) = open_workspace(str(tmp_path / "ready.safetensors")).nets.values()
    assert net.summary().input_shape == pixels
    _, tensors = decode_frame(net.answer_sample(0, sequence=0))
    count = math.prod(pixels)
    expected = [math.floor(255 * place / (count - 1) + 0.5) for place in range(count)]
    assert tensors["image"].flatten().tolist() == expected


@pytest.mark.parametrize("source", ["nothing", "nothing.safetensors"])
def test_what_is_not_there_is_refused_with_what_would_be(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        NetError, match=rf"trained net is a shipped one, one with published weights.*Received source='{source}'"
    ):
        open_workspace(source)


def test_a_pickle_is_refused_and_not_executed(tmp_path):
    class Harm:
        def __reduce__(self):
            return (tmp_path.joinpath("harm").touch, ())

    path = tmp_path / "net.pth"
    path.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(NetError, match=r"it asks for 'builtins\.getattr', which no file of weights needs"):
        open_workspace(str(path))
    assert not (tmp_path / "harm").exists()


def test_a_damaged_trace_is_refused(tmp_path):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(save({"a": torch.zeros(1)}, metadata={"convlens.trace": "{}"}))
    with pytest.raises(TraceFileError, match=r"damaged\.safetensors"):
        open_workspace(str(path))


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"holds the events of a training\. Received folder=.*which holds none\. Name a"):
        open_workspace(str(tmp_path))
