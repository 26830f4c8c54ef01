import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.entries import START, Entry, Position
from domain.errors import DamagedFile, NewerFormat, Refused, RetryLater
from domain.ports import Delivery, SourceLedger
from domain.samples import SampleBatch
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.journal.lane import Turn
from historian.journal.schema import Rows, SqlValue
from tests.checks.journal import ACTION, GAP, TEXTS, all_until, samples, submitted, values_of
from tests.patience import LIMIT_S
from tests.unit.historian.journal.rig import Refusals, Refusing, opened, until

SLOW_FLUSH_S = 30.0


# One writer, one file


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path):
    with opened(tmp_path / "journal.db"), pytest.raises(Refused, match=f"journal.db.*process {os.getpid()}"):
        SqliteJournal.open(tmp_path / "journal.db")


def test_a_writer_of_another_process_is_refused_too(tmp_path: Path):
    code = "import sys; from historian.journal import SqliteJournal; SqliteJournal.open(sys.argv[1])"
    with opened(tmp_path / "journal.db"):
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "journal.db"],
            capture_output=True,
            timeout=60,
            check=False,
            text=True,
        )

    assert done.returncode == 1
    assert "a journal has one writer" in done.stderr


def test_the_next_writer_may_open_once_the_first_has_closed(tmp_path: Path):
    with opened(tmp_path / "journal.db"):
        pass
    with opened(tmp_path / "journal.db") as journal:
        assert journal.last() == START


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path):
    (tmp_path / "journal.db").write_bytes(b"not a database, but long enough to look at" * 20)

    with pytest.raises(DamagedFile, match=r"journal\.db"):
        SqliteJournal.open(tmp_path / "journal.db")


