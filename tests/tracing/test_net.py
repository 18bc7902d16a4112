import copy
import itertools
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.errors import TraceError

IMAGE = torch.linspace(-1, 1, 128).view(1, 2, 8, 8)


def not_closing(trace):
    explanations = [
        trace.explain(call.name, *index)
        for call in trace.calls
        for index in itertools.product(*map(range, trace[call.name].maps.shape))
    ]
    assert len(explanations) > 10
    return [str(each) for each in explanations if not each.closes]


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)


class Guided(nn.Module):
    """Reads an image, a second one, a list of scales and a mask by name; returns several tensors."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, image, guide, scales, times=1, *, mask=None):
        for _ in range(times):
            image = image + guide * scales[0] + scales[1]
        maps = self.conv(image) * mask
        return {"maps": maps, "sums": [maps + 1, maps.mean((2, 3))]}


def test_inputs_bear_the_names_of_their_arguments_and_all_outputs_are_recorded(tmp_path):
    guide, scales, mask = torch.randn(1, 2, 8, 8), [torch.tensor(2.0), torch.tensor(3.0)], torch.ones(1, 1, 8, 8)
    net = Guided()
    trace = cl.trace(net, IMAGE, guide, scales, 2, mask=mask)
    assert list(trace.inputs) == ["input", "guide", "scales.0", "scales.1", "mask"]
    assert torch.equal(trace.inputs["guide"], guide)
    expected = net(IMAGE, guide, scales, 2, mask=mask)
    assert torch.equal(trace["mul_3"].output, expected["maps"])
    assert torch.equal(trace[trace.layers[-1]].output, expected["sums"][1])
    assert not_closing(trace) == []
    trace.save(tmp_path / "guided.safetensors")
    loaded = cl.load_trace(tmp_path / "guided.safetensors")
    assert list(loaded.inputs) == list(trace.inputs)
    assert str(loaded.explain("mul_3", 1, 2, 3)) == str(trace.explain("mul_3", 1, 2, 3))


def test_an_input_changed_in_place_is_left_as_it_was():
    image = IMAGE.clone()
    trace = cl.trace(Lambda(lambda image: image.relu_()), image)
    assert torch.equal(image, IMAGE)
    assert torch.equal(trace.input, IMAGE)
    assert not_closing(trace) == []


def test_in_training_the_batch_is_normalised_by_itself_and_the_mask_of_dropout_is_recorded():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Dropout2d(0.4)).eval()
    torch.manual_seed(3)
    trace = cl.trace(net, torch.cat([IMAGE, IMAGE.sin()]), training=True)
    torch.manual_seed(3)
    expected = copy.deepcopy(net).train()(torch.cat([IMAGE, IMAGE.sin()]))
    assert torch.equal(trace["3"].output, expected)
    assert trace["1"].form.__class__.__name__ == "Standardisation"
    assert [call.reason for call in trace.calls if call.form is None] == []
    assert {term.source for term in trace.explain("2", 0, 1, 1).terms} == {"1", "2.constant"}
    assert not_closing(trace) == []


class Restless(nn.Module):
    """Counts, averages, draws, and fails if told to."""

    def __init__(self, *, fails):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)
        self.fails = fails
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("seen", torch.full((1,), float("nan")))

    def forward(self, image):
        self.count += 1
        self.seen = self.seen + image.mean()
        image = F.dropout(self.norm(image), 0.5, True)
        if self.fails:
            raise ValueError("it fails")
        return image


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_modes_buffers_random_state_and_hooks_are_as_before_even_if_the_net_fails(training, fails):
    net = Restless(fails=fails)
    net.norm.eval()
    net.norm.weight.grad = torch.ones(2)
    buffers = dict(net.named_buffers())
    before = {name: buffer.clone() for name, buffer in buffers.items()}
    random_state = torch.get_rng_state()
    if fails:
        with pytest.raises(ValueError, match="it fails"):
            cl.trace(net, IMAGE, training=training)
    else:
        cl.trace(net, IMAGE, training=training)
    assert [module.training for module in net.modules()] == [True, False]
    assert all(buffer is buffers[name] for name, buffer in net.named_buffers())
    torch.testing.assert_close(dict(net.named_buffers()), before, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(net.norm.weight.grad, torch.ones(2))


def test_the_module_inside_data_parallel_is_traced():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU())
    trace = cl.trace(nn.DataParallel(net), IMAGE)
    assert trace.net == "Sequential"
    assert trace.layers == ["0", "1"]


def test_a_compiled_net_is_traced_as_it_was_written():
    code = """
