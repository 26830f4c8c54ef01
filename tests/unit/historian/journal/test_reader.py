import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.entries import START, Gap, GapCause, Position, TagDefined, TextBatch
from domain.errors import DamagedEntry, DamagedFile, RetryLater, UnknownEntry
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.journal.codec import Encoder, event_payload
from tests.checks.journal import (
    CONFIGURATION,
    GAP,
    HEARTBEAT,
    LASTING,
    PASSING,
    QUARANTINED,
    STATE,
    TAG,
    same,
    samples,
)
from tests.unit.historian.journal.rig import opened

ROOT = Path(__file__).parents[4]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with opened(tmp_path / "journal.db", flush_interval_s=0.0) as journal:
        yield journal


@pytest.fixture
def reader(journal: SqliteJournal, tmp_path: Path) -> Iterator[ReadOnlyJournal]:
    with closing(ReadOnlyJournal(tmp_path / "journal.db")) as reader:
        yield reader


async def test_a_reader_sees_each_entry_as_soon_as_it_is_durable(journal: SqliteJournal, reader: ReadOnlyJournal):
    for entry in (*LASTING, *PASSING, samples([1.0])):
        position = await journal.append(entry)
        [(at, found)] = reader.read(Position(position - 1))

        assert (at, reader.last()) == (position, position)
        assert same(found, entry)


async def test_a_reader_takes_at_most_what_it_asked_for(journal: SqliteJournal, reader: ReadOnlyJournal):
    await journal.append(*[GAP, HEARTBEAT] * 50)

    assert [at for at, _ in reader.read(Position(10), 5)] == [11, 12, 13, 14, 15]
    assert [at for at, _ in reader.read(Position(98))] == [99, 100]
    assert reader.read(Position(100)) == []


async def test_large_entries_come_a_few_at_a_time_but_all_come(journal: SqliteJournal, reader: ReadOnlyJournal):
    batch = samples(np.zeros(60_000).tolist())
    last = await journal.append(*[batch, GAP] * 10)
    taken = [reader.read(START)]
    while taken[-1][-1][0] < last:
        taken.append(reader.read(taken[-1][-1][0]))

    assert len(taken) == 3
    assert [at for some in taken for at, _ in some] == list(range(1, last + 1))


async def test_layouts_that_the_writer_learns_later_are_found(journal: SqliteJournal, reader: ReadOnlyJournal):
    batches = [samples([float(value)] * 40) for value in range(6)]
    for batch in batches:
        await journal.append(batch)

    assert all(same(found, batch) for (_, found), batch in zip(reader.read(START), batches, strict=True))


async def test_layouts_outlive_a_restart_and_the_trim_of_their_first_entry(tmp_path: Path):
    path = tmp_path / "journal.db"
    batch = samples([1.0] * 40)
    for _ in range(3):
        with opened(path) as journal:
            await journal.append(batch, GAP)
            await journal.trim(await journal.append(batch, GAP))
            last = await journal.append(batch)
            with closing(ReadOnlyJournal(path)) as reader:
                [(_, found)] = reader.read(Position(last - 1))
                assert same(found, batch)
    with closing(sqlite3.connect(path)) as look:
        assert look.execute("SELECT count(*) FROM layout").fetchone() == (1,)


# What is asked by something else than position


async def test_the_newest_definition_of_each_tag(journal: SqliteJournal, reader: ReadOnlyJournal):
    other = replace(TAG, id=1, uuid="aa", name="R101.PT")
    renamed = replace(TAG, version=2, name="R101.TT1")
    await journal.append(TagDefined(TAG, 1), TagDefined(other, 2), TagDefined(renamed, 3))

    assert reader.tags() == [other, renamed]


async def test_the_newest_heartbeat_and_state_of_each_source(journal: SqliteJournal, reader: ReadOnlyJournal):
    floor = replace(HEARTBEAT, source="floor", connected=False)
    newest = replace(HEARTBEAT, now_ns=HEARTBEAT.now_ns + 1)
    await journal.append(HEARTBEAT, floor, newest, STATE, replace(STATE, state="later"))

    assert reader.heartbeats() == [floor, newest]
    assert reader.source_state("train1") == "later"
    assert reader.source_state("floor") is None
    assert reader.source_state("nobody") is None


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
async def test_heartbeats_and_states_are_the_newest_at_any_moment_and_after_a_trim(
    journal: SqliteJournal,
    reader: ReadOnlyJournal,
    count: int,
):
    for number in range(1, count + 1):
        await journal.append(replace(HEARTBEAT, now_ns=number), replace(STATE, state=str(number)))
    expected = ([replace(HEARTBEAT, now_ns=count)], str(count))

    assert (reader.heartbeats(), reader.source_state("train1")) == expected
    await journal.trim(journal.last())
    assert (reader.heartbeats(), reader.source_state("train1")) == expected
    assert reader.read(START) == []


