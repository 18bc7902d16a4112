"""Write explanations.json: a small net with every form, and explanations that Python and the page must reproduce.

Run it when the forms or the printing change on purpose: python tests/golden/make_explanations.py
"""

import json
from itertools import product
from pathlib import Path

import msgspec
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.tracing._printed import print_numbers

GOLDEN = Path(__file__).parent / "explanations.json"
UNITS_PER_LAYER = 6


FUNCTIONS = [
    F.hardswish, F.hardsigmoid, F.mish, F.softplus, F.gelu, lambda x: F.gelu(x - 1, approximate="tanh"), F.silu, F.selu,
    lambda x: F.elu(x - 1, 0.7), lambda x: F.leaky_relu(x, 0.3), lambda x: x.clamp(-0.2, 0.4), torch.exp, torch.erf,
    torch.log, torch.abs, torch.rsqrt,
]  # fmt: skip


class EveryForm(nn.Module):
    """Two branches, joined; every operator that has a form, at odd strides, paddings, dilations and groups."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(4, 4, (3, 2), padding=(2, 1), dilation=(2, 1), groups=2, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.together, self.layers = nn.GroupNorm(2, 4), nn.LayerNorm(3)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.average = nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False)
        self.response = nn.LocalResponseNorm(3, alpha=0.5)  # products, padding, a mean of 3 axes, a power, a quotient
        self.larger = nn.ConvTranspose2d(4, 4, 2, stride=2, padding=1, groups=2)
        self.fc = nn.Linear(32, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = F.relu(self.norm(self.grouped(self.conv(image))))
        maps = self.response(F.pad(maps, (1, -1, 0, 0), value=0.25))
        left = self.pool(maps)
        first, second = self.average(left).split(2, 1)
        first = self.larger(torch.cat([first, second], 1))[:, :2, :4, :4]
        right = torch.cat([first, second.expand(3, 2, 4, 4)[:1]], 1)[:, :, 1:, ::2]
        for function in FUNCTIONS:
            right = function(right)
        right = torch.addcmul(right.sin(), right.cos(), F.logsigmoid(right), value=0.5).flip(3) * right.sign()
        right = F.adaptive_avg_pool2d(F.interpolate(right, size=(4, 3), mode="bilinear"), (3, 2))
        extremes = [right.amax(1), right.amin(1), right.var(1), torch.linalg.vector_norm(right, dim=1)]
        right = torch.maximum(torch.stack(extremes, 1), right.mean((1, 2), keepdim=True))
        right = torch.minimum(right, right.sum(3, keepdim=True)).masked_fill(torch.eye(3, 2) > 0, 0.75)
        left = self.layers(self.together(left))
        tokens = left.flatten(2)
        left = (
            (torch.softmax(tokens.transpose(1, 2) @ tokens, 2) @ tokens.transpose(1, 2))
            .transpose(1, 2)
            .view(left.shape)
        )
        joined = torch.cat([left.tanh()[:, :2, :2], left.sigmoid()[:, 2:, :2] * 0.5], 1)
        total = joined + 2 * joined * joined - 1
        both = torch.cat([total.permute(0, 2, 3, 1).flatten(1), right[:, :, :2, :1].flatten(1)], 1)
        return F.log_softmax(self.fc(both), 1)


def main() -> None:
    """Trace the net and write what it makes."""
    torch.manual_seed(0)
    net = EveryForm()
    for tensor in (net.norm.running_mean, net.norm.running_var, net.norm.weight, net.norm.bias):
        tensor.data.uniform_(0.5, 2.0)
    trace = cl.trace(net, torch.randn(1, 2, 9, 8), probabilities=True)
    explanations = []
    for call in trace.calls:
        shape = trace.tensors[call.output].shape[1:]
        units = list(product(*map(range, shape)))
        for index in units[:: max(1, len(units) // UNITS_PER_LAYER)]:
            explanation = trace.explain(call.name, *index)
            field = trace.receptive_field(call.name, *index)
            printed = print_numbers(explanation)
            explanations.append(
                {
                    "layer": call.name,
                    "index": index,
                    "reads": [[term.source, term.index] for term in explanation.terms],
                    "rows": field.rows,
                    "columns": field.columns,
                    "decimals": printed.decimals,
                    "terms": printed.terms,
                    "subtotals": list(printed.subtotals.values()),
                    "addends": printed.addends,
                    "sum": printed.sum,
                    "total": printed.total,
                    "recorded": printed.recorded,
                    "difference": printed.difference,
                    "tolerance": printed.tolerance,
                    "closes": explanation.closes,
                }
            )
    golden = {
        "calls": msgspec.to_builtins(trace.calls),
        "tensors": {
            key: {"shape": list(tensor.shape), "data": tensor.flatten().tolist()}
            for key, tensor in trace.tensors.items()
        },
        "explanations": explanations,
    }
    GOLDEN.write_text(json.dumps(golden, indent=None, separators=(",", ":")).replace('{"layer"', '\n{"layer"') + "\n")


if __name__ == "__main__":
    main()
