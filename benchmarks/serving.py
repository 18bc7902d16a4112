"""Time what a pen move costs on the server, over a real WebSocket, and how a demo goes in time."""

import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from _report import machine, spread, write_section
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from convlens.architectures import NetCard, build, save_net
from convlens.data import Preprocessing, digits
from convlens.serve import decode_frame, encode_frame

MOVES = 1000
PAUSE = 0.008  # seconds from an answer to the next move
DEMOS = 3


@contextmanager
def page(*arguments: str) -> Generator[ClientConnection]:
    """Start a command and connect to it as the page does."""
    command = [sys.executable, "-m", "convlens", *arguments, "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    found = re.search(r"http://(127\.0\.0\.1:(\d+))/\?token=(\S+)", process.stdout.readline())
    assert found is not None
    host, port, token = found.groups()
    try:
        with connect(
            f"ws://{host}/wire",
            origin=Origin(f"http://{host}"),
            additional_headers={"Cookie": f"convlens-{port}={token}"},
            compression=None,
            max_size=None,
        ) as socket:
            yield socket
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def pen_moves(net: str, identifier: str) -> tuple[list[float], list[float]]:
    """Time each pen move from request to answer, and what of it was the trace; in milliseconds."""
    images = digits(100, seed=5).images
    torch.set_num_threads(1)
    round_trips, traces = [], []
    with page("open", net) as socket:
        socket.recv()  # hello
        for move in range(MOVES + 100):
            header = {"what": "trace", "net": identifier, "sequence": move}
            request = encode_frame(header, {"image": images[move % 100]})
            began = time.perf_counter()
            socket.send(request)
            answer = socket.recv()
            round_trips.append((time.perf_counter() - began) * 1e3)
            assert isinstance(answer, bytes)
            traces.append(float(str(decode_frame(answer)[0]["milliseconds"])))
            time.sleep(PAUSE)
    return round_trips[100:], traces[100:]


def demo(folder: str, seed: int) -> tuple[float, float, float]:
    """Time a demo from its start: to the page, to the first step, to the trained net; in seconds."""
    began = time.perf_counter()
    with page("demo", "--seed", str(seed), "--folder", f"{folder}/run-{seed}") as socket:
        start = json.loads(socket.recv())["start"]
        answered, first_step = time.perf_counter() - began, 0.0
        socket.send(json.dumps({"what": "watch", "run": f"run-{seed}"}))
        while not start.startswith("#/network"):
            message = json.loads(socket.recv())
            start = message.get("start", start)
            if not first_step and any(event["event"] == "step" for event in message.get("events", [])):
                first_step = time.perf_counter() - began
        return answered, first_step, time.perf_counter() - began


def main() -> None:
    """Measure and write the figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lenet.safetensors"
        preprocessing = Preprocessing(1, (28, 28), 2, mean=(0.1307,), deviation=(0.3081,))
        save_net(file, build("lenet"), NetCard("lenet", tuple("0123456789"), preprocessing))
        round_trips, traces = pen_moves(str(file), "lenet")
        demos = [demo(folder, seed) for seed in range(DEMOS)]
    names = (
        "the page is answered",
        "the first step of the training is shown",
        "the net is trained and the pad is open",
    )
    write_section(
        "serving",
        [
            "## A pen move on the server",
            "",
            f"LeNet, {MOVES} moves over one WebSocket, {PAUSE * 1e3:.0f} ms apart; the client is a Python process.",
            "",
            "| milliseconds | median | 95 % are below | 99 % are below |",
            "| --- | --- | --- | --- |",
            *(
                quantiles(name, times)
                for name, times in (("request to answer", round_trips), ("of it the trace", traces))
            ),
            "",
            "## A demo",
            "",
            "| `convlens demo`: seconds from its start until | median (least to most) |",
            "| --- | --- |",
            *(f"| {name} | {spread([times[i] for times in demos], digits=1)} |" for i, name in enumerate(names)),
            "",
            machine("convlens", "torch", "uvicorn", "websockets"),
        ],
    )


def quantiles(name: str, times: list[float]) -> str:
    """Make a row of the table."""
    cut = statistics.quantiles(times, n=100)
    return f"| {name} | {statistics.median(times):.2f} | {cut[94]:.2f} | {cut[98]:.2f} |"


if __name__ == "__main__":
    main()
