"""convlens nets: the architectures, and what any net is made of."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from cyclopts import Parameter

if TYPE_CHECKING:
    from torch import nn

    from convlens.architectures import Column


def nets_command(
    net: str | None = None,
    /,
    *,
    sort: Literal["name", "year", "parameters", "multiply-adds", "memory", "depth", "receptive-field", "top1"] = "year",
    json: Annotated[bool, Parameter(negative=())] = False,
    picture: Path | None = None,
) -> None:
    """List the architectures with their numbers; or show what one net is made of, layer by layer.

    Args:
        net: an architecture's name, a shipped net, a run folder, a net's .safetensors file, or a text that describes a
            net (.yaml); by default all architectures are listed.
        sort: the column that puts the list in order.
        json: print plain data for other programs.
        picture: write a drawing instead, to scale: .svg, .png or .pdf.
    """
    from convlens.architectures import describe, table
    from convlens.errors import FigureError

    if picture is not None:
        from convlens import figures

        if json or sort != "year":
            raise FigureError(
                f"A picture is drawn in the place of a list. Received {picture=!s}, {json=}, {sort=}. "
                "Ask for the one, then for the other."
            )
        figures.check_path(picture)
        if net is None:
            drawing = figures.architectures()
        else:
            module, image_shape = _open(net)
            drawing = figures.architecture(module, image_shape=image_shape, name=Path(net).stem)
        figures.save(drawing, picture)
        print(f"Written to {picture}.")  # noqa: T201  # the command's answer
        return
    if net is None:
        found = table().sorted_by(cast("Column", sort.replace("-", "_")))
    else:
        module, image_shape = _open(net)
        found = describe(module, image_shape=image_shape)
    print(dumps(found.to_json(), indent=2) if json else found)  # noqa: T201  # the command's answer


def _open(source: str) -> "tuple[nn.Module, tuple[int, int, int] | None]":
    """Build or open what is named, and say what images it reads; None: it says so itself."""
    import torch

    from convlens.architectures import entries, open_net, read_layers

    makers = {entry.name: entry.make for entry in entries()}
    if source in makers or source.endswith((".yaml", ".yml")):
        with torch.device("meta"):  # no weights are made
            return (makers[source]() if source in makers else read_layers(source)), None
    trained = open_net(source)
    return trained.net, trained.card.preprocessing.image_shape
