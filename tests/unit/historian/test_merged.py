"""The journal read back from what is left of it: entries, positions and rows as they were."""

import asyncio
import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from domain.entries import START, Entry, Gap, GapCause, Heartbeat, Position, SourceState, TagDefined
from domain.samples import SampleBatch
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.journal.beats import pack_beats, unpack_beats
from historian.merged import MergedJournal
from tests.unit.detectors.plant import SECOND, T0, TAGS

POLICY = Policy(rows_per_chunk=50, settle_ns=SECOND, check_every_ns=SECOND, checkpoint_every_ns=30 * SECOND)


def written(seed: int, count: int = 400) -> list[Entry]:
    """Entries as a plant writes them: rows in time and late, heartbeats, gaps, states, definitions."""
    chance = random.Random(seed)
    made: list[Entry] = [TagDefined(tag, T0) for tag in TAGS]
    for number in range(count):
        now_ns = T0 + number * SECOND
        kind = chance.random()
        if kind < 0.75:
            size = chance.randrange(1, 12)
            late_ns = np.array([chance.choice((0, 0, 0, 0, 50)) for _ in range(size)]) * (SECOND + 1_000_000)
            made.append(
                SampleBatch(
                    "train1",
                    now_ns,
                    np.array([chance.randrange(len(TAGS)) for _ in range(size)], np.uint32),
                    now_ns + np.arange(size) * 1000 - late_ns,
                    None,
                    np.array([chance.choice((chance.random(), -0.0, float("nan"))) for _ in range(size)]),
                    np.array([chance.choice((0, 0, 0x80000000)) for _ in range(size)], np.uint32),
                )
            )
        elif kind < 0.9:
            heard_ns = chance.choice((None, now_ns - 5))
            made.append(Heartbeat("train1", now_ns, chance.random() < 0.8, heard_ns, chance.choice((None, -7)), "why"))
        elif kind < 0.95:
            made.append(Gap(f"g{number}", "train1", None, now_ns, None, GapCause.UNKNOWN))
        else:
            made.append(SourceState("train1", "{}"))
    return made


async def lived(folder: Path, entries: list[Entry], trim: float) -> dict[Position, Entry]:
    """Write entries to a journal and a store, and trim the journal; return them by position."""
    journal = SqliteJournal.open(folder / "journal.db", flush_interval_s=0.001)
    by_position: dict[Position, Entry] = {}
    with ChunkStore.open(folder / "history", policy=POLICY) as store:
        for entry in entries:
            position = await journal.append(entry)
            by_position[position] = entry
            if isinstance(entry, SampleBatch):
                store.write(position, entry)
                store.flush()
        store.flush(everything=True)
        if trim == 1.0:
            store.seal()  # what waits in the tail has its duplicates still
        await journal.trim(Position(int(len(entries) * trim)))
    journal.close()
    return by_position


def same(one: Entry, other: Entry) -> bool:
    if not isinstance(one, SampleBatch) or not isinstance(other, SampleBatch):
        return one == other
    columns = ("tag", "time_ns", "status")
    alike = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)
    return alike and one.source == other.source and one.value.tobytes() == other.value.tobytes()


@pytest.mark.parametrize("trim", [0.0, 0.5, 1.0])
def test_what_was_trimmed_is_read_back_from_the_record(tmp_path: Path, trim: float):
    entries = asyncio.run(lived(tmp_path, written(1), trim))
    reader = ReadOnlyJournal(tmp_path / "journal.db")

    merged = dict(MergedJournal(reader, tmp_path / "history", rows_at_once=300).entries(START, Position(len(entries))))

    expected = {at: entry for at, entry in entries.items() if not isinstance(entry, SourceState)}
    found = {at: entry for at, entry in merged.items() if not isinstance(entry, SourceState)}
    assert list(merged) == sorted(merged)
    assert found.keys() == expected.keys()
    assert [at for at in expected if not same(expected[at], found[at])] == []


def test_rows_that_came_again_at_their_time_are_whole_in_their_entry(tmp_path: Path):
    row = (np.array([1, 2], np.uint32), np.array([T0, T0 + 1]), None, np.array([1.0, 2.0]), np.zeros(2, np.uint32))
    twice = [TagDefined(tag, T0) for tag in TAGS] + [SampleBatch("train1", T0, *row)] * 2
    more = SampleBatch("train1", T0, row[0], row[1], None, np.array([1.0, 3.0]), row[4])
    entries = asyncio.run(lived(tmp_path, [*twice, more], 1.0))
    reader = ReadOnlyJournal(tmp_path / "journal.db")

    merged = dict(MergedJournal(reader, tmp_path / "history").entries(START, Position(len(entries))))

    last = merged[Position(len(entries))]
    assert isinstance(last, SampleBatch)
    assert last.tag.tolist() == [1, 2]
    assert last.value[1] == 3.0
    again = merged[Position(len(entries) - 1)]
    assert isinstance(again, SampleBatch)
    assert (again.tag.tolist(), again.value.tolist()) == ([1, 2], [1.0, 2.0])


def test_kept_heartbeats_are_as_they_were():
    beats = [
        (Position(number * 3 + 1), Heartbeat(f"s{number % 3}", T0 + number, number % 2 == 0, None, number, "ü"))
        for number in range(50)
    ]

    assert unpack_beats(pack_beats(beats)) == beats


def test_a_journal_of_the_first_format_is_brought_up_and_says_from_where_heartbeats_are_kept(tmp_path: Path):
    asyncio.run(lived(tmp_path, written(2, 50), 0.5))
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.executescript(
            "DROP TABLE beat_run; DROP TABLE beats_since; DROP TABLE echo_run; DROP TABLE echo_newest;"
            "PRAGMA user_version = 1"
        )
    connection.close()
    old = ReadOnlyJournal(tmp_path / "journal.db")
    assert (old.beats_since(), old.kept_beats(START, Position(99))) == (None, [])
    old.close()

    SqliteJournal.open(tmp_path / "journal.db").close()

    since = ReadOnlyJournal(tmp_path / "journal.db").beats_since()
    assert since is not None
    assert since >= 28