import torch, convlens as cl
from torch import nn
class Net(nn.Sequential): pass
inner = torch.compile(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()))
trace = cl.trace(torch.compile(Net(inner, nn.Tanh())), torch.randn(1, 2, 8, 8))
print(trace.net, trace.layers)
"""
    # torch.compile imports torch's compiler: another process pays for it, and keeps it to itself.
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Net ['0.0', '0.1', '1']"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused():
    scripted = torch.jit.script(nn.Conv2d(2, 3, 3))
    with pytest.raises(
        TraceError, match=r"which module runs. Received .*: 1, .*ScriptModule. Trace the nn.Module that"
    ):
        cl.trace(nn.Sequential(nn.ReLU(), scripted), IMAGE)


def test_tensors_without_numbers_and_sparse_ones_are_refused():
    with pytest.raises(TraceError, match=r"hold numbers. Received weight with device=meta.*load_state_dict"):
        cl.trace(nn.Conv2d(2, 3, 3, device="meta"), IMAGE)
    with pytest.raises(TraceError, match=r"Received input 1 with .*layout=torch.sparse_coo.*to_dense"):
        cl.trace(nn.ReLU(), IMAGE.to_sparse())


def test_probabilities_of_a_net_that_returns_several_tensors_are_refused():
    with pytest.raises(
        TraceError, match=r"one tensor of scores.*probabilities=True and a net that returns a tuple.*=Fa"
    ):
        cl.trace(Lambda(lambda image: (image, image + 1)), IMAGE, probabilities=True)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.scores = nn.Linear(3, 4)

    def forward(self, image):
        maps = F.relu_(self.norm(self.conv(image)))
        return torch.softmax(self.scores((F.max_pool2d(maps, 2) + F.avg_pool2d(maps, 2)).mean((2, 3))), 1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("training", [False, True])
def test_every_type_of_numbers_closes(dtype, layout, training):
    net = Small().to(dtype=dtype, memory_format=layout)
    net.norm.running_mean.uniform_(-1, 1)
    net.norm.running_var.uniform_(0.5, 2)
    trace = cl.trace(net, torch.randn(2, 2, 8, 8, dtype=dtype).to(memory_format=layout), training=training)
    assert {trace[name].output.dtype for name in trace.layers} == {dtype}
    assert [call.reason for call in trace.calls if call.form is None] == []
    assert not_closing(trace) == []


def test_numbers_that_are_not_real_or_not_floating_have_no_form():
    trace = cl.trace(Lambda(lambda image: (image > 0).int() + 1), IMAGE)
    assert all(call.form is None for call in trace.calls)
    trace = cl.trace(Lambda(lambda image: torch.fft.rfft2(image) * 2), IMAGE)
    assert trace["mul"].form is None
    assert "complex" in trace["mul"].reason


def test_pixels_become_the_type_of_the_nets_weights():
    net = nn.Conv2d(1, 2, 3).double()
    preprocessing = cl.data.Preprocessing(1, (28, 28), padding=2, mean=(0.5,), deviation=(0.25,))
    trace = cl.trace(net, torch.zeros(1, 28, 28, dtype=torch.uint8), preprocessing=preprocessing)
    assert trace["convolution"].output.dtype == torch.float64
