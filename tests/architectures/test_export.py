"""The nets through torch's compiler, torch.export and ONNX.

CONVLENS_ALL_NETS=1 takes every net of the catalogue, for about half an hour.
"""

import os
import warnings

import pytest
import torch
from torch import nn

from convlens import architectures

# One net of each class; the deepest variants only take longer.
NETS = ["lenet", "alexnet", "alexnet_2012", "zfnet", "googlenet", "googlenet_2014", "vgg11", "vgg11_bn", "vgg11_cifar",
        "resnet18", "resnet50", "resnet20_cifar", "preact_resnet18", "preact_resnet20_cifar", "densenet121",
        "densenet40_cifar"]  # fmt: skip
ONNX = ["lenet", "alexnet", "zfnet", "googlenet", "vgg11", "resnet18", "densenet121"]
if os.environ.get("CONVLENS_ALL_NETS") == "1":
    NETS = ONNX = [entry.name for entry in architectures.entries()]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def build(name: str) -> tuple[nn.Module, torch.Tensor]:
    make = getattr(architectures, name)
    channels, rows, _ = make.make.image_shape
    side = min(rows, 64)
    net = make(classes=3, image_shape=(channels, side, side), seed=0).eval()
    return net, torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NETS)
def test_the_compiler_sees_one_graph_in_training_and_in_evaluation(name: str) -> None:
    net, images = build(name)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), net(images))
    torch.manual_seed(0)
    scores = compiled.train()(images)
    torch.manual_seed(0)
    torch.testing.assert_close(scores, net.train()(images), rtol=1e-4, atol=1e-4)
    torch.compiler.reset()


@pytest.mark.parametrize("name", NETS)
def test_an_exported_program_computes_the_same_for_batches_of_any_length(name: str) -> None:
    net, images = build(name)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(net, (images,), dynamic_shapes=({0: batch},))
    more = torch.cat([images, images + 1, images - 1])
    with torch.no_grad():
        torch.testing.assert_close(program.module()(more), net(more), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ONNX)
def test_an_onnx_file_computes_the_same(name: str, tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net, images = build(name)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (images,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(scores), net(images), rtol=1e-3, atol=1e-5)
