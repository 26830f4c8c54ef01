"""A byte that changes in a real file, behind everything that follows the journal, is found and told with its place."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from domain.entries import Heartbeat, Position
from domain.findings import Finding, Stage
from historian.chunks.store import ChunkStore
from historian.journal.writer import SqliteJournal
from historian.scrub import Mark, Scrub
from service.scrubbing import Damages, _read, scrub_for_ever
from tests.patience import LIMIT_S
from tests.unit.historian.chunks import writer
from tests.unit.historian.chunks.test_verify import NAME, make


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with entries in its journal and segments, patches and a tail in its record."""
    data = tmp_path_factory.mktemp("sound")
    make(data)
    asyncio.run(_journaled(data / "journal.db"))
    return data


async def _journaled(path: Path) -> None:
    journal = SqliteJournal.open(path, flush_interval_s=0.001)
    try:
        for number in range(200):
            await journal.append(writer.entry(number + 1), Heartbeat("plant", number, connected=True))
    finally:
        journal.close()


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "data"))


def flip(path: Path, table: str, number: int, column: str) -> None:
    """Change one byte on the disk, in the middle of what a row has in a column."""
    with sqlite3.connect(path) as connection:
        key = "position" if table == "passing" else "id"
        (body,) = connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (number,)).fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    part = body[:64]
    assert content.count(part) == 1
    content[content.index(part) + len(part) // 2] ^= 1
    path.write_bytes(content)


def passed(data: Path, damages: Damages, scrub: Scrub | None = None) -> None:
    """One pass over everything."""
    scrub = scrub or Scrub(data / "journal.db", data / "history")
    mark = Mark()
    while True:
        piece = scrub.step(mark)
        damages.look(mark, piece)
        mark = piece.mark
        if not mark.file:
            return


def watched(opened: dict[str, Finding] | None = None) -> tuple[Damages, list[Finding]]:
    told: list[Finding] = []
    return Damages(told.append, lambda: 5, lambda: Position(9), opened or {}), told


def test_what_is_as_it_was_written_is_not_told(data: Path):
    damages, told = watched()
    passed(data, damages)

    assert told == []


def test_a_flipped_byte_in_the_middle_of_the_journal_is_told_with_its_entry(data: Path):
    flip(data / "journal.db", "passing", 101, "body")
    damages, told = watched()
    passed(data, damages)

    (finding,) = told
    assert (finding.rule, finding.subject, finding.stage) == ("record.damaged", "journal.db", Stage.OPEN)
    assert "journal.db: entry 101: the entry's bytes are not as they were written" in finding.message


def test_a_flipped_byte_of_the_record_is_told_with_its_file_segment_and_time(data: Path):
    flip(data / "history" / NAME, "segment", 1, "columns")
    damages, told = watched()
    passed(data, damages)

    finding = told[-1]
    assert (finding.subject, finding.stage) == (NAME, Stage.OPEN)
    assert f"{NAME}: segment 1: tag" in finding.message
    assert "does not match its hash" in finding.message


def test_a_segment_that_is_gone_is_told(data: Path):
    with sqlite3.connect(data / "history" / NAME) as connection:
        connection.execute("DELETE FROM segment WHERE id = 1")
    connection.close()
    damages, told = watched()
    passed(data, damages)

    assert "segment 1: is missing" in told[0].message


def test_what_is_sealed_while_a_pass_runs_is_not_damaged(data: Path):
    damages, told = watched()
    scrub = Scrub(data / "journal.db", data / "history")
    mark = Mark(NAME)
    mark = scrub.step(mark).mark
    with ChunkStore.open(data / "history", policy=writer.POLICY) as store:
        for number in range(124, 180):
            store.write(Position(number), writer.entry(number))
            store.flush()
        store.seal()
    while mark.file:
        piece = scrub.step(mark)
        damages.look(mark, piece)
        mark = piece.mark

    assert told == []


def test_damage_is_told_once_and_ends_when_the_file_is_whole_again(data: Path, sound: Path):
    flip(data / "journal.db", "passing", 101, "body")
    damages, told = watched()
    passed(data, damages)
    passed(data, damages)
    again, later = watched({"journal.db": told[0]})
    shutil.copy(sound / "journal.db", data / "journal.db")
    passed(data, again)

    assert len(told) == 1
    (ended,) = later
    assert (ended.id, ended.version, ended.stage) == (told[0].id, 2, Stage.CLEARED)


async def test_it_goes_on_where_the_last_process_was_and_nothing_ends_it(data: Path, monkeypatch: pytest.MonkeyPatch):
    flip(data / "history" / NAME, "segment", 1, "columns")
    found = asyncio.Event()
    damages = Damages(lambda _: found.set(), lambda: 5, lambda: Position(9), {})
    scrub = Scrub(data / "journal.db", data / "history")
    step, failures = scrub.step, [OSError("the disk does not answer")]

    def failing(mark: Mark) -> object:
        if failures:
            raise failures.pop()
        return step(mark)

    monkeypatch.setattr(scrub, "step", failing)
    monkeypatch.setattr("service.scrubbing._REST_S", 0.0)
    monkeypatch.setattr("service.scrubbing._LEAST_PAUSE_S", 0.0)
    place = data / "scrubbed.json"
    task = asyncio.create_task(scrub_for_ever(scrub, damages, place, 1e12))
    await asyncio.wait_for(found.wait(), LIMIT_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert _read(place) == Mark(NAME)  # the journal was through
