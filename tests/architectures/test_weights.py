"""Published weights, end to end: a real server on this machine serves files with the published names and shapes."""

import gzip
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from convlens.architectures import _cache, load_net, open_net
from convlens.architectures._alexnet import alexnet
from convlens.architectures._cache import weights_folder
from convlens.architectures._checkpoint import arrange, check_tensors
from convlens.architectures._densenet import densenet121, densenet161, densenet169, densenet201
from convlens.architectures._googlenet import googlenet
from convlens.architectures._lenet import lenet
from convlens.architectures._published import PUBLISHED, Published
from convlens.architectures._resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from convlens.architectures._vgg import vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn
from convlens.architectures._weights import load_weights
from convlens.data import Preprocessing
from convlens.errors import DownloadError, NetError

GOLDEN = Path(__file__).parents[1] / "golden" / "published_names.json.gz"
SHAPES = json.loads(gzip.decompress(GOLDEN.read_bytes()))
RESNETS = (resnet18, resnet34, resnet50, resnet101, resnet152)
VGGS = (vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn)
DENSENETS = (densenet121, densenet161, densenet169, densenet201)
EVERY = {make.name: make for make in (alexnet, googlenet, *RESNETS, *VGGS, *DENSENETS)}

INDEX = json.dumps({str(number): [f"n{number:08}", f"sort_{number}"] for number in range(1000)}).encode()
INDEX_PATH = "/download.tensorflow.org/data/imagenet_class_index.json"


