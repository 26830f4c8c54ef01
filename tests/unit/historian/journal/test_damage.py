"""What cannot be read is passed by followers once a durable gap tells of it; everything around it is read as it is."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from domain.entries import START, Gap, GapCause, Heartbeat, Position
from domain.errors import DamagedEntry
from domain.samples import SampleBatch
from domain.time import SECOND_NS
from historian.chunks.store import ChunkStore
from historian.journal import ReadOnlyJournal
from historian.journal.tailing import JournalTail
from historian.merged import MergedJournal
from tests.checks.journal import all_until, take
from tests.unit.historian.journal.rig import opened
from tests.unit.service.test_scrubbing import flip


def batch(number: int, source: str = "plant", rows: int = 20) -> SampleBatch:
    """An entry that came `number` s after the beginning; its newest row is half a second older."""
    at_ns = number * SECOND_NS
    time_ns = np.arange(rows, dtype=np.int64) + at_ns - SECOND_NS // 2 - rows + 1
    values = np.random.default_rng(number).random(rows)
    return SampleBatch(source, at_ns, np.zeros(rows, np.uint32), time_ns, None, values, np.zeros(rows, np.uint32))


async def journaled(path: Path, numbers: range, rows: int = 20) -> None:
    with opened(path) as journal:
        for number in numbers:
            await journal.append(batch(number, rows=rows))


def spoilt(path: Path, position: int) -> Path:
    flip(path, "passing", position, "body")
    return path


async def test_a_follower_passes_a_damaged_entry_by_the_gap_that_is_durable_before(tmp_path: Path):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 6))
    spoilt(path, 3)
    passed: list[tuple[str, str]] = []
    with opened(path) as journal:
        journal.passes_damage = lambda file, place: passed.append((file, place))
        seen = await take(journal.follow(START), 6)
        found = dict(seen)
        gap = found[3]

        assert [position for position, _ in seen] == [1, 2, 3, 4, 5, 6]
        assert isinstance(gap, Gap)
        assert (gap.source, gap.cause, gap.tag) == ("plant", GapCause.DAMAGED, None)
        assert (gap.start_ns, gap.end_ns) == (1.5 * SECOND_NS, 4 * SECOND_NS)
        assert gap.detail.startswith("journal.db: entry 3: the entry's bytes are not as they were written")
        assert found[6] == gap
        assert set(passed) == {("journal.db", gap.detail)}
        assert all(isinstance(found[position], SampleBatch) for position in (1, 2, 4, 5))


async def test_it_is_told_once_by_however_many_followers_and_starts(tmp_path: Path):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 6))
    spoilt(path, 3)
    with opened(path) as journal:
        both = await asyncio.gather(*(all_until(journal, Position(6)) for _ in range(2)))
    for _ in range(2):
        with opened(path) as journal:
            both.append(await all_until(journal, Position(6)))
            assert journal.last() == 6

    shapes = [[(position, type(entry)) for position, entry in seen] for seen in both]
    assert all(shape == shapes[0] for shape in shapes)


async def test_a_crash_before_the_gap_is_durable_leaves_it_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 6))
    spoilt(path, 3)
    with opened(path) as journal:
        following = journal.follow(Position(2))
        monkeypatch.setattr(journal, "append", lambda *_: asyncio.sleep(3600))
        task = asyncio.create_task(anext(following))
        done, _ = await asyncio.wait([task], timeout=0.2)
        task.cancel()
        await asyncio.wait([task])
    with opened(path) as journal:
        (first,) = await take(journal.follow(Position(2)), 1)

    assert not done
    assert first[0] == 3
    assert isinstance(first[1], Gap)


async def test_a_damaged_entry_at_the_end_waits_until_something_comes_after_it(tmp_path: Path):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 4))
    spoilt(path, 3)
    with opened(path) as journal:
        task = asyncio.create_task(anext(journal.follow(Position(2))))
        waited, _ = await asyncio.wait([task], timeout=0.1)
        await journal.append(Heartbeat("plant", 9 * SECOND_NS, connected=True))
        position, gap = await asyncio.wait_for(task, 30)

    assert not waited
    assert position == 3
    assert isinstance(gap, Gap)
    assert gap.end_ns == 9 * SECOND_NS


async def test_a_source_whose_clock_is_ahead_has_its_gap_by_that_clock_too(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        for number in range(1, 4):
            one = batch(number)
            await journal.append(
                SampleBatch(
                    "plant", one.received_ns, one.tag, one.time_ns + 60 * SECOND_NS, None, one.value, one.status
                )
            )
    spoilt(path, 2)
    with opened(path) as journal:
        (_, gap) = (await take(journal.follow(Position(1)), 1))[0]

    assert isinstance(gap, Gap)
    assert (gap.start_ns, gap.end_ns) == (1 * SECOND_NS, 62.5 * SECOND_NS)


async def test_where_a_page_cannot_be_read_every_entry_of_it_is_missing_and_no_other(tmp_path: Path):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 201), rows=100)
    with opened(path) as journal:
        await journal.append(batch(201, "other"))
    before = _readable(path)
    _spoil_a_page(path)
    with opened(path) as journal:
        seen = await all_until(journal, Position(201))
        last = journal.last()
        told = [entry for _, entry in await all_until(journal, last, Position(201))]
        again = await all_until(journal, last)

    there = [position for position, _ in seen]
    missing = sorted(set(range(1, 202)) - set(there))
    assert 2 <= len(missing) <= 50
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert all(isinstance(entry, SampleBatch) for _, entry in seen)
    assert len(before) == 201
    assert {(gap.source, gap.cause) for gap in told} == {("plant", GapCause.DAMAGED), ("other", GapCause.DAMAGED)}
    assert all(f"entries {missing[0]} to {missing[-1]}: " in gap.detail for gap in told)
    assert all(gap.start_ns <= (missing[0] - 1) * SECOND_NS for gap in told)
    assert all(gap.end_ns >= (missing[-1] + 1) * SECOND_NS for gap in told)
    assert [position for position, _ in again][: len(there)] == there


def _readable(path: Path) -> list[int]:
    with closing(ReadOnlyJournal(path)) as reader:
        return [position for position, _ in reader.read(START, 1000)]


def _spoil_a_page(path: Path) -> None:
    """Overwrite a leaf in the middle of the table of passing entries."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        asked = "SELECT position FROM passing ORDER BY position LIMIT 1 OFFSET 100"
        (position,) = connection.execute(asked).fetchone()
        (body,) = connection.execute("SELECT body FROM passing WHERE position = ?", (position,)).fetchone()
    content = bytearray(path.read_bytes())
    page = content.index(body[:64]) // 4096
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path.write_bytes(content)


