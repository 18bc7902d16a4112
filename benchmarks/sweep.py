"""Trace every convolutional net that torchvision and timm build, with random weights, and check what the traces say.

python benchmarks/sweep.py [--nets GLOB ...] [--processes N], in an environment with torchvision and timm, and with src
on PYTHONPATH. Each net runs in a process of its own, on the smallest image that it admits. What was found is kept in
.bench/sweep.jsonl, a line a net; a later call goes on with the others. The summary is written into docs/measured.md.
"""

import argparse
import contextlib
import fnmatch
import json
import multiprocessing
import random
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import torch
from _report import machine, write_section
from torch import nn

import convlens as cl

FOUND = Path(".bench/sweep.jsonl")
SIZES = (32, 64, 96, 128, 160, 192, 224, 240, 256, 288, 299, 384, 448, 512)  # pixels a side, tried in this order
UNITS = 200  # of each net, drawn at random
FIELDS = 12  # units whose receptive field is compared with gradients
SECONDS = 600  # that a net may take
MOST = 350_000_000  # parameters: with all activations and gradients the larger ones need more memory than most have


def names() -> list[str]:
    """List every net that the two build, as LIBRARY/NAME."""
    import timm
    import torchvision

    modules = [torchvision.models, torchvision.models.segmentation, torchvision.models.video]  # of one image tensor
    ours = [f"torchvision/{name}" for module in modules for name in torchvision.models.list_models(module=module)]
    return ours + [f"timm/{name}" for name in timm.list_models()]


def build(name: str, size: int) -> nn.Module:
    """Build a net for square images of a size, where that can be chosen."""
    library, name = name.split("/")
    if library == "timm":
        import timm

        with contextlib.suppress(TypeError):
            return timm.create_model(name, pretrained=False, img_size=size)
        return timm.create_model(name, pretrained=False)
    import torchvision

    segmenting = name.startswith(("deeplab", "fcn_", "lraspp"))
    options = {"weights_backbone": None} if segmenting else {}
    options |= {"init_weights": False} if name.startswith(("googlenet", "inception")) else {}
    return torchvision.models.get_model(name, weights=None, **options)


def count_parameters(name: str) -> int:
    """Count the parameters of a net without making them; 0 where that fails."""
    with contextlib.suppress(Exception), torch.device("meta"):
        return sum(each.numel() for each in build(name, 224).parameters())
    return 0


def disturb(net: nn.Module) -> None:
    """Give every parameter and statistic a random value near its own: nets begin with zeros and ones in many places."""
    for tensor in net.parameters():
        tensor.data += 0.02 * torch.randn_like(tensor)
    for name, tensor in net.named_buffers():
        if name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)


def smallest(name: str) -> tuple[nn.Module, torch.Tensor]:
    """Build a net with the smallest image of SIZES that it admits."""
    for size in SIZES:
        with contextlib.suppress(Exception), torch.no_grad():
            net = build(name, size).eval()
            clip = (16,) if "video" in type(net).__module__ else ()
            image = torch.randn(1, 3, *clip, size, size)
            net(image)
            return net, image
    raise ValueError(f"{name} admits no image of {SIZES}")


def check_units(trace: cl.Trace, draw: random.Random) -> Counter[str]:
    """Explain units drawn at random, the larger layers as likely as the smaller."""
    counts: Counter[str] = Counter()
    for _ in range(UNITS):
        call = draw.choice(trace.calls)
        shape = trace.tensors[call.output].shape
        if call.form is None:
            counts["unsupported"] += 1
        elif 0 in shape or not shape:
            counts["closes"] += 1  # it has no unit
        else:
            index = [draw.randrange(length) for length in shape]
            closes = trace.explain(call.name, *index[1:], item=index[0]).closes
            counts["closes" if closes else "wrong"] += 1
    return counts


def check_fields(net: nn.Module, image: torch.Tensor, *, trace: cl.Trace, draw: random.Random) -> Counter[str]:
    """Compare receptive fields of modules' outputs with the pixels that autograd finds."""
    calls = {call.module: call for call in trace.calls if call.name == call.module and call.form is not None}
    modules = [name for name, module in net.named_modules() if name in calls and not any(module.children())]
    counts: Counter[str] = Counter()
    image = image.clone().requires_grad_()
    for name in draw.sample(modules, min(FIELDS, len(modules))):
        outputs: list[torch.Tensor] = []
        handle = net.get_submodule(name).register_forward_hook(lambda *given, outputs=outputs: outputs.append(given[2]))
        net(image)
        handle.remove()
        recorded = trace.tensors[calls[name].output]
        if (
            not isinstance(outputs[0], torch.Tensor)
            or outputs[0].shape != recorded.shape
            or recorded.dim() < 2
            or 0 in recorded.shape
        ):
            continue
        index = tuple(draw.randrange(length) for length in recorded.shape)
        found = trace.receptive_field(name, *index[1:], item=index[0])
        field = torch.from_numpy(found.mask)
        (gradient,) = torch.autograd.grad(outputs[0][index], image, allow_unused=True)
        depends = torch.zeros_like(field) if gradient is None else (gradient != 0).any(0)
        if (depends & ~field).any():
            counts["field too small"] += 1
        elif found.kind == "exact":
            counts["field equal" if torch.equal(depends, field) else "field larger"] += 1
    return counts


