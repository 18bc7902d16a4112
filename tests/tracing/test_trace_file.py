import json
import random

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import convlens as cl
from convlens.errors import TraceError, TraceFileError


@pytest.fixture
def saved(tmp_path):
    net = cl.architectures.build("lenet")
    preprocessing = cl.data.Preprocessing(1, (28, 28), padding=2, mean=(0.5,), deviation=(0.25,))
    image = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    trace = cl.trace(net, image, preprocessing=preprocessing, probabilities=True)
    trace.save(tmp_path / "digit.safetensors")
    return trace, tmp_path / "digit.safetensors"


def rewrite(path, change_header=lambda header: None, change_tensors=lambda tensors: None):
    """Change a trace file behind its writer's back."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["convlens.trace"])
    tensors = load_file(path)
    change_header(header)
    change_tensors(tensors)
    save_file(tensors, path, metadata={"convlens.trace": json.dumps(header)})


def test_a_trace_comes_back_whole_without_the_net(saved):
    trace, path = saved
    loaded = cl.load_trace(path)
    assert loaded.calls == trace.calls
    assert loaded.preprocessing == trace.preprocessing
    assert torch.equal(loaded.image, trace.image)
    assert loaded.tensors.keys() == trace.tensors.keys()
    assert all(torch.equal(loaded.tensors[key], tensor) for key, tensor in trace.tensors.items())


def test_a_loaded_trace_answers_as_the_saved_one(saved):
    trace, path = saved
    loaded = cl.load_trace(path)
    assert str(loaded.explain("conv2", 3, 5, 7)) == str(trace.explain("conv2", 3, 5, 7))
    assert (loaded.receptive_field("fc1", 3).mask == trace.receptive_field("fc1", 3).mask).all()


def test_a_file_cut_short_is_refused(saved):
    _, path = saved
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TraceFileError, match=r"whole safetensors file. Received path=.*Write traces with Trace.save"):
        cl.load_trace(path)


def test_a_safetensors_file_that_is_no_trace_is_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "weights.safetensors")
    with pytest.raises(TraceFileError, match=r"has a header of version 1 under 'convlens.trace'. Received path="):
        cl.load_trace(tmp_path / "weights.safetensors")


def conv1(header) -> dict:
    return header["calls"][0]["form"]


def call(header, name) -> dict:
    return next(call for call in header["calls"] if call["name"] == name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda header: header.update(version=2), "Invalid enum value 2"),
        (lambda header: header["preprocessing"].pop("mean"), "preprocessing is what Trace.save wrote"),
        (lambda header: header.update(surprise=1), "unknown field `surprise`"),
        (lambda header: conv1(header).update(kind="code"), "Invalid value 'code'"),
        (lambda header: conv1(header).update(kernel=[10**9, 5]), "call='conv1': A window of 1000000000 pixels"),
        (lambda header: conv1(header).update(stride=[0, 0]), "call='conv1': Size, kernel_size, stride and dilation"),
        (lambda header: conv1(header).update(groups=0), "call='conv1': a weight of"),
        (lambda header: conv1(header).update(input="activation/pool2"), "no earlier call made"),
        (lambda header: conv1(header).update(input="activation/conv1"), "no earlier call made"),
        (lambda header: conv1(header).update(bias="weight/fc1.bias"), "it reads .* no earlier|one number for each"),
        (lambda header: call(header, "pool1")["form"].update(padding=[9, 9]), "its output is"),
        (lambda header: call(header, "probabilities")["form"].update(axis=7), "axis 7 of 2"),
        (lambda header: call(header, "flatten")["form"].update(how="permute"), r"axes \(\) of 4"),
        (lambda header: call(header, "flatten")["form"].update(how="slice"), "a slice|argument"),
        (lambda header: call(header, "flatten")["form"].update(how="pad"), "a padding of 0 axes"),
        (lambda header: call(header, "relu1")["form"].update(function="power"), "power has a constant"),
        (lambda header: call(header, "relu1")["form"].update(function="divide"), "divide of 1 inputs"),
        (lambda header: call(header, "relu1").update(output="activation/conv1"), "computed twice"),
        (lambda header: call(header, "relu1").update(output="activation/none"), "is missing"),
    ],
)
def test_a_header_that_contradicts_the_tensors_is_refused(saved, change, said):
    _, path = saved
    rewrite(path, change_header=change)
    with pytest.raises(TraceFileError, match=said):
        cl.load_trace(path)


def test_a_tensor_of_another_shape_is_refused(saved):
    _, path = saved
    rewrite(path, change_tensors=lambda tensors: tensors.update({"weight/fc1.weight": torch.zeros(120, 399)}))
    with pytest.raises(TraceFileError, match="call='fc1': a weight of"):
        cl.load_trace(path)


def test_a_file_with_any_byte_of_its_header_changed_is_refused_or_opens_as_a_trace(saved):
    _, path = saved
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    draw = random.Random(0)
    places = [*range(8), *(draw.randrange(8, 8 + length) for _ in range(250))]
    refused = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            trace = cl.load_trace(path)
            trace.explain(trace.layers[0], *(0 for _ in trace[trace.layers[0]].maps.shape))
        except TraceError:
            refused += 1
    assert refused > 150  # other changes touch names, classes or other text


@pytest.mark.parametrize("length", [2**63, 2**40, 2**31, 0])
def test_a_header_of_an_impossible_length_is_refused(saved, length):
    _, path = saved
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(TraceFileError, match=r"whole safetensors file. Received path="):
        cl.load_trace(path)


def test_an_input_that_is_missing_or_computed_is_refused(saved):
    _, path = saved
    rewrite(path, change_header=lambda header: header.update(inputs=["input", "conv1"]))
    with pytest.raises(TraceFileError, match=r"'activation/conv1' is computed twice"):
        cl.load_trace(path)
    rewrite(path, change_header=lambda header: (header.update(inputs=["input", "none"]), conv1(header).update(
        input="activation/none")))  # fmt: skip
    with pytest.raises(TraceFileError, match=r"it reads \['activation/none'\], which no earlier call made"):
        cl.load_trace(path)
