from pathlib import Path

from convlens.training._events import EventLog, read_events


def test_a_reader_sees_each_event_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    for step in range(3):
        log.write("step", step=step, loss=0.5)
        assert list(read_events(path))[-1] == {"event": "step", "step": step, "loss": 0.5}
    log.close()


def test_the_listener_hears_every_event(tmp_path: Path) -> None:
    heard = []
    log = EventLog(tmp_path / "events.jsonl", listener=heard.append)
    log.write("checkpoint", step=3)
    log.close()
    assert heard == [{"event": "checkpoint", "step": 3}]


def test_a_line_that_was_cut_off_is_passed_over_and_ended(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "start"}\n{"event": "ste')
    log = EventLog(path)
    log.write("resume", step=0)
    log.close()
    assert [event["event"] for event in read_events(path)] == ["start", "resume"]


def test_a_log_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for event in ("start", "resume"):
        log = EventLog(path)
        log.write(event)
        log.close()
    assert path.read_text() == '{"event": "start"}\n{"event": "resume"}\n'


def test_no_file_holds_no_events(tmp_path: Path) -> None:
    assert list(read_events(tmp_path / "events.jsonl")) == []