@dataclass
class Server:
    """What the server serves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, dict[str, str]] = field(default_factory=dict)  # headers of a redirect
    asked: list[str] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    state = Server(files={INDEX_PATH: INDEX})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            if self.path in state.links:
                self.send_response(302)
                for name, value in state.links[self.path].items():
                    self.send_header(name, value)
                self.end_headers()
                return
            if self.path not in state.files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(state.files[self.path])))
            self.end_headers()
            self.wfile.write(state.files[self.path])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop() -> None:
            http.shutdown()
            thread.join()
            http.server_close()

        state.stop = stop
        monkeypatch.setenv("CONVLENS_WEIGHTS_MIRROR", f"http://127.0.0.1:{http.server_port}/")
        monkeypatch.setenv("CONVLENS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(_cache, "CLASS_INDEX_MD5", hashlib.md5(INDEX).hexdigest())
        yield state
        if thread.is_alive():
            stop()


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Published]:
    """Serve tensors as torchvision would, under a name that tells their checksum."""

    def publish(
        name: str, tensors: dict[str, Tensor], *, weights: str = "imagenet", zipped: bool = True, damage: bool = False
    ) -> Published:
        stream = io.BytesIO()
        torch.save(tensors, stream, _use_new_zipfile_serialization=zipped)
        content = bytearray(stream.getvalue())
        published = PUBLISHED[name][weights]
        file = published.file.replace(published.sha256, hashlib.sha256(content).hexdigest()[:8])
        monkeypatch.setitem(PUBLISHED[name], weights, published._replace(file=file))
        if damage:
            content[len(content) // 2] ^= 1
        server.files[f"/models/{file}"] = bytes(content)
        return PUBLISHED[name][weights]

    return publish


def published_tensors(publisher: str, name: str) -> dict[str, Tensor]:
    """Draw numbers of the published names and shapes."""
    generator = torch.Generator().manual_seed(0)
    return {
        tensor: torch.zeros((), dtype=torch.int64)
        if "num_batches" in tensor
        else torch.rand(shape, generator=generator)
        for tensor, shape in SHAPES[publisher][name].items()
    }


def kept() -> list[str]:
    return sorted(path.name for path in weights_folder().iterdir() if not path.name.endswith(".lock"))


@pytest.mark.parametrize(
    ("publisher", "name"), [(publisher, name) for publisher in ("torchvision", "timm") for name in SHAPES[publisher]]
)
def test_the_published_names_and_shapes_of_every_variant_fit_its_net(publisher: str, name: str) -> None:
    with torch.device("meta"):
        net = EVERY[name]()
        tensors = {tensor: torch.empty(shape) for tensor, shape in SHAPES[publisher][name].items()}
    expected = {name: tensor.shape for name, tensor in net.state_dict().items() if "num_batches" not in name}
    found = {name: tensor.shape for name, tensor in arrange(net, tensors).items() if "num_batches" not in name}
    assert found == expected


def test_there_is_a_net_and_a_list_of_names_for_every_published_variant() -> None:
    assert PUBLISHED.keys() == EVERY.keys() == SHAPES["torchvision"].keys()
    assert SHAPES["timm"].keys() == {make.name for make in (*RESNETS, *VGGS, *DENSENETS)}


def test_a_resnet_is_fetched_checked_converted_and_kept(server: Server, publish: Callable[..., Published]) -> None:
    tensors = published_tensors("torchvision", "resnet18")
    published = publish("resnet18", tensors)
    net = resnet18(weights="imagenet")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, tensors[name]), name
    assert not net.training
    assert net.card.classes[:2] == ("sort 0", "sort 1")
    assert len(net.card.classes) == 1000
    assert net.card.architecture == "resnet18"
    assert net.card.accuracy == 0.69758
    assert published.file in net.card.trained_on
    assert net.card.preprocessing == Preprocessing(
        3, (224, 224), 0, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225), resize=256
    )
    assert kept() == ["imagenet_class_index.json", "resnet18-imagenet.safetensors"]


def test_the_second_weights_of_a_resnet_have_an_address_and_a_size_of_their_own(
    publish: Callable[..., Published],
) -> None:
    publish("resnet50", published_tensors("torchvision", "resnet50"), weights="imagenet-v2")
    card = resnet50(weights="imagenet-v2").card
    assert card.preprocessing.resize == 232
    assert card.accuracy == 0.80858


def test_a_densenet_of_the_older_format_and_the_older_names_is_read(publish: Callable[..., Published]) -> None:
    tensors = published_tensors("torchvision", "densenet121")
    assert "features.denseblock1.denselayer1.norm.1.weight" in tensors
    publish("densenet121", tensors, zipped=False)
    own = densenet121(weights="imagenet").state_dict()
    assert torch.equal(own["block1.layer1.norm1.weight"], tensors["features.denseblock1.denselayer1.norm.1.weight"])
    assert torch.equal(own["block4.layer16.conv2.weight"], tensors["features.denseblock4.denselayer16.conv.2.weight"])
    assert torch.equal(own["scores.bias"], tensors["classifier.bias"])
    counters = [tensor for name, tensor in own.items() if name.endswith("num_batches_tracked")]
    assert [int(counter) for counter in counters] == [0] * 121  # batch normalisations


def test_a_googlenet_leaves_the_auxiliary_heads_and_reads_pixels_from_minus_one_to_one(
    publish: Callable[..., Published],
) -> None:
    tensors = published_tensors("torchvision", "googlenet")
    publish("googlenet", tensors, zipped=False)
    net = googlenet(weights="imagenet")
    assert torch.equal(net.state_dict()["conv1.conv.weight"], tensors["conv1.conv.weight"])
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 2).expand(3, 1, 2)
    assert net.card.preprocessing.normalise(pixels)[0, 0].tolist() == [-1, 1]


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_a_second_call_needs_no_server(server: Server, publish: Callable[..., Published], name: str) -> None:
    publish(name, published_tensors("torchvision", name))
    first = EVERY[name](weights="imagenet")
    server.stop()
    second = EVERY[name](weights="imagenet")
    assert second.card == first.card
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())


def test_of_several_that_want_the_same_weights_one_fetches_them(
    server: Server, publish: Callable[..., Published]
) -> None:
    published = publish("resnet18", published_tensors("torchvision", "resnet18"))
    with ThreadPoolExecutor(3) as pool:
        nets = list(pool.map(lambda _: resnet18(weights="imagenet"), range(3)))
    assert all(torch.equal(net.fc.weight, nets[0].fc.weight) for net in nets)
    assert sorted(server.asked) == sorted([INDEX_PATH, f"/models/{published.file}"])


def test_a_publishers_file_laid_into_the_cache_by_hand_needs_no_download(
    server: Server, publish: Callable[..., Published]
) -> None:
    published = publish("resnet18", published_tensors("torchvision", "resnet18"))
    weights_folder().mkdir(parents=True)
    (weights_folder() / published.file).write_bytes(server.files.pop(f"/models/{published.file}"))
    resnet18(weights="imagenet")
    assert server.asked == [INDEX_PATH]


def test_a_damaged_file_laid_into_the_cache_by_hand_is_refused(
    server: Server, publish: Callable[..., Published]
) -> None:
    published = publish("resnet18", published_tensors("torchvision", "resnet18"), damage=True)
    weights_folder().mkdir(parents=True)
    (weights_folder() / published.file).write_bytes(server.files[f"/models/{published.file}"])
    with pytest.raises(NetError, match=rf"checksum.* Received path=.*{published.file}.*damaged\. Remove it and fetch"):
        resnet18(weights="imagenet")


def test_a_flipped_bit_on_the_way_is_refused_and_nothing_is_kept(publish: Callable[..., Published]) -> None:
    publish("resnet18", published_tensors("torchvision", "resnet18"), damage=True)
    with pytest.raises(DownloadError, match=r"resnet18-\w{8}.pth from none of 1:.*\n?.*another checksum"):
        resnet18(weights="imagenet")
    assert kept() == []


def test_a_file_that_ends_early_is_refused(server: Server, publish: Callable[..., Published]) -> None:
    published = publish("resnet18", published_tensors("torchvision", "resnet18"))
    server.files[f"/models/{published.file}"] = server.files[f"/models/{published.file}"][:-1000]
    with pytest.raises(DownloadError, match="another checksum"):
        resnet18(weights="imagenet")


def test_a_server_that_is_down_is_named_with_the_place_for_a_file_by_hand(server: Server) -> None:
    server.stop()
    with pytest.raises(
        DownloadError, match=r"(?s)/models/resnet18-f37072fd.pth: .*refused.*by hand into .*cache.weights"
    ):
        resnet18(weights="imagenet")


def test_a_flipped_bit_in_the_cache_is_refused(publish: Callable[..., Published]) -> None:
    publish("resnet18", published_tensors("torchvision", "resnet18"))
    resnet18(weights="imagenet")
    path = weights_folder() / "resnet18-imagenet.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        NetError, match=r"checksum .*Received path=.*resnet18-imagenet.*damaged\. Copy it anew.*once it is removed"
    ):
        resnet18(weights="imagenet")


def test_another_count_of_classes_is_refused_before_anything_is_fetched(server: Server) -> None:
    with pytest.raises(
        NetError, match=r"count of classes\. Received weights='imagenet', classes=10\. These tell 1000 apart.*of 'fc'"
    ):
        resnet18(weights="imagenet", classes=10)
    assert server.asked == []


def test_classes_are_numbered_with_a_warning_where_their_names_cannot_be_fetched(
    server: Server, publish: Callable[..., Published]
) -> None:
    publish("resnet18", published_tensors("torchvision", "resnet18"))
    del server.files[INDEX_PATH]
    with pytest.warns(
        UserWarning, match=r"(?s)classes are numbered.*404.*Remove the cached weights in .* to try again"
    ):
        card = resnet18(weights="imagenet").card
    assert card.classes == tuple(map(str, range(1000)))


def test_other_class_names_than_the_known_ones_are_not_taken(server: Server, publish: Callable[..., Published]) -> None:
    publish("resnet18", published_tensors("torchvision", "resnet18"))
    server.files[INDEX_PATH] = INDEX.replace(b"sort_7", b"sort_x")
    with pytest.warns(UserWarning, match=r"classes are numbered.*another checksum \(MD5\)"):
        resnet18(weights="imagenet")
    assert kept() == ["resnet18-imagenet.safetensors"]


def test_unknown_weights_are_refused_with_the_known_ones(server: Server) -> None:
    with pytest.raises(
        NetError, match=r"Received weights='cifar'\. Known for resnet50: imagenet, imagenet-v2, timm/resnet50\.TAG; or"
    ):
        resnet50(weights="cifar")


CONFIG = {
    "architecture": "resnet18",
    "num_classes": 1000,
    "pretrained_cfg": {
        "tag": "a1_in1k",
        "input_size": [3, 224, 224],
        "test_input_size": [3, 288, 288],
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "crop_mode": "center",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "num_classes": 1000,
    },
}


@pytest.fixture
def hub(server: Server) -> Callable[..., None]:
    """Serve tensors as the hub does: the model's address leads to a store, and tells size and checksum."""

    def serve(model: str, tensors: dict[str, Tensor], *, config: dict = CONFIG, tag: str | None = None) -> None:
        content = save(tensors)
        folder = f"/timm/{model}/resolve/main"
        digest = hashlib.sha256(content).hexdigest()
        headers = {"Location": f"/store/{model}", "X-Linked-Size": str(len(content))}
        server.links[f"{folder}/model.safetensors"] = {**headers, "X-Linked-Etag": f'"{tag or digest}"'}
        server.files[f"/store/{model}"] = content
        server.files[f"{folder}/config.json"] = json.dumps(config).encode()

    return serve


