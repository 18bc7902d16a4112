"""Tensors out of a file of weights, and into a net, with every reason why not."""

import hashlib
import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from convlens.architectures._naming import Rules
from convlens.architectures._pth import LEGACY_START, ZIP_START, read_pth
from convlens.errors import NetError

_RULES = ("TORCHVISION_NAMES", "TIMM_NAMES")  # attributes of a net
_COUNTER = "num_batches_tracked"  # of a batch normalisation: no net needs it, old files lack it
_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
          torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)  # fmt: skip
_SHOWN = 8  # names that a message lists
CHECKSUM = "convlens.sha256"  # the key of `checksum` in a file's metadata, where it was written with one


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file of weights. Its content says what it is, whatever its suffix. Nothing in it is executed.

    Args:
        path: a safetensors file, or a .pth of PyTorch (see `read_pth`).

    Returns:
        The tensors by name, and the metadata of a safetensors file (else none).

    Raises:
        NetError: the file is missing, damaged or of another kind, or holds numbers that are not finite.
    """
    tensors, metadata = _read(path)
    written = metadata.get(CHECKSUM)
    if written is not None and (found := checksum(tensors)) != written:
        raise NetError(
            f"Tensors have the checksum (SHA-256) that was written with them. Received path={str(path)!r} with "
            f"{found}, written {written}: the file is damaged. Copy it anew from where it is whole; a published one "
            "is fetched anew once it is removed."
        )
    return check_tensors(tensors, path=path), metadata


def check_tensors(tensors: Mapping[Any, Any], *, path: Path) -> dict[str, Tensor]:
    """Refuse what cannot be a net's weights.

    Args:
        tensors: by name.
        path: where they come from, for the error.

    Raises:
        NetError: names are no text; values are no dense real tensors; or numbers are not finite.
    """
    for name, tensor in tensors.items():
        is_plain = isinstance(name, str) and isinstance(tensor, Tensor)
        if not is_plain or tensor.layout is not torch.strided or tensor.dtype not in _TYPES:
            kind = f"{tensor.layout} of {tensor.dtype}" if isinstance(tensor, Tensor) else type(tensor).__name__
            raise NetError(
                f"Weights are dense tensors of real numbers by name. Received path={str(path)!r} with {name!r}: "
                f"{kind}. Convert it with torch.as_tensor, or leave it out."
            )
    spoilt = [name for name, tensor in tensors.items() if not _is_finite(tensor)]
    if spoilt:
        raise NetError(
            f"Weights are finite numbers. Received path={str(path)!r} with NaN or infinity in {shorten(spoilt)}. "
            "Fetch the file anew, or go back to a checkpoint from before the training diverged."
        )
    return dict(tensors)


def fit_tensors(net: nn.Module, tensors: dict[str, Tensor], *, path: Path) -> None:
    """Load tensors into a net if they are exactly its own.

    Args:
        net: takes the numbers, in its own types.
        tensors: by the names of the net's state dict; counters of batches ("bn1.num_batches_tracked") that
            are not there become 0.
        path: where the tensors come from, for the error.

    Raises:
        NetError: tensors are missing, extra or misshapen. The net is unchanged.
    """
    expected = net.state_dict()
    counters = {name: torch.zeros_like(tensor) for name, tensor in expected.items() if is_counter(name)}
    tensors = {**counters, **tensors}
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    misshapen = [
        f"{name}: {tuple(tensors[name].shape)} for {tuple(expected[name].shape)}"
        for name in sorted(expected.keys() & tensors.keys())
        if tensors[name].shape != expected[name].shape
    ]
    if missing or extra or misshapen:
        raise NetError(
            f"The tensors of a net's file are exactly those of its architecture. Received path={str(path)!r}, "
            f"missing={missing}, extra={extra}, misshapen={misshapen}. Name a file made for {type(net).__name__}."
        )
    net.load_state_dict(tensors)


def rename(tensors: Mapping[str, Tensor], rules: Rules, *, drop: bool = True) -> dict[str, Tensor]:
    """Give tensors other names.

    Args:
        tensors: by their old names.
        rules: of each name, the first whose regular expression matches all of it says the new name, in which `\\1` and
            the like stand for what its groups matched; None drops the tensor. Other names stay.
        drop: if not, what a rule would drop keeps its name.

    Raises:
        NetError: two tensors would have one name.

    >>> list(rename({"features.0.bias": torch.zeros(1)}, ((r"features\\.0\\.(.+)", r"conv1.\\1"),)))
    ['conv1.bias']
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        new = _new_name(name, rules)
        if new is None and drop:
            continue
        new = name if new is None else new
        if new in renamed:
            raise NetError(f"Each tensor has a name of its own. Received two that become {new!r}, {name!r} the second.")
        renamed[new] = tensor
    return renamed


def arrange(net: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors the names that fit a net best: as they are, or by its rules for a publisher's names.

    A filter that covers whole maps (4096 x 512 x 7 x 7) becomes the row of weights of a fully connected layer
    (4096 x 25088) where the net has one: the same numbers in the same order.

    Args:
        net: has rules as `TORCHVISION_NAMES` and `TIMM_NAMES`, or none.
        tensors: by their names in the file.
    """
    expected = net.state_dict()
    options = [tensors, *(rename(tensors, getattr(net, rules, ())) for rules in _RULES)]
    fitting = min(options, key=lambda option: len(expected.keys() ^ option.keys()))
    return {
        name: tensor.flatten(1)
        if name in expected and tensor.dim() == 4 and tensor.flatten(1).shape == expected[name].shape
        else tensor
        for name, tensor in fitting.items()
    }


def _new_name(name: str, rules: Rules) -> str | None:
    for pattern, replacement in rules:
        if match := re.fullmatch(pattern, name):
            return None if replacement is None else match.expand(replacement)
    return name


def is_counter(name: str) -> bool:
    """Say whether a tensor only counts the batches that a normalisation has seen."""
    return name.rpartition(".")[2] == _COUNTER


def shorten(names: list[str]) -> str:
    """List names, of many the first ones."""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        if _is_pth(path):
            return read_pth(path), {}
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise NetError(
            "A net is read from a whole safetensors file, or from a .pth of PyTorch. "
            f"Received path={str(path)!r}: {error}. Name the net.safetensors of a run folder, or a publisher's file."
        ) from error


def _is_pth(path: Path) -> bool:
    """Tell by the first bytes: a safetensors file begins with the length of its header, then a brace."""
    with path.open("rb") as file:
        start = file.read(9)
        size = file.seek(0, 2)
    if len(start) == 9 and start[8:] == b"{" and struct.unpack("<Q", start[:8])[0] <= size:
        return False
    return start.startswith((ZIP_START, LEGACY_START))


def _is_finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return True
    if tensor.itemsize == 1:
        tensor = tensor.float()  # no comparisons of 8-bit floats
    # One pass and no memory, where isfinite would write a mask. NaN is both the least and the greatest of its tensor.
    return all(math.isfinite(bound) for bound in torch.stack(tensor.aminmax()).tolist())


def checksum(tensors: dict[str, Tensor]) -> str:
    """Compute the SHA-256 of all names, types, shapes and numbers.

    Args:
        tensors: on the CPU.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
