"""What only a server has: it may be away, be set up so that commits are lost, or want a password."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.entries import Position
from domain.errors import DamagedFile, Refused, RetryLater
from records.address import Server, usual_tls
from records.database import SqlRecords
from tests.checks.records import finding, transition
from tests.postgres_server import PASSWORD, PostgresForTests


@pytest.fixture
def server(postgres: PostgresForTests) -> Iterator[Server]:
    with postgres.databases() as give:
        yield give()


def test_a_server_that_was_killed_is_found_again_and_messages_keep_its_secrets(
    postgres: PostgresForTests, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with SqlRecords.open(server) as records:
        with records.unit_of_work() as work:
            work.findings([finding("f1")])
        with postgres.away():
            with pytest.raises(RetryLater) as told, records.unit_of_work() as work:
                work.cursor("judging", Position(9))
            with pytest.raises(RetryLater) as asked:
                records.person_of("tw_secret")
            later = SqlRecords.open(server)
            with pytest.raises(RetryLater, match=r"did not take it: connection .* failed"):
                later.alarms()

        with records.unit_of_work() as work:
            work.findings([finding("f2")])
        assert [each.id for each in later.list_findings(None, None, None, 9)] == ["f2", "f1"]
        assert records.cursor_of("judging") == 0
        later.close()
    assert str(told.value).startswith(f"{server} did not take it: ")
    said = str(told.value) + str(asked.value) + repr(asked.value.__cause__) + caplog.text
    assert not any(secret in said for secret in (PASSWORD, "tw_secret", "SELECT people"))


def test_a_connection_that_breaks_within_a_unit_of_work_leaves_nothing_of_it(
    postgres: PostgresForTests, server: Server
) -> None:
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
    with SqlRecords.open(server) as records:
        with pytest.raises(RetryLater), records.unit_of_work() as work:  # noqa: PT012  any of the calls may say it
            work.transitions([transition()])
            postgres.admin(ended, server.database)
            work.cursor("judging", Position(9))

        assert (records.transitions(None, 9), records.cursor_of("judging")) == ([], 0)


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_confirmed_is_refused_by_name(
    postgres: PostgresForTests, server: Server, setting: str
) -> None:
    if setting == "synchronous_commit":  # of this database alone, as somebody in a hurry may set it
        postgres.admin(f"ALTER DATABASE {server.database} SET synchronous_commit = off")
    else:
        postgres.admin(f"ALTER SYSTEM SET {setting} = off")
        postgres.admin("SELECT pg_reload_conf()")
        while postgres.admin(f"SHOW {setting}") != [("off",)]:
            pass
    try:
        with pytest.raises(Refused, match=rf"{setting} is off: a commit that was answered could be lost"):
            SqlRecords.open(server)
    finally:
        postgres.admin(f"ALTER DATABASE {server.database} RESET synchronous_commit")
        postgres.admin("ALTER SYSTEM RESET ALL")
        postgres.admin("SELECT pg_reload_conf()")
        while setting != "synchronous_commit" and postgres.admin(f"SHOW {setting}") != [("on",)]:
            pass


def test_a_wrong_password_is_told_without_it_and_the_right_one_counts_at_once(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong-one")
    with SqlRecords.open(replace(server, password_file=file)) as records:
        with pytest.raises(RetryLater, match="password authentication failed for user") as told:
            records.alarms()
        file.write_text(PASSWORD)

        assert records.alarms() == []
    assert "wrong-one" not in str(told.value)


def test_a_password_file_that_cannot_be_read_is_named(server: Server, tmp_path: Path) -> None:
    wanted = r"password for postgresql://thermowell@.* cannot be read: .*nowhere"
    records = SqlRecords.open(replace(server, password_file=tmp_path / "nowhere"))
    with pytest.raises(RetryLater, match=wanted):
        records.alarms()
    records.close()


def test_a_role_without_rights_is_told_what_it_may_not(postgres: PostgresForTests, server: Server) -> None:
    SqlRecords.open(server).close()
    postgres.admin(f"DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    try:
        records = SqlRecords.open(replace(server, user="guest"))
        with pytest.raises(RetryLater, match="permission denied for"):
            records.alarms()
        records.close()
    finally:
        postgres.admin("DROP ROLE guest")


def test_a_database_of_something_else_is_refused_by_name(postgres: PostgresForTests, server: Server) -> None:
    SqlRecords.open(server).close()
    postgres.admin("ALTER TABLE about RENAME COLUMN value TO content", server.database)
    try:
        with pytest.raises(DamagedFile, match="is not a database of this program"):
            SqlRecords.open(server)
    finally:
        postgres.admin("ALTER TABLE about RENAME COLUMN content TO value", server.database)


def test_the_encryption_that_nobody_names_is_the_strictest_except_on_this_machine() -> None:
    assert [usual_tls(host) for host in ("db.example", "10.0.0.5", "127.0.0.1", "/run/postgresql")] == [
        *("verify-full", "verify-full"),
        *("off", "off"),
    ]
