import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from convlens.architectures import _lenet_harley
from convlens.architectures._lenet5 import TABLE
from convlens.architectures._lenet_harley import lenet_harley, load_harley
from convlens.errors import NetError
from convlens.tracing import trace

IMAGE = torch.randint(256, (1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def numbers(*shape: int, seed: int) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(0, 0.3, shape), 6)


@pytest.fixture
def parts() -> dict[str, np.ndarray]:
    """Matrices and vectors with the names and shapes of the published file."""
    sizes = {"hidden_weights_1": (120, 400), "hidden_weights_2": (100, 120), "final_weights": (10, 100)}
    sizes |= {"conv_biases_1": (6,), "conv_biases_2": (16,), "hidden_biases_1": (120,)}
    sizes |= {"hidden_biases_2": (100,), "final_biases": (10,)}
    sizes |= {f"conv_nodes[0][{place}]": (5, 5) for place in range(6)}
    sizes |= {f"conv_nodes[1][{place}][{k}]": (5, 5) for place, reads in enumerate(TABLE) for k in range(len(reads))}
    keepers = np.array([[int(channel in reads) for reads in TABLE] for channel in range(6)])
    return {"keepers": keepers} | {name: numbers(*size, seed=seed) for seed, (name, size) in enumerate(sizes.items())}


def write(path: Path, parts: dict[str, np.ndarray]) -> Path:
    """Write parts as the published file has them: assignments, a row of a matrix a line."""
    lines = ["var conv_nodes = new Array(2);"]
    for name, values in parts.items():
        kind = "Matrix" if values.ndim == 2 else "Vector"
        rows = re.sub(r"\], \[", "],\n[", str(values.tolist()))
        lines.append(f"{'' if '[' in name else 'var '}{name} = {kind}.create({rows});")
    path.write_text("\n".join(lines))
    return path


def test_every_layer_has_the_shape_and_the_parameters_of_the_table():
    table = _lenet_harley.__doc__.split("variant")[0]
    rows = re.findall(r"^    (\w+) .*  (\d[\d x]*?)  +(\d+)$", table, flags=re.MULTILINE)
    assert len(rows) == 7
    net, activation, found = lenet_harley(), torch.zeros(1, 1, 32, 32), {}
    for name, layer in net.named_children():
        activation = layer(activation)
        shape = " x ".join(map(str, activation.shape[1:]))
        found[name] = (shape, sum(parameter.numel() for parameter in layer.parameters()))
    for name, shape, count in rows:
        assert found[name] == (shape, int(count)), name
    assert sum(count for _, count in found.values()) == 62_902


def test_pixels_become_the_numbers_that_the_page_reads(tmp_path, parts):
    preprocessing = load_harley(write(tmp_path / "weights.js", parts)).card.preprocessing
    read = preprocessing(torch.tensor([[[0, 255], [51, 0]]], dtype=torch.uint8).repeat(1, 14, 14))
    assert read.shape == (1, 32, 32)
    assert read[0, 0, 0].item() == pytest.approx(-0.1)  # the border
    assert [read[0, 2, 2].item(), read[0, 2, 3].item()] == pytest.approx([-0.1, 1.175])
    assert read[0, 3, 2].item() == pytest.approx(51 / 255 * 1.275 - 0.1)


def test_published_numbers_are_computed_with_as_the_page_does(tmp_path, parts):
    trained = load_harley(write(tmp_path / "weights.js", parts))
    image = trained.card.preprocessing(IMAGE)
    scores = trained.net.double()(image[None].double())[0]
    # The net keeps the numbers of six digits in float32.
    np.testing.assert_allclose(
        scores.detach().numpy(), page_scores(image[0].double().numpy(), parts), rtol=0, atol=1e-5
    )


def page_scores(image: np.ndarray, parts: dict[str, np.ndarray]) -> np.ndarray:
    """Compute as the page does, number by number."""

    def squash(value: float) -> float:
        return 1.7159 * math.tanh(2 / 3 * value)

    def filtered(maps: list[np.ndarray], kernels: list[np.ndarray], bias: float) -> np.ndarray:
        size = len(maps[0]) - 4
        made = np.empty((size, size))
        for row in range(size):
            for column in range(size):
                windows = [each[row : row + 5, column : column + 5] for each in maps]
                made[row, column] = squash(sum((w * k).sum() for w, k in zip(windows, kernels, strict=True)) + bias)
        return np.array([[made[r : r + 2, c : c + 2].max() for c in range(0, size, 2)] for r in range(0, size, 2)])

    first = [filtered([image], [parts[f"conv_nodes[0][{i}]"]], parts["conv_biases_1"][i]) for i in range(6)]
    second = [
        filtered(
            [first[channel] for channel in reads],
            [parts[f"conv_nodes[1][{i}][{k}]"] for k in range(len(reads))],
            parts["conv_biases_2"][i],
        )
        for i, reads in enumerate(TABLE)
    ]
    row = np.array([second[i][r, c] for i in range(16) for c in range(5) for r in range(5)])  # column by column
    for weights, biases in [
        ("hidden_weights_1", "hidden_biases_1"),
        ("hidden_weights_2", "hidden_biases_2"),
        ("final_weights", "final_biases"),
    ]:
        row = np.array([squash(value) for value in parts[weights] @ row + parts[biases]])
    return row


def test_missing_extra_and_misshapen_numbers_are_named(tmp_path, parts):
    del parts["hidden_biases_2"], parts["conv_nodes[1][15][5]"]
    parts |= {"conv_nodes[0][6]": np.zeros((5, 5)), "final_weights": np.zeros((10, 99))}
    with pytest.raises(
        NetError,
        match=r"all of them and no others.*missing=\['conv_nodes\[1\]\[15\]\[5\]', 'hidden_biases_2'\], "
        r"extra=\['conv_nodes\[0\]\[6\]'\], misshapen=\['final_weights: \(10, 99\) for \(10, 100\)'\].*Fetch it anew",
    ):
        load_harley(write(tmp_path / "weights.js", parts))


def test_numbers_that_are_not_finite_are_refused(tmp_path, parts):
    path = write(tmp_path / "weights.js", parts)
    path.write_text(re.sub(r"(final_biases = Vector.create\(\[)[^,]*", r"\g<1>NaN", path.read_text()))
    with pytest.raises(NetError, match=r"no others.* not finite=\['final_biases'\]. Fetch it anew"):
        load_harley(path)


def test_another_table_of_connections_is_refused(tmp_path, parts):
    parts["keepers"] = np.ones((6, 16), dtype=int)
    with pytest.raises(
        NetError, match=r"table I of LeCun et al. \(1998\).*keepers=\[\[1, 1.*Name Harley's convnet_weights"
    ):
        load_harley(write(tmp_path / "weights.js", parts))


@pytest.mark.parametrize(
    "content", [b"var keepers = Matrix.create([[1, 0], [1]]);", b"\xff\xfe\xfa", b"a = Vector.create([x]);"]
)
def test_a_file_that_holds_no_rows_of_numbers_is_refused(tmp_path, content):
    (tmp_path / "weights.js").write_bytes(content)
    with pytest.raises(NetError, match=r"rows of numbers in brackets. Received path=.* Name his convnet_weights.js"):
        load_harley(tmp_path / "weights.js")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(NetError, match=r"numbers are text.* Received path=.*none.js.*No such file.* Name his"):
        load_harley(tmp_path / "none.js")


def test_every_step_has_a_form_and_an_explanation_that_closes():
    recorded = trace(lenet_harley(seed=0).eval(), torch.randn(1, 1, 32, 32))
    assert len(recorded.layers) > 15
    for name in recorded.layers:
        index = [size // 2 for size in recorded[name].output.shape[1:]]
        assert recorded.explain(name, *index).closes, name


def test_it_compiles_without_a_break():
    net, images = lenet_harley(seed=0), torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(images), net(images))
