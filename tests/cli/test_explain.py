import json

import pytest
import torch
from torch import nn

import convlens as cl
from convlens.cli import app
from convlens.errors import TraceError


@pytest.fixture
def explain(tmp_path, capsys):
    """Run `convlens explain` on a small net's trace file; returns what it prints."""
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
    path = tmp_path / "small.safetensors"
    cl.trace(net, torch.randn(1, 3, 8, 8)).save(path)

    def run(*arguments):
        app(["explain", str(path), *arguments], result_action="return_none")
        return capsys.readouterr().out

    return run


def test_explain_prints_the_largest_terms_and_folds_the_rest(explain):
    lines = explain("0", "1", "2", "3").splitlines()
    assert lines[0] == "0[1, 2, 3]: sum of 27 numbers [aten.convolution.default]"
    assert lines[22].startswith("7 more terms")
    assert lines[-1].endswith("closes")


def test_explain_shows_as_many_terms_as_are_asked_for(explain):
    assert "\n25 more terms " in explain("0", "1", "2", "3", "--most", "2")
    assert "more terms" not in explain("0", "1", "2", "3", "--most", "all")


@pytest.mark.parametrize(
    ("form", "start"), [("html", "<table"), ("latex", "\\begin{align*}\n"), ("text", "0[1, 2, 3]: sum of")]
)
def test_explain_writes_html_latex_and_text(explain, form, start):
    assert explain("0", "1", "2", "3", "--as", form).startswith(start)


def test_explain_writes_json(explain):
    data = json.loads(explain("0", "1", "2", "3", "--as", "json"))
    assert len(data["terms"]) == 27
    assert data["closes"]


def test_explain_through_shows_the_steps_back_to_the_convolution(explain):
    data = json.loads(explain("2", "1", "2", "1", "--through", "--as", "json"))
    assert [step["layer"] for step in data["steps"]] == ["0", "1", "2"]
    assert explain("2", "1", "2", "1", "--through").startswith("2[1, 2, 1] in 3 steps, all of which close\n")


def test_explain_refuses_to_show_no_term(explain):
    with pytest.raises(TraceError, match=r"At least one term is shown of an explanation\. Received most=0"):
        explain("0", "1", "2", "3", "--most", "0")