def test_weights_from_the_hub_come_with_its_preprocessing(server: Server, hub: Callable[..., None]) -> None:
    tensors = published_tensors("timm", "resnet18")
    hub("resnet18.a1_in1k", tensors)
    net = resnet18(weights="timm/resnet18.a1_in1k")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, tensors[name]), name
    # timm scales the shorter side to floor(224 / 0.95).
    assert net.card.preprocessing == Preprocessing(
        3, (224, 224), 0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), resize=235, interpolation="bicubic"
    )
    assert "timm/resnet18.a1_in1k" in net.card.trained_on
    assert kept() == ["imagenet_class_index.json", "timm-resnet18.a1_in1k.safetensors"]
    server.stop()
    assert resnet18(weights="timm/resnet18.a1_in1k").card == net.card


def test_a_densenet_from_the_hub_is_renamed(hub: Callable[..., None]) -> None:
    tensors = published_tensors("timm", "densenet121")
    hub("densenet121.ra_in1k", tensors, config={**CONFIG, "architecture": "densenet121"})
    own = densenet121(weights="timm/densenet121.ra_in1k").state_dict()
    assert torch.equal(own["block2.layer3.conv1.weight"], tensors["features.denseblock2.denselayer3.conv1.weight"])


def test_a_file_from_the_hub_with_another_checksum_is_refused(hub: Callable[..., None]) -> None:
    hub("resnet18.a1_in1k", published_tensors("timm", "resnet18"), tag="0" * 64)
    with pytest.raises(DownloadError, match=r"another checksum: \w{64}, not 0{64}"):
        resnet18(weights="timm/resnet18.a1_in1k")


