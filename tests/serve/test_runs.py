import json
import os
import subprocess
import sys
import time

import pytest
import torch

from convlens.architectures import NetCard, build, save_net
from convlens.data import Preprocessing
from convlens.errors import NetError
from convlens.serve import Workspace, watch_workspace
from convlens.serve._runs import EventTail, RunFolder

CARD = NetCard("lenet", tuple("0123456789"), Preprocessing(1, (28, 28), 2, mean=(0.1,), deviation=(0.3,)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def lines(*names):
    return b"".join(b'{"event":"%s"}\n' % name.encode() for name in names)


def names(events):
    return [json.loads(bytes(event))["event"] for event in events]


def append(path, content):
    with path.open("ab") as file:
        file.write(content)


def net_of(seed):
    torch.manual_seed(seed)
    return build("lenet").eval()


def test_a_file_that_does_not_exist_yet_has_no_events(path):
    tail = EventTail(path)
    assert tail.read() == []
    path.write_bytes(lines("start"))
    assert names(tail.read()) == ["start"]


def test_each_event_is_read_once_and_counted(path):
    tail = EventTail(path)
    path.write_bytes(lines("start", "step"))
    assert names(tail.read()) == ["start", "step"]
    append(path, lines("step", "end"))
    assert names(tail.read()) == ["step", "end"]
    assert tail.read() == []
    assert tail.count == 4


def test_an_event_is_passed_on_byte_for_byte(path):
    line = b'{"event": "step", "loss": 0.1234567890123456789, "unknown": [1, {"a": null}]}'
    path.write_bytes(line + b"\n")
    assert [bytes(event) for event in EventTail(path).read()] == [line]


def test_a_line_is_read_when_it_is_whole_wherever_it_was_cut(path):
    content = '{"event":"step","name":"Bäume"}\n'.encode()
    for cut in range(len(content)):
        path.unlink(missing_ok=True)
        tail = EventTail(path)
        append(path, content[:cut])
        assert tail.read() == []
        append(path, content[cut:])
        assert names(tail.read()) == ["step"]


@pytest.mark.parametrize(
    "damaged",
    [b'{"event":"st', b"", b"\xff\xfe", b"null", b"[1]", b'{"step":1}', b'{"event":"step","loss":NaN}', b"[" * 9999],
)
def test_a_line_that_is_no_event_is_passed_over(path, damaged):
    path.write_bytes(lines("start") + damaged + b"\n" + lines("resume"))
    assert names(EventTail(path).read()) == ["start", "resume"]


def test_a_line_without_end_is_passed_over_in_the_end(path):
    tail = EventTail(path)
    path.write_bytes(b"x" * 2_500_000 + b"\n" + lines("start"))
    found = [name for _ in range(4) for name in names(tail.read())]
    assert found == ["start"]


def test_a_long_file_is_read_in_parts_of_a_megabyte(path):
    path.write_bytes(lines(*["step"] * 200_000))  # 3.4 MB
    tail = EventTail(path)
    parts = []
    while events := tail.read():
        parts.append(len(events))
    assert sum(parts) == 200_000
    assert len(parts) == 4


@pytest.mark.parametrize("how", ["replaced", "cut", "removed and written anew"])
def test_a_file_that_begins_anew_is_read_from_its_beginning(path, how):
    tail = EventTail(path)
    path.write_bytes(lines("start", "step", "end"))
    assert len(tail.read()) == 3
    if how == "replaced":
        other = path.with_suffix(".new")
        other.write_bytes(lines("start", "step", "step", "step"))
        os.replace(other, path)
    elif how == "cut":
        path.write_bytes(lines("start", "step"))
    else:
        path.unlink()
        assert tail.read() == []
        path.write_bytes(lines("start", "step", "step", "step"))
    events = tail.read()
    assert names(events)[:2] == ["start", "step"]
    assert tail.count == len(events)


def test_a_net_is_loaded_once_each_time_that_it_is_written(tmp_path):
    run = RunFolder(tmp_path)
    assert run.newer_net() is None
    for seed in (0, 1):
        save_net(tmp_path / "net.safetensors", net_of(seed), CARD)
        trained = run.newer_net()
        assert trained is not None
        assert torch.equal(trained.net.conv1.weight, net_of(seed).conv1.weight)
        assert run.newer_net() is None


def test_a_net_that_cannot_be_read_is_named_once_and_read_when_it_was_mended(tmp_path):
    run = RunFolder(tmp_path)
    (tmp_path / "net.safetensors").write_bytes(b"damaged")
    with pytest.raises(NetError, match=r"read from a whole safetensors file.*net\.safetensors"):
        run.newer_net()
    assert run.newer_net() is None
    save_net(tmp_path / "net.safetensors", net_of(0), CARD)
    assert run.newer_net() is not None


WRITER = """
import json, os, sys, time
import torch
from pathlib import Path
from convlens.architectures import NetCard, build, save_net
from convlens.data import Preprocessing

folder = Path(sys.argv[1])
card = NetCard("lenet", tuple("0123456789"), Preprocessing(1, (28, 28), 2, mean=(0.1,), deviation=(0.3,)))
folder.mkdir()
with open(folder / "events.jsonl", "a") as events:
    for step in range(6):
        line = json.dumps({"event": "step", "step": step}) + "\\n"
        for half in (line[:9], line[9:]):
            events.write(half)
            events.flush()
            time.sleep(0.05)
        if step % 3 == 0:
            torch.manual_seed(step)
            save_net(folder / "net.safetensors", build("lenet"), card)
    events.write('{"event": "end"}\\n')
"""


def test_a_page_watches_a_run_that_another_process_writes(serve, tmp_path):
    folder = tmp_path / "a run"
    with serve(watch_workspace(folder)).page() as page:
        hello = page.hear("hello")
        assert hello.runs == [{"id": "a-run", "title": "a run", "net": "a-run"}]
        assert (hello.nets, hello.start) == ([], "#/training/a-run")
        page.say("watch", run="a-run")
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)])
        try:
            events, versions, hellos = watch(page)
        finally:
            assert writer.wait(timeout=60) == 0
    assert [event.get("step") for event in events] == [0, 1, 2, 3, 4, 5, None]
    assert versions[-1] >= 2
    assert hellos[-1].nets[0]["id"] == "a-run"
    assert hellos[-1].start == "#/network/a-run"  # the pad, now that the training has ended