def test_another_programs_database_is_left_alone(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        other.execute("CREATE TABLE theirs(x)")
    before = (tmp_path / "journal.db").read_bytes()

    with pytest.raises(DamagedFile, match=r"journal\.db is no journal"):
        SqliteJournal.open(tmp_path / "journal.db")
    assert (tmp_path / "journal.db").read_bytes() == before


def test_a_newer_format_is_left_alone(tmp_path: Path):
    with opened(tmp_path / "journal.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "journal.db")) as newer:
        newer.execute("PRAGMA user_version = 99")

    with pytest.raises(NewerFormat, match="format 99"):
        SqliteJournal.open(tmp_path / "journal.db")
    with pytest.raises(NewerFormat, match="format 99"):
        ReadOnlyJournal(tmp_path / "journal.db")


def test_a_database_that_ignores_what_it_is_told_is_not_used(tmp_path: Path):
    class Deaf(Refusing):
        def execute(self, statement: str, values: Sequence[SqlValue] = ()) -> Rows:
            return super().execute(statement.replace("synchronous = 2", "synchronous = 1"), values)

    with pytest.raises(RetryLater, match=r"\(1,\) to synchronous = 2"):
        SqliteJournal.open(tmp_path / "journal.db", connect=Deaf)


def test_the_file_is_kept_as_the_measurements_say(tmp_path: Path):
    with opened(tmp_path / "journal.db"), closing(sqlite3.connect(tmp_path / "journal.db")) as look:
        assert look.execute("PRAGMA page_size").fetchone() == (4096,)
        assert look.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# Commit, then acknowledge


async def test_a_failing_commit_acknowledges_nothing_and_is_visible(tmp_path: Path):
    refusals = Refusals()
    with opened(tmp_path / "journal.db", connect=refusals) as journal:
        acknowledged = threading.Event()
        refusals.start()
        journal.submit(Delivery("train1", [samples([1.0])], 1, acknowledged.set))
        await until(lambda: refusals.made.refused >= 2)

        assert not acknowledged.is_set()
        assert journal.last() == START
        assert isinstance(journal.health().problem, RetryLater)
        assert "disk I/O error" in str(journal.health().problem)
        refusals.stop()


@pytest.mark.parametrize("word", ["BEGIN", "COMMIT"])
async def test_what_a_failing_disk_refused_is_written_once_it_recovers(tmp_path: Path, word: str):
    refusals = Refusals(word)
    with opened(tmp_path / "journal.db", connect=refusals) as journal:
        acknowledged = []
        refusals.start()
        for value in range(5):
            journal.submit(
                Delivery("train1", [samples([float(value)])], 1, lambda value=value: acknowledged.append(value))
            )
            await until(lambda: refusals.made.refused >= 1)
        refusals.stop()
        last = await journal.append(GAP)

        assert values_of(await all_until(journal, last)) == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert acknowledged == [0, 1, 2, 3, 4]
        assert journal.health().problem is None
        assert journal.ledger() == (SourceLedger("train1", 5, 5, 0, 0),)


async def test_a_commit_that_reports_an_error_but_was_made_is_not_made_twice(tmp_path: Path):
    refusals = Refusals(after=True)
    with opened(tmp_path / "journal.db", connect=refusals) as journal:
        refusals.start()
        await submitted(journal, samples([1.0]), received=1)
        refusals.stop()
        last = await journal.append(GAP)

        assert values_of(await all_until(journal, last)) == [1.0]
        assert journal.ledger() == (SourceLedger("train1", 1, 1, 0, 0),)


async def test_closing_on_a_dead_disk_tells_who_waits_that_nothing_was_written(tmp_path: Path):
    refusals = Refusals()
    journal = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=0.002, connect=refusals)
    refusals.start()
    appending = asyncio.create_task(journal.append(GAP))
    await until(lambda: refusals.made.refused >= 1)
    journal.close()

    with pytest.raises(RetryLater, match="disk I/O error"):
        await appending
    with opened(tmp_path / "journal.db") as reopened:
        assert reopened.last() == START


async def test_closing_commits_what_waits(tmp_path: Path):
    journal = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=SLOW_FLUSH_S)
    acknowledged = threading.Event()
    await journal.append(ACTION)
    journal.submit(Delivery("train1", [samples([1.0])], 1, acknowledged.set))
    await asyncio.to_thread(journal.close)

    assert acknowledged.is_set()
    with opened(tmp_path / "journal.db") as reopened:
        assert values_of(await all_until(reopened, Position(2))) == [1.0]


class LaneByHand:
    """Takes a turn when it is told to; its time stands."""

    turn: Turn

    def now_s(self) -> float:
        return 100.0

    def start(self, turn: Turn) -> None:
        self.turn = turn

    def nudge(self) -> None:
        pass

    def join(self, limit_s: float) -> bool:
        return limit_s > 0


def test_a_journal_that_closes_with_its_last_commit_waits_for_nothing_more(tmp_path: Path):
    lane = LaneByHand()
    journal = SqliteJournal.open(tmp_path / "journal.db", lane=lane)
    journal.submit(Delivery("train1", [samples([1.0])], 1, lambda: None))
    journal.close()

    assert [lane.turn(), lane.turn()] == [0.0, None]


