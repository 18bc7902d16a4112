"""convlens diagnose: what is wrong with a net, or with what it is given."""

from typing import Annotated

from cyclopts import Parameter


def diagnose_command(
    net: str,
    data: str,
    /,
    *,
    images: int = 500,
    object_size: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Print what is wrong with a net, each finding with the numbers that it rests on, and what was checked.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        data: what it is to read: mnist, digits, a folder of class folders, or a folder of IDX files.
        images: how many images of the test part are read, spread evenly over it.
        object_size: rows and columns of what is to be recognised, in pixels; by default the whole image.
        as_json: write JSON.
    """
    import json

    from convlens.architectures import open_net
    from convlens.data import load
    from convlens.insight import diagnose

    opened, known = open_net(net), load(data)
    chosen = slice(None, None, max(1, len(known.test) // max(1, images)))
    found = diagnose(
        opened.net,
        known.test.images[chosen][:images],
        labels=known.test.labels[chosen][:images] if known.classes == opened.card.classes else None,
        object_size=object_size,
    )
    print(json.dumps(found.to_json(), indent=2) if as_json else found)  # noqa: T201  # the command's answer
