"""Explanations as text, HTML, LaTeX and JSON: what is printed adds up, and whatever a layer is called stays text."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
import torch
from matplotlib.mathtext import MathTextParser
from torch import nn

import convlens as cl
from convlens.errors import TraceError

HOSTILE = r"<b>&amp; 50%_#1 {$x^2$} ~\end{align*}"


def number(printed: str) -> Decimal:
    return Decimal(printed.strip().replace("\N{MINUS SIGN}", "-"))


def wide_sum() -> cl.Explanation:
    return cl.trace(nn.Conv2d(512, 2, 3, padding=1), torch.randn(1, 512, 3, 3)).explain("convolution", 1, 1, 1)


class EveryKind(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 5, bias=False), nn.GroupNorm(2, 4, eps=0.5)
        self.norm.weight.data, self.norm.bias.data = torch.randn(4), torch.randn(4)
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.fc = nn.Linear(100, 40)

    def forward(self, image):
        maps = self.scale * self.norm(self.conv(image))
        maps = nn.functional.pad(nn.functional.max_pool2d(maps.clamp(-1, 1) ** 3, 6, 1), (1, 1, 1, 1))
        scores = self.fc(maps.flatten(1)[:, :100])
        return torch.log_softmax(torch.softmax(scores - 1, 1), 1)


def every_kind() -> list[cl.Explanation]:
    trace = cl.trace(EveryKind(), torch.randn(1, 3, 12, 12))
    assert all(call.form for call in trace.calls)
    middles = [trace.explain(name, *(size // 2 for size in trace[name].maps.shape)) for name in trace.layers]
    return [*middles, trace.explain("constant_pad_nd", 0, 0, 0), nothing_finite()]


def nothing_finite() -> cl.Explanation:
    trace = cl.trace(nn.Linear(30, 2), torch.tensor([[torch.nan, torch.inf, -torch.inf, *range(27)]]))
    return trace.explain("addmm", 1)


def rows_of(html: str) -> list[tuple[str, list[str]]]:
    """Reads the table: the role and the cells of each row."""
    rows = ElementTree.fromstring(html).iter("tr")
    return [(row.get("data-role"), ["".join(cell.itertext()) for cell in row]) for row in rows if row.get("data-role")]


def added(rows: list[tuple[str, list[str]]], *roles: str) -> Decimal:
    return sum((number(cells[-1]) for role, cells in rows if role in roles), Decimal(0))


def test_the_text_of_a_wide_sum_shows_the_largest_terms_and_the_others_as_one_line():
    explanation = wide_sum()
    lines = str(explanation).splitlines()[2:]
    terms = [float(number(line.split("=")[1])) for line in lines[:20]]
    largest = sorted((term.product for term in explanation.terms), key=abs, reverse=True)[:20]
    assert terms == pytest.approx(largest, abs=1e-6)
    assert lines[20].startswith("4,588 more terms  ")
    assert [line.split()[0] for line in lines[21:]] == ["bias", "total", "recorded", "difference", "tolerance"]


@pytest.mark.parametrize("most", [1, 7, 20, 4606, 4607, None])
def test_the_terms_shown_the_folded_ones_and_the_bias_add_up_as_printed(most):
    rows = rows_of(wide_sum().to_html(most=most))
    assert len([role for role, _ in rows if role == "term"]) == (4608 if most in (4607, None) else most)
    assert added(rows, "term", "folded", "addend") == added(rows, "total")
    assert added(rows, "total") - added(rows, "recorded") == added(rows, "difference")


def test_text_html_and_latex_print_the_same_numbers():
    explanation = wide_sum()
    rows = rows_of(explanation.to_html(most=5))
    printed = [cells[-1].replace("\N{MINUS SIGN}", "-") for role, cells in rows if role != "tolerance"]
    text = explanation.as_text(most=5).splitlines()[2:-1]
    assert [line.split()[-1].replace("\N{MINUS SIGN}", "-") for line in text] == printed
    equations = explanation.to_latex(most=5).replace("- ", "-")
    summands = re.findall(r"(?:&\\quad \{\}|&= )\+? ?(-?[\d.]+)", equations)
    assert summands == printed[:-2]


def test_what_a_softmax_and_a_standardisation_show_adds_up_to_their_sum():
    found = {each.kind: each for each in every_kind()}
    for kind in ("softmax", "log_softmax", "standardisation"):
        rows = rows_of(found[kind].to_html(most=4))
        assert added(rows, "term", "folded") == added(rows, "sum"), kind
        assert "(its own)" in rows[0][1][0]


def test_a_maximum_shows_the_largest_numbers_and_not_those_far_from_zero():
    trace = cl.trace(nn.MaxPool2d(5), -torch.arange(1.0, 26).view(1, 1, 5, 5))
    rows = rows_of(trace.explain("max_pool2d_with_indices", 0, 0, 0).to_html(most=2))
    assert [cells[0] for _, cells in rows[:3]] == [
        "input[0, 0, 0] (the largest)",
        "input[0, 0, 1]",
        "23 more numbers, none of them larger",
    ]


def test_the_working_of_a_total_is_its_arithmetic():
    for kind in ("softmax", "log_softmax", "standardisation"):
        explanation = {each.kind: each for each in every_kind()}[kind]
        (line,) = [line for line in explanation.as_text().splitlines() if line.startswith("total")]
        formula = line.split("=")[0].removeprefix("total").replace("\N{MINUS SIGN}", "-").replace(" x ", " * ")
        for name in ("sqrt", "ln"):
            formula = re.sub(rf"{name} ?(\(.*?\)|[\d.]+)", lambda found, name=name: f"{name}({found[1]})", formula)
        value = eval(formula, {"sqrt": np.sqrt, "ln": np.log})
        assert value == pytest.approx(explanation.total, rel=1e-4), formula


def test_what_a_function_was_set_to_is_shown():
    texts = {each.kind: str(each) for each in every_kind()}
    assert re.search(r"low +\N{MINUS SIGN}1\nhigh +1\n", texts["clamp"])
    assert re.search(r"constant +3\n", texts["power"])


def test_a_weight_is_named_by_all_of_its_axes():
    trace = cl.trace(EveryKind(), torch.randn(1, 3, 12, 12))
    scale = next(term for term in trace.explain("mul", 1, 2, 3).terms if term.source == "scale")
    assert scale.index == ()
    assert "\nscale  " in str(trace.explain("mul", 1, 2, 3))
    trace = cl.trace(nn.PReLU(4), -torch.ones(1, 4, 2))
    assert [term.index for term in trace.explain(trace.layers[-1], 3, 1).terms] == [(3, 1), (0, 3, 0)]


def test_channels_hold_the_terms_of_a_channel_and_their_exact_sum():
    explanation = cl.trace(nn.Conv2d(3, 1, 3), torch.randn(1, 3, 5, 5)).explain("convolution", 0, 1, 1)
    channels = explanation.channels
    assert [(each.source, each.channel, len(each.terms)) for each in channels] == [("input", at, 9) for at in range(3)]
    assert [term for each in channels for term in each.terms] == explanation.terms
    rows = rows_of(explanation.to_html(most=None))
    for place, channel in enumerate(channels):
        ours = [row for row in rows if row[0] == "term"][9 * place : 9 * place + 9]
        assert number(channel.subtotal) == added(ours, "term")


def test_fewer_than_one_term_is_refused():
    with pytest.raises(TraceError, match=r"At least one term is shown.*Received most=0\. Pass most=None to show all"):
        wide_sum().as_text(most=0)


# JSON


def test_json_holds_every_term_to_the_last_bit():
    explanation = wide_sum()
    data = json.loads(explanation.to_json())
    assert [term["product"] for term in data["terms"]] == explanation.products.tolist()
    assert sum(term["value"] * term["weight"] for term in data["terms"]) + data["addends"]["bias"] == pytest.approx(
        data["total"]
    )
    assert (data["layer"], data["index"], data["closes"]) == ("convolution", [1, 1, 1], True)
    assert data["form"]["kind"] == "weighted_sum"


def test_json_names_what_is_infinite_or_undefined():
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    data = json.loads(nothing_finite().to_json(), parse_constant=refuse)
    assert [term["value"] for term in data["terms"]][:4] == ["NaN", "Infinity", "-Infinity", 0.0]
    assert data["total"] == "NaN"


# HTML


def hostile_trace() -> cl.Trace:
    net = nn.Sequential()
    net.add_module(HOSTILE, nn.Linear(3, 2))
    net.add_module("second", nn.ReLU())
    return cl.trace(net, torch.randn(1, 3))


def test_every_kind_is_well_formed_html_that_loads_nothing():
    explanations = every_kind()
    assert len(explanations) > 10
    for explanation in explanations:
        html = explanation._repr_html_()
        (caption,) = ElementTree.fromstring(html).iter("caption")
        assert caption.text == explanation.title
        assert html.isascii()
        assert not re.search(r"<script|https?:|src=|href=|url\(|background|[^-]color:(?!inherit)", html)
        assert {head.get("scope") for head in ElementTree.fromstring(html).iter("th")} == {"col", "row"}


def test_a_layers_name_is_text_in_html():
    trace = hostile_trace()
    rows = rows_of(trace.explain("second", 0).to_html())
    assert rows[0][1][0] == f"{HOSTILE}[0]"
    assert "<b>" not in trace.explain("second", 0).to_html()


# LaTeX


def cells_of(latex: str) -> list[str]:
    """Takes the equations apart, and checks that they nest."""
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") > 0
    cells = []
    for body in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", latex, re.DOTALL):
        for line in body.split(" \\\\\n"):
            assert "\n" not in line
            cells += re.split(r"(?<!\\)&", line)
    unescaped = re.sub(r"\\[{}]", "", latex)
    depths = np.cumsum([{"{": 1, "}": -1}.get(letter, 0) for letter in unescaped])
    assert depths.min() >= 0
    assert depths[-1] == 0
    return [cell.strip() for cell in cells if cell.strip()]


def test_every_cell_of_every_kind_is_mathematics_that_parses():
    parser = MathTextParser("path")
    checked = 0
    for explanation in every_kind():
        for cell in cells_of(explanation.to_latex(most=3)):
            parser.parse(f"${cell}$")
            checked += 1
    assert checked > 100


def test_a_cell_that_is_no_mathematics_is_found():
    with pytest.raises(ValueError, match="Unknown symbol"):
        MathTextParser("path").parse(r"$\tims 3$")


def test_special_characters_of_a_layers_name_are_escaped_in_latex():
    latex = hostile_trace().explain("second", 1).to_latex()
    assert len(cells_of(latex)) == 5
    name = r"<b>\&amp; 50\%\_\#1 \{\$x\textasciicircum{}2\$\} \textasciitilde{}\textbackslash{}end\{align*\}"
    assert rf"\text{{{name}[1]}}" in latex
    assert latex.count(r"\end{align*}") == 1


# A form that is not known yet


class NewForm(msgspec.Struct, frozen=True, tag_field="kind", tag="new_form"):
    input: str


@pytest.mark.parametrize("layer", ["convolution", "max_pool2d_with_indices"])
def test_a_new_form_is_a_sum_where_it_has_weights_and_else_a_function(layer):
    trace = cl.trace(nn.Sequential(nn.Conv2d(3, 1, 3), nn.MaxPool2d(2)), torch.randn(1, 3, 5, 5))
    name = "0" if layer == "convolution" else "1"
    known = trace.explain(name, 0, 0, 0)
    new = replace(known, call=msgspec.structs.replace(known.call, form=NewForm("activation/input")))
    assert new.kind == ("sum" if layer == "convolution" else "new form")
    assert rows_of(new.to_html())[:-1] == rows_of(known.to_html())[:-1]
    assert cells_of(new.to_latex())
    assert json.loads(new.to_json())["form"] == {"kind": "new_form", "input": "activation/input"}
