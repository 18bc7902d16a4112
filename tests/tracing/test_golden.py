"""The golden explanations that Python and the page (page/tests/golden.test.ts) must both reproduce."""

import json
import typing
from pathlib import Path

import msgspec
import torch

import convlens as cl
from convlens.tracing import Call, Form
from convlens.tracing._printed import print_numbers

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "explanations.json").read_text())


def golden_trace() -> cl.Trace:
    tensors = {key: torch.tensor(entry["data"]).view(entry["shape"]) for key, entry in GOLDEN["tensors"].items()}
    return cl.Trace("EveryForm", msgspec.convert(GOLDEN["calls"], list[Call]), tensors=tensors)


def test_explanations_are_the_golden_ones():
    trace = golden_trace()
    assert len(GOLDEN["explanations"]) > 150
    for golden in GOLDEN["explanations"]:
        explanation = trace.explain(golden["layer"], *golden["index"])
        printed = print_numbers(explanation)
        field = trace.receptive_field(golden["layer"], *golden["index"])
        found = {
            "layer": golden["layer"],
            "index": golden["index"],
            "reads": [[term.source, list(term.index)] for term in explanation.terms],
            "rows": list(field.rows),
            "columns": list(field.columns),
            "decimals": printed.decimals,
            "terms": printed.terms,
            "subtotals": list(printed.subtotals.values()),
            "addends": printed.addends,
            "sum": printed.sum,
            "total": printed.total,
            "recorded": printed.recorded,
            "difference": printed.difference,
            "tolerance": printed.tolerance,
            "closes": explanation.closes,
        }
        assert found == golden


def test_every_kind_of_form_has_a_golden_explanation():
    kinds = {call["form"]["kind"] for call in GOLDEN["calls"]}
    assert kinds == {struct.__struct_config__.tag for struct in typing.get_args(Form)}
