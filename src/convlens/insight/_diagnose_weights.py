"""What a net's weights alone tell: numbers that are none, filters that repeat each other, overlaps that alternate."""

import torch
from torch import Tensor, nn

from convlens.insight._diagnosis import Checked, Finding

# Two filters of 9 numbers drawn at random have such a cosine once in 10**8 pairs; of fewer numbers it is chance.
_SAME = 0.99
_LEAST_NUMBERS = 9
# Random matrices have an effective rank of 0.8 and more of the full one, trained ones less.
_LOW_RANK = 0.2
_LEAST_RANK = 8  # of a smaller matrix a share says little
_MOST_FILTERS = 1024  # that are decomposed: all 4096 of VGG's first fully connected layer take minutes

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def check_finite_weights(net: nn.Module) -> Checked:
    """Find parameters and buffers that hold numbers that are none."""
    findings, numbers = [], 0
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        numbers += tensor.numel()
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            findings.append(
                Finding(
                    "not finite",
                    name,
                    (),
                    {"numbers that are infinite or none": bad, "of": tensor.numel()},
                    "Every value that is computed from them is not finite either.",
                    "Go back to a checkpoint before they arose, and train on with a smaller learning rate or with "
                    "clipped gradients.",
                )
            )
    return findings, f"Weights and buffers: {numbers:,} numbers, {len(findings)} tensors with some that are not finite."


def check_duplicates(net: nn.Module) -> Checked:
    """Find filters of one layer that are the same up to a factor."""
    findings, highest, pairs = [], 0.0, 0
    for name, filters in _banks(net):
        if filters.shape[2] < _LEAST_NUMBERS:
            continue
        units = nn.functional.normalize(filters, dim=2)
        cosine = (units @ units.transpose(1, 2)).abs().triu(1)
        pairs += cosine.shape[0] * cosine.shape[1] * (cosine.shape[1] - 1) // 2
        highest = max(highest, float(cosine.max()))
        same = (cosine > _SAME).nonzero()
        if len(same):
            each = filters.shape[1]
            channels = sorted({group * each + at for group, *both in same.tolist() for at in both})
            findings.append(
                Finding(
                    "duplicated filters",
                    name,
                    tuple(channels),
                    {"pairs": len(same), "highest |cosine|": float(cosine.max()), "limit": _SAME},
                    "These filters read the same inputs by the same weights up to a factor, so that one of a pair adds "
                    "at most another threshold.",
                    "Fewer filters would do as well. If they were copied on purpose, noise lets them grow apart; "
                    "filters that begin equal stay equal.",
                )
            )
    return findings, f"Filters: highest |cosine| {highest:.3f} among {pairs:,} pairs, limit {_SAME}."


def check_ranks(net: nn.Module) -> Checked:
    """Find layers whose filters span few directions.

    Source: Roy and Vetterli, "The effective rank: a measure of effective dimensionality" (2007): e to the entropy of
    the singular values, as shares of their sum.
    """
    findings, lowest, count = [], 1.0, 0
    for name, filters in _banks(net):
        filters = filters[:, :_MOST_FILTERS].double()
        full = min(filters.shape[1:])
        if full < _LEAST_RANK:
            continue
        tall = filters if filters.shape[1] <= filters.shape[2] else filters.transpose(1, 2)
        # The roots of the eigenvalues of the smaller Gram matrix: in a tenth of the time of a decomposition.
        shares = torch.linalg.eigvalsh(tall @ tall.transpose(1, 2)).clamp(min=0).sqrt()
        shares = shares / shares.sum(1, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny)
        ranks = torch.exp(torch.special.entr(shares).sum(1))
        share, count = float(ranks.mean()) / full, count + 1
        lowest = min(lowest, share)
        if share < _LOW_RANK:
            findings.append(
                Finding(
                    "low rank",
                    name,
                    (),
                    {"effective rank": float(ranks.mean()), "of": full, "share": share, "limit": _LOW_RANK},
                    "Its filters are mixtures of few directions: most of its numbers carry nothing.",
                    "Fewer filters, or two thin layers in its place, would do as well; a smaller weight decay or "
                    "learning rate lets more directions grow.",
                )
            )
    return findings, f"Ranks: lowest effective rank {lowest:.2f} of the full one, in {count} layers, limit {_LOW_RANK}."


def check_overlaps(net: nn.Module) -> Checked:
    """Find transposed convolutions whose windows overlap at some places more often than at others.

    Source: Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill (2016).
    """
    findings, count = [], 0
    for name, module in net.named_modules():
        if not isinstance(module, _TRANSPOSED):
            continue
        count += 1
        axes = list(zip(module.kernel_size, module.stride, strict=True))
        if any(stride > 1 and kernel % stride for kernel, stride in axes):
            fewest, most = 1, 1
            for kernel, stride in axes:
                fewest, most = fewest * (kernel // stride), most * -(-kernel // stride)
            kernel, stride = max(axes, key=lambda axis: axis[0] % axis[1])
            findings.append(
                Finding(
                    "checkerboard",
                    name,
                    (),
                    {"kernel": kernel, "stride": stride, "fewest taps a number": fewest, "most taps": most},
                    "Its kernel is not divisible by its stride: neighbouring numbers are sums of different many terms, "
                    "which shows as a chequered pattern unless the weights make up for it.",
                    f"Take a kernel of {stride * -(-kernel // stride)}, or upsample first and convolve with stride 1.",
                )
            )
    return findings, f"Transposed convolutions: {len(findings)} of {count} with a kernel not divisible by its stride."


def _banks(net: nn.Module) -> list[tuple[str, Tensor]]:
    """The filters of each convolution and linear layer: group, filter, number; without those that are not finite."""
    banks = []
    for name, module in net.named_modules():
        if not isinstance(module, (*_CONVOLUTIONS, nn.Linear)) or not bool(torch.isfinite(module.weight).all()):
            continue
        groups = getattr(module, "groups", 1)
        weight = module.weight.detach().flatten(1).float()
        banks.append((name, weight.view(groups, -1, weight.shape[1])))
    return banks
