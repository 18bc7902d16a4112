"""Operators that only move numbers."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from convlens.tracing._entries import NoFormError, Reader, entry_for, filling
from convlens.tracing._forms import Form, Rearrangement

aten = torch.ops.aten


@entry_for(
    aten.select.int,
    aten.expand.default,
    aten.unbind.int,
    aten.split.Tensor,
    aten.unsafe_split.Tensor,
    aten.unsafe_chunk.default,
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


@entry_for(aten.stack.default)
def _stack(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    keys = tuple(reader.number(tensor) for tensor in call["tensors"])
    return Rearrangement("stack", keys, axis=call["dim"] % output.dim())


@entry_for(
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.unsqueeze.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.clone.default,
    aten.contiguous.default,
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
    return Rearrangement("pad", (reader.activation(call["self"]),), starts=starts, fill=filling(call["value"], output))


@entry_for(aten.slice.Tensor)
def _slice(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    size, axis = call["self"].shape[call["dim"]], call["dim"] % output.dim()
    starts, steps = [0] * output.dim(), [1] * output.dim()
    starts[axis], _, steps[axis] = slice(call["start"], call["end"], call["step"]).indices(size)
    return Rearrangement("slice", (reader.activation(call["self"]),), starts=tuple(starts), steps=tuple(steps))


@entry_for(
    aten.roll.default,
    aten.flip.default,
    aten.rot90.default,
    aten.repeat.default,
    aten.index.Tensor,
    aten.index_select.default,
    aten.gather.default,
    aten.take.default,
    aten.tril.default,
    aten.triu.default,
    aten.pixel_shuffle.default,
    aten.pixel_unshuffle.default,
    aten.channel_shuffle.default,
    aten.native_channel_shuffle.default,
    aten.im2col.default,
    aten.reflection_pad1d.default,
    aten.reflection_pad2d.default,
    aten.reflection_pad3d.default,
    aten.replication_pad1d.default,
    aten.replication_pad2d.default,
    aten.replication_pad3d.default,
    aten.upsample_nearest1d.default,
    aten.upsample_nearest2d.default,
    aten.upsample_nearest3d.default,
    aten._upsample_nearest_exact1d.default,
    aten._upsample_nearest_exact2d.default,
    aten._upsample_nearest_exact3d.default,
)
def _moved(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    return _gathered(reader, call, output, fill=0.0)


@entry_for(aten.masked_fill.Scalar, aten.masked_fill_.Scalar, aten.masked_fill.Tensor, aten.masked_fill_.Tensor)
def _masked(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    if call["self"].shape != output.shape:
        raise NoFormError("Masking has a form where the mask has no more places than what it masks.")
    if isinstance(call["value"], Tensor) and reader.is_computed(call["value"]):
        raise NoFormError("What it fills in is computed from the input.")
    table = _places(output).masked_fill(call["mask"], -1)
    return _by_table(reader, call, table, fill=filling(float(call["value"]), output))


def _places(tensor: Tensor) -> Tensor:
    """Number the places of a tensor in row-major order."""
    return torch.arange(tensor.numel(), device=tensor.device).view(tensor.shape)


def _gathered(reader: Reader, call: dict[str, Any], output: Tensor, *, fill: float) -> Form:
    # The same call on a tensor that holds its own places, counted from 1, says where each number comes from: 0 is a
    # place that it fills. Floats of 64 bits hold all places, and not every operator moves whole numbers.
    places = reader.operator(**{**call, "self": (_places(call["self"]) + 1).double()})
    return _by_table(reader, call, places.long() - 1, fill=fill)


def _by_table(reader: Reader, call: dict[str, Any], table: Tensor, *, fill: float | None) -> Form:
    others = (leaf for name, each in call.items() if name != "self" for leaf in tree_leaves(each))
    if any(isinstance(leaf, Tensor) and reader.is_computed(leaf) for leaf in others):
        raise NoFormError("Which numbers it takes is computed from the input.")
    return Rearrangement("gather", (reader.activation(call["self"]),), fill=fill, table=reader.weight(table, "places"))


@entry_for(aten.copy_.default, aten._to_copy.default)
def _copy(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    source = call["src"] if "src" in call else call["self"]
    if torch.promote_types(source.dtype, output.dtype) != output.dtype:
        raise NoFormError("A copy has a form where the type of number that it makes holds what it reads.")
    view = torch.empty(source.shape, device="meta").expand(output.shape)
    return Rearrangement("strided", (reader.number(source),), start=0, strides=tuple(view.stride()))


@entry_for(aten.fill_.Scalar, aten.fill_.Tensor, aten.zero_.default)
def _fill(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    value = call.get("value", 0.0)
    if isinstance(value, Tensor):
        key = reader.number(value.reshape(1))
    else:
        key = reader.weight(torch.tensor([value], dtype=output.dtype, device=output.device), "constant")
    return Rearrangement("strided", (key,), start=0, strides=(0,) * output.dim())
