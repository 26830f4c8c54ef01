import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Heartbeat, Position
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from historian.view import HistoryView
from tests.checks.store import T0_NS, S, all_of, batch, shown
from tests.patience import LIMIT_S
from tests.unit.historian.chunks.rigs import SMALL, ListedJournal


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "history"


@pytest.fixture
def journal() -> ListedJournal:
    return ListedJournal()


@pytest.fixture
def view(directory: Path, journal: ListedJournal) -> Iterator[HistoryView]:
    view = HistoryView(directory, journal)
    yield view
    view.close()


def test_entries_are_seen_after_a_refresh_and_not_before(journal: ListedJournal, view: HistoryView) -> None:
    journal.put(1, batch((1, 0, 1.0)))
    before = len(all_of(view, 1))

    assert view.refresh() == 1
    assert (before, len(all_of(view, 1))) == (0, 1)


def test_other_entries_move_the_position_too(journal: ListedJournal, view: HistoryView) -> None:
    journal.put(7, Heartbeat("plant", T0_NS, connected=True))

    assert view.refresh() == 7


def test_a_late_start_finds_what_was_trimmed_from_the_journal(
    directory: Path, journal: ListedJournal, view: HistoryView
) -> None:
    with ChunkStore.open(directory, policy=SMALL) as store:
        for at in range(1, 9):
            store.write(Position(at), batch((1, at, float(at))))
        store.seal()
        store.write(Position(9), batch((1, 9, 9.0)))
        store.flush(everything=True)
        journal.put(10, batch((1, 10, 10.0)))
        view.refresh()

        assert [second for second, _, _ in shown(all_of(view, 1))] == list(range(1, 11))
        assert view.latest([1]).value.tolist() == [10.0]
        assert view.position == 10


def test_a_journal_trimmed_between_two_refreshes_loses_nothing(
    directory: Path, journal: ListedJournal, view: HistoryView
) -> None:
    with ChunkStore.open(directory, policy=SMALL) as store:
        view.refresh()
        for at in range(1, 6):
            journal.put(at, batch((1, at, float(at))))
            store.write(Position(at), batch((1, at, float(at))))
        journal.trim(store.flush(everything=True))
        view.refresh()

        assert len(all_of(view, 1)) == 5


def test_a_journal_trimmed_within_a_refresh_loses_nothing(
    directory: Path, journal: ListedJournal, view: HistoryView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store moves on after the view has read its cursor, and before it reads the journal."""
    with ChunkStore.open(directory, policy=SMALL) as store:
        view.refresh()
        for at in range(1, 6):
            journal.put(at, batch((1, at, float(at))))
            store.write(Position(at), batch((1, at, float(at))))
        original, moved = journal.read, []

        def read(after: Position, limit: int = 64) -> object:
            if not moved:
                moved.append(store.flush(everything=True))
                journal.trim(moved[0])
            return original(after, limit)

        monkeypatch.setattr(journal, "read", read)
        view.refresh()

        assert len(all_of(view, 1)) == 5


def test_refresh_reads_no_entry_twice(journal: ListedJournal, view: HistoryView) -> None:
    for at in range(1, 300):
        journal.put(at, batch((1, at, 1.0)))
    view.refresh()
    before = journal.reads
    for _ in range(10):
        view.refresh()

    assert journal.reads - before == 10  # one look for new entries each
    assert len(view._tail) == 299


def test_rows_are_never_missing_nor_double_while_they_move(
    directory: Path, journal: ListedJournal, view: HistoryView
) -> None:
    """Readers in threads while the store seals, compacts and lets the journal be trimmed."""
    policy = Policy(rows_per_chunk=20, settle_ns=2 * S, check_every_ns=0)
    stop, wrong = threading.Event(), []
    seen = [0]

    def look() -> None:
        while not stop.is_set():
            least = seen[0]
            times = all_of(view, 1).time_ns
            if len(times) < least or len(np.unique(times)) != len(times):
                wrong.append((least, len(times)))
            if len(view.latest([1]).tag) and view.latest([1]).time_ns[0] < T0_NS + least * S:
                wrong.append((least, -1))

    readers = [threading.Thread(target=look) for _ in range(2)]
    with ChunkStore.open(directory, policy=policy) as store:
        for reader in readers:
            reader.start()
        try:
            for at in range(1, 301):
                entry = batch((1, at, float(at)), (2, at, 0.0), received_s=at)
                journal.put(at, entry)
                store.write(Position(at), entry)
                journal.trim(store.flush(everything=at % 7 == 0))
                if at % 50 == 0:
                    store.compact()
                view.refresh()
                seen[0] = at
        finally:
            stop.set()
            for reader in readers:
                reader.join(LIMIT_S)

        assert wrong == []
        assert len(all_of(view, 1)) == 300


def test_long_answers_come_in_pieces_that_hold_no_transaction(
    directory: Path, view: HistoryView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("historian.chunks.query.PIECE_ROWS", 50)
    with ChunkStore.open(directory, policy=Policy(rows_per_chunk=20)) as store:
        store.write(Position(1), batch(*((1, at, float(at)) for at in range(400))))
        store.seal()
        view.refresh()
        pieces = view.read_pieces(1, T0_NS, T0_NS + 999 * S)
        first = next(pieces)
        store.write(Position(2), batch((1, 0.5, 1.0)))
        store.seal()
        store.compact()
        rest = list(pieces)

    assert 50 <= len(first) <= 80
    assert len(rest) >= 5
    assert np.concatenate([first.time_ns, *(piece.time_ns for piece in rest)]).tolist() == [
        T0_NS + at * S for at in range(400)
    ]
