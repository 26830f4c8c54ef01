"""The port's checks, on both journals."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ports import Journal
from historian.journal import SqliteJournal
from tests.checks.journal import JournalChecks
from tests.fakes import MemoryJournal


class TestSqliteJournal(JournalChecks):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Journal]:
        journal = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=0.002)
        yield journal
        journal.close()


class TestSqliteJournalWithoutMemory(JournalChecks):
    """Every entry from the disk: what followers get must not depend on how far behind they are."""

    @pytest.fixture
    def journal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
        monkeypatch.setattr("historian.journal.recent.RECENT_ENTRIES", 0)
        journal = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=0.002)
        yield journal
        journal.close()


class TestMemoryJournal(JournalChecks):
    @pytest.fixture
    def journal(self) -> Journal:
        return MemoryJournal()
