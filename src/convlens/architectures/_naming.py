"""From the names of tensors in published files to ours: rules of a regular expression and what takes its place."""

import re
from collections.abc import Mapping

Rules = tuple[tuple[str, str | None], ...]


def moved(layers: Mapping[str, str]) -> Rules:
    """Make the rules that move layers with all their tensors.

    Args:
        layers: published name to ours: {"features.0": "conv1"}.

    >>> moved({"features.0": "conv1"})
    (('features\\\\.0\\\\.(.+)', 'conv1.\\\\1'),)
    """
    return tuple((rf"{re.escape(published)}\.(.+)", rf"{own}.\1") for published, own in layers.items())
