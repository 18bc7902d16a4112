import pytest
from PIL import Image, ImageDraw

from convlens.cli import app
from convlens.errors import InsightError


@pytest.fixture
def attribute(tmp_path, capsys, monkeypatch):
    """Run `convlens attribute` on the shipped LeNet and an image of a stroke; returns what it prints."""
    monkeypatch.chdir(tmp_path)
    digit = Image.new("L", (28, 28))
    ImageDraw.Draw(digit).line((14, 4, 13, 23), fill=255, width=3)
    digit.save("one.png")

    def run(*arguments):
        app(["attribute", "lenet", "one.png", *arguments], result_action="return_none")
        return capsys.readouterr().out

    return run


def test_attribute_writes_a_heat_map_and_says_for_what(attribute, tmp_path):
    said = attribute("--method", "grad-cam", "-o", "heat.png")
    assert said.startswith("Grad-CAM of LeNet for class 1 (1), the top class: value ")
    assert said.endswith("Written to heat.png.\n")
    assert Image.open(tmp_path / "heat.png").size == (256, 256)


def test_attribute_takes_a_class_or_a_unit(attribute, tmp_path):
    assert "for class 7 (7): value" in attribute("--method", "occlusion", "--target", "7")
    assert (tmp_path / "one.occlusion.png").exists()
    said = attribute("--method", "guided-backpropagation", "--target", "conv2:3,4,5")
    assert "for conv2, channel 3 at 4, 5: value" in said


def test_attribute_refuses_an_unknown_class_with_the_classes(attribute):
    with pytest.raises(InsightError, match=r"Received target='cat'\. Classes: 0, 1, 2"):
        attribute("--target", "cat")
