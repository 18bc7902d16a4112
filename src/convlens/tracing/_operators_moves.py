"""Operators that only move numbers."""

from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import NoFormError, Reader, entry_for, held
from convlens.tracing._forms import Form, Rearrangement

aten = torch.ops.aten


@entry_for(
    aten.select.int,
    aten.expand.default,
    aten.unbind.int,
    aten.split.Tensor,
    aten.split_with_sizes.default,
    aten.diagonal.default,
    aten.unfold.default,
    aten.alias.default,
    aten.detach.default,
)
def _view(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    # The same call on a tensor without numbers, in row-major order, says where it takes each number from.
    source = call["self"]
    plain = torch.empty(source.shape, dtype=source.dtype, device="meta")
    made = reader.operator(**{**call, "self": plain})
    view = made if isinstance(made, Tensor) else made[reader.output]
    return Rearrangement(
        "strided",
        (reader.activation(source),),
        start=int(view.storage_offset()),
        strides=tuple(view.stride()),
    )


@entry_for(aten.cat.default)
def _concatenate(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    keys = tuple(reader.number(tensor) for tensor in call["tensors"] if tensor.numel())
    return Rearrangement("concatenate", keys, axis=call["dim"] % output.dim())


@entry_for(
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.unsqueeze.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.clone.default,
)
def _reshape(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return Rearrangement("reshape", (reader.activation(call["self"]),))


@entry_for(aten.as_strided_.default)
def _other_strides(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    # Global average pooling of channels-last maps ends so: sides of length 1 get the strides of that order.
    before = call["self"]
    axes = zip(call["size"], before.shape, call["stride"], before.stride(), strict=True)
    if call["storage_offset"] or any(size != own or (size > 1 and new != old) for size, own, new, old in axes):
        raise NoFormError("Other strides have a form where they leave every number in its place.")
    return Rearrangement("reshape", (reader.activation(before),))


@entry_for(aten.permute.default)
def _permute(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = tuple(axis % output.dim() for axis in call["dims"])
    return Rearrangement("permute", (reader.activation(call["self"]),), axes=axes)


@entry_for(aten.transpose.int, aten.t.default)
def _transpose(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    axes = list(range(output.dim()))
    first, second = call.get("dim0", 0) % len(axes), call.get("dim1", 1) % len(axes)
    axes[first], axes[second] = axes[second], axes[first]
    return Rearrangement("permute", (reader.activation(call["self"]),), axes=tuple(axes))


@entry_for(aten.constant_pad_nd.default)
def _pad(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    before = call["pad"][::2]  # of the last axis first
    starts = (0,) * (output.dim() - len(before)) + tuple(-number for number in reversed(before))
    return Rearrangement("pad", (reader.activation(call["self"]),), starts=starts, fill=held(call["value"], output))


@entry_for(aten.slice.Tensor)
def _slice(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    size, axis = call["self"].shape[call["dim"]], call["dim"] % output.dim()
    starts, steps = [0] * output.dim(), [1] * output.dim()
    starts[axis], _, steps[axis] = slice(call["start"], call["end"], call["step"]).indices(size)
    return Rearrangement("slice", (reader.activation(call["self"]),), starts=tuple(starts), steps=tuple(steps))
