from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from domain.entries import Position
from domain.ports import SourceLedger
from historian.journal import ReadOnlyJournal
from tests.checks.journal import (
    CONFIGURATION,
    GAP,
    HEARTBEAT,
    QUARANTINED,
    STATE,
    TEXTS,
    samples,
    submitted,
)
from tests.unit.historian.journal.rig import opened


async def test_what_was_received_is_journaled_quarantined_or_known_again(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await submitted(journal, samples([1.0, 2.0]), TEXTS, samples([3.0]), received=5)
        await submitted(journal, samples([4.0]), received=4, redelivered=3)
        await submitted(journal, received=2, redelivered=2)

        assert journal.ledger() == (SourceLedger("train1", 11, 6, 0, 5, 0),)


async def test_counts_that_stand_in_no_entry_are_seen_by_another_reader_at_once(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal, closing(ReadOnlyJournal(tmp_path / "journal.db")) as reader:
        await submitted(journal, samples([1.0]), received=1)
        await submitted(journal, received=2, redelivered=2)

        assert reader.ledger() == (SourceLedger("train1", 3, 1, 0, 2, 0),)


async def test_quarantined_messages_count_by_their_number(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await journal.append(QUARANTINED)

        assert journal.ledger() == (SourceLedger("floor", 2, 0, 2, 0, 0),)


async def test_a_delivery_that_kept_less_than_it_received_leaves_some_unaccounted(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await submitted(journal, samples([1.0]), received=3)

        assert journal.ledger()[0].unaccounted == 2


async def test_what_is_appended_counts_as_received(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await journal.append(samples([1.0, 2.0]), GAP, HEARTBEAT, STATE, CONFIGURATION, TEXTS)

        assert journal.ledger() == (SourceLedger("train1", 4, 4, 0, 0, 0),)


async def test_each_source_has_its_own_line(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await journal.append(samples([1.0]), samples([1.0, 2.0], "floor"))

        assert [(line.source, line.journaled) for line in journal.ledger()] == [("floor", 2), ("train1", 1)]


async def test_counts_of_a_delivery_go_to_its_source_also_when_its_entries_are_anothers(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        await submitted(journal, CONFIGURATION, received=1, redelivered=1)

        assert journal.ledger() == (SourceLedger("train1", 1, 0, 0, 1, 0),)


async def _reopen(path: Path) -> None:
    with opened(path):
        pass


async def _trim(path: Path) -> None:
    with opened(path) as journal:
        await journal.trim(journal.last())


async def _leave(path: Path) -> None:
    pass


@pytest.mark.parametrize("between", [_leave, _reopen, _trim])
@pytest.mark.parametrize("deliveries", [1, 3, 130])
async def test_the_ledger_is_the_same_for_another_reader_after_a_restart_and_after_a_trim(
    tmp_path: Path,
    between: Callable,
    deliveries: int,
):
    path = tmp_path / "journal.db"
    with opened(path, flush_interval_s=0.0) as journal:
        await journal.append(GAP)
        for _ in range(deliveries):
            await submitted(journal, samples([1.0, 2.0]), STATE, received=3, redelivered=1)
            await submitted(journal, samples([1.0, 2.0]), received=2)
        before = journal.ledger()
        with closing(ReadOnlyJournal(path)) as reader:
            assert reader.ledger() == before
    await between(path)

    assert before == (SourceLedger("train1", 5 * deliveries, 4 * deliveries, 0, deliveries, 0),)
    with closing(ReadOnlyJournal(path)) as reader:
        assert reader.ledger() == before
    with opened(path) as journal:
        assert journal.ledger() == before
        assert await journal.append(samples([1.0])) == 1 + 3 * deliveries + 1
        assert journal.ledger()[0].journaled == 4 * deliveries + 1


async def test_a_trim_that_falls_between_two_rememberings_counts_nothing_twice(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path, flush_interval_s=0.0) as journal, closing(ReadOnlyJournal(path)) as reader:
        for number in range(1, 200):
            await submitted(journal, samples([1.0]), HEARTBEAT, received=1)
            if number % 7 == 0:
                await journal.trim(Position(number))

            assert reader.ledger() == (SourceLedger("train1", number, number, 0, 0, 0),)
            assert reader.heartbeats() == [HEARTBEAT]
