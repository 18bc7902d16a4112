"""A survey's file: one SQLite database, which several processes of one machine write, and any tool reads."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

from convlens.errors import SurveyError
from convlens.insight._survey_totals import Totals

FORMAT = "convlens-survey, version 1"
_PATIENCE = 600  # seconds to wait while another process cuts out the patches
# Strict: of a file from elsewhere SQLite itself says whether every value is of its column's type.
_TABLES = """
create table if not exists meta (key text primary key, value text not null) strict;
create table if not exists done (batch integer primary key) strict;
create table if not exists partials (rank integer, name text, content blob not null, primary key (rank, name)) strict;
create table if not exists unread (image integer primary key, reason text not null) strict;
create table if not exists classes (class integer primary key, name text not null, images integer not null) strict;
create table if not exists layers (layer text primary key, position integer not null, channels integer not null,
    rows integer not null, columns integer not null) strict;
create table if not exists channels (layer text, channel integer, units integer not null, mean real, variance real,
    minimum real, maximum real, sparsity real not null, image_deviation real, primary key (layer, channel)) strict;
create table if not exists histogram (layer text, channel integer, low real, high real not null,
    units integer not null, primary key (layer, channel, low)) strict;
create table if not exists class_means (layer text, channel integer, class integer, mean real,
    primary key (layer, channel, class)) strict;
create table if not exists patches (layer text, channel integer, place integer, image integer not null,
    name text not null, label integer not null, value real not null, row integer, column integer,
    first_row integer not null, end_row integer not null, first_column integer not null, end_column integer not null,
    primary key (layer, channel, place)) strict;
create table if not exists sprites (layer text, channel integer, tile integer not null, webp blob not null,
    primary key (layer, channel)) strict;
"""


class SurveyFile:
    """An open survey file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def rows(self, query: str, *values: object) -> list[tuple]:
        """Ask, with a question mark for each value."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise damaged(self.path, str(error)) from error

    def write_many(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Insert rows, or replace those of the same key."""
        rows = list(rows)
        if rows:
            marks = ",".join("?" * len(rows[0]))
            self._connection.executemany(f"insert or replace into {table} values ({marks})", rows)  # noqa: S608

    @contextlib.contextmanager
    def transaction(self) -> Generator[None]:
        """Do all or nothing, alone among the processes."""
        try:
            self._connection.execute("begin immediate")
        except sqlite3.Error as error:
            raise damaged(self.path, str(error)) from error
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    @property
    def meta(self) -> dict[str, Any]:
        """What the survey is of, by key."""
        return {key: json.loads(value) for key, value in self.rows("select key, value from meta")}

    def set_meta(self, **values: object) -> None:
        self.write_many("meta", [(key, json.dumps(value)) for key, value in values.items()])

    @property
    def done(self) -> set[int]:
        """Batches that are counted."""
        return {batch for (batch,) in self.rows("select batch from done")}

    def keep(self, rank: int, totals: Totals, *, batches: Sequence[int], unread: dict[int, str]) -> None:
        """Replace a process's partial sums, together with the list of what they are of. In a transaction.

        Raises:
            SurveyError: another process has counted one of these batches.
        """
        try:
            self._connection.executemany("insert into done values (?)", [(batch,) for batch in batches])
        except sqlite3.IntegrityError as error:
            raise SurveyError(
                "Each process of a survey has a RANK of its own. "
                f"Received file={str(self.path)!r}, in which another one has counted a batch of RANK={rank}. "
                "Start one process, or start several with torchrun, which numbers them."
            ) from error
        self.write_many("unread", unread.items())
        self.write_many("partials", [(rank, name, content) for name, content in totals.to_bytes().items()])

    def partial(self, rank: int) -> Totals | None:
        """Read what a process had when it kept its sums last."""
        record = dict(self.rows("select name, content from partials where rank = ?", rank))
        try:
            return Totals.from_bytes(record) if record else None
        except ValueError as error:
            raise damaged(self.path, str(error)) from error

    def merged(self) -> Totals:
        """Add up what all processes have, in the order of their ranks."""
        ranks = [rank for (rank,) in self.rows("select distinct rank from partials order by rank")]
        first, *others = [totals for rank in ranks if (totals := self.partial(rank)) is not None]
        for other in others:
            first.merge(other)
        return first

    def close(self) -> None:
        self._connection.close()

    def fold_log(self) -> None:
        """Leave one file without a log beside it, if no other process has it open."""
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute("pragma journal_mode = delete")


def create(path: Path) -> SurveyFile:
    """Open a survey file to write, and make it where there is none.

    Raises:
        SurveyError: the file is something else, or cannot be written.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            connection.execute("pragma trusted_schema = off")
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.executescript(_TABLES)
            return SurveyFile(path, connection)
        except sqlite3.Error as error:
            # Of two processes that begin together one is told at once that the file is locked, whatever the timeout.
            if "locked" not in str(error) or time.monotonic() > until:
                raise damaged(path, str(error)) from error
            time.sleep(0.05)


def open_to_read(path: Path) -> SurveyFile:
    """Open a survey file without changing it.

    Raises:
        SurveyError: there is none, it is damaged, or something else.
    """
    if not path.is_file():
        raise SurveyError(
            f"A survey is one file. Received path={str(path)!r}, which is none. "
            "`convlens survey NET DATA -o FILE.survey` writes one."
        )
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE, isolation_level=None
        )
        connection.execute("pragma trusted_schema = off")
        found = dict(connection.execute("select name, sql from sqlite_master where sql is not null"))
        (check,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.executescript(_TABLES)
        wanted = dict(model.execute("select name, sql from sqlite_master where sql is not null"))
    others = sorted(str(name) for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if others or check != "ok":
        connection.close()
        raise damaged(path, f"its {', '.join(others)} is no survey's" if others else str(check))
    return SurveyFile(path, connection)


def damaged(path: Path, reason: str) -> SurveyError:
    reason = " ".join(reason.split())
    return SurveyError(
        "A survey file is a whole SQLite database with a survey's tables. "
        f"Received path={str(path)!r}: {reason}. Write it anew: `convlens survey NET DATA -o FILE.survey`."
    )
