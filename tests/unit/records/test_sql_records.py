"""What only the database has: a file that outlives processes, is shared by them, and can be damaged."""

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from domain.entries import Position
from domain.errors import DamagedFile, NewerFormat, RetryLater
from records import engine
from records.database import SqlRecords
from records.engine import Database
from tests.checks.records import action, finding, notice, phase, transition


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


def change(path: Path, statement: str) -> None:
    """Change the file behind the program's back."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_everything_is_there_after_opening_again(path: Path) -> None:
    with SqlRecords.open(path) as records:
        with records.unit_of_work() as work:
            work.findings([finding()])
            work.phases([phase()])
            work.transitions([transition()])
            work.notices([notice()])
            work.audit(action(), "shelved")
            work.cursor("judging", Position(3))
        token = records.add_person("Ann", "operator")

    with SqlRecords.open(path) as records:
        assert records.list_findings(None, None, None, 10) == [finding()]
        assert records.list_phases(None, None, None, 10) == [phase()]
        assert records.alarms() == [transition()]
        assert records.notices(10) == [(notice(), "waiting")]
        assert records.cursor_of("judging") == 3
        assert records.person_of(token) is not None
        assert records.verify_audit().records == 2


def test_every_commit_is_synced_and_logged_ahead(path: Path) -> None:
    database = Database(path)
    with database.reading() as connection:
        answers = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    database.close()

    assert answers == ["wal", 2]


def test_a_file_of_the_time_before_batch_events_gets_their_tables_and_indexes(path: Path) -> None:
    with SqlRecords.open(path) as records, records.unit_of_work() as work:
        work.phases([phase()])
    for statement in (
        "DROP TABLE batch_events",
        "DROP TABLE batch_links",
        "DROP TABLE event_requests",
        "DROP INDEX phases_of_batch",
        "DROP INDEX findings_of_batch",
    ):
        change(path, statement)

    with SqlRecords.open(path) as records:
        assert records.phases_of("B-1", 10) == [phase()]
        assert list(records.waiting_events()) == []
    connection = sqlite3.connect(path)
    made = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert {"batch_events", "batch_links", "event_requests", "phases_of_batch", "findings_of_batch"} <= made


def test_a_newer_format_is_left_alone(path: Path) -> None:
    SqlRecords.open(path).close()
    change(path, "update about set value = '2' where name = 'format'")
    before = path.read_bytes()

    with pytest.raises(NewerFormat, match="format 2"):
        SqlRecords.open(path)
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database" * 200)

    with pytest.raises(DamagedFile, match=r"records\.db"):
        SqlRecords.open(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RetryLater, match="cannot be opened"):
        SqlRecords.open(tmp_path / "nowhere" / "records.db")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("update audit set comment = 'nothing happened' where sequence = 2", "audit record 2"),
        ("update audit set person = 'Bob', hash = previous where sequence = 3", "audit record 3"),
        ("delete from audit where sequence = 2", "audit record 2 is missing"),
        ("update audit set sequence = 9 where sequence = 4", "audit record 4 is missing"),
    ],
)
def test_tampering_with_the_audit_trail_names_the_record(path: Path, damage: str, named: str) -> None:
    with SqlRecords.open(path) as records:
        for number in range(5):
            with records.unit_of_work() as work:
                work.audit(action(f"a{number}"), "shelved")
        assert records.verify_audit().records == 5
        change(path, damage)

        with pytest.raises(DamagedFile, match=named):
            records.verify_audit()


def test_one_changed_byte_on_disk_is_found(path: Path) -> None:
    with SqlRecords.open(path) as records, records.unit_of_work() as work:
        work.audit(action(comment="the valve is in repair"), "shelved")
    content = path.read_bytes()
    assert content.count(b"the valve is in repair") == 1
    path.write_bytes(content.replace(b"the valve is in repair", b"the valve Is in repair"))

    with SqlRecords.open(path) as records, pytest.raises(DamagedFile, match="audit record 1"):
        records.verify_audit()


def test_a_cut_off_tail_is_seen_by_who_kept_the_head(path: Path) -> None:
    with SqlRecords.open(path) as records:
        for number in range(3):
            with records.unit_of_work() as work:
                work.audit(action(f"a{number}"), "shelved")
        kept = records.verify_audit()
        change(path, "delete from audit where sequence = 3")

        assert records.verify_audit() != kept


WEB_PROCESS = """
import sys
from domain.entries import ActionKind, PersonAction, Position
from records import engine
from records.database import SqlRecords

