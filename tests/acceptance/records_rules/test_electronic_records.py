"""Rules of electronic records (21 CFR 11, EU GMP Annex 11), on a real database: each test names its rule."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.approvals import Proposal
from domain.audit import AuditEntry, AuditQuestion, as_csv, as_json, row_of
from domain.entries import ActionKind, ConfigurationActivated, PersonAction
from domain.errors import DamagedFile, Refused
from domain.people import Person
from domain.range_steps import KIND, fault_of_approver
from domain.roles import GRANTS, Permission, Role
from domain.signatures import Meaning
from records.database import SqlRecords
from service.heads import Anchoring, HeadFile, kept_heads
from service.ranges.changing import Hand, approve, review
from service.signing import Signing, proof_by_token

NOW_NS = 1_800_000_000_000_000_000
CONTENT = {"batch": "B-1", "excursions": ["f1"]}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(tmp_path / "records.db", wall_ns=lambda: NOW_NS) as opened:
        yield opened


def hand(records: SqlRecords, name: str) -> Hand:
    token = records.add_person(name, "QA")
    return Hand(Signing(records, proof_by_token(records.person_of), lambda: NOW_NS), Person(name, "QA", "cli"), token)


def test_1_an_audit_entry_has_who_and_role_what_old_and_new_when_with_zone_why_and_the_authoriser(
    records: SqlRecords,
) -> None:
    """21 CFR 11.10 (e); Annex 11 section 9."""
    records.activated(ConfigurationActivated(NOW_NS, "ab12", "", "1", simulated=False), "Europe/Berlin")
    said = ("Ada", "shelve", "R101.TT~high", "shelved", "valve in repair")
    told = {"old": "unacknowledged", "new": "shelved", "authoriser": "Grace", "origin": "10.1.2.3", "role": "operator"}
    records.audit(AuditEntry("a1", NOW_NS, *said, **told))

    row = row_of(records.list_audit(1)[0])

    assert (row["person"], row["role"], row["authoriser"], row["origin"]) == ("Ada", "operator", "Grace", "10.1.2.3")
    assert (row["old"], row["new"], row["comment"]) == ("unacknowledged", "shelved", "valve in repair")
    assert (row["at"], row["local"], row["zone"]) == (
        "2027-01-15T08:00:00Z",
        "2027-01-15T09:00:00+01:00",
        "Europe/Berlin",
    )


def test_1_the_role_is_the_one_that_the_person_held_when_they_asked(records: SqlRecords) -> None:
    action = PersonAction("a1", NOW_NS, "Ada", ActionKind.ACKNOWLEDGE, "R101.TT~high", "seen")
    records.request(action, Person("Ada", "operator", "10.1.2.3"))
    with records.unit_of_work() as work:
        work.audit(action, "acknowledge")

    record = records.list_audit(1)[0]
    assert (record.role, record.entry.origin) == ("operator", "10.1.2.3")


def test_2_one_byte_changed_on_disk_is_named(records: SqlRecords, tmp_path: Path) -> None:
    records.audit(AuditEntry("a1", NOW_NS, "Ada", "comment", "R101", "commented", "the valve is in repair"))
    records.close()
    path = tmp_path / "records.db"
    for file in (path, path.with_name("records.db-wal")):
        if file.exists():
            file.write_bytes(file.read_bytes().replace(b"the valve is in repair", b"the valve iS in repair"))

    with SqlRecords.open(path) as opened, pytest.raises(DamagedFile, match="audit record 1"):
        opened.verify_audit()


def test_2_a_head_kept_elsewhere_finds_a_trail_that_was_replaced_by_an_older_one(
    records: SqlRecords, tmp_path: Path
) -> None:
    place = HeadFile(tmp_path / "elsewhere.heads")
    for number in range(3):
        records.audit(AuditEntry(f"a{number}", NOW_NS, "Ada", "comment", "R101", "commented"))
    Anchoring(records, [place], "S1", lambda: NOW_NS).look()

    with SqlRecords.open(tmp_path / "older.db") as older:
        older.audit(AuditEntry("a0", NOW_NS, "Ada", "comment", "R101", "commented"))

        with pytest.raises(DamagedFile, match="record 2 is missing: the trail is cut off"):
            older.verify_audit(kept_heads([place]))


def test_3_a_range_change_is_reviewed_and_approved_by_two_people_who_did_not_propose_it(records: SqlRecords) -> None:
    proposal = Proposal("p1", NOW_NS, "API-1", 7, "CR-1", "VR-12", "Ada", "as validated", "{}", "ab12")
    records.propose(proposal)
    ruth = hand(records, "Ruth")

    with pytest.raises(Refused, match="Ada did it"):
        review(records, "p1", hand(records, "Ada"), "read")
    assert "nobody has reviewed it" in fault_of_approver(proposal, "Grace", records.signatures_of(KIND, "p1"))
    review(records, "p1", ruth, "read")

    signed = records.signatures_of(KIND, "p1")
    assert "RUTH reviewed it" in fault_of_approver(proposal, "RUTH", signed)
    assert "ada proposed it" in fault_of_approver(proposal, "ada", signed)
    assert fault_of_approver(proposal, "Grace", signed) == ""


def test_3_a_range_change_is_not_valid_from_the_past(records: SqlRecords) -> None:
    records.propose(Proposal("p1", NOW_NS, "API-1", 7, "CR-1", "VR-12", "Ada", "as validated", "{}", "ab12"))

    with pytest.raises(Refused, match="is in the past"):
        approve(records, "p1", hand(records, "Grace"), "checked", NOW_NS - 60_000_000_000, NOW_NS)


def test_4_a_signature_shows_name_time_and_meaning_and_changed_content_shows_as_unsigned(records: SqlRecords) -> None:
    """21 CFR 11.50 and 11.70; Annex 11 section 14."""
    grace = hand(records, "Grace")
    grace.signing.sign("batch", "B-1", CONTENT, Meaning.REVIEWED, grace.person, grace.secret, "read", ["Ada"])

    (same,) = grace.signing.signatures_of("batch", "B-1", CONTENT)
    (other,) = grace.signing.signatures_of("batch", "B-1", {**CONTENT, "excursions": ["f1", "f2"]})

    assert (same.stands, same.manifest, same.signature.at_ns) == (True, "reviewed by Grace (QA): read", NOW_NS)
    assert (other.stands, other.changes) == (False, ('excursions: ["f1"] → ["f1", "f2"]',))


def test_4_who_signs_proves_who_they_are_at_signing(records: SqlRecords) -> None:
    """21 CFR 11.200 (a)."""
    grace = hand(records, "Grace")

    with pytest.raises(Refused):
        grace.signing.sign("batch", "B-1", CONTENT, Meaning.REVIEWED, grace.person, "guess", "read")
    assert records.signatures_of("batch", "B-1") == []


def test_6_the_administrator_has_no_role_in_the_process() -> None:
    """21 CFR 11.10 (d) and (g): accounts and the trail, and nothing that changes what the plant's record says."""
    held = {permission for permission, roles in GRANTS.items() if Role.ADMIN in roles}

    assert held == {Permission.LOOK, Permission.READ_AUDIT, Permission.MANAGE_PEOPLE, Permission.KEEP_ACCOUNT}


def test_8_copies_are_complete_with_schema_hash_and_the_trail(records: SqlRecords) -> None:
    """21 CFR 11.10 (b)."""
    for number in range(3):
        records.audit(AuditEntry(f"a{number}", NOW_NS, "Ada", "comment", "R101", "commented", "=1+1"))
    found = records.find_audit(AuditQuestion(person="Ada"), 10)

    told = json.loads(as_json(found, AuditQuestion(person="Ada"), NOW_NS))
    table = list(csv.DictReader(io.StringIO(as_csv(found).decode())))

    assert [each["hash"] for each in told["records"]] == [record.hash for record in found]
    assert set(told["schema"]["columns"]) == set(table[0])
    assert [each["comment"] for each in table] == ["'=1+1"] * 3


def test_11_the_configuration_that_was_activated_is_in_the_trail_with_the_one_before(records: SqlRecords) -> None:
    for number, hash_ in enumerate(("ab12", "ab12", "cd34")):
        records.activated(ConfigurationActivated(NOW_NS + number, hash_, "", "1", simulated=False), "UTC")

    told = [(each.entry.old, each.entry.new) for each in records.list_audit(9)]
    assert told == [("ab12, program 1", "cd34, program 1"), ("", "ab12, program 1")]