async def test_a_gap_is_as_it_was_last_written(journal: SqliteJournal, reader: ReadOnlyJournal):
    open_gap = Gap("a", "train1", None, 100, None, GapCause.DISCONNECT)
    await journal.append(open_gap)
    assert reader.gaps(None, None, 0, 1000, 10) == [open_gap]

    closed = replace(open_gap, end_ns=200)
    await journal.append(closed)
    assert reader.gaps(None, None, 0, 1000, 10) == [closed]


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "expected"),
    [
        (0, 1000, ["instant", "closed", "open"]),
        (0, 100, ["instant"]),
        (0, 101, ["instant", "closed"]),
        (199, 200, ["closed"]),
        (200, 250, []),
        (400, 500, ["open"]),
        (50, 51, ["instant"]),
        (51, 100, []),
    ],
)
async def test_gaps_that_overlap_a_time(
    journal: SqliteJournal,
    reader: ReadOnlyJournal,
    start_ns: int,
    end_ns: int,
    expected: list[str],
):
    await journal.append(
        Gap("open", "train1", None, 300, None, GapCause.UNKNOWN),
        Gap("closed", "train1", None, 100, 200, GapCause.UNKNOWN),
        Gap("instant", "train1", None, 50, 50, GapCause.UNKNOWN),
    )

    assert [gap.id for gap in reader.gaps(None, None, start_ns, end_ns, 10)] == expected


async def test_a_gap_of_a_source_counts_for_each_of_its_tags(journal: SqliteJournal, reader: ReadOnlyJournal):
    floor_tag = replace(TAG, id=9, uuid="b", name="T7.LT", source="floor")
    await journal.append(
        TagDefined(TAG, 1),
        TagDefined(floor_tag, 1),
        Gap("all of train1", "train1", None, 1, 2, GapCause.UNKNOWN),
        Gap("one tag", "train1", TAG.id, 2, 3, GapCause.UNKNOWN),
        Gap("another tag", "train1", 77, 3, 4, GapCause.UNKNOWN),
        Gap("all of floor", "floor", None, 4, 5, GapCause.UNKNOWN),
    )

    def ids(source: str | None, tag: int | None, limit: int = 10) -> list[str]:
        return [gap.id for gap in reader.gaps(source, tag, 0, 10, limit)]

    assert ids(None, TAG.id) == ["all of train1", "one tag"]
    assert ids(None, floor_tag.id) == ["all of floor"]
    assert ids("train1", None) == ["all of train1", "one tag", "another tag"]
    assert ids("floor", TAG.id) == []
    assert ids(None, None, limit=2) == ["all of train1", "one tag"]


async def test_quarantine_and_configurations_are_listed_newest_first(journal: SqliteJournal, reader: ReadOnlyJournal):
    messages = [replace(QUARANTINED, reason=str(number)) for number in range(5)]
    configurations = [replace(CONFIGURATION, version=str(number)) for number in range(3)]
    await journal.append(*messages, *configurations)

    assert reader.quarantined(3) == messages[:1:-1]
    assert reader.configurations(1) == configurations[-1:]


# When something is wrong


def test_a_reader_that_comes_before_the_writer_is_told_to_wait(tmp_path: Path):
    with pytest.raises(RetryLater):
        ReadOnlyJournal(tmp_path / "journal.db")
    (tmp_path / "journal.db").touch()
    with pytest.raises(RetryLater, match="is being made"):
        ReadOnlyJournal(tmp_path / "journal.db")


def test_a_reader_does_not_read_another_programs_file(tmp_path: Path):
    (tmp_path / "journal.db").write_bytes(b"\x00" * 5000)

    with pytest.raises(DamagedFile, match=r"journal\.db"):
        ReadOnlyJournal(tmp_path / "journal.db")


async def test_a_damaged_entry_is_named_with_its_file_and_position(
    journal: SqliteJournal,
    reader: ReadOnlyJournal,
    tmp_path: Path,
):
    await journal.append(GAP, samples([1.0]), GAP)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as damage:
        damage.execute("UPDATE passing SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB)")
        damage.commit()

    assert reader.read(START) == [(1, GAP)]
    with pytest.raises(DamagedEntry, match=r"journal\.db: entry 2: "):
        reader.read(Position(1))
    assert reader.read(Position(2)) == [(3, GAP)]