engine._CHECKPOINT_EVERY = 5
with SqlRecords.open(sys.argv[1]) as records:
    print("ready", flush=True)
    for number in range(40):
        with records.unit_of_work() as work:
            work.audit(PersonAction(f"web{number}", 1, "Ann", ActionKind.COMMENT, "a~high", "why"), "commented")
            work.cursor("web", Position(number + 1))
"""


def test_two_processes_write_at_once_and_the_chain_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_CHECKPOINT_EVERY", 5)
    web = subprocess.Popen([sys.executable, "-c", WEB_PROCESS, str(path)], stdout=subprocess.PIPE)
    written = 0
    try:
        assert web.stdout is not None
        assert web.stdout.readline() == b"ready\n"
        with SqlRecords.open(path) as records:
            while web.poll() is None and written < 5_000:
                with records.unit_of_work() as work:
                    work.audit(action(f"core{written}"), "commented")
                    written += 1
                    work.cursor("core", Position(written))
                time.sleep(0.001)  # a writer without any pause may keep SQLite's lock from the other for ever
            web.wait(30)

            assert web.returncode == 0
            assert written > 0
            assert records.verify_audit().records == 40 + written
            assert (records.cursor_of("core"), records.cursor_of("web")) == (written, 40)
    finally:
        web.kill()
        web.communicate()


def test_a_reader_sees_whole_units_of_work_while_another_thread_writes(path: Path) -> None:
    with SqlRecords.open(path) as records:

        def write() -> None:
            for number in range(1, 60):
                with records.unit_of_work() as work:
                    work.cursor("first", Position(number))
                    work.findings([finding(f"f{number}")])

        writer = threading.Thread(target=write)
        writer.start()
        while writer.is_alive():
            seen = records.cursor_of("first")
            assert len(records.list_findings(None, None, None, 1_000)) >= seen
        writer.join()

        assert records.cursor_of("first") == 59


def test_the_log_is_folded_back_so_it_does_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_CHECKPOINT_EVERY", 32)
    with SqlRecords.open(path) as records:
        for number in range(200):
            with records.unit_of_work() as work:
                work.cursor("judging", Position(number))
        log_bytes = path.with_name("records.db-wal").stat().st_size

    assert log_bytes < 120 * 4_096  # without folding: 400 pages and more


def test_a_token_is_not_in_the_file(path: Path) -> None:
    with SqlRecords.open(path) as records:
        token = records.add_person("Ann", "operator")

    assert token.encode() not in path.read_bytes()


def test_a_database_that_stays_locked_is_retry_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.engine._PRAGMAS", (("busy_timeout=20", 20),))
    with SqlRecords.open(path) as records:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")

        with pytest.raises(RetryLater, match="locked"):
            records.add_person("Ann", "operator")
        other.close()


def test_a_list_that_was_asked_before_is_new_again_after_another_process_wrote(path: Path) -> None:
    with SqlRecords.open(path) as core, SqlRecords.open(path) as web:
        for number in range(1, 4):
            with core.unit_of_work() as work:
                work.transitions([transition(number=number)])
                work.findings([finding(version=number)])

            assert [each.number for each in web.transitions(None, 1)] == [number]
            assert web.transitions(None, 1) == web.transitions(None, 1)
            assert [each.version for each in web.list_findings(None, None, None, 9)] == [number]
