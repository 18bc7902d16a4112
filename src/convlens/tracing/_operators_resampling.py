"""Operators that sum over windows of each map alone, with weights that change from place to place.

Each is applied along one axis after the other. What it makes of the unit vectors along an axis are its weights there.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from convlens.tracing._entries import Entry, NoFormError, Reader, entry_for, per_axis
from convlens.tracing._forms import Form, Resampling

aten = torch.ops.aten


def resampled(reader: Reader, call: dict[str, Any], output: Tensor, *, along: Sequence[dict[str, Any]]) -> Form:
    """Describe a call that works along each axis after the channel apart.

    Args:
        reader: what the capture knows.
        call: the arguments.
        output: what the call made.
        along: for each axis the arguments with which the operator changes that axis alone.

    Returns:
        The form, whose weights are kept in float32; of a net in float64 in float64.
    """
    source = call["self"]
    dtype = torch.float64 if output.dtype == torch.float64 else torch.float32
    starts, keys = [], []
    for axis, arguments in enumerate(along):
        size = source.shape[axis + 2]
        units = torch.eye(size, dtype=dtype, device=source.device)
        units = units.view(1, size, *(size if other == axis else 1 for other in range(len(along))))
        # Twice along the other axes: with sides of length 1 torch's antialiasing reads channels-last maps wrongly.
        units = units.expand(1, size, *(size if other == axis else 2 for other in range(len(along)))).contiguous()
        made = reader.operator(**{**call, **arguments, "self": units})
        weights = made[0].movedim(axis + 1, 0).reshape(made.shape[axis + 2], size, -1)[:, :, 0]  # (place, number read)
        begins, rows = _windows(weights)
        starts.append(begins)
        keys.append(reader.weight(rows, f"weights{axis + 1}"))
    return Resampling(reader.activation(source), tuple(starts), tuple(keys))


def _windows(weights: Tensor) -> tuple[tuple[int, ...], Tensor]:
    """Cut each row to what lies between its first and its last weight that is not 0."""
    reads = weights != 0
    first = reads.int().argmax(1)
    length = torch.where(reads.any(1), weights.shape[1] - reads.flip(1).int().argmax(1) - first, 0)
    taps = torch.arange(int(length.max()), device=weights.device)
    places = (first[:, None] + taps).clamp(max=weights.shape[1] - 1)
    return tuple(first.tolist()), torch.where(taps < length[:, None], weights.gather(1, places), 0)


def _upsampling_entry(scales: tuple[str, ...]) -> Entry:
    def entry(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
        sizes = output.shape[2:]
        along = [
            {
                "output_size": [size if other == axis else 2 for other in range(len(scales))],
                **{name: call[name] if other == axis else None for other, name in enumerate(scales)},
            }
            for axis, size in enumerate(sizes)
        ]
        return resampled(reader, call, output, along=along)

    return entry


entry_for(aten.upsample_linear1d.default)(_upsampling_entry(("scales",)))
entry_for(
    aten.upsample_bilinear2d.default,
    aten.upsample_bicubic2d.default,
    aten._upsample_bilinear2d_aa.default,
    aten._upsample_bicubic2d_aa.default,
)(_upsampling_entry(("scales_h", "scales_w")))
entry_for(aten.upsample_trilinear3d.default)(_upsampling_entry(("scales_d", "scales_h", "scales_w")))


def uneven_average(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    """Describe adaptive pooling whose windows are not all alike."""
    axes = output.dim() - 2
    along = [
        {"output_size": [size if other == axis else 2 for other in range(axes)]}
        for axis, size in enumerate(output.shape[2:])
    ]
    return resampled(reader, call, output, along=along)


def cut_average(reader: Reader, call: dict[str, Any], output: Tensor) -> Form:
    """Describe average pooling whose last windows may be cut off (ceil_mode)."""
    axes = output.dim() - 2
    if call["divisor_override"]:
        raise NoFormError("Average pooling with ceil_mode has a form without a divisor of its own.")
    window = {name: per_axis(call[name], axes) for name in ("kernel_size", "stride", "padding")}
    window["stride"] = window["stride"] or window["kernel_size"]
    still = {"kernel_size": 1, "stride": 1, "padding": 0}
    along = [
        {name: [window[name][axis] if other == axis else still[name] for other in range(axes)] for name in window}
        for axis in range(axes)
    ]
    return resampled(reader, call, output, along=along)