def look_through(name: str) -> dict[str, object]:
    """Trace one net, and say what was found."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = random.Random(0)
    started = time.perf_counter()
    found: dict[str, object] = {"name": name}
    try:
        if count_parameters(name) > MOST:
            return found | {"skipped": f"it has more than {MOST // 10**6} million parameters"}
        net, image = smallest(name)
        disturb(net)
        found |= {"image": list(image.shape), "parameters": sum(each.numel() for each in net.parameters())}
        trace = cl.trace(net, image)
        if not any("convolution" in call.operator for call in trace.calls):
            return found | {"skipped": "it has no convolution"}
        lacking = Counter(f"{call.operator}: {call.reason}" for call in trace.calls if call.form is None)
        found |= {"calls": len(trace.calls), "with a form": len(trace.calls) - lacking.total(), "lacking": lacking}
        found |= {"units": check_units(trace, draw)}
        found |= {"fields": check_fields(net, image, trace=trace, draw=draw)}
    except Exception as error:
        found |= {"error": f"{type(error).__name__}: {error}"[:300], "where": traceback.format_exc()[-600:]}
    return found | {"seconds": round(time.perf_counter() - started, 1)}


def run_alone(name: str, queue: multiprocessing.Queue) -> None:
    """Send what is found to the process that asked."""
    queue.put(look_through(name))


def in_a_process(name: str) -> dict[str, object]:
    """Look through a net in a process of its own, which may take SECONDS."""
    queue: multiprocessing.Queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=run_alone, args=(name, queue))
    process.start()
    try:
        return queue.get(timeout=SECONDS)
    except Exception:
        return {"name": name, "error": f"no answer within {SECONDS} s, or out of memory"}
    finally:
        process.kill()
        process.join()


def report(lines: list[dict], *, of: int) -> None:
    """Write what was found in some of all nets."""
    traced = [line for line in lines if "units" in line]
    failed = [line for line in lines if "error" in line]
    units, fields, lacking = Counter(), Counter(), Counter()
    for line in traced:
        units.update(line["units"])
        fields.update(line["fields"])
        lacking.update({reason.split(":")[0]: 1 for reason in line["lacking"]})
    whole = sum(line["calls"] == line["with a form"] for line in traced)
    calls, with_form = (sum(line[key] for line in traced) for key in ("calls", "with a form"))
    skipped = Counter(line["skipped"] for line in lines if "skipped" in line)
    write_section(
        "sweep",
        [
            "## Other people's nets",
            "",
            "Nets of torchvision and timm, with random weights, on the smallest image that "
            "each admits: "
            f"{len(lines)} nets of {of:,}. {len(traced)} were traced, {len(failed)} could not be built or traced; of "
            "the others " + (", ".join(f"{count}: {reason}" for reason, count in skipped.items()) or "none") + ".",
            "",
            "| | |",
            "| --- | --- |",
            f"| nets of which every call has a form | {whole} of {len(traced)}, {whole / len(traced):.1%} |",
            f"| calls that have a form | {with_form:,} of {calls:,}, {with_form / calls:.2%} |",
            f"| units drawn at random that close | {units['closes']:,} of {units.total():,}, "
            f"{units['closes'] / units.total():.2%} |",
            f"| units that do not close | {units['wrong']} |",
            f"| units marked unsupported | {units['unsupported']:,} |",
            f"| receptive fields equal to what autograd finds | {fields['field equal']:,} of {fields.total():,} |",
            f"| larger: a ReLU or a maximum hides pixels from the gradient | {fields['field larger']:,} |",
            f"| smaller, which would be wrong | {fields['field too small']} |",
            "",
            "Without a form, by the count of nets: "
            + (", ".join(f"`{operator}` {count}" for operator, count in lacking.most_common()) or "none")
            + ".",
            "",
            "Not traced: " + ("; ".join(f"{line['name']} ({line['error'][:80]})" for line in failed) or "none") + ".",
            "",
            machine("torch", "torchvision", "timm"),
        ],
    )


def main() -> None:
    """Look through the nets that are named, and write the summary of all that were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="*", default=["*"], help="patterns of LIBRARY/NAME")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    FOUND.parent.mkdir(exist_ok=True)
    done = [json.loads(line) for line in FOUND.read_text().splitlines()] if FOUND.exists() else []
    known = {line["name"] for line in done}
    waiting = [
        name
        for name in names()
        if name not in known and any(fnmatch.fnmatch(name, pattern) for pattern in options.nets)
    ]
    from multiprocessing.pool import ThreadPool

    with ThreadPool(options.processes) as pool, FOUND.open("a") as file:
        for line in pool.imap_unordered(in_a_process, waiting):
            print(json.dumps(line), file=file, flush=True)
            print(line["name"], line.get("units") or line.get("skipped") or line.get("error"), line.get("lacking", ""))
            done.append(line)
    report(done, of=len(names()))


if __name__ == "__main__":
    main()
