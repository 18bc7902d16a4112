"""The reader of .pth files is held against torch.save, in both formats, and against files that mean harm."""

import io
import os
import pickle
import random
import re
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from convlens.architectures._pth import read_pth
from convlens.errors import NetError

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
]
NUMBERS = struct.pack("<q4f", 4, 1, 2, 3, 4)  # a storage of the older format
MAGIC = 0x1950A86A20F9469CFC6C


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def written(request, tmp_path):
    """Write what is given with torch.save in one of its formats."""

    def write(content):
        path = tmp_path / "file.pth"
        torch.save(content, path, _use_new_zipfile_serialization=request.param)
        return path

    return write


def by_hand(path, content, *, members=()):
    """Write a zip whose data.pkl is the pickle given."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for name, data in members:
            archive.writestr(f"archive/{name}", data)
    return path


def tensor_pickle(*, length=4, offset=0, sizes=(4,), strides=(1,), kind="FloatStorage", views=()):
    """Write a pickle of one tensor "w" in storage "0", with any numbers that one likes."""

    class Storage:
        pass

    class Rebuilt:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, sizes, strides, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", getattr(torch, kind), "0", "cpu", length, *views)
            return None

    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump({"w": Rebuilt()})
    return stream.getvalue()


def legacy(path, content, *, keys=("0",), numbers=NUMBERS, machine=None):
    """Write the older format by hand."""
    machine = {"little_endian": True} if machine is None else machine
    parts = [pickle.dumps(part, protocol=2) for part in (MAGIC, 1001, machine)]
    path.write_bytes(b"".join([*parts, content, pickle.dumps(list(keys), protocol=2), numbers]))
    return path


FLOATS = [("data/0", struct.pack("<4f", 1, 2, 3, 4))]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type_comes_back_bit_for_bit(written, dtype):
    tensor = (torch.arange(30).reshape(5, 6) % 7).to(dtype)
    found = read_pth(written({"a": tensor, "b": tensor[0, 0]}))
    assert list(found) == ["a", "b"]
    assert found["a"].dtype == dtype
    assert torch.equal(found["a"], tensor)
    assert found["b"].shape == ()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_protocol_of_pickle_is_read(protocol, zipped, tmp_path):
    tensors = nn.BatchNorm2d(3).state_dict()
    torch.save(tensors, tmp_path / "f", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert read_pth(tmp_path / "f").keys() == tensors.keys()


def test_a_state_dict_of_a_net_comes_back_with_its_metadata_left_out(written):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    found = read_pth(written(net.state_dict()))
    assert list(found) == list(net.state_dict())
    for name, tensor in net.state_dict().items():
        assert torch.equal(found[name], tensor), name


def test_parameters_come_back_as_their_tensors(written):
    parameter = nn.Parameter(torch.randn(3))
    assert torch.equal(read_pth(written({"w": parameter}))["w"], parameter.detach())


def test_strides_offsets_and_shared_storages_are_honoured(written):
    base = torch.arange(60.0).reshape(3, 4, 5)
    views = {"whole": base, "turned": base.permute(2, 0, 1), "part": base[1:, ::2, 1], "number": base[2, 3, 4]}
    found = read_pth(written(views))
    for name, tensor in views.items():
        assert torch.equal(found[name], tensor), name
        assert found[name].stride() == tensor.stride(), name
    assert found["whole"].untyped_storage().data_ptr() == found["turned"].untyped_storage().data_ptr()


@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0, 2)])
def test_empty_tensors_come_back_with_their_shape(written, shape):
    assert read_pth(written({"none": torch.empty(shape)}))["none"].shape == shape


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_checkpoint_of_a_training_is_unwrapped(written, key):
    checkpoint = {
        "epoch": 3,
        "lr": 0.1,
        key: OrderedDict(w=torch.ones(2)),
        "optimizer": {"state": {0: {"momentum": torch.zeros(2)}}, "betas": (0.9, 0.99), "groups": [None, True, "w"]},
    }
    found = read_pth(written(checkpoint))
    assert list(found) == ["w"]
    assert torch.equal(found["w"], torch.ones(2))


def test_writing_to_a_tensor_leaves_the_file_as_it_is(written):
    path = written({"w": torch.ones(5)})
    before = path.read_bytes()
    read_pth(path)["w"].fill_(7)
    assert path.read_bytes() == before


def test_a_handmade_tensor_is_read_so_that_the_tests_below_fail_for_their_reason_alone(tmp_path):
    for path in (by_hand(tmp_path / "a", tensor_pickle(), members=FLOATS), legacy(tmp_path / "b", tensor_pickle())):
        assert read_pth(path)["w"].tolist() == [1, 2, 3, 4]


class Calls:
    """Pickled, it asks for a function to be called."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_a_command_runs_nothing_and_is_refused(protocol, zipped, tmp_path):
    trace = tmp_path / "was here"
    content = pickle.dumps({"w": Calls(os.system, f"touch '{trace}'")}, protocol=protocol)
    path = by_hand(tmp_path / "f", content) if zipped else legacy(tmp_path / "f", content)
    with pytest.raises(NetError, match=r"nothing else\. Received path='.*f': .*(posix.system|opcode).*Fetch it anew"):
        read_pth(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (b"cos\nsystem\n(X\x02\x00\x00\x00lstR.", "it asks for 'os.system'"),
        (b"cbuiltins\neval\n.", "it asks for 'builtins.eval'"),
        (b"ctorch\nload\n.", "it asks for 'torch.load'"),
        (b"cos\nsystem\nt.", "it asks for 'os.system'"),
        (b"(S'a'\nios\nsystem\n.", "opcode STRING"),
        (b"\x80\x02(ios\nsystem\n.", "opcode INST"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02N)\x81.", "opcode NEWOBJ"),
        (b"\x80\x02NNb.", "it sets attributes of a NoneType"),
        (b"\x80\x02]Na.", "it holds a list, not named tensors"),
        (b"\x80\x02}N)Rs.", "it calls a NoneType"),
        (b"\x80\x02}))s.", "it has a tuple as a key"),
        (b"\x80\x02}X\x01\x00\x00\x00aK\x01s.", "'a' is not the name of a tensor"),
        (b"\x80\x02}K\x01Ns.", "'1' is not the name of a tensor"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "it calls 'torch._utils._rebuild_tensor_v2' with"),
        (b"\x80\x02ctorch._utils\n_rebuild_parameter\nN\x85R.", "it calls 'torch._utils._rebuild_parameter' with"),
        (b"\x80\x02NQ.", "refers to something that is no storage"),
        (b"\x80\x02(.", "ends with 1 values"),
        (b"\x80\x02(\x85.", "uses a value that is not there"),
        (b"\x80\x02NN.", "ends with 2 values"),
        (b"\x80\x02h\x07.", r"damaged \(KeyError\)"),
        (b"\x80\x02s.", r"damaged \(IndexError\)"),
        (b"\x80\x02N", r"damaged \(ValueError\)"),
        (b"", r"damaged \(ValueError\)"),
    ],
)
def test_what_no_file_of_weights_needs_is_refused_by_name(code, said, tmp_path):
    with pytest.raises(NetError, match=said):
        read_pth(by_hand(tmp_path / "f", code))


