import sqlite3
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Position
from domain.errors import Refused
from domain.samples import SampleBatch
from domain.time import DAY_NS, HOUR_NS
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from tests.checks.store import T0_NS, S, all_of, batch


def scans(first: int, count: int, tags: int, received_s: float | None = None) -> SampleBatch:
    """`count` scans of `tags` tags that share their times, a second apart."""
    second = np.repeat(np.arange(first, first + count), tags)
    return SampleBatch(
        "plant",
        T0_NS + int((first + count if received_s is None else received_s) * S),
        np.tile(np.arange(tags, dtype=np.uint32), count),
        T0_NS + second * S,
        None,
        second / 10,
        np.zeros(len(second), np.uint32),
    )


def segments(store_dir: Path) -> list[tuple[int, int, int, int]]:
    """Kind, layout, rows and number of tags of every live segment."""
    found = []
    for file in sorted(store_dir.glob("[0-9]*.db")):
        with sqlite3.connect(file) as connection:
            found += connection.execute("SELECT kind, layout, rows, length(tags)/4 FROM segment ORDER BY id").fetchall()
        connection.close()
    return found


def test_tags_of_one_rhythm_are_sealed_together_once_a_chunk_is_full(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path, policy=Policy(rows_per_chunk=100, settle_ns=0, check_every_ns=0)) as store:
        store.write(Position(1), scans(0, 99, 20))
        store.flush()
        early = segments(tmp_path)
        store.write(Position(2), scans(99, 2, 20))

        assert store.flush() == 2
        assert early == []
        assert segments(tmp_path) == [(0, 0, 2020, 20)]
        assert store.counts()["waiting"] == 0


def test_a_row_that_may_still_be_followed_by_late_ones_waits(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path, policy=Policy(rows_per_chunk=100, settle_ns=30 * S, check_every_ns=0)) as store:
        store.write(Position(1), scans(0, 140, 3))
        store.flush()

        assert store.counts() == {"stored": 330, "duplicates": 0, "waiting": 90}
        assert store.cursor() == 1


def test_a_slow_tag_is_sealed_by_day_and_holds_no_cursor_back(tmp_path: Path) -> None:
    policy = Policy(rows_per_chunk=100, settle_ns=0, check_every_ns=0, checkpoint_every_ns=HOUR_NS)
    with ChunkStore.open(tmp_path, policy=policy) as store:
        for hour in range(48):
            store.write(Position(hour + 1), batch((1, hour * 3600, 1.0), received_s=hour * 3600))
            assert store.flush() >= hour

        assert [rows for _, _, rows, _ in segments(tmp_path)] == [15, 24]  # T0 is at 9 h, then a whole day


def test_a_checkpoint_lets_the_journal_be_trimmed_though_nothing_is_sealed(tmp_path: Path) -> None:
    policy = Policy(check_every_ns=0, checkpoint_every_ns=HOUR_NS)
    with ChunkStore.open(tmp_path, policy=policy) as store:
        for minute in range(0, 150, 10):
            store.write(Position(minute + 1), batch((1, minute * 60, 1.0), received_s=minute * 60))
            store.flush()

        assert store.cursor() == 121
        assert segments(tmp_path) == []


def test_late_rows_become_a_patch_and_are_merged_later(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path) as store:
        store.write(Position(1), scans(0, 50, 3))
        store.seal()
        store.write(Position(2), batch((1, 7.5, 1.0), (2, 3, 9.0)))
        store.seal()
        patched = segments(tmp_path)
        replaced = store.compact()

        assert patched == [(0, 0, 150, 3), (1, 2, 2, 2)]
        assert replaced == 2
        assert sorted(segments(tmp_path)) == [(0, 0, 151, 3), (2, 2, 1, 1)]
        assert len(all_of(store, 1)) == 51
        assert len(all_of(store, 2, versions=True)) == 51


def test_many_patches_of_a_segment_are_merged_by_themselves(tmp_path: Path) -> None:
    policy = Policy(rows_per_chunk=10, settle_ns=0, check_every_ns=0, patches_allowed=3)
    with ChunkStore.open(tmp_path, policy=policy) as store:
        store.write(Position(1), scans(0, 20, 1))
        store.flush()
        for number in range(12):
            store.write(Position(2 + number), batch((0, number + 0.5, 1.0), received_s=30 + number))
            store.seal()
            store.write(Position(100 + number), scans(20 + 10 * number, 10, 1, 60 + 10 * number))
            store.flush()

        patches = [segment for segment in segments(tmp_path) if segment[0] == 1]
        assert len(patches) <= 4


def test_rows_dated_far_ahead_wait_and_then_are_sealed_apart(tmp_path: Path) -> None:
    policy = Policy(rows_per_chunk=10, settle_ns=0, check_every_ns=0, future_limit=5)
    with ChunkStore.open(tmp_path, policy=policy) as store:
        store.write(Position(1), batch((1, 0, 1.0), *((1, DAY_NS // S * 400 + at, 0.0) for at in range(5))))
        store.flush()
        few = store.counts()["waiting"]
        store.write(Position(2), batch((1, DAY_NS // S * 400 + 9, 0.0)))
        store.flush()
        store.write(Position(3), scans(0, 30, 2))
        store.flush()

        assert few == 6
        assert store.counts()["waiting"] == 0
        assert len(store.read(1, 0, 2**62)) == 36
        assert store.latest([1]).time_ns.tolist() == [T0_NS + 400 * DAY_NS + 9 * S]


def test_a_chunk_is_no_longer_than_a_day(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path) as store:
        store.write(Position(1), batch(*((1, 43_200 * half, 1.0) for half in range(8))))
        store.seal()
        with sqlite3.connect(tmp_path / "2025-10.db") as connection:
            spans = connection.execute("SELECT end_ns - start_ns FROM chunk").fetchall()
        connection.close()

        assert max(span for (span,) in spans) <= DAY_NS


def test_the_length_of_the_periods_stays(tmp_path: Path) -> None:
    ChunkStore.open(tmp_path, period="day").close()

    with pytest.raises(Refused, match="kept by day"):
        ChunkStore.open(tmp_path, period="month")
    ChunkStore.open(tmp_path, period="day").close()


def test_an_unknown_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="week"):
        ChunkStore.open(tmp_path, period="week")


def test_shared_times_and_small_integers_cost_less_than_a_byte(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path) as store:
        store.write(Position(1), scans(0, 3600, 20))
        store.seal()

    assert sum(file.stat().st_size for file in tmp_path.glob("2*.db")) < 72_000
