"""`convlens demo` and `convlens open`, as real processes. They need the built page: `make page`."""

import re
import signal
import subprocess
import sys
import time

import pytest

from convlens.architectures import load_net, save_net
from convlens.data import digits
from convlens.training import open_run


@pytest.fixture
def convlens(tmp_path, talk_to):
    """Start a command; returns its process and a client of its server."""
    processes = []

    def start(*arguments):
        command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stdout.readline()
        found = re.fullmatch(r"Convlens is at (http://127\.0\.0\.1:\d+/\?token=[\w-]{22})\n", line)
        assert found, line
        return process, talk_to(found[1])

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=30)


def test_open_serves_a_net_until_ctrl_c_and_ends_well(convlens, tmp_path, lenet):
    save_net(tmp_path / "mine.safetensors", lenet.net, lenet.card)
    process, client = convlens("open", "mine.safetensors", "--no-browser", "--port", 0)
    assert client.ask("/").content.startswith(b"<!doctype html>")
    with client.page() as page:
        assert [net["id"] for net in page.hear("hello").nets] == ["mine"]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0


def test_open_shows_the_address_to_the_browser(convlens, tmp_path, lenet, monkeypatch):
    script = tmp_path / "browser.py"
    script.write_text(
        "import pathlib, sys; pathlib.Path('shown.part').write_text(sys.argv[1])\n"
        "pathlib.Path('shown.part').rename('shown')\n"
    )
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s")
    save_net(tmp_path / "mine.safetensors", lenet.net, lenet.card)
    _, client = convlens("open", "mine.safetensors", "--port", 0)
    deadline = time.monotonic() + 30
    while not (tmp_path / "shown").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (tmp_path / "shown").read_text() == f"{client.origin}/?token={client.token}"


def test_open_says_what_is_wrong_and_fails(tmp_path):
    command = [sys.executable, "-P", "-m", "convlens", "open", "nothing", "--no-browser"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 1
    assert finished.stderr.startswith("convlens: A trained net is a shipped one")
    assert "Traceback" not in finished.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_demo_shows_the_training_then_leads_to_a_net_that_reads_digits(convlens, tmp_path):
    process, client = convlens("demo", "--no-browser", "--port", 0, "--folder", "run")
    with client.page() as page:
        assert page.hear("hello").start == "#/training/run"
        page.say("watch", run="run")
        names = [event["event"] for event in events_until(page, "end")]
        assert names[0] == "start"
        assert names.count("step") > 10
    with client.page() as page:
        while page.hear("hello").start != "#/network/run":
            pass
        drawn = digits(100, seed=2024)
        assert sum(reads(page, digit.image) == digit.label for digit in drawn) >= 90
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert process.stdout.read().endswith("convlens open run\n")
    assert open_run(tmp_path / "run").accuracy > 0.9


@pytest.mark.slow
def test_demo_ends_its_training_when_it_is_interrupted_and_keeps_what_that_has_reached(convlens, tmp_path):
    process, client = convlens("demo", "--no-browser", "--port", 0, "--folder", "run")
    with client.page() as page:
        page.say("watch", run="run")
        events_until(page, "step")
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    last = (tmp_path / "run" / "events.jsonl").read_text().splitlines()[-1]
    assert '"interrupted"' in last  # written by the training itself: it has ended, and in order
    assert load_net(tmp_path / "run" / "net.safetensors").card.classes == tuple("0123456789")


def test_demo_fails_when_its_training_does(tmp_path):
    command = [sys.executable, "-P", "-m", "convlens", "demo", "--no-browser", "--port=0", "--folder=run", "--seed=-1"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 1
    training, demo = finished.stderr.splitlines()
    assert "a seed is at least 0" in training
    assert demo.startswith("convlens: A demo shows a training, and this one ended early; what it said stands above.")
    assert demo.endswith("Received folder='run', exit status 1.")


def events_until(page, name):
    events = []
    while name not in [event["event"] for event in events]:
        events += page.hear("events", timeout=240).events
    return events


def reads(page, image) -> int:
    page.say("trace", net="run", sequence=0, image=image)
    return int(page.hear("trace").tensors["activation/probabilities"].argmax())
