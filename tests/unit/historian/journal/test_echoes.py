"""Trimmed rows that repeat a time are kept whole, and no others."""

import asyncio
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from domain.entries import START, Position, TagDefined
from domain.errors import DamagedFile
from domain.samples import SampleBatch
from domain.status import BAD
from domain.tags import Tag, TagId
from domain.time import HOUR_NS, SECOND_NS
from historian.journal import ReadOnlyJournal
from historian.journal.echoes import NEVER_NS, RUN_ROWS, Echoes, pack_echoes, unpack_echoes
from historian.journal.schema import connect_writer
from tests.unit.historian.journal.rig import opened

T0 = 1_790_000_000 * SECOND_NS
GOOD = 0
TAG = TagDefined(Tag(TagId(0), "uuid", 1, "R101.TT", "train1", "degC"), T0)
Row = tuple[float, float, int]  # second, value, status


def batch(*rows: Row, server_s: float | None = None, received_s: float = 0.0) -> SampleBatch:
    count = len(rows)
    return SampleBatch(
        "train1",
        T0 + round(received_s * SECOND_NS),
        np.zeros(count, np.uint32),
        np.array([T0 + round(second * SECOND_NS) for second, _, _ in rows]),
        None if server_s is None else np.full(count, T0 + round(server_s * SECOND_NS)),
        np.array([value for _, value, _ in rows]),
        np.array([status for _, _, status in rows], np.uint32),
    )


def kept(path: Path, *batches: SampleBatch, slices: bool = False) -> Echoes:
    """What is kept of these entries; with `slices` each is trimmed by itself."""

    async def trimmed() -> None:
        with opened(path) as journal:
            await journal.append(TAG)
            positions = [await journal.append(each) for each in batches]
            for position in positions if slices else positions[-1:]:
                await journal.trim(position)

    asyncio.run(trimmed())
    with closing(ReadOnlyJournal(path)) as reader:
        return reader.kept_echoes(START, Position(len(batches) + 1))


def told(echoes: Echoes) -> list[tuple[int, int, float, int]]:
    return list(
        zip(echoes.entry.tolist(), echoes.row.tolist(), echoes.value.tolist(), echoes.status.tolist(), strict=True)
    )


@pytest.mark.parametrize("slices", [False, True])
def test_of_good_bad_good_at_one_time_the_last_two_are_kept_however_it_is_trimmed(tmp_path: Path, slices: bool):
    found = kept(
        tmp_path / "journal.db",
        batch((1, 5.0, GOOD), (2, 6.0, GOOD)),
        batch((2, 6.0, BAD), server_s=3),
        batch((2, 6.0, GOOD), server_s=4),
        batch((3, 7.0, GOOD)),
        slices=slices,
    )

    assert told(found) == [(3, 0, 6.0, BAD), (4, 0, 6.0, GOOD)]
    assert found.server_ns.tolist() == [T0 + 3 * SECOND_NS, T0 + 4 * SECOND_NS]


def test_a_bad_row_of_an_older_time_is_kept_with_its_servers_time_and_a_late_good_one_is_not(tmp_path: Path):
    found = kept(
        tmp_path / "journal.db",
        batch((1, 5.0, GOOD), (2, 6.0, GOOD)),
        batch((1, 5.0, BAD), server_s=3),
        batch((1.5, 5.5, GOOD)),
        batch((1.2, 5.5, BAD)),
    )

    assert told(found) == [(3, 0, 5.0, BAD)]


@pytest.mark.parametrize("slices", [False, True])
def test_a_row_from_the_far_future_hides_none_that_repeats_a_time_after_it(tmp_path: Path, slices: bool):
    year_s = 365.0 * 24 * 3600
    found = kept(
        tmp_path / "journal.db",
        batch((1, 5.0, GOOD)),
        batch((year_s, 9.0, GOOD), received_s=2),
        batch((3, 6.0, GOOD), received_s=3),
        batch((3, 6.0, BAD), received_s=4),
        batch((3, 6.0, GOOD), received_s=5),
        slices=slices,
    )

    assert told(found) == [(5, 0, 6.0, BAD), (6, 0, 6.0, GOOD)]


def test_of_a_clock_that_is_ahead_as_a_whole_rows_that_repeat_are_kept(tmp_path: Path):
    ahead_s = 2 * HOUR_NS / SECOND_NS
    found = kept(
        tmp_path / "journal.db",
        batch((ahead_s + 1, 5.0, GOOD), received_s=1),
        batch((ahead_s + 1, 5.0, BAD), received_s=2),
        batch((ahead_s + 3, 6.0, GOOD), received_s=3),
    )

    assert told(found) == [(3, 0, 5.0, BAD)]


def test_rows_are_packed_in_runs_that_end_with_an_entry_and_come_back_exactly():
    count = RUN_ROWS + 1
    rows = Echoes(
        np.arange(count),
        np.arange(count) % 7,
        np.arange(count, dtype=np.uint32) % 3,
        T0 + np.arange(count),
        np.where(np.arange(count) % 2, T0, NEVER_NS),
        np.where(np.arange(count) % 5, 1.5, np.nan),
        np.full(count, BAD, np.uint32),
    )
    again = unpack_echoes(pack_echoes(rows))

    for name in ("entry", "row", "tag", "time_ns", "server_ns", "value", "status"):
        np.testing.assert_array_equal(getattr(again, name), getattr(rows, name))


def test_a_changed_byte_of_kept_rows_is_damage(tmp_path: Path):
    path = tmp_path / "journal.db"
    kept(path, batch((1, 5.0, GOOD)), batch((1, 5.0, BAD), server_s=2))
    connection = connect_writer(str(path))
    connection.execute("UPDATE echo_run SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB)")
    connection.close()

    with closing(ReadOnlyJournal(path)) as reader, pytest.raises(DamagedFile, match="kept rows are not as they were"):
        reader.kept_echoes(START, Position(3))
