import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from domain.errors import DiskBudgetSpent, RetryLater
from domain.ports import Delivery
from domain.samples import SampleBatch
from historian.journal import SqliteJournal
from tests.checks.journal import ACTION, GAP, T0_NS, all_until, samples, submitted
from tests.unit.historian.journal.rig import Refusals, opened, until

QUOTA_BYTES = 12 << 20


def noise(rows: int, seed: int = 0) -> SampleBatch:
    """Rows that no compression makes smaller."""
    chance = np.random.default_rng(seed)
    return SampleBatch(
        "train1",
        T0_NS,
        chance.integers(0, 1 << 32, rows, np.uint32),
        chance.integers(0, 1 << 62, rows),
        None,
        chance.random(rows),
        np.zeros(rows, np.uint32),
    )


async def fill(journal: SqliteJournal) -> threading.Event:
    """Submit until the quota is spent; return what the last, uncommitted delivery will set."""
    seed = 0
    while journal.health().problem is None:
        acknowledged = threading.Event()
        journal.submit(Delivery("train1", [noise(10_000, seed := seed + 1)], 10_000, acknowledged.set))
        await until(lambda: acknowledged.is_set() or journal.health().problem is not None)  # noqa: B023 - within the loop
    return acknowledged


async def test_a_spent_quota_stops_the_acknowledgements_and_says_so(tmp_path: Path):
    with opened(tmp_path / "journal.db", quota_bytes=QUOTA_BYTES) as journal:
        acknowledged = await fill(journal)

        assert isinstance(journal.health().problem, DiskBudgetSpent)
        assert "journal.db" in str(journal.health().problem)
        assert not acknowledged.is_set()
        assert journal.usage().hours_left < 0.1


async def test_the_file_and_its_log_stay_within_the_quota(tmp_path: Path):
    with opened(tmp_path / "journal.db", quota_bytes=QUOTA_BYTES) as journal:
        await fill(journal)
        usage = journal.usage()
        on_disk = (tmp_path / "journal.db").stat().st_size + (tmp_path / "journal.db-wal").stat().st_size

    assert 0.9 * QUOTA_BYTES < usage.used_bytes <= QUOTA_BYTES
    assert 0.5 * QUOTA_BYTES < on_disk <= QUOTA_BYTES


async def test_writing_goes_on_by_itself_once_followers_let_it_be_trimmed(tmp_path: Path):
    with opened(tmp_path / "journal.db", quota_bytes=QUOTA_BYTES) as journal:
        acknowledged = await fill(journal)
        await journal.trim(journal.last())
        await until(acknowledged.is_set)

        assert journal.health().problem is None
        assert journal.ledger()[0].unaccounted == 0


async def test_a_quota_that_was_spent_before_a_restart_is_spent_after_it(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        for seed in range(70):
            await submitted(journal, noise(10_000, seed), received=10_000)
    with opened(tmp_path / "journal.db", quota_bytes=QUOTA_BYTES) as journal:
        journal.submit(Delivery("train1", [samples([1.0])], 1, lambda: None))
        await until(lambda: journal.health().problem)

        assert isinstance(journal.health().problem, DiskBudgetSpent)


async def test_usage_tells_how_fast_it_fills(tmp_path: Path):
    with opened(tmp_path / "journal.db", quota_bytes=100 << 20) as journal:
        before = journal.usage()
        await submitted(journal, noise(50_000), received=50_000)
        after = journal.usage()

        assert before.bytes_per_hour == 0
        assert before.hours_left == float("inf")
        assert after.used_bytes - before.used_bytes > 500_000
        assert after.bytes_per_hour > 0
        assert after.hours_left == pytest.approx(((100 << 20) - after.used_bytes) / after.bytes_per_hour, rel=0.5)


async def test_without_a_quota_the_disk_is_the_limit(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await submitted(journal, noise(1000), received=1000)

        assert journal.usage().quota_bytes is None
        assert 0 < journal.usage().hours_left < float("inf")


async def test_trimmed_pages_are_used_again(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        for seed in range(20):
            await submitted(journal, noise(10_000, seed), received=10_000)
            await journal.trim(journal.last())

    assert path.stat().st_size < 2_000_000


async def test_positions_go_on_after_everything_was_trimmed_and_the_file_reopened(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        last = await journal.append(samples([1.0]))
        await journal.trim(last)
    with opened(tmp_path / "journal.db") as journal:
        assert journal.last() == last
        assert await journal.append(samples([2.0])) == last + 1


async def test_a_long_trim_lets_commits_pass(tmp_path: Path):
    with opened(tmp_path / "journal.db", flush_interval_s=0.0) as journal:
        for _ in range(4):
            await journal.append(*[ACTION, samples([1.0])] * 2000)
        trimming = asyncio.create_task(journal.trim(journal.last()))
        await asyncio.sleep(0)
        last = await journal.append(ACTION)

        assert not trimming.done()
        await trimming
        assert len(await all_until(journal, last)) == 8001


async def test_a_trim_that_the_disk_refuses_is_told_and_can_be_repeated(tmp_path: Path):
    refusals = Refusals("DELETE")
    with opened(tmp_path / "journal.db", connect=refusals) as journal:
        last = await journal.append(samples([1.0]), GAP)
        refusals.start()
        with pytest.raises(RetryLater, match="cannot trim"):
            await journal.trim(last)
        refusals.stop()
        await journal.trim(last)

        assert await all_until(journal, last) == [(last, GAP)]


async def test_trimmed_samples_leave_the_file(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await journal.trim(await journal.append(samples([1.0]), samples([1.0], "floor"), GAP))
        with closing(sqlite3.connect(tmp_path / "journal.db")) as look:
            assert look.execute("SELECT count(*) FROM passing").fetchone() == (0,)
            assert look.execute("SELECT count(*) FROM lasting").fetchone() == (1,)
