"""Followers in processes of their own: the journal waits for them, and what they tell reaches the core, and back."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import orjson
import pytest

from domain.entries import START, Position, RowPosition
from domain.errors import DamagedFile, RetryLater
from domain.findings import Finding, FindingId, Recheck, Stage
from domain.ports import Store
from domain.samples import SampleBatch
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.journal.tailing import JournalTail
from records.database import SqlRecords
from service.elsewhere import JudgeElsewhere, MirrorElsewhere, one_configuration
from service.gauges import read_report
from service.mirror_watch import NOTHING_WAITS, Hold, MirrorWatch
from service.notes import Notes, take_notes
from service.storing import StoreFollower
from tests.patience import LIMIT_S


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(tmp_path / "records.db") as opened:
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=0.001)
    yield opened
    opened.close()


def batch(value: float) -> SampleBatch:
    zero = np.zeros(1, np.uint32)
    return SampleBatch("floor", 0, zero, np.array([round(value)]), None, np.array([float(value)]), zero)


def tell(folder: Path, role: str, **more: object) -> None:
    report = {"wall_ns": time.time_ns(), "healthy": True, "why": "ready", "figures": [], **more}
    (folder / f"{role}.json").write_bytes(orjson.dumps(report))


def finding(version: int = 1) -> Finding:
    return Finding(
        id=FindingId("journal.space/journal///7"),
        version=version,
        rule="journal.space",
        subject="journal",
        stage=Stage.OPEN,
        onset_ns=7,
        end_ns=None,
        at_ns=7,
        detected=RowPosition(Position(3), 0),
        message="The journal is full.",
        evidence={"hours_left": 1.5},
    )


class PromptStore:
    """A record that is durable as soon as it is written."""

    def __init__(self) -> None:
        self.position, self.flushes = START, 0

    def write(self, at: Position, _: SampleBatch) -> None:
        self.position = at

    def cursor(self) -> Position:
        return self.position

    def flush(self) -> Position:
        self.flushes += 1
        return self.position


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(*works: object):
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_journal_is_trimmed_up_to_where_a_judge_that_does_not_run_would_begin_again(
    tmp_path: Path, journal: SqliteJournal, records: SqlRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.elsewhere.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("service.elsewhere._CURSORS_EVERY_S", 0.01)
    for value in range(9):
        await journal.append(batch(value))
    judge = JudgeElsewhere(tmp_path, records)
    reader = ReadOnlyJournal(tmp_path / "journal.db")
    store = PromptStore()
    storing = StoreFollower(journal, cast("Store", store), judge.passed, flush_every_s=0.01)
    async with running(storing.run(), judge.run()):
        await until(lambda: store.position == 9)
        await until(lambda: store.flushes > 3)
        untouched = [at for at, _ in reader.read(START)]
        with records.unit_of_work() as work:
            work.cursor("judging", Position(8))
            work.snapshot("judging", Position(5), b"state")
        await until(lambda: len(reader.read(START)) < 9)
        left = [at for at, _ in reader.read(START)]
    reader.close()

    assert (untouched, left) == (list(range(1, 10)), [6, 7, 8, 9])


async def test_a_mirror_elsewhere_holds_the_journal_for_its_hours_and_tells_why_it_is_away(
    tmp_path: Path, records: SqlRecords
) -> None:
    now_s = 0.0
    watch = MirrorWatch("plant", Hold(longest_s=100.0), now_s=lambda: now_s)
    ends = iter(range(10, 100))
    mirror = MirrorElsewhere("plant", tmp_path, records, lambda: Position(next(ends)), watch)
    mirror._take(Position(9))
    waits = mirror.passed()
    now_s = 99.0
    mirror._take(Position(9))
    still = mirror.passed()
    now_s = 101.0
    mirror._take(Position(9))
    released = mirror.passed()
    mirror._take(Position(40))

    assert (waits, still, released, mirror.passed()) == (9, 9, NOTHING_WAITS, 40)


async def test_what_the_detectors_tell_stands_for_the_judge(tmp_path: Path, records: SqlRecords) -> None:
    judge = JudgeElsewhere(tmp_path, records)
    before = judge.trouble
    told = {"position": 7, "rechecks": 2, "rejudged": 1, "rejudging_s": 0.5, "asked": [[3, 10, 20]]}
    tell(tmp_path, "detectors", judge=told, holds=[{"hold": "crude"}], budgets=[])
    judge._look()
    assert (judge.position, judge.asked, judge.trouble) == (7, [Recheck(3, 10, 20)], None)
    assert [row.as_json() for row in judge.running_holds()] == [{"hold": "crude"}]
    (tmp_path / "detectors.json").unlink()
    judge._look()

    assert before is not None
    assert "do not report" in str(judge.trouble)
    assert judge.asked == ()


async def test_a_tail_follows_the_journal_of_another_process_from_any_place(
    tmp_path: Path, journal: SqliteJournal
) -> None:
    first = await journal.append(batch(0))
    for value in range(1, 100):
        await journal.append(batch(value))
    reader = ReadOnlyJournal(tmp_path / "journal.db")
    woken = asyncio.Event()
    found: list[float] = []

    async def follow() -> None:
        async for _, entry in JournalTail(reader, woken, 60.0).follow(first):
            found.extend(entry.value.tolist())

    async with running(follow()):
        await until(lambda: len(found) == 99)
        await journal.append(batch(100))
        woken.set()
        await until(lambda: len(found) == 100)
    with pytest.raises(DamagedFile, match="before its follower's position 999"):
        await anext(JournalTail(reader, woken).follow(Position(999)))
    reader.close()

    assert found == list(range(1, 101))


async def test_what_the_core_notes_reaches_the_judge_once(
    tmp_path: Path, records: SqlRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.notes._LOOK_EVERY_S", 0.01)
    notes = Notes()
    with records.unit_of_work() as work:
        work.findings([finding(1)])
    notes.add(finding(1))
    notes.add(finding(2))
    tell(tmp_path, "core", notes=notes.as_json())
    noted: list[Finding] = []
    looks = 0

    def look(folder: Path) -> object:
        nonlocal looks
        looks += 1
        return read_report(folder)

    monkeypatch.setattr("service.notes.read_report", look)
    async with running(take_notes(tmp_path, records, noted.append)):
        await until(lambda: looks > 3)

    assert noted == [finding(2)]


async def test_the_core_starts_again_with_the_configuration_that_another_process_read_from_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.elsewhere.LOOK_EVERY_S", 0.01)
    says = ["old"]
    monkeypatch.setattr("service.elsewhere.hash_of", lambda _: says[0])
    tell(tmp_path, "detectors", configuration="new")
    watching = asyncio.ensure_future(one_configuration(tmp_path, ["detectors"], tmp_path / "file", "old"))
    await asyncio.sleep(0.1)
    assert not watching.done()
    says[0] = "new"

    with pytest.raises(RetryLater, match="the core starts again with it"):
        await asyncio.wait_for(watching, LIMIT_S)
