"""Every released schema becomes today's, which is the one that the tables say, on both databases."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from domain.entries import Position
from domain.errors import NewerFormat, Refused, RetryLater
from records.address import Address
from records.database import SqlRecords
from records.engine import Database
from records.schema import FORMAT, bring_up, migrate
from records.tables import metadata
from tests.checks.records import WALL_NS, action, finding, notice, phase, transition

RELEASED = sorted((Path(__file__).parent / "released").glob("format_*.sql"))


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def of_release(dump: Path, path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(dump.read_text())
    connection.close()
    return path


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
def test_a_file_of_an_earlier_release_is_brought_up_with_all_that_is_in_it(dump: Path, tmp_path: Path) -> None:
    path = of_release(dump, tmp_path / "records.db")

    with SqlRecords.open(path, wall_ns=lambda: WALL_NS) as records:
        assert records.list_findings(None, None, None, 9) == [finding()]
        assert records.list_phases(None, None, None, 9) == [phase()]
        assert records.transitions(None, 9) == [
            transition(number=2, what="returned"),
            transition(announces=True),
        ]
        assert records.notices(9) == [(notice(), "pending")]
        assert records.waiting_requests() == [action("a2")]
        assert (records.cursor_of("judging"), records.snapshot_of("judging")) == (3, (Position(2), b"\x00state"))
        assert records.verify_audit().records == 1
    database = Database(path)
    with database.reading() as connection:
        found = differences(connection)
    database.close()
    assert found == []


def test_a_file_of_the_time_before_batch_events_gets_their_tables(tmp_path: Path) -> None:
    path = of_release(RELEASED[0], tmp_path / "records.db")
    with sqlite3.connect(path) as connection:
        for lost in ("TABLE batch_events", "TABLE batch_links", "TABLE event_requests", "INDEX phases_of_batch"):
            connection.execute(f"DROP {lost}")
    connection.close()

    database = Database(path)
    with database.reading() as connection:
        found = differences(connection)
    database.close()
    assert found == []


def test_migrations_and_tables_say_the_same(address: Address) -> None:
    database = Database(address)
    with database.writing() as connection:
        made = differences(connection)
        metadata.drop_all(connection)
        bring_up(connection, "new")
        anew = differences(connection)
        metadata.drop_all(connection)
        migrate(connection)
        migrated = differences(connection)
        # The next test finds an empty database again.
        metadata.drop_all(connection)
        bring_up(connection, "new")
    database.close()

    assert (made, anew, migrated) == ([], [], [])


def test_a_difference_would_be_seen(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.db")
    with database.writing() as connection:
        connection.exec_driver_sql("DROP INDEX transitions_of_batch")
        found = differences(connection)
    database.close()

    assert len(found) == 1


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = of_release(RELEASED[0], tmp_path / "records.db")
    before = content(path)

    def cut_short(_: Connection) -> None:
        raise InterruptedError

    monkeypatch.setattr("records.schema.migrate", lambda connection: (migrate(connection), cut_short(connection)))
    with pytest.raises(InterruptedError):
        Database(path)

    assert content(path) == before


def content(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    told = list(connection.iterdump())
    connection.close()
    return told


def test_there_is_a_dump_of_every_released_format_before_this_one() -> None:
    released = [int(dump.stem.removeprefix("format_")) for dump in RELEASED]

    assert released == list(range(1, len(released) + 1))
    assert 2 <= released[-1] < FORMAT


def test_transitions_of_a_batch_are_found_by_an_index(address: Address) -> None:
    database = Database(address)
    with database.writing() as connection:
        if connection.dialect.name == "sqlite":
            asked = "EXPLAIN QUERY PLAN SELECT * FROM transitions WHERE batch = 'B' ORDER BY sequence DESC LIMIT 9"
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            asked = "EXPLAIN SELECT * FROM transitions WHERE batch = 'B' ORDER BY sequence DESC LIMIT 9"
        plan = str(connection.exec_driver_sql(asked).all())
    database.close()

    assert "transitions_of_batch" in plan


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
def test_who_only_looks_migrates_nothing_and_writes_nothing(dump: Path, tmp_path: Path) -> None:
    path = of_release(dump, tmp_path / "records.db")
    before = path.read_bytes()

    with SqlRecords.as_they_are(path) as records:
        assert records.verify_audit().records == 1
        with pytest.raises(RetryLater, match="readonly database"), records.unit_of_work() as work:
            work.cursor("judging", Position(9))
    assert path.read_bytes() == before


def test_who_only_looks_makes_no_database_and_leaves_a_newer_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with pytest.raises(Refused, match="has no records yet"):
        SqlRecords.as_they_are(path)
    assert not path.exists()

    SqlRecords.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE about SET value = '999' WHERE name = 'format'")
    connection.close()
    with pytest.raises(NewerFormat, match="has format 999"):
        SqlRecords.as_they_are(path)
