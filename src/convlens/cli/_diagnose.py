"""convlens diagnose: what is wrong with a net, or with what it is given."""


def diagnose_command(net: str, data: str, /, *, images: int = 3000, json: bool = False) -> None:
    """Check a net on a data set: dead units, gradients, normalisation, filters, checkerboards and more.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        data: what `convlens train` takes: "mnist", "digits", or a folder of class folders; its val part is read.
        images: how many of it, evenly spaced; fewer than 3000 do not tell whether fully connected units are dead.
        json: write plain data in the place of text.
    """
    import json as writer

    from convlens.architectures import open_net
    from convlens.data import load
    from convlens.insight import diagnose

    trained, source = open_net(net), load(data)
    part = source.val
    chosen = range(0, len(part), max(1, len(part) // max(1, images)))[: max(1, images)]
    labels = part.labels[list(chosen)] if source.classes == trained.card.classes else None
    found = diagnose(trained.net, part.images[list(chosen)], labels=labels)
    print(writer.dumps(found.to_json(), indent=2) if json else found)  # noqa: T201  # the command's answer
