"""convlens trace: record every number of one forward pass."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def trace_command(net: str, image: Path, /, *, output: Annotated[Path | None, Parameter(alias="-o")] = None) -> None:
    """Run a net on an image and write every number that it computes to one file.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        image: an image file.
        output: the trace file; by default the image's name with .trace.safetensors, in this folder.
    """
    from rich.console import Console
    from rich.table import Table

    from convlens.architectures import open_net
    from convlens.tracing import trace

    trained = open_net(net)
    recorded = trace(trained.net, image, probabilities=True)
    path = output or Path(f"{image.stem}.trace.safetensors")
    recorded.save(path)
    table = Table("layer", "output", "numbers", box=None)
    for name in recorded.layers:
        maps = recorded[name].maps
        table.add_row(name, " x ".join(map(str, maps.shape)), f"{maps.numel():,}")
    console = Console()
    console.print(table)
    best = recorded["probabilities"].maps.max(0)
    console.print(f"It reads {recorded.classes[int(best.indices)]} ({float(best.values):.1%}). Written to {path}.")
