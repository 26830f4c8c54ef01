import asyncio
from pathlib import Path

import pytest

from domain.entries import START, Position
from domain.errors import DamagedFile, RetryLater
from domain.ports import Delivery
from historian.journal import SqliteJournal
from tests.checks.journal import GAP, HEARTBEAT, all_until, samples, submitted, take, values_of
from tests.patience import LIMIT_S
from tests.unit.historian.journal.rig import Refusals, opened, until


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("historian.journal.recent.RECENT_ENTRIES", 3)


@pytest.mark.usefixtures("short_memory")
async def test_a_slow_follower_changes_between_disk_and_memory_without_loss_or_repetition(tmp_path: Path):
    with opened(tmp_path / "journal.db", flush_interval_s=0.0) as journal:
        following = journal.follow(START)
        seen = []
        for burst in (1, 5, 2, 1, 9, 3, 70, 1, 90, 2):
            for _ in range(burst):
                await submitted(journal, HEARTBEAT, samples([1.0]), received=1)
            seen += await take(following, burst)
        seen += await take(following, journal.last() - len(seen))

        assert [position for position, _ in seen] == list(range(1, journal.last() + 1))


@pytest.mark.usefixtures("short_memory")
async def test_followers_that_start_anywhere_while_writing_goes_on_see_every_entry_once_in_order(tmp_path: Path):
    entries = 300
    with opened(tmp_path / "journal.db", flush_interval_s=0.001) as journal:
        writing = asyncio.create_task(_write(journal, entries))
        following = []
        for start in range(0, 250, 10):
            await until(lambda start=start: journal.last() >= start + 20)
            following.append((start, asyncio.create_task(all_until(journal, Position(entries), Position(start)))))
        await writing

        for start, task in following:
            found = await task
            assert [position for position, _ in found] == list(range(start + 1, entries + 1))
            assert values_of(found) == [float(value) for value in range(start + 1, entries + 1)]


async def _write(journal: SqliteJournal, entries: int) -> None:
    for value in range(1, entries + 1):
        await journal.append(samples([float(value)]))


@pytest.mark.usefixtures("short_memory")
async def test_a_follower_goes_on_where_it_was_after_a_restart(tmp_path: Path):
    seen = []
    for _ in range(5):
        with opened(tmp_path / "journal.db") as journal:
            for value in range(10):
                await submitted(journal, samples([float(value)]), HEARTBEAT, received=1)
            seen += await take(journal.follow(Position(len(seen))), 7)
    with opened(tmp_path / "journal.db") as journal:
        seen += await take(journal.follow(Position(len(seen))), 100 - len(seen))

    assert [position for position, _ in seen] == list(range(1, 101))
    assert values_of(seen) == [float(value) for value in range(10)] * 5


async def test_a_follower_that_is_ahead_of_the_journal_is_told_so(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        last = await journal.append(GAP)

        with pytest.raises(DamagedFile, match=r"journal\.db ends at 1, before its follower's position 2"):
            await anext(journal.follow(Position(last + 1)))


async def test_followers_end_when_the_journal_is_closed(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await journal.append(GAP)
        following = asyncio.create_task(_all(journal, START))
        await asyncio.sleep(0.01)
    async with asyncio.timeout(LIMIT_S):
        assert await following == [1]


async def test_a_follower_that_is_behind_when_the_journal_closes_skips_nothing(tmp_path: Path, short_memory: None):
    journal = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=0.0)
    for _ in range(50):
        await journal.append(samples([1.0]))
    following = journal.follow(START)
    seen = [position for position, _ in await take(following, 1)]
    journal.submit(Delivery("train1", [GAP], 0, lambda: None))
    journal.close()
    async with asyncio.timeout(LIMIT_S):
        seen += [position async for position, _ in following]

    assert seen == list(range(1, len(seen) + 1))


async def _all(journal: SqliteJournal, after: Position) -> list[Position]:
    return [position async for position, _ in journal.follow(after)]


async def test_a_follower_that_gives_up_is_forgotten(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        following = asyncio.create_task(_all(journal, START))
        await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.wait([following])

        assert await journal.append(GAP) == 1


async def test_followers_hear_when_the_journal_stopped_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of the program")

    with opened(tmp_path / "journal.db") as journal:
        following = asyncio.create_task(_all(journal, START))
        await asyncio.sleep(0.01)
        monkeypatch.setattr("historian.journal.group.Joiner.add", broken)
        with pytest.raises(RetryLater, match="a fault of the program"):
            await journal.append(GAP)
        with pytest.raises(RetryLater, match="a fault of the program"):
            await following

        assert "a fault of the program" in str(journal.health().problem)


async def test_what_is_not_durable_is_not_seen(tmp_path: Path):
    refusals = Refusals()
    with opened(tmp_path / "journal.db", connect=refusals) as journal:
        following = asyncio.create_task(take(journal.follow(START), 1))
        refusals.start()
        journal.submit(Delivery("train1", [GAP], 0, lambda: None))
        await until(lambda: refusals.made.refused >= 2)

        assert not following.done()
        refusals.stop()
        assert await following == [(1, GAP)]