def test_a_hub_that_tells_no_checksum_is_refused(hub: Callable[..., None]) -> None:
    hub("resnet18.a1_in1k", {"w": torch.zeros(1)}, tag="12ab")
    with pytest.raises(DownloadError, match=r"header X-Linked-Etag\. Received '12ab' from .*by hand"):
        resnet18(weights="timm/resnet18.a1_in1k")


@pytest.mark.parametrize(
    "change", [{"architecture": "resnet18d"}, {"pretrained_cfg": {}}, {"pretrained_cfg": None}], ids=str
)
def test_a_config_of_another_kind_is_refused(hub: Callable[..., None], change: dict) -> None:
    hub("resnet18.a1_in1k", published_tensors("timm", "resnet18"), config={**CONFIG, **change})
    with pytest.raises(NetError, match=r"config\.json of timm says architecture.* Received one for resnet18 that does"):
        resnet18(weights="timm/resnet18.a1_in1k")


def test_weights_for_another_architecture_are_refused(server: Server) -> None:
    with pytest.raises(
        NetError, match=r"trained for\. Received weights='timm/resnet34.a1_in1k' for resnet18\. Build a resnet34, or"
    ):
        resnet18(weights="timm/resnet34.a1_in1k")


@pytest.mark.parametrize("weights", ["timm/../../etc/passwd", "timm/resnet18.a1/../x", "timm/", "../imagenet"])
def test_a_name_that_is_a_way_out_of_the_cache_is_unknown(server: Server, weights: str) -> None:
    with pytest.raises(NetError, match=r"named after their data\. Received weights="):
        resnet18(weights=weights)
    assert server.asked == []


class Small(nn.Module):
    """A stand-in whose weights are quick to write."""

    TORCHVISION_NAMES = ((r"old\.(.+)", r"conv.\1"), (r"aux\..*", None))

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, classes)


def written(path: Path, change: Callable[[dict[str, Tensor]], object] = lambda tensors: None) -> Path:
    tensors = Small().state_dict()
    change(tensors)
    torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
@pytest.mark.parametrize("safe", [True, False])
def test_a_local_file_is_told_by_its_content(tmp_path: Path, suffix: str, safe: bool) -> None:
    tensors = Small().state_dict()
    path = tmp_path / f"net{suffix}"
    if safe:
        path.write_bytes(save(tensors))
    else:
        torch.save(tensors, path)
    net = Small()
    load_weights(net, path, name="small")
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in net.state_dict().items())
    assert not net.training
    assert not hasattr(net, "card")


def test_a_local_file_with_a_publishers_names_is_renamed(tmp_path: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors["old.weight"], tensors["old.bias"] = tensors.pop("conv.weight") * 0 + 7, tensors.pop("conv.bias")
        tensors["aux.weight"] = torch.zeros(3)

    net = Small()
    load_weights(net, str(written(tmp_path / "f.pth", change)), name="small")
    assert net.conv.weight.eq(7).all()


def test_counters_that_old_files_lack_become_zero(tmp_path: Path) -> None:
    net = Small()
    net.bn.num_batches_tracked += 5
    load_weights(net, written(tmp_path / "f.pth", lambda tensors: tensors.pop("bn.num_batches_tracked")), name="small")
    assert int(net.bn.num_batches_tracked) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("conv.bias"), r"missing=\['conv.bias'\], extra=\[\], misshapen=\[\]"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), r"missing=\[\], extra=\['more'\], misshapen=\[\]"),
        (
            lambda tensors: tensors.update({"conv.weight": torch.zeros(2, 1, 5, 5)}),
            r"misshapen=\['conv.weight: \(2, 1, 5, 5\) for \(2, 1, 3, 3\)'\]",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_listed_and_the_net_stays(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], object], said: str
) -> None:
    net = Small()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(NetError, match=rf"exactly those of its architecture.*{said}.*made for Small"):
        load_weights(net, written(tmp_path / "f.pth", change), name="small")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("safe", [True, False])
