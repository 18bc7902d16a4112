import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convlens.errors import WireError
from convlens.serve._wire import decode_frame, encode_frame

GOLDEN = Path(__file__).parent.parent / "golden" / "wire"
DTYPES = {"float32": torch.float32, "uint8": torch.uint8, "int64": torch.int64}


def golden(name):
    meaning = json.loads((GOLDEN / f"{name}.json").read_text())
    tensors = {
        key: torch.tensor(tensor["values"], dtype=DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
        for key, tensor in meaning["tensors"].items()
    }
    return (GOLDEN / f"{name}.bin").read_bytes(), meaning["header"], tensors


def frame_of(header: dict | str, *, numbers: bytes = b"") -> bytes:
    """A frame made by hand, so that it can be wrong in any one place."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return struct.pack("<I", len(text)) + text + numbers


def one_tensor(*, dtype="uint8", shape=(8,), offset=0, numbers=bytes(8)):
    return frame_of({"tensors": {"image": {"dtype": dtype, "shape": shape, "offset": offset}}}, numbers=numbers)


@pytest.mark.parametrize("name", ["every-dtype", "net", "words-beyond-ascii"])
def test_a_frame_is_encoded_byte_for_byte_as_the_architecture_says(name):
    frame, header, tensors = golden(name)
    assert encode_frame(header, tensors) == frame


@pytest.mark.parametrize("name", ["every-dtype", "net", "words-beyond-ascii"])
def test_a_frame_is_decoded_to_what_it_means(name):
    frame, header, tensors = golden(name)
    decoded, found = decode_frame(frame)
    assert decoded == header
    assert found.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert found[key].dtype == tensor.dtype
        assert torch.equal(found[key], tensor)


@given(
    shapes=st.lists(st.tuples(st.sampled_from(list(DTYPES)), st.lists(st.integers(1, 4), max_size=5)), max_size=5),
    text=st.text(),
)
def test_what_was_encoded_comes_back_bit_for_bit(shapes, text):
    tensors = {
        f"{index}{text}": torch.randint(0, 256, shape).to(DTYPES[dtype]) for index, (dtype, shape) in enumerate(shapes)
    }
    header, found = decode_frame(encode_frame({"what": text}, tensors))
    assert header == {"what": text}
    assert list(found) == list(tensors)
    assert all(torch.equal(found[key], tensor) and found[key].dtype == tensor.dtype for key, tensor in tensors.items())


@given(header=st.text(), count=st.integers(1, 3))
def test_numbers_begin_at_a_multiple_of_eight_bytes(header, count):
    frame = encode_frame({"what": header}, {f"weight/{i}": torch.ones(3) for i in range(count)})
    (length,) = struct.unpack_from("<I", frame)
    offsets = [place["offset"] for place in json.loads(frame[4 : 4 + length])["tensors"].values()]
    assert len(offsets) == count
    assert all((4 + length + offset) % 8 == 0 for offset in offsets)


def test_a_transposed_tensor_travels_in_row_major_order():
    tensor = torch.arange(6).reshape(2, 3).T
    _, found = decode_frame(encode_frame({}, {"weight/a": tensor}))
    assert found["weight/a"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_decoded_tensor_can_be_written_to_without_changing_the_frame():
    frame = encode_frame({}, {"image": torch.zeros(8, dtype=torch.uint8)})
    _, found = decode_frame(frame)
    found["image"].fill_(255)
    assert frame.endswith(bytes(8))


@pytest.mark.parametrize(
    "tensor", [torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.bfloat16), torch.ones(0, 3)]
)
def test_a_tensor_that_has_no_place_on_the_wire_is_refused(tensor):
    with pytest.raises(WireError, match=r"is float32, uint8 or int64, with 1 number or more.*key='weight/a'.*Convert"):
        encode_frame({}, {"weight/a": tensor})


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x00\x00\x00"])
def test_a_frame_without_the_length_of_its_header_is_refused(frame):
    with pytest.raises(WireError, match=rf"begins with 4 bytes.*Received {len(frame)} bytes"):
        decode_frame(frame)


@pytest.mark.parametrize("length", [1, 2, 8, 4 << 20, (4 << 20) + 4, 2**32 - 4, 2**32 - 1])
def test_a_header_longer_than_its_frame_or_misaligned_is_refused(length):
    with pytest.raises(WireError, match=rf"multiple of 4 bytes long.*Received length={length} in a frame of 8 bytes"):
        decode_frame(struct.pack("<I", length) + b"{}  ")


def test_a_header_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(WireError, match=r"at most 4194304.*Received length=4194308"):
        decode_frame(struct.pack("<I", (4 << 20) + 4) + b"{" * ((4 << 20) + 4))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "[]",
        "{",
        '{"what": NaN}',
        '{"what": 1e999}',
        '{"tensors": []}',
        '{"tensors": {"image": null}}',
        '{"tensors": {"image": {"dtype": "uint8", "shape": [1]}}}',
        '{"tensors": {"image": {"dtype": "uint8", "shape": [1.5], "offset": 0}}}',
        '{"tensors": {"image": {"dtype": "uint8", "shape": [true], "offset": 0}}}',
        '{"tensors": {"image": {"dtype": "uint8", "shape": [1], "offset": 0, "path": "/etc/passwd"}}}',
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_a_header_that_is_not_what_it_should_be_is_refused(header):
    with pytest.raises(WireError, match=r"A frame's header is a JSON object whose `tensors` give"):
        decode_frame(frame_of(header))


def test_a_header_in_another_encoding_is_refused():
    with pytest.raises(WireError, match=r"A frame's header is a JSON object.*utf-8"):
        decode_frame(struct.pack("<I", 12) + b'{"a": "\xff"}  '[:12])


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"dtype": "object"}, "dtype='object'"),
        ({"dtype": "float64"}, "dtype='float64'"),
        ({"shape": (0, 8)}, r"shape=\[0, 8\]"),
        ({"shape": (-8,)}, r"shape=\[-8\]"),
        ({"shape": (1,) * 9}, r"shape=\[1, 1, 1, 1, 1, 1, 1, 1, 1\]"),
        ({"offset": -8}, "offset=-8"),
    ],
)
def test_a_tensor_that_describes_itself_wrongly_is_refused(change, received):
    with pytest.raises(WireError, match=rf"A tensor is float32, uint8, int64, has at most 8 dimensions.*{received}"):
        decode_frame(one_tensor(**change))


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"shape": (9,)}, "offset=0, 9 bytes"),
        ({"dtype": "int64", "shape": (2,)}, "offset=0, 16 bytes"),
        ({"shape": (2**40, 2**40)}, f"offset=0, {2**80} bytes"),
        ({"offset": 8}, "offset=8, 8 bytes"),
        ({"offset": 4, "numbers": bytes(16)}, "offset=4, 8 bytes"),
    ],
)
def test_a_tensor_that_does_not_lie_in_its_frame_is_refused(change, received):
    with pytest.raises(WireError, match=rf"begins at a multiple of 8 bytes.*ends inside the frame.*{received}"):
        decode_frame(one_tensor(**change))


def test_tensors_that_overlap_are_refused_so_that_a_small_frame_cannot_ask_for_much_memory():
    place = {"dtype": "uint8", "shape": [8], "offset": 0}
    with pytest.raises(WireError, match=r"after the one before it.*key='b', offset=0, 8 bytes, where 8 of 8"):
        decode_frame(frame_of({"tensors": {"a": place, "b": place}}, numbers=bytes(8)))


def test_bytes_that_no_tensor_claims_are_refused():
    with pytest.raises(WireError, match=r"ends with its last tensor\. Received 24 bytes.*\['image'\] take 8"):
        decode_frame(one_tensor(numbers=bytes(24)))


@given(frame=st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(frame):
    decoded_or_refused(frame)


@given(data=st.data())
def test_a_frame_with_any_byte_changed_is_decoded_or_refused(data):
    frame, _, _ = golden(data.draw(st.sampled_from(["every-dtype", "net"])))
    damaged = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    decoded_or_refused(bytes(damaged[: data.draw(st.integers(0, len(frame)))]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
places = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(list(DTYPES)) | json_values,
        "shape": st.lists(st.integers(-2, 9) | st.integers(), max_size=9) | json_values,
        "offset": st.integers(-8, 64) | st.integers() | json_values,
    }
)


@given(
    tensors=st.dictionaries(st.text(max_size=3), places | json_values, max_size=4) | json_values,
    numbers=st.binary(max_size=64),
)
def test_any_description_of_tensors_is_believed_only_if_it_fits(tensors, numbers):
    decoded_or_refused(frame_of({"tensors": tensors}, numbers=numbers))


def decoded_or_refused(frame: bytes) -> None:
    """Nothing but a WireError is raised, and no more memory is taken than the frame is long."""
    try:
        _, tensors = decode_frame(frame)
    except WireError:
        return
    assert sum(tensor.nbytes for tensor in tensors.values()) <= len(frame)
