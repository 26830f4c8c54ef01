"""What a database has, whichever it is: it outlives processes, is shared by them, and can be changed behind our back."""

import contextlib
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from domain.approvals import Decision
from domain.entries import Position
from domain.errors import DamagedFile, NewerFormat, RetryLater
from records import sqlite
from records.address import Address, Server
from records.database import SqlRecords
from records.engine import Database
from records.schema import FORMAT
from tests.checks.records import action, approved, finding, notice, phase, transition
from tests.patience import LIMIT_S
from tests.unit.records.unguarded import unguarded


def change_guarded(address: Address, statement: str) -> None:
    """Change the audit trail behind the program's back, and the database's."""
    database = Database(address)
    with database.writing() as connection, unguarded(connection):
        connection.exec_driver_sql(statement)
    database.close()


def change(address: Address, statement: str) -> None:
    """Change the database behind the program's back."""
    if isinstance(address, Server):
        password = address.password_file.read_text().strip() if address.password_file else ""
        with psycopg.connect(
            host=address.host, port=address.port, user=address.user, password=password, dbname=address.database
        ) as opened:
            opened.execute(statement)
        return
    connection = sqlite3.connect(address)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_everything_is_there_after_opening_again(address: Address) -> None:
    with SqlRecords.open(address) as records:
        with records.unit_of_work() as work:
            work.findings([finding()])
            work.phases([phase()])
            work.transitions([transition()])
            work.notices([notice()])
            work.audit(action(), "shelved")
            work.cursor("judging", Position(3))
        token = records.add_person("Ann", "operator")

    with SqlRecords.open(address) as records:
        assert records.list_findings(None, None, None, 10) == [finding()]
        assert records.list_phases(None, None, None, 10) == [phase()]
        assert records.alarms() == [transition()]
        assert records.notices(10) == [(notice(), "pending")]
        assert records.cursor_of("judging") == 3
        assert records.person_of(token) is not None
        assert records.verify_audit().records == 3


def test_a_newer_format_is_left_alone(address: Address) -> None:
    SqlRecords.open(address).close()
    change(address, "update about set value = '999' where name = 'format'")
    try:
        with pytest.raises(NewerFormat, match=rf"format 999; this program knows up to {FORMAT}\. It is left as it is"):
            SqlRecords.open(address)
    finally:
        change(address, f"update about set value = '{FORMAT}' where name = 'format'")


def test_every_text_comes_back_to_the_character(address: Address) -> None:
    odd = ("a\x00b", "\x1a", "\x1a0", "\x00\x1a1", "%_\\", "ü µ 😀 '\"", "")
    written = [finding(f"f{number}", message=text, subject=text) for number, text in enumerate(odd)]
    with SqlRecords.open(address) as records:
        with records.unit_of_work() as work:
            work.findings(written)

        assert records.list_findings(None, None, None, 99) == written[::-1]
        for each in written:
            assert records.list_findings(None, None, each.subject, 9) == [each]


def test_writers_take_turns_so_that_rows_are_numbered_in_the_order_of_their_commits(address: Address) -> None:
    with SqlRecords.open(address) as core, SqlRecords.open(address) as web:
        first_wrote, may_commit, second_done = (threading.Event() for _ in range(3))

        def write_first() -> None:
            with core.unit_of_work() as work:
                work.transitions([transition("first")])
                first_wrote.set()
                may_commit.wait(LIMIT_S)

        def write_second() -> None:
            with web.unit_of_work() as work:
                work.transitions([transition("second")])
            second_done.set()

        threads = [threading.Thread(target=write_first), threading.Thread(target=write_second)]
        threads[0].start()
        first_wrote.wait(LIMIT_S)
        threads[1].start()
        # A reader that goes on from the newest it has seen would never see the first, were the second there alone.
        assert not second_done.wait(0.3)
        assert web.transitions(None, 9) == []
        may_commit.set()
        for thread in threads:
            thread.join()

        assert [each.alarm for each in web.transitions(None, 9)] == ["second", "first"]


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("update audit set comment = 'nothing happened' where sequence = 2", "audit record 2"),
        ("update audit set person = 'Bob', hash = previous where sequence = 3", "audit record 3"),
        ("delete from audit where sequence = 2", "audit record 2 is missing"),
        ("update audit set sequence = 9 where sequence = 4", "audit record 4 is missing"),
    ],
)
def test_tampering_with_the_audit_trail_names_the_record(address: Address, damage: str, named: str) -> None:
    with SqlRecords.open(address) as records:
        for number in range(5):
            with records.unit_of_work() as work:
                work.audit(action(f"a{number}"), "shelved")
        assert records.verify_audit().records == 5
        change_guarded(address, damage)

        with pytest.raises(DamagedFile, match=named):
            records.verify_audit()


