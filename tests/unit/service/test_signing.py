from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import DamagedFile, Refused
from domain.ports import Person
from records.database import SqlRecords
from records.signatures import verify_signatures
from service.signing import Signing, proof_by_token
from tests.unit.records.unguarded import unguarded

CONTENT = {"batch": "B-1", "excursions": ["f1"]}
NOW_NS = 1_800_000_000_000_000_000


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(tmp_path / "records.db", wall_ns=lambda: NOW_NS) as opened:
        yield opened


def signing(records: SqlRecords) -> Signing:
    return Signing(records, proof_by_token(records.person_of), lambda: NOW_NS)


def test_a_signature_names_who_when_and_as_what_and_is_in_the_chain(records: SqlRecords) -> None:
    token = records.add_person("Grace", "QA")

    made = signing(records).sign(
        "batch", "B-1", CONTENT, "reviewed", Person("Grace", "QA", "10.1.2.3"), token, "read", ["Ada"]
    )

    (told,) = signing(records).signatures_of("batch", "B-1", CONTENT)
    assert told.signature == made
    assert (told.stands, made.printed, made.role, made.at_ns) == (True, "Grace", "QA", NOW_NS)
    entry = records.list_audit(1)[0].entry
    assert (entry.kind, entry.subject, entry.person, entry.origin) == ("sign", "batch B-1", "Grace", "10.1.2.3")
    assert entry.new == made.hash


def test_who_signs_proves_who_they_are_at_that_moment(records: SqlRecords) -> None:
    ada, grace = records.add_person("Ada", "QA"), records.add_person("Grace", "QA")

    for secret in ("", "wrong", ada):
        with pytest.raises(Refused, match="not this person's"):
            signing(records).sign("batch", "B-1", CONTENT, "reviewed", Person("Grace", "QA"), secret, "read")
    assert grace
    assert records.signatures_of("batch", "B-1") == []
    assert records.list_audit(1)[0].entry.what.startswith("refused")


@pytest.mark.parametrize(
    ("role", "reason", "actors", "why"),
    [
        ("operator", "read", [], "may not sign"),
        ("QA", " ", [], "a reason is needed"),
        ("QA", "read", ["GRACE"], "another person"),
    ],
)
def test_what_is_no_signature_is_refused(
    records: SqlRecords, role: str, reason: str, actors: list[str], why: str
) -> None:
    token = records.add_person("Grace", role)

    with pytest.raises(Refused, match=why):
        signing(records).sign("batch", "B-1", CONTENT, "reviewed", Person("Grace", role), token, reason, actors)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE signatures SET content = '{}'", "its content is not what was signed"),
        ("UPDATE signatures SET person = 'Bob'", "is not the one in the audit trail"),
        ("UPDATE signatures SET meaning = 'approved'", "is not the one in the audit trail"),
        ("DELETE FROM signatures", "is missing; the audit trail has it"),
    ],
)
def test_a_signature_that_was_changed_on_disk_is_named(records: SqlRecords, damage: str, named: str) -> None:
    token = records.add_person("Grace", "QA")
    signing(records).sign("batch", "B-1", CONTENT, "reviewed", Person("Grace", "QA"), token, "read")
    with records._database.writing() as connection:
        assert verify_signatures(connection) == 1
        with unguarded(connection):
            connection.exec_driver_sql(damage)

    with records._database.reading() as connection, pytest.raises(DamagedFile, match=named):
        verify_signatures(connection)
