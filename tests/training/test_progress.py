import os
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.training._progress import Progress

EVENTS = [
    {"event": "start", "step": 0, "net": "lenet", "data": "spots", "images": 1100, "steps": 8, "epochs": 1},
    {"event": "step", "step": 3, "loss": 0.25, "images_per_second": 12345.6},
    {"event": "evaluation", "step": 4, "part": "val", "loss": 0.5, "accuracy": 0.75},
    {"event": "interrupted", "step": 5, "reason": "Ctrl-C"},
    {"event": "end", "accuracy": 0.9926, "seconds": 6.04},
]


def test_where_there_is_no_terminal_each_evaluation_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Path("runs/first"), shown=True) as progress:
        for event in EVENTS:
            progress(event)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "lenet on 1,100 images of spots: runs/first",
        "step      4  val  75.00%  loss 0.500",
        "Interrupted after step 5. To go on: convlens train --resume runs/first",
        "Reads 99.26% of the test images, after 6.0 s.",
    ]


def test_nothing_is_shown_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Path("runs/first"), shown=False) as progress:
        for event in EVENTS:
            progress(event)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_shows_a_bar_with_loss_accuracy_and_speed() -> None:
    import pty

    script = "import sys; from pathlib import Path; from convlens.training._progress import Progress\n"
    script += (
        f"with Progress(Path('runs/first'), shown=True) as progress:\n    for event in {EVENTS!r}: progress(event)"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", script], stderr=theirs, env=os.environ | {"COLUMNS": "100"})
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    for wanted in ("━", "loss 0.250", "val 75.0%", "12,346 images/s", "Reads 99.26% of the test images"):
        assert wanted in shown.decode()
