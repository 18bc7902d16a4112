"""Time every architecture that torchvision has, ours and theirs in alternation, at 224 x 224 and batches of 1 and 8.

    python benchmarks/architectures.py                          # all, as both are built: about 40 minutes on 2 cores
    python benchmarks/architectures.py --setting quickest --names resnet50 densenet121
    python benchmarks/architectures.py --report                 # writes docs/measured.md from what was measured

torchvision lives in an environment of its own (scripts/dev.py makes it), in which both are timed.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import geometric_mean, median

from _report import machine, write_section

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / ".bench" / "architectures.json"
NAMES = ["alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "googlenet",
         "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "densenet161", "densenet169",
         "densenet201"]  # fmt: skip
SETTINGS = {
    "plain": "as both are built: float32, one map after the other, eager",
    "quickest": "the quickest of both: bfloat16, channels last; forward with batch normalisation folded, compiled; "
    "training steps with autocast, eager",
    "compiled": "training steps with autocast to bfloat16, channels last, compiled",
}

sys.path.insert(0, str(ROOT / "scripts"))
from dev import torchvision_python  # noqa: E402  # a script, not a package


def measure(name: str, setting: str) -> dict[str, object]:
    """Measure one architecture in a process of its own."""
    script = ROOT / "benchmarks" / "peers" / "torchvision_nets.py"
    done = subprocess.run(
        [torchvision_python(), script, name, setting],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{name}, {setting} failed:\n{done.stderr}")
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "date": datetime.date.today().isoformat()}


def cell(found: dict) -> str:
    """Write medians of ours and theirs, that of the ratios, how many rounds there were, and how far these lie apart."""
    spread = f", {found['least']:.2f} to {found['most']:.2f}" if "least" in found else ""
    return f"{found['ours']:.1f}, {found['theirs']:.1f}, **{found['ratio']:.2f}** (n = {found['rounds']}{spread})"


def report(measured: dict[str, dict[str, dict]]) -> None:
    """Write all that was measured into docs/measured.md."""
    lines = ["## Architectures against torchvision", ""]
    lines += [
        "Ours and theirs in alternation, with equal weights; `make torchvision` compares outputs, gradients and "
        "statistics. Milliseconds are medians; a ratio is the median over the n rounds of ours / theirs, with the "
        "least and the most."
    ]
    for setting, words in SETTINGS.items():
        nets = {name: measured[setting][name] for name in NAMES if name in measured.get(setting, {})}
        if not nets:
            continue
        columns = list(next(iter(nets.values()))["results"])
        ratios = {column: [net["results"][column]["ratio"] for net in nets.values()] for column in columns}
        lines += [
            "",
            f"### {words[0].upper()}{words[1:]}",
            "",
            "| ms: ours, theirs, ratio | " + " | ".join(columns) + " | measured |",
            "| --- |" + " --- |" * len(columns) + " --- |",
        ]
        for name, net in nets.items():
            cells = " | ".join(map(cell, net["results"].values()))
            lines += [f"| `{name}` | {cells} | {net['date']}, {net['threads']} threads |"]
        for what, summary in (("median", median), ("geometric mean", geometric_mean), ("largest", max)):
            cells = " | ".join(f"{summary(ratios[column]):.3f}" for column in columns)
            lines += [f"| {what} of the ratios | {cells} | {len(nets)} of {len(NAMES)} nets |"]
        versions = {f"{name} {number}" for net in nets.values() for name, number in net["versions"].items()}
        lines += ["", f"{', '.join(sorted(versions))}. {machine('convlens')}"]
    write_section("architectures", lines)


def main() -> None:
    """Measure what is asked for, keep it, and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--setting", choices=SETTINGS, default="plain")
    parser.add_argument("--report", action="store_true", help="measure nothing, write what was measured")
    arguments = parser.parse_args()
    measured = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    if not arguments.report:
        for name in arguments.names:
            found = measure(name, arguments.setting)
            measured.setdefault(arguments.setting, {})[name] = found
            print(name, {column: round(each["ratio"], 3) for column, each in found["results"].items()}, flush=True)
            MEASURED.write_text(json.dumps(measured, indent=1))
    report(measured)


if __name__ == "__main__":
    main()
