"""Every step of every family's nets can be explained, and closes."""

import random

import pytest
import torch

import convlens as cl

# One of each class, and the sides of its images where it reads several: fewer numbers than the paper's 224.
NETS = {
    "lenet": None,
    "lenet5": None,
    "lenet_harley": None,
    "lenet_four": None,
    "alexnet": None,
    "alexnet_2012": None,
    "zfnet": None,
    "googlenet": 64,
    "googlenet_2014": None,
    "vgg11_bn": None,
    "vgg11_cifar": None,
    "resnet18": 64,
    "resnet50": 64,
    "resnet20_cifar": None,
    "preact_resnet18": 64,
    "preact_resnet50": 64,
    "preact_resnet20_cifar": None,
    "densenet121": 64,
    "densenet40_cifar": None,
}
UNITS = 100


@pytest.mark.parametrize("name", NETS)
def test_every_step_has_a_form_and_closes(name):
    torch.manual_seed(0)
    net = cl.architectures.build(name)
    channels, rows, columns = net.image_shape
    sides = (NETS[name] or rows, NETS[name] or columns)
    trace = cl.trace(net, torch.randn(1, channels, *sides), probabilities=True)
    assert [(call.name, call.reason) for call in trace.calls if call.form is None] == []
    chosen = random.Random(0)
    for call in chosen.choices(trace.calls, k=UNITS):
        index = [chosen.randrange(size) for size in trace.tensors[call.output].shape[1:]]
        explanation = trace.explain(call.name, *index)
        assert explanation.closes, str(explanation)
