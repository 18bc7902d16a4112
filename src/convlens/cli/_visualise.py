"""convlens visualise: what a channel or class of a net reacts to most."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def visualise_command(
    net: str,
    layer: str,
    /,
    *index: str,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    count: int = 1,
    steps: int = 256,
    seed: int = 0,
) -> None:
    """Move a picture uphill until a channel, a unit or a class of a net reacts to it as strongly as it can.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        layer: the layer's name, such as relu2; "output" for the classes.
        index: channel, or channel, row and column of a unit, counted from 0; a class also by its name.
        output: the PNG file; by default NET-LAYER-INDEX.png in this folder.
        count: how many pictures, unlike each other.
        steps: of the ascent.
        seed: of starts and moves.
    """
    from convlens.architectures import open_net
    from convlens.insight import Ascent, visualise

    place = [int(at) if at.isdecimal() else at for at in index]
    found = visualise(open_net(net).net, layer, *place, count=count, seed=seed, ascent=Ascent(steps=steps))
    path = output or Path("-".join([Path(net).stem, layer, *index]) + ".png")
    found.save(path)
    print(f"{found}\nWritten to {path}.")  # noqa: T201  # the command's answer
