"""convlens attribute: which pixels of an image decided."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Method = Literal[
    "gradient", "integrated-gradients", "smooth-grad", "occlusion", "deconvnet", "guided-backpropagation", "grad-cam"
]


def attribute_command(
    net: str,
    image: Path,
    /,
    *target: str,
    method: Method = "grad-cam",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
) -> None:
    """Show which pixels of an image decided, as a picture of the image with colours on it.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        image: an image file.
        target: a class by number or name, or a unit: layer, channel and, if wanted, row and column; by default the
            class of the largest score.
        method: how it is found.
        output: the PNG file; by default IMAGE-METHOD.png in this folder.
    """
    from convlens import insight
    from convlens.architectures import open_net

    places = [int(at) if at.isdecimal() else at for at in target]
    asked = None if not places else places[0] if len(places) == 1 else places
    found = getattr(insight, method.replace("-", "_"))(open_net(net).net, image, target=asked)
    path = output or Path(f"{image.stem}-{method}.png")
    found.save(path)
    print(f"{found}\nWritten to {path}.")  # noqa: T201  # the command's answer
