"""A checkpoint: all tensors that a training needs to go on, in one file that knows when it is damaged."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from convlens.errors import RunError
from convlens.files import write_whole

_KEY = "convlens.checkpoint"  # in the file's metadata


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], *, step: int) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file; an older checkpoint there is replaced.
        tensors: the state, by name.
        step: how many steps are done.
    """
    # Copies: safetensors writes no two tensors that share memory, as tied weights do.
    kept = {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    record = {"step": step, "sha256": _checksum(kept, step)}
    write_whole(path, save(kept, metadata={_KEY: json.dumps(record)}))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], int]:
    """Read what `save_checkpoint` wrote.

    Returns:
        The tensors by name, and how many steps are done.

    Raises:
        RunError: the file is missing, or its content is not what was written.
    """
    try:
        with safe_open(path, "pt") as file:
            record = json.loads((file.metadata() or {})[_KEY])
            step, checksum = int(record["step"]), record["sha256"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"A training goes on from a whole checkpoint. Received path={str(path)!r}: {error!r}. Train anew."
        ) from error
    found = _checksum(tensors, step)
    if found != checksum:
        raise RunError(
            f"A checkpoint's content has the checksum (SHA-256) that was written with it. Received path={str(path)!r} "
            f"with {found}, written {checksum}: the file is damaged. Restore it from a copy, or train anew."
        )
    return tensors, step


def _checksum(tensors: Mapping[str, Tensor], step: int) -> str:
    digest = hashlib.sha256(str(step).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
