"""A thousand random units: the numbers as printed on the page add up as printed."""

import random
from decimal import Decimal

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

UNITS = 1000

# Open units one after another, and copy every number that the page prints.
READ_UNITS = """async units => {
    const base = location.hash.split("?")[0].replace("network", "unit");
    const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const find = (root, role) => [...root.querySelectorAll(`[data-role=${role}]`)];
    const texts = (root, role) => find(root, role).map(found => found.textContent.trim());
    const pages = [];
    for (const {layer, index} of units) {
        location.hash = `${base}?unit=${layer}:${index.join(".")}`;
        const title = [layer, ...index].join();
        for (let waits = 0; waits < 100; waits++) {
            await drawn();
            const open = convlens.state.openUnit.value;
            const isOpen = open && [open.layer, ...open.index].join() === title;
            if (isOpen && document.querySelector("[data-role=recorded]")) break;
        }
        const all = document.querySelector(".arithmetic");
        pages.push({
            unit: title,
            channels: [...all.querySelectorAll("section.channel")].map(section => texts(section, "term")),
            terms: texts(all, "term"),
            foldedTerms: find(all, "folded").flatMap(found => found.dataset.terms.split(" ")),
            ...Object.fromEntries(
                ["folded", "subtotal", "bias", "sum", "total", "recorded", "difference", "closes"]
                    .map(role => [role, texts(all, role)])),
        });
    }
    return pages;
}"""


def number(printed: str) -> Decimal:
    return Decimal(printed.replace("\N{MINUS SIGN}", "-"))


def added(printed: list[str]) -> Decimal:
    return sum(map(number, printed), Decimal(0))


def random_units(shapes: dict[str, list[int]], count: int) -> list[dict]:
    """Choose units, every layer as often as any other."""
    chosen = random.Random(0)
    layers = sorted(shapes)
    return [
        {"layer": layer, "index": [chosen.randrange(size) for size in shapes[layer][1:]]}
        for layer in (chosen.choice(layers) for _ in range(count))
    ]


def test_the_numbers_of_a_thousand_random_units_add_up_as_printed(page):
    shapes = page.evaluate(
        """() => Object.fromEntries([...convlens.state.trace.value.activations]
            .map(([key, tensor]) => [key.replace("activation/", ""), [...tensor.shape]])
            .filter(([layer]) => layer !== "input"))"""
    )
    pages = page.evaluate(READ_UNITS, random_units(shapes, UNITS))
    assert len(pages) == UNITS
    sums = 0
    for shown in pages:
        unit = shown["unit"]
        assert shown["closes"][0].startswith("✓"), unit
        if shown["difference"]:
            assert number(shown["total"][0]) - number(shown["recorded"][0]) == number(shown["difference"][0]), unit
        if unit.startswith(("conv", "fc", "scores")):
            sums += 1
            assert len(shown["terms"]) + len(shown["foldedTerms"]) in (25, 150, 400, 120, 100), unit
            assert added(shown["terms"] + shown["folded"] + shown["bias"]) == number(shown["total"][0]), unit
            assert added(shown["foldedTerms"]) == added(shown["folded"]), unit
        if unit.startswith("conv"):
            assert [added(channel) for channel in shown["channels"]] == [number(each) for each in shown["subtotal"]], (
                unit
            )
            assert added(shown["subtotal"] + shown["bias"]) == number(shown["total"][0]), unit
        if unit.startswith("probabilities"):
            assert added(shown["terms"]) == added(shown["sum"]), unit
    assert sums > UNITS // 4
