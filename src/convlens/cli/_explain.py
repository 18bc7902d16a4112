"""convlens explain: the arithmetic behind one number."""

from pathlib import Path


def explain_command(source: str, layer: str, /, *index: int, image: Path | None = None) -> None:
    """Print every term of one number of a net, and whether they add up to what the net computed.

    Args:
        source: a trace file; or a net ("lenet", a run folder, a net's .safetensors file) together with --image.
        layer: the layer's name, such as conv2.
        index: channel, row and column of the unit, or the feature of a fully connected layer; counted from 0.
        image: an image file for the net to read.
    """
    from convlens.architectures import open_net
    from convlens.tracing import load_trace, trace

    recorded = load_trace(source) if image is None else trace(open_net(source).net, image, probabilities=True)
    print(recorded.explain(layer, *index))  # noqa: T201  # the command's answer
