import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.architectures import Table, names, table
from convlens.errors import NetError

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"

# Published: parameters, torchvision's documentation; accuracies, the same; years and depths, the papers.
PUBLISHED = {
    "alexnet": (61_100_840, 8, 56.5),
    "googlenet": (6_624_904, 22, 69.8),
    "vgg16": (138_357_544, 16, 71.6),
    "resnet50": (25_557_032, 50, 76.1),
    "densenet121": (7_978_856, 121, 74.4),
}


@pytest.fixture(scope="module")
def some():
    return table([*PUBLISHED, "vgg13", "resnet20_cifar", "preact_resnet20_cifar"])


def test_the_rows_say_what_is_published(some):
    rows = {row.name: row for row in some}
    assert len(PUBLISHED) == 5
    for name, (parameters, depth, top1) in PUBLISHED.items():
        assert (rows[name].parameters, rows[name].depth) == (parameters, depth)
        assert round(rows[name].top1, 1) == top1


def test_rows_come_by_year(some):
    years = [row.year for row in some]
    assert years == sorted(years)
    assert years[0] < years[-1]


def test_what_the_article_claims_stands_beside_what_is_counted(some):
    text = str(some)
    assert "AlexNet is said to have 60 million parameters" in text
    assert "Karn's article says 4 million parameters against AlexNet's 60; counted, they are 6.6 million" in text


def test_the_page_of_the_documentation_has_every_architecture_with_today_s_counts():
    # In a process of its own: the check of every annotation makes 45 nets take half a minute here.
    program = "from convlens.architectures import table; print(table().to_markdown(), end='')"
    counted = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True).stdout
    assert all(f"| {name} |" in counted for name in names())
    assert "unknown" not in counted
    assert PAGE.read_text(encoding="utf-8").endswith(counted), "python scripts/write_architectures.py"


def test_a_table_is_sorted_by_any_column_with_unknown_values_last(some):
    assert [row.name for row in some.sorted_by("parameters")][-2:] == ["vgg13", "vgg16"]
    assert [row.name for row in some.sorted_by("receptive_field")][-1] == "densenet121"
    by_accuracy = [row.name for row in some.sorted_by("top1")]
    assert (by_accuracy[0], by_accuracy[-1]) == ("resnet20_cifar", "preact_resnet20_cifar")


def test_a_receptive_field_that_is_the_whole_image_comes_after_those_with_a_size(some):
    first, *others = some.rows
    whole = dataclasses.replace(first, receptive_field="whole image")
    assert Table((whole, *others)).sorted_by("receptive_field").rows[-1] is whole


def test_json_holds_the_numbers():
    (row,) = json.loads(json.dumps(table(["vgg11"]).to_json()))
    assert (row["name"], row["year"], row["parameters"], row["receptive_field"]) == (
        "vgg11",
        2014,
        132863336,
        [150, 150],
    )


def test_a_name_that_is_not_in_the_catalogue_is_refused_with_those_that_are():
    with pytest.raises(NetError, match=r"named as in the catalogue. Received names=\['vgg17'\]. Known: .*vgg16"):
        table(["vgg17"])
