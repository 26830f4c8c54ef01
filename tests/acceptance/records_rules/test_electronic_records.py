"""Rules of electronic records (21 CFR 11, EU GMP Annex 11), on a real database: each test names its rule."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from alarms.book import AlarmBook
from domain.alarms import Transition
from domain.approvals import Proposal
from domain.audit import AuditEntry, AuditQuestion, as_csv, as_json, row_of
from domain.entries import ActionKind, ConfigurationActivated, Heartbeat, PersonAction, Position
from domain.errors import DamagedFile, Refused
from domain.figures import Reading
from domain.findings import Finding, Stage
from domain.people import Person
from domain.range_steps import KIND, fault_of_approver
from domain.roles import GRANTS, Permission, Role
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.signatures import Meaning
from domain.troubles import TROUBLES
from historian.journal import SqliteJournal
from records.database import SqlRecords
from service.heads import Anchoring, HeadFile, kept_heads
from service.machine import ClockWatch
from service.ranges.changing import Hand, approve, review
from service.signing import Signing, proof_by_token
from service.troubles import Moment, TroubleWatch
from tests.checks.journal import all_until, samples
from tests.checks.records import finding
from tests.unit.detectors.plant import Plant, at, findings, rulebook

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


def said_of(records: SqlRecords, book: AlarmBook, *found: Finding) -> list[Transition]:
    """What findings lead to, written together as the judge does."""
    transitions = book.apply(*found)
    with records.unit_of_work() as work:
        work.findings(found)
        work.transitions(transitions)
    return transitions


def done(records: SqlRecords, book: AlarmBook, action: PersonAction) -> Transition:
    (said,) = book.act(action)
    with records.unit_of_work() as work:
        work.transitions([said])
        work.audit(action, str(action.kind))
    return said


def test_5_acknowledging_needs_a_comment_and_never_closes_the_excursion(records: SqlRecords) -> None:
    book, found = AlarmBook(Rulebook()), finding(at_ns=NOW_NS, rule="excursion.validated.high")
    (began,) = said_of(records, book, found)
    action = PersonAction("a1", NOW_NS + 1, "Ada", ActionKind.ACKNOWLEDGE, began.alarm, "  ")

    with pytest.raises(Refused, match="needs a comment"):
        book.act(action)
    said = done(records, book, replace(action, comment="jacket valve opened by hand"))

    assert (said.facts.acknowledged, said.facts.active) == (True, True)
    assert [(each.stage, each.end_ns) for each in records.list_findings(None, None, None, 9)] == [(Stage.OPEN, None)]
    said_of(records, book, replace(found, version=2, at_ns=NOW_NS + 2, message="longer"))
    assert [each.version for each in records.finding_versions(found.id)] == [1, 2]


def test_5_shelving_is_timed_reasoned_and_role_gated_and_the_record_goes_on(records: SqlRecords) -> None:
    book, found = AlarmBook(Rulebook()), finding(at_ns=NOW_NS, rule="excursion.validated.high")
    (began,) = said_of(records, book, found)
    until_ns = NOW_NS + 60_000_000_000
    action = PersonAction("a1", NOW_NS + 1, "Grace", ActionKind.SHELVE, began.alarm, "probe in repair", until_ns)

    for wrong in ({"until_ns": None}, {"until_ns": NOW_NS}, {"until_ns": NOW_NS + 10**15}, {"comment": " "}):
        with pytest.raises(Refused):
            book.act(replace(action, **wrong))  # type: ignore[arg-type]  # each names a field
    assert GRANTS[Permission.SHELVE] == {Role.SHIFT_LEAD, Role.PROCESS_ENGINEER}
    done(records, book, action)

    assert said_of(records, book, replace(found, version=2, at_ns=NOW_NS + 2, message="higher")) == []
    assert [each.message for each in records.alarms()] == ["higher"]
    (ended,) = book.tick(until_ns)
    with records.unit_of_work() as work:
        work.transitions([ended])
    assert (ended.at_ns, ended.announces) == (until_ns, True)
    trail = [(each.entry.person, each.entry.what, each.entry.comment) for each in records.list_audit(9)]
    assert trail == [("service", "the shelf ended", "its time was over"), ("Grace", "shelve", "probe in repair")]


def test_6_the_administrator_has_no_role_in_the_process() -> None:
    """21 CFR 11.10 (d) and (g): accounts and the trail, and nothing that changes what the plant's record says."""
    held = {permission for permission, roles in GRANTS.items() if Role.ADMIN in roles}

    assert held == {Permission.LOOK, Permission.READ_AUDIT, Permission.MANAGE_PEOPLE, Permission.KEEP_ACCOUNT}


async def test_7_samples_are_journaled_with_source_server_and_receipt_time_in_utc(tmp_path: Path) -> None:
    """Annex 11 section 9; ALCOA's contemporaneous."""
    given = samples([1.0, 2.0], first_ns=NOW_NS, server=True)
    with closing(SqliteJournal.open(tmp_path / "journal.db")) as journal:
        position = await journal.append(given)
        ((_, kept),) = await all_until(journal, position)

    assert isinstance(kept, SampleBatch)
    assert kept.server_ns is not None
    assert (kept.time_ns.tolist(), kept.received_ns) == ([NOW_NS, NOW_NS + 1_000_000], NOW_NS + 7)
    assert kept.server_ns.tolist() == [NOW_NS + 11, NOW_NS + 1_000_011]


async def test_7_the_offset_of_a_sources_clock_is_recorded_and_alarms_beyond_a_limit(tmp_path: Path) -> None:
    beats = [Heartbeat("train1", at(second), True, skew_ns=skew_ns) for second, skew_ns in ((0, 10**9), (1, 3 * 10**9))]
    with closing(SqliteJournal.open(tmp_path / "journal.db")) as journal:
        position = await journal.append(*beats)
        kept = [entry for _, entry in await all_until(journal, position)]
    plant, book = Plant(rulebook(tags={})), AlarmBook(Rulebook())

    found = [findings(plant.feed(each)) for each in kept]

    assert kept == beats
    assert [[each.rule for each in some] for some in found] == [[], ["source.skew"]]
    assert [each.announces for each in book.apply(*found[1])] == [True]


def test_7_a_step_of_this_machines_clock_is_a_finding_with_its_time() -> None:
    told: list[Finding] = []
    watch, machine = TroubleWatch(TROUBLES, told.append), ClockWatch()
    for second, set_by_s in enumerate((0, 0, 3600, 3600)):
        machine.look(NOW_NS + (second + set_by_s) * 10**9, second * 10**9)
        reading = Reading("thermowell_clock_jumps_total", machine.jumps)
        watch.look(Moment([reading], float(second), NOW_NS + second, 1e9, Position(7)))

    assert [(each.rule, each.onset_ns, each.stage) for each in told] == [("service.clock.jump", NOW_NS + 2, Stage.OPEN)]


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