async def test_a_file_that_the_database_finds_damaged_is_named(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        await journal.append(GAP, *[samples([1.0]), QUARANTINED] * 300)
    damaged = bytearray(path.read_bytes())
    damaged[3 * 4096 :] = b"\xa5" * (len(damaged) - 3 * 4096)
    path.write_bytes(damaged)

    with closing(ReadOnlyJournal(path)) as reader, pytest.raises((DamagedFile, DamagedEntry), match=r"journal\.db: "):
        reader.read(START)
    with pytest.raises(DamagedFile, match=r"journal\.db: "):
        SqliteJournal.open(path)


async def test_an_entry_of_the_wrong_kind_is_damage(journal: SqliteJournal, reader: ReadOnlyJournal, tmp_path: Path):
    await journal.append(GAP, QUARANTINED)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as damage:
        damage.execute("UPDATE lasting SET kind = 7")
        damage.commit()

    with pytest.raises(DamagedFile, match="entry 2 is a Quarantined, not a ConfigurationActivated"):
        reader.configurations(1)


async def test_a_reader_cannot_write(reader: ReadOnlyJournal):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._disk.connection.execute("DELETE FROM lasting")


def test_what_a_killed_writer_had_committed_is_read(tmp_path: Path):
    code = """
import asyncio, sys
from domain.entries import Heartbeat
from historian.journal import SqliteJournal
async def main():
    journal = SqliteJournal.open(sys.argv[1], flush_interval_s=0.0)
    for value in range(1_000_000):
        print(await journal.append(Heartbeat("train1", value, True)), flush=True)
asyncio.run(main())
"""
    path = tmp_path / "journal.db"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, cwd=ROOT) as writer:
        said = [int(writer.stdout.readline()) for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout if line.endswith(b"\n")]
    with closing(ReadOnlyJournal(path)) as reader:
        found, last = [], reader.last()
        while not found or found[-1][0] < last:
            found += reader.read(found[-1][0] if found else START)

        assert [at for at, _ in found] == list(range(1, last + 1))
        assert [entry.now_ns for _, entry in found] == list(range(last))
        assert last >= said[-1]
    with opened(path) as journal:
        assert journal.last() == last


def test_a_file_that_was_closed_is_read_without_a_writer(tmp_path: Path):
    with opened(tmp_path / "journal.db"):
        pass
    with closing(ReadOnlyJournal(tmp_path / "journal.db")) as reader:
        assert reader.last() == START


async def test_followers_hear_where_an_entry_of_an_unknown_kind_is_and_it_stays(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        await journal.append(GAP, QUARANTINED, GAP)
    unknown = Encoder().seal(b"\x63{}")
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE lasting SET kind = 99, body = ? WHERE position = 2", (unknown,))
        newer.commit()
    with opened(path) as journal:
        entries = journal.follow(START)
        assert (await anext(entries))[0] == 1
        with pytest.raises(UnknownEntry, match=r"journal\.db: entry 2: kind 99 .* a newer program may have written it"):
            await anext(entries)
        await journal.trim(Position(3))

    with closing(sqlite3.connect(path)) as after:
        assert after.execute("SELECT body FROM lasting WHERE position = 2").fetchone() == (unknown,)


async def test_a_cause_that_only_a_newer_program_knows_is_told_as_its_with_the_place(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        await journal.append(GAP, GAP)
    with closing(sqlite3.connect(path)) as newer:
        unknown = Encoder().seal(event_payload(GAP).replace(GAP.cause.value.encode(), b"abducted"))
        newer.execute("UPDATE lasting SET body = ? WHERE position = 2", (unknown,))
        newer.commit()
    with opened(path) as journal:
        entries = journal.follow(START)
        assert (await anext(entries))[0] == 1
        with pytest.raises(UnknownEntry, match=r"journal\.db: entry 2: cause 'abducted' .* a newer program"):
            await anext(entries)


async def test_the_values_of_a_text_tag_in_the_order_of_their_times(journal: SqliteJournal, reader: ReadOnlyJournal):
    for batch, time_ns in (("B-18", 30), ("B-17", 10), ("B-17", 10), ("B-19", 99)):
        await journal.append(TextBatch("train1", 0, (3, 4), (time_ns, time_ns), None, (batch, "x"), (0, 0)))

    assert reader.texts(3, 0, 99, 10) == [(10, "B-17", 0), (30, "B-18", 0)]