def watch(page):
    """Follow a run to its end; open its net as soon as there is one."""
    events, versions, hellos = [], [], []
    deadline = time.monotonic() + 60
    while not (events and events[-1]["event"] == "end" and hellos and hellos[-1].start.startswith("#/network")):
        assert time.monotonic() < deadline
        message = page.hear()
        if message.what == "hello":
            hellos.append(message)
            if message.nets and not versions:
                page.say("open", net="a-run")
        elif message.what == "net":
            versions.append(message.version)
        elif message.what == "events":
            assert message.first == len(events)
            events += message.events
    return events, versions, hellos


def test_a_page_that_comes_late_gets_all_events_from_the_first(serve, tmp_path):
    (tmp_path / "events.jsonl").write_bytes(lines("start", "step", "step"))
    run = RunFolder(tmp_path)
    client = serve(Workspace(runs={run.id: run}))
    for _ in range(2):
        with client.page() as page:
            page.say("watch", run=run.id)
            message = page.hear("events")
            assert (message.first, len(message.events)) == (0, 3)


def test_a_page_learns_that_a_run_began_anew(serve, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines("start", "step", "step"))
    run = RunFolder(tmp_path)
    with serve(Workspace(runs={run.id: run})).page() as page:
        page.say("watch", run=run.id)
        assert page.hear("events").first == 0
        append(path, lines("step"))
        assert page.hear("events").first == 3
        path.write_bytes(lines("start"))
        message = page.hear("events")
        assert (message.first, len(message.events)) == (0, 1)


def test_a_damaged_net_is_logged_and_the_server_goes_on(serve, tmp_path, caplog):
    run = RunFolder(tmp_path)
    client = serve(Workspace(runs={run.id: run}))
    (tmp_path / "net.safetensors").write_bytes(b"damaged")
    deadline = time.monotonic() + 20
    while "read from a whole safetensors file" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    save_net(tmp_path / "net.safetensors", net_of(0), CARD)
    with client.page() as page:
        while not page.hear("hello", timeout=20).nets:
            pass