def test_numbers_that_are_not_finite_are_refused_by_the_names_of_their_tensors(
    tmp_path: Path, value: float, safe: bool
) -> None:
    tensors = {name: tensor.clone() for name, tensor in Small().state_dict().items()}
    tensors["conv.weight"][1, 0, 2, 1] = value
    tensors["fc.bias"][0] = value
    path = tmp_path / "f"
    if safe:
        path.write_bytes(save(tensors))
    else:
        torch.save(tensors, path)
    with pytest.raises(NetError, match=r"finite numbers\. Received path=.* infinity in conv.weight, fc.bias\. Fetch"):
        load_weights(Small(), path, name="small")


def test_a_local_file_for_another_count_of_classes_says_so(tmp_path: Path) -> None:
    with pytest.raises(NetError, match=r"Received weights=.*classes=7\. These tell 3 apart: build .* classes=3"):
        load_weights(Small(classes=7), written(tmp_path / "f.pth"), name="small")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetError, match=r"Received weights='.*none.pth'\. Known for small: none; or the path of a file"):
        load_weights(Small(), tmp_path / "none.pth", name="small")


def test_a_publishers_file_anywhere_brings_its_card(
    server: Server, publish: Callable[..., Published], tmp_path: Path
) -> None:
    published = publish("resnet18", published_tensors("torchvision", "resnet18"))
    (tmp_path / published.file).write_bytes(server.files[f"/models/{published.file}"])
    assert resnet18(weights=tmp_path / published.file).card.accuracy == 0.69758


def test_a_file_of_the_hub_brings_the_card_beside_it(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "resnet18.a1_in1k"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(save(published_tensors("timm", "resnet18")))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    card = resnet18(weights=folder / "model.safetensors").card
    assert card.preprocessing.interpolation == "bicubic"
    assert "resnet18.a1_in1k" in card.trained_on


def test_the_shipped_lenet_is_loaded_by_name() -> None:
    shipped = load_net(Path(_cache.__file__).parent / "weights" / "lenet-mnist.safetensors")
    net = type(shipped.net)()
    load_weights(net, "mnist", name="lenet")
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in shipped.net.state_dict().items())
    assert net.card == shipped.card


def test_a_name_with_published_weights_is_opened_with_them(publish: Callable[..., Published]) -> None:
    tensors = published_tensors("torchvision", "resnet18")
    publish("resnet18", tensors)
    trained = open_net("resnet18")
    assert torch.equal(trained.net.state_dict()["fc.weight"], tensors["fc.weight"])
    assert trained.card.architecture == "resnet18"


def test_a_state_dict_of_a_publisher_is_taken_as_it_is() -> None:
    tensors = published_tensors("torchvision", "googlenet")
    net = googlenet(weights=tensors)
    assert not net.training
    assert torch.equal(
        net.state_dict()["inception3a.reduce3x3.conv.weight"], tensors["inception3a.branch2.0.conv.weight"]
    )
    with pytest.raises(
        NetError, match=r"exactly those of its architecture\. .*a state dict.*missing=.*Name a file made"
    ):
        resnet18(weights=tensors)


@pytest.mark.parametrize(
    "weights",
    [
        {1: torch.zeros(1)},
        {"conv1.weight": [1.0]},
        {"conv1.weight": torch.zeros(6, 1, 5, 5, dtype=torch.complex64)},
        {"conv1.weight": torch.zeros(6, 1, 5, 5).to_sparse()},
    ],
    ids=["a number for a name", "a list", "complex", "sparse"],
)
def test_a_state_dict_of_something_else_is_refused(weights: dict) -> None:
    with pytest.raises(NetError, match=r"dense tensors of real numbers by name\. Received .*with (1|'conv1.weight'):"):
        check_tensors(weights, path=Path("a state dict"))


def test_a_state_dict_with_nan_is_refused() -> None:
    state = lenet().state_dict()
    state["conv1.bias"][0] = torch.nan
    with pytest.raises(NetError, match=r"finite numbers\. Received .*conv1\.bias"):
        lenet(weights=state)
