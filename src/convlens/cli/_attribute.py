"""convlens attribute: which pixels decided."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Method = Literal[
    "gradient", "integrated-gradients", "smooth-grad", "grad-cam", "occlusion", "deconvnet", "guided-backpropagation"
]


def attribute_command(
    net: str,
    image: Path,
    /,
    *,
    method: Method = "grad-cam",
    target: str | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
) -> None:
    """Show which pixels of an image speak for and against one value of a net.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        image: an image file.
        method: how it is found.
        target: a class's number or name; or a layer, a colon, and channel or channel,row,column: conv2:3 or
            conv2:3,4,5. By default the class with the highest score.
        output: the picture, .png: orange speaks for the target, blue against it. By default the image's name with the
            method's, in this folder.
    """
    from convlens import insight
    from convlens.architectures import open_net

    trained = open_net(net)
    explain = getattr(insight, method.replace("-", "_"))
    found = explain(trained.net, image, target=_read_target(target, trained.card.classes))
    path = output or Path(f"{image.stem}.{method}.png")
    found.save(path)
    print(f"{found}\nWritten to {path}.")  # noqa: T201  # the command's answer


def _read_target(text: str | None, classes: tuple[str, ...]) -> int | str | tuple[str | int, ...] | None:
    """Read a class's name before its number: MNIST's are both."""
    if text is None or text in classes:
        return text
    layer, colon, index = text.rpartition(":")
    places = index.split(",")
    if not all(place.strip().isdecimal() for place in places):
        return text  # refused as an unknown class, with the classes
    return (layer, *map(int, places)) if colon else int(index)