@pytest.mark.parametrize(
    "numbers",
    [
        {"sizes": (5,)},
        {"offset": 1},
        {"offset": 5, "sizes": (0,)},
        {"sizes": (2, 2), "strides": (3, 1)},
        {"sizes": (2, 2), "strides": (1 << 39, 1)},
        {"sizes": (1 << 39,), "strides": (0,)},
        {"sizes": (5,), "strides": (0,)},
        {"sizes": (1 << 39, 1 << 39), "strides": (0, 0)},
    ],
    ids=str,
)
def test_a_tensor_beyond_its_storage_is_refused(numbers, tmp_path):
    for path in (
        by_hand(tmp_path / "a", tensor_pickle(**numbers), members=FLOATS),
        legacy(tmp_path / "b", tensor_pickle(**numbers)),
    ):
        with pytest.raises(NetError, match=r"tensor 'w' reaches beyond its storage of 4 numbers \(offset \d+, sizes"):
            read_pth(path)


@pytest.mark.parametrize(
    "numbers",
    [
        {"offset": -1},
        {"sizes": (-1,)},
        {"strides": (-1,)},
        {"sizes": (2, 2)},
        {"sizes": ("a",)},
        {"sizes": (1,) * 65, "strides": (1,) * 65},
        {"sizes": (1 << 70000,)},
        {"sizes": (0, 1 << 70), "strides": (1, 1)},
    ],
    ids=lambda numbers: str(list(numbers)),
)
def test_a_shape_that_is_none_is_refused(numbers, tmp_path):
    with pytest.raises(NetError, match="tensor 'w' has no proper shape"):
        read_pth(by_hand(tmp_path / "f", tensor_pickle(**numbers), members=FLOATS))


