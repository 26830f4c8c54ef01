"""What only a file has: a write-ahead log, bytes on disk, and one lock for all writers."""

import sqlite3
from pathlib import Path

import pytest

from domain.entries import Position
from domain.errors import DamagedFile, RetryLater
from records import sqlite
from records.database import SqlRecords
from records.engine import Database
from records.outbox import Planned
from tests.checks.records import action, notice


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


def change(path: Path, statement: str) -> None:
    """Change the file behind the program's back."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_every_commit_is_synced_and_logged_ahead(path: Path) -> None:
    database = Database(path)
    with database.reading() as connection:
        answers = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    database.close()

    assert answers == ["wal", 2]


def test_a_file_of_something_else_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database" * 200)

    with pytest.raises(DamagedFile, match=r"records\.db"):
        SqlRecords.open(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RetryLater, match="unable to open"):
        SqlRecords.open(tmp_path / "nowhere" / "records.db")


def test_one_changed_byte_on_disk_is_found(path: Path) -> None:
    with SqlRecords.open(path) as records, records.unit_of_work() as work:
        work.audit(action(comment="the valve is in repair"), "shelved")
    content = path.read_bytes()
    assert content.count(b"the valve is in repair") == 1
    path.write_bytes(content.replace(b"the valve is in repair", b"the valve Is in repair"))

    with SqlRecords.open(path) as records, pytest.raises(DamagedFile, match="audit record 1"):
        records.verify_audit()


def test_the_log_is_folded_back_so_it_does_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_CHECKPOINT_EVERY", 32)
    with SqlRecords.open(path) as records:
        for number in range(200):
            with records.unit_of_work() as work:
                work.cursor("judging", Position(number))
        log_bytes = path.with_name("records.db-wal").stat().st_size

    assert log_bytes < 160 * 4_096  # without folding: 400 pages and more


def test_a_token_is_not_in_the_file(path: Path) -> None:
    with SqlRecords.open(path) as records:
        token = records.add_person("Ann", "operator")

    assert token.encode() not in path.read_bytes()


def test_a_database_that_stays_locked_is_retry_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.sqlite._PRAGMAS", (("busy_timeout=20", 20),))
    with SqlRecords.open(path) as records:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")

        with pytest.raises(RetryLater, match="locked"):
            records.add_person("Ann", "operator")
        other.close()


def test_a_step_that_is_due_has_waited_since_its_time_and_not_since_its_alarm(path: Path) -> None:
    with SqlRecords.open(path, wall_ns=lambda: 10_000) as records:
        records.plan_notices([Planned(notice(), 9_000)])
        due = records.waiting_by_channel()
        records.notices_begun(["n1"], 10_900)
        begun = records.waiting_by_channel()

    assert (due, begun) == ({"leads": (1, 9_000)}, {"leads": (1, 10_000)})
