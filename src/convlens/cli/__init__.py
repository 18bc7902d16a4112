"""The command line: a file a command, imported when it runs."""

import atexit
import gc
import os
import sys
from typing import NoReturn

from cyclopts import App

from convlens.errors import ConvlensError

app = App(
    name="convlens",
    help="Train ConvNets, and see through any of them.",
    help_epilogue="`convlens COMMAND --help` says more. Start with `convlens demo`.",
    version_flags=["--version"],
)

# cyclopts imports a command's file when the command is called, so that --help needs no torch.
for _name, _help in {
    "demo": "Train on built-in digits, live in the page; then draw digits for the net.",
    "train": "Train a net on a data set and write a run folder.",
    "predict": "Classify image files.",
    "trace": "Record every number of one forward pass in a file.",
    "explain": "Show the arithmetic behind one number of a net.",
    "visualise": "Draw what a channel or class of a net reacts to most.",
    "attribute": "Show which pixels of an image speak for and against a class or a unit.",
    "diagnose": "Find out what is wrong with a net, or with what it is given.",
    "survey": "Find out what every channel of a net does over a data set, or ask a survey.",
    "open": "Open a net, a run folder or a trace in the page.",
    "nets": "List the architectures, or show what one net is made of.",
}.items():
    app.command(f"convlens.cli._{_name}:{_name}_command", name=_name, help=_help)


def main() -> NoReturn:
    """Run the command that the arguments name; a ConvlensError ends it with its message and exit status 1."""
    # torch's threads wait for each other at every operator, and spin while they wait. Where other programs need the
    # cores, too, a long spin takes what the awaited thread lacks: a training on two cores beside two busy processes
    # takes 36 s by default and 16 s with this shorter spin; on idle cores it makes no difference (6.7 s, 6.5 s).
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # At exit Python looks for garbage in all that torch has made, 0.3 s long, only to give it up a moment later.
    atexit.register(gc.freeze)
    try:
        sys.exit(app(result_action="return_int_as_exit_code_else_zero"))
    except ConvlensError as error:
        print(f"convlens: {error}", file=sys.stderr)  # noqa: T201  # a command line answers on stderr
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # who read the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is written at exit
        sys.exit(141)
