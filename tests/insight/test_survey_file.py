"""Survey files from elsewhere: whatever is in them, they open as surveys or are refused as files."""

import shutil
import sqlite3

import pytest
import torch
from torch import nn

from convlens.data import Part, Preprocessing
from convlens.errors import SurveyError
from convlens.insight import open_survey, survey


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    pixels = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    preprocessing = Preprocessing(1, (8, 8), 0, mean=(0.5,), deviation=(0.25,))
    net.card = type("Card", (), {"classes": ("a", "b"), "preprocessing": preprocessing})()
    path = tmp_path_factory.mktemp("whole") / "whole.survey"
    survey(net, Part(pixels, torch.arange(20) % 2, names=list(map(str, range(20)))), file=path)
    return path


def read_all(path):
    """Ask a survey everything."""
    opened = open_survey(path)
    opened.dead(), str(opened), opened.loving(0)
    for layer in opened.layers:
        opened.picture(layer)
        for channel in range(len(opened.channels(layer))):
            opened.top(layer, channel), opened.histogram(layer, channel), opened.nearest(layer, channel)


def test_a_whole_file_answers_everything(whole):
    read_all(whole)


@pytest.mark.parametrize(
    "change",
    [
        "drop table sprites",
        "alter table channels add column more text",
        "create view extra as select 1",
        "create trigger extra after insert on meta begin delete from meta; end",
        "create table extra (a)",
        # A table of the right name that lets in text and huge numbers where numbers belong.
        "drop table channels; create table channels as select '1' layer, '9' channel",
        "update meta set value = 'no JSON' where key = 'finished'",
        "update meta set value = '" + "[" * 100_000 + "' where key = 'finished'",
        "update meta set value = '1e999' where key = 'read'",
        "update meta set value = 'null' where key = 'read'",
        "update meta set value = '\"another\"' where key = 'format'",
        "delete from meta",
        "delete from layers",
        "delete from channels where channel = 1",
        "update layers set channels = 9223372036854775807",
        "update layers set channels = -1",
        "update channels set channel = 9223372036854775807 where channel = 2",
        "update class_means set class = 9223372036854775807 where class = 1 and channel = 0",
        "update class_means set channel = 4000000000 where class = 1 and channel = 0",
        "update class_means set channel = -1 where channel = 0",
        "update sprites set webp = x'00112233'",
        "update sprites set tile = 0",
        "update sprites set tile = 9223372036854775807",
    ],
)
def test_a_hostile_file_is_refused(whole, tmp_path, change):
    path = tmp_path / "hostile.survey"
    shutil.copy(whole, path)
    with sqlite3.connect(path) as database:
        database.executescript(change)
    database.close()
    with pytest.raises(SurveyError, match=r"whole SQLite database.*hostile\.survey.*Write it anew"):
        read_all(path)


def test_text_in_the_place_of_numbers_is_refused(whole, tmp_path):
    path = tmp_path / "text.survey"
    shutil.copy(whole, path)
    with sqlite3.connect(path) as database:
        ((strict,),) = database.execute("select sql from sqlite_master where name = 'channels'")
        rows = database.execute("select * from channels").fetchall()
        database.execute("drop table channels")
        database.execute(strict.removesuffix(" strict"))
        database.executemany(f"insert into channels values ({','.join('?' * len(rows[0]))})", rows)
        database.execute("update channels set units = 'many'")
        database.execute("pragma writable_schema = on")
        database.execute("update sqlite_master set sql = ? where name = 'channels'", (strict,))
    database.close()
    with pytest.raises(
        SurveyError, match=r"whole SQLite database.*text\.survey.*non-INTEGER value in channels.units.*Write it anew"
    ):
        read_all(path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 4096, b"SQLite format 3\x00" + b"\xff" * 5000, b"PK\x03\x04" * 900])
def test_something_else_is_refused(tmp_path, content):
    (tmp_path / "other.survey").write_bytes(content)
    with pytest.raises(SurveyError, match=r"whole SQLite database.*other\.survey.*Write it anew"):
        open_survey(tmp_path / "other.survey")