async def test_a_follower_in_another_process_waits_for_the_gap(tmp_path: Path):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 6))
    spoilt(path, 3)
    with opened(path) as journal, closing(ReadOnlyJournal(path)) as reader:
        with pytest.raises(DamagedEntry) as refused:
            reader.read(Position(2))
        tail = JournalTail(reader, asyncio.Event(), 0.01).follow(Position(2))
        waiting = asyncio.create_task(anext(tail))
        early, _ = await asyncio.wait([waiting], timeout=0.1)
        await journal.tell(refused.value)
        position, gap = await asyncio.wait_for(waiting, 30)

    assert not early
    assert position == 3
    assert isinstance(gap, Gap)


@pytest.mark.parametrize("was_stored", [True, False])
async def test_a_replay_has_the_gap_in_its_place_or_the_rows_that_the_record_took_before(
    tmp_path: Path, *, was_stored: bool
):
    path = tmp_path / "journal.db"
    await journaled(path, range(1, 6))
    spoilt(path, 3)
    with opened(path) as journal:
        await all_until(journal, Position(6))
    with ChunkStore.open(tmp_path / "history") as store:
        for number in range(1, 6):
            if was_stored or number != 3:
                store.write(Position(number), batch(number))
        store.flush(everything=True)
    with closing(ReadOnlyJournal(path)) as reader, closing(MergedJournal(reader, tmp_path / "history")) as merged:
        found = dict(merged.entries(START, Position(6)))

    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    assert isinstance(found[3], SampleBatch if was_stored else Gap)
    if was_stored:
        assert found[3].value.tolist() == batch(3).value.tolist()


async def test_damaged_heartbeats_are_trimmed_like_others(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        for number in range(1, 4):
            await journal.append(Heartbeat("plant", number * SECOND_NS, connected=True))
    spoilt(path, 2)
    with opened(path) as journal, closing(ReadOnlyJournal(path)) as reader:
        await journal.trim(Position(3))

        assert [position for position, _ in reader.kept_beats(START, Position(3))] == [1, 3]
