"""convlens explain: the arithmetic behind one number."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def explain_command(
    source: str,
    layer: str,
    /,
    *index: int,
    image: Path | None = None,
    form: Annotated[Literal["text", "json", "html", "latex"], Parameter(name="--as")] = "text",
    most: int | Literal["all"] = 20,
    through: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Print the terms of one number of a net, and whether they add up to what the net computed.

    Args:
        source: a trace file; or a net ("lenet", a run folder, a net's .safetensors file) together with --image.
        layer: the layer's name, such as conv2.
        index: channel, row and column of the unit, or the feature of a fully connected layer; counted from 0.
        image: an image file for the net to read.
        form: how it is written: columns of text; JSON, which has every term; a table of HTML; or equations of LaTeX.
        most: how many terms are shown of each sum, the largest; or "all". The others are one line with their sum.
        through: show all steps that the number goes through: convolution, batch normalisation, ReLU, pooling.
    """
    from convlens.architectures import open_net
    from convlens.tracing import load_trace, trace

    recorded = load_trace(source) if image is None else trace(open_net(source).net, image, probabilities=True)
    shown = recorded.explain_chain(layer, *index, onward=True) if through else recorded.explain(layer, *index)
    terms = None if most == "all" else most
    write = {"text": shown.as_text, "html": shown.to_html, "latex": shown.to_latex}
    print(shown.to_json() if form == "json" else write[form](most=terms))  # noqa: T201  # the command's answer