@pytest.mark.parametrize(
    ("content", "members", "said"),
    [
        (tensor_pickle(), [], "the numbers of storage '0' are not there"),
        (tensor_pickle(), [("data/0", bytes(15))], "storage '0' has 15 bytes, not 4 numbers"),
        (tensor_pickle(length=1 << 40), FLOATS, "storage '0' has 16 bytes, not 1,099,511,627,776 numbers"),
        (tensor_pickle(length=-4), FLOATS, "no storage of a known type"),
        (tensor_pickle(views=[("1", 0, 2)]), FLOATS, "views of storages"),
        (tensor_pickle(), [*FLOATS, ("byteorder", b"big")], "high byte"),
        (b"\x80\x02" + b"N0" * (1 << 21) + b"N.", [], "its data.pkl has 4,194,308 bytes; 4,194,304 are read at most"),
    ],
    ids=range(7),
)
def test_a_zip_whose_parts_do_not_fit_is_refused(content, members, said, tmp_path):
    with pytest.raises(NetError, match=said):
        read_pth(by_hand(tmp_path / "f", content, members=members))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keys": ()}, "the numbers of storage '0' are not there"),
        ({"keys": ("0", "1")}, "list of storages is damaged"),
        ({"keys": (["0"],)}, "list of storages is damaged"),
        ({"numbers": b""}, "it ends before storage '0'"),
        ({"numbers": struct.pack("<q3f", 4, 1, 2, 3)}, "it ends inside storage '0'"),
        ({"numbers": struct.pack("<q4f", -1, 1, 2, 3, 4)}, "it ends inside storage '0'"),
        ({"numbers": struct.pack("<q4f", 1 << 62, 1, 2, 3, 4)}, "it ends inside storage '0'"),
        ({"numbers": struct.pack("<q4f", 3, 1, 2, 3, 4)}, "storage '0' has 12 bytes, not 4 numbers"),
        ({"machine": {"little_endian": False}}, "high byte"),
        ({"machine": {}}, "high byte"),
    ],
    ids=range(10),
)
def test_an_older_file_whose_parts_do_not_fit_is_refused(change, said, tmp_path):
    with pytest.raises(NetError, match=said):
        read_pth(legacy(tmp_path / "f", tensor_pickle(), **change))


def test_a_compressed_member_is_refused_before_it_grows(tmp_path):
    with zipfile.ZipFile(tmp_path / "f", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", tensor_pickle(length=1 << 24, sizes=(1 << 24,)))
        archive.writestr("archive/data/0", bytes(1 << 26))
    with pytest.raises(NetError, match=r"'archive/data.pkl' is compressed or encrypted"):
        read_pth(tmp_path / "f")


def test_a_zip_that_holds_no_tensors_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "f", "w") as archive:
        archive.writestr("letter.txt", "Dear reader")
    with pytest.raises(NetError, match=r"it is a zip without a data.pkl"):
        read_pth(tmp_path / "f")


def test_a_flipped_bit_in_a_zip_is_found_by_its_checksum(tmp_path):
    torch.save({"w": torch.ones(1000)}, tmp_path / "f")
    content = bytearray((tmp_path / "f").read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 2000] ^= 1
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(NetError, match=r"member 'f/data/0' has another checksum"):
        read_pth(tmp_path / "f")


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"PK\x03\x04", b"GIF89a", bytes(1000), pickle.dumps({})], ids=range(6)
)
def test_a_file_of_another_kind_is_refused(content, tmp_path):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(NetError, match=r"whole \.pth file"):
        read_pth(tmp_path / "f")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(NetError, match=re.escape(f"Received path={str(tmp_path / 'none.pth')!r}: ") + ".*No such file"):
        read_pth(tmp_path / "none.pth")


def test_a_file_cut_anywhere_is_refused(written, tmp_path):
    content = written(nn.BatchNorm2d(3).state_dict()).read_bytes()
    cut = tmp_path / "cut.pth"
    ends = [*range(0, len(content), 23), len(content) - 1]
    for end in ends:
        cut.write_bytes(content[:end])
        with pytest.raises(NetError, match=r"whole \.pth file"):
            read_pth(cut)
    assert len(ends) > 30


def test_random_damage_is_refused_or_harmless(written, tmp_path):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    content = written(net.state_dict()).read_bytes()
    size = sum(tensor.nbytes for tensor in net.state_dict().values())
    chance = random.Random(0)
    damaged = tmp_path / "damaged.pth"
    read = refused = 0
    for _ in range(400):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        damaged.write_bytes(changed)
        try:
            found = read_pth(damaged)
        except NetError:
            refused += 1
        else:
            read += 1
            assert sum(tensor.nbytes for tensor in found.values()) <= size
    assert read + refused == 400
    assert refused > 100