async def test_a_closed_journal_takes_nothing_and_says_so(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        pass

    with pytest.raises(RetryLater, match="closed"):
        await journal.append(GAP)
    with pytest.raises(RetryLater, match="closed"):
        journal.submit(Delivery("train1", [], 0, lambda: None))
    with pytest.raises(RetryLater, match="closed"):
        await journal.room()
    with pytest.raises(RetryLater, match="closed"):
        await journal.trim(Position(1))


async def test_an_acknowledgement_that_fails_does_not_stop_the_others(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:

        def failing() -> None:
            raise ValueError("the channel is gone")

        journal.submit(Delivery("train1", [samples([1.0])], 1, failing))
        await submitted(journal, samples([2.0]), received=1)

        assert journal.health().failed_acknowledgements == 1
        assert journal.health().problem is None


async def test_what_a_person_does_does_not_wait_for_the_flush(tmp_path: Path):
    with opened(tmp_path / "journal.db", flush_interval_s=SLOW_FLUSH_S) as journal:
        async with asyncio.timeout(LIMIT_S):
            await journal.append(ACTION)
            journal.submit(Delivery("train1", [samples([1.0])], 1, lambda: None))

            assert await journal.append(ACTION) == 3


async def test_very_many_rows_do_not_wait_for_the_flush(tmp_path: Path):
    with opened(tmp_path / "journal.db", flush_interval_s=SLOW_FLUSH_S) as journal:
        await journal.append(ACTION)
        batch = samples(np.zeros(1000).tolist())
        for _ in range(65):
            journal.submit(Delivery("train1", [batch], 1000, lambda: None))
        await submitted(journal, batch, received=1000)

        assert journal.ledger()[0].journaled == 66_000


async def test_each_commit_is_told_to_whoever_wakes_the_readers(tmp_path: Path):
    told = []
    with opened(tmp_path / "journal.db", on_commit=told.append) as journal:
        await journal.append(ACTION)
        await until(lambda: told)
        await journal.append(ACTION)
        await until(lambda: len(told) > 1)

    assert told[:2] == [1, 2]


async def test_a_waker_that_fails_stops_nothing(tmp_path: Path):
    def failing(_: Position) -> None:
        raise OSError("nobody listens")

    with opened(tmp_path / "journal.db", on_commit=failing) as journal:
        await journal.append(GAP)

        assert await journal.append(GAP) == 2


# Back-pressure and what is malformed


async def test_there_is_no_room_while_too_much_waits(tmp_path: Path):
    refusals = Refusals()
    with opened(tmp_path / "journal.db", connect=refusals) as journal:
        refusals.start()
        batch = samples(np.zeros(100_000).tolist())
        for _ in range(3):
            journal.submit(Delivery("train1", [batch], 100_000, lambda: None))
        waiting = asyncio.create_task(journal.room())
        await until(lambda: refusals.made.refused >= 1)

        assert not waiting.done()
        refusals.stop()
        async with asyncio.timeout(LIMIT_S):
            await waiting


def test_whoever_does_not_ask_for_room_is_refused_in_the_end(tmp_path: Path):
    with opened(tmp_path / "journal.db", flush_interval_s=SLOW_FLUSH_S, connect=(refusals := Refusals())) as journal:
        refusals.start()  # so that closing it does not write 50 MB
        batch = samples(np.zeros(500_000).tolist())
        for _ in range(3):
            journal.submit(Delivery("train1", [batch], 500_000, lambda: None))

        with pytest.raises(RetryLater, match="wait for the journal's commit"):
            journal.submit(Delivery("train1", [batch], 500_000, lambda: None))


def columns(**changed: object) -> SampleBatch:
    return replace(samples([1.0, 2.0]), **changed)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (columns(tag=np.zeros(2, np.int64)), "int64"),
        (columns(status=np.zeros(3, np.uint32)), "one shape"),
        (columns(server_ns=np.zeros(1, np.int64)), "server_ns"),
        (columns(received_ns=1 << 63), "beyond 64 bits"),
        (columns(source="s" * 300), "300 bytes"),
        (columns(source="\ud800"), "cannot be named"),
        (replace(TEXTS, status=(0,)), "text batch"),
        (replace(TEXTS, tag=(np.uint32(1), 2)), "cannot be journaled"),
        ("no entry", "no entry"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_malformed_entry_is_refused_at_its_sender_and_stops_nothing(tmp_path: Path, entry: Entry, reason: str):
    with opened(tmp_path / "journal.db") as journal:
        with pytest.raises(Refused, match=reason):
            journal.submit(Delivery("train1", [samples([1.0]), entry], 2, lambda: None))
        with pytest.raises(Refused, match=reason):
            await journal.append(entry)

        assert await journal.append(GAP) == 1