@pytest.mark.parametrize(
    "change",
    [
        "update audit set comment = ''",
        "delete from audit",
        "update transitions set person = ''",
        "delete from findings",
        "update range_versions set content = ''",
    ],
)
def test_the_database_refuses_to_change_what_only_grows(address: Address, change: str) -> None:
    with SqlRecords.open(address) as records:
        with records.unit_of_work() as work:
            work.findings([finding()])
            work.transitions([transition()])
            work.audit(action(), "shelved")
            work.decided(Decision(approved("d1")), Position(1))
        database = Database(address)
        with pytest.raises((DBAPIError, RetryLater), match="is only ever added to"), database.writing() as connection:
            connection.exec_driver_sql(change)
        database.close()

        assert records.list_audit(9)[-1].entry.comment == "valve in repair"
        assert records.verify_audit().records == 3  # of a decision: who decided, and from when it is in force


def test_nothing_takes_the_place_of_an_audit_record(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with SqlRecords.open(path) as records, records.unit_of_work() as work:
        work.audit(action(), "shelved")

    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="is only ever added to"),
    ):
        connection.execute("INSERT OR REPLACE INTO audit SELECT * FROM audit")


def test_a_cut_off_tail_is_seen_by_who_kept_the_head(address: Address) -> None:
    with SqlRecords.open(address) as records:
        for number in range(3):
            with records.unit_of_work() as work:
                work.audit(action(f"a{number}"), "shelved")
        kept = records.verify_audit()
        change_guarded(address, "delete from audit where sequence = 3")

        assert records.verify_audit() != kept


WEB_PROCESS = """
import pickle
import sys
from domain.entries import ActionKind, PersonAction, Position
from records import sqlite
from records.database import SqlRecords
from records.engine import Database

sqlite._CHECKPOINT_EVERY = 5
with SqlRecords.open(pickle.loads(bytes.fromhex(sys.argv[1]))) as records:
    print("ready", flush=True)
    for number in range(20):
        with records.unit_of_work() as work:
            work.audit(PersonAction(f"web{number}", 1, "Ann", ActionKind.COMMENT, "a~high", "why"), "commented")
            work.cursor("web", Position(number + 1))
"""


def test_two_processes_write_at_once_and_the_chain_holds(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_CHECKPOINT_EVERY", 5)
    web = subprocess.Popen([sys.executable, "-c", WEB_PROCESS, pickle.dumps(address).hex()], stdout=subprocess.PIPE)
    written = 0
    try:
        assert web.stdout is not None
        assert web.stdout.readline() == b"ready\n"
        with SqlRecords.open(address) as records:
            while web.poll() is None and written < 5_000:
                with records.unit_of_work() as work:
                    work.audit(action(f"core{written}"), "commented")
                    written += 1
                    work.cursor("core", Position(written))
                time.sleep(0.001)  # a writer without any pause may keep SQLite's lock from the other for ever
            web.wait(LIMIT_S)

            assert web.returncode == 0
            assert written > 0
            assert records.verify_audit().records == 20 + written
            assert (records.cursor_of("core"), records.cursor_of("web")) == (written, 20)
    finally:
        web.kill()
        web.communicate()


def test_a_reader_sees_whole_units_of_work_while_another_thread_writes(address: Address) -> None:
    with SqlRecords.open(address) as records:

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


def test_a_list_that_was_asked_before_is_new_again_after_another_process_wrote(address: Address) -> None:
    with SqlRecords.open(address) as core, SqlRecords.open(address) as web:
        for number in range(1, 4):
            with core.unit_of_work() as work:
                work.transitions([transition(number=number)])
                work.findings([finding(version=number)])

            assert [each.number for each in web.transitions(None, 1)] == [number]
            assert web.transitions(None, 1) == web.transitions(None, 1)
            assert [each.version for each in web.list_findings(None, None, None, 9)] == [number]
