"""Pictures of networks: one, or several to one scale."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from convlens.architectures import Description, describe, entries
from convlens.errors import NetError
from convlens.figures._architecture import draw_architecture
from convlens.figures._architectures import draw_architectures
from convlens.figures._canvas import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# One of each family, as the article lists them.
_SEVEN = ("lenet5", "alexnet_2012", "zfnet", "googlenet", "vgg16", "resnet50", "densenet121")


def architectures(names: Sequence[str] | None = None) -> "Figure":
    """Draw networks of the catalogue below each other, to one scale.

    A box is a layer's output: as high as its maps have rows, as wide as there are maps. Branches stand beside each
    other, shortcuts and dense links lead over what they pass. Scale bars say how long rows and maps are.

    Args:
        names: in order; by default one of each family. `convlens.architectures.names()` draws all.

    Returns:
        A figure of matplotlib; `convlens.figures.save` writes it.

    Raises:
        NetError: there is no such architecture, or no name at all.
        MissingPackageError: matplotlib is not installed.
    """
    require_matplotlib()
    known = {entry.name: entry for entry in entries()}
    chosen = list(_SEVEN if names is None else [names] if isinstance(names, str) else names)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        missing = f"of which {unknown} is not known" if unknown else "no name"
        raise NetError(
            f"A picture shows one architecture of the catalogue or more. Received names={chosen}, {missing}. "
            f"Known: {', '.join(known)}."
        )
    described = []
    for name in chosen:
        with torch.device("meta"):
            net = known[name].make()
        described.append((name, f" ({known[name].year})", describe(net)))
    return draw_architectures(described)


def architecture(
    net: nn.Module | Description, *, image_shape: Sequence[int] | None = None, name: str | None = None
) -> "Figure":
    """Draw one network to scale, and a chart of its layers: shape, parameters as products, multiply-adds, memory.

    Args:
        net: any module, or what `convlens.architectures.describe` said of it.
        image_shape: channels, rows, columns; by default the net's own attribute `image_shape`.
        name: the heading; by default that of the net's class.

    Returns:
        A figure of matplotlib; `convlens.figures.save` writes it.

    Raises:
        NetError: the shape is not known, the net does not take it, or has no layer that is drawn.
        MissingPackageError: matplotlib is not installed.
    """
    require_matplotlib()
    description = net if isinstance(net, Description) else describe(net, image_shape=image_shape)
    return draw_architecture(name or description.name, description)
