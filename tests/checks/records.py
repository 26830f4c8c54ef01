"""What every implementation of the records must do; each check is given fresh records, open at wall time `WALL_NS`."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

import pytest

from domain.alarms import AlarmFacts, Notice, Sought, Transition
from domain.approvals import Decision, Proposal
from domain.audit import AuditRecord
from domain.entries import ActionKind, BatchEvent, EventKind, PersonAction, Position, RecipeApproved, RowPosition
from domain.errors import Refused
from domain.findings import BatchTold, EquipmentState, Finding, FindingId, PhaseRecord, Stage
from domain.genealogy import BatchLink, Kinship
from domain.ports import Records, RecordsReader, UnitOfWork
from domain.rules import Priority
from records.audit import AuditHead
from records.outbox import STATES, NoticeResult, PassedOn, Planned, WaitingNotice
from records.requests import Answer

WALL_NS = 1_800_000_000_000_000_000


class Work(UnitOfWork, Protocol):
    def request_done(self, id_: str, error: str | None) -> None: ...


class CoreRecords(Records, RecordsReader, Protocol):
    """The ports, and what the core and the command line ask beyond them."""

    def unit_of_work(self) -> AbstractContextManager[Work]: ...
    def finding_versions(self, id_: str) -> Sequence[Finding]: ...
    def request_answer(self, id_: str) -> Answer | None: ...
    def settled_requests(self, ids: Sequence[str]) -> Mapping[str, str]: ...
    def cursor_of(self, name: str) -> Position: ...
    def snapshot_of(self, name: str) -> tuple[Position, bytes] | None: ...
    def newest_transitions(self) -> Sequence[Transition]: ...
    def newest_of_units(self) -> Sequence[PhaseRecord | EquipmentState]: ...
    def open_findings(self) -> Sequence[Finding]: ...
    def waiting_requests(self, limit: int = 100) -> Sequence[PersonAction]: ...
    def request_done(self, id_: str, error: str | None = None) -> None: ...
    def waiting_notices(
        self, now_ns: int, limit: int = 100, channel: str | None = None, person: str | None = None
    ) -> Sequence[WaitingNotice]: ...
    def waiting_people(self, now_ns: int, channel: str) -> Sequence[str]: ...
    def plan_notices(self, planned: Sequence[Planned]) -> int: ...
    def pass_notices_on(self, passed: Sequence[PassedOn]) -> None: ...
    def drop_notices(self, ids: Sequence[str], why: str) -> None: ...
    def transitions_by_id(self, ids: Sequence[str]) -> Mapping[str, Transition]: ...
    def waiting_channels(self) -> Sequence[str]: ...
    def notices_begun(self, ids: Sequence[str], again_ns: int) -> None: ...
    def resume_notices(self) -> None: ...
    def clock_set_back(self, now_ns: int, by_ns: int) -> None: ...
    def notice_result(self, ids: Sequence[str], result: NoticeResult) -> None: ...
    def notice_counts(self) -> Mapping[str, int]: ...
    def add_person(self, name: str, role: str) -> str: ...
    def revoke(self, name: str) -> None: ...
    def waiting_events(self, limit: int = 100) -> Sequence[BatchEvent]: ...
    def propose(self, proposal: Proposal) -> None: ...
    def proposals(self, limit: int = 100) -> Sequence[Proposal]: ...
    def proposal(self, id_: str) -> Proposal | None: ...
    def approved_versions(self, limit: int = 1_000) -> Sequence[RecipeApproved]: ...
    def approved_entries(self) -> Sequence[tuple[Position, RecipeApproved]]: ...
    def verify_audit(self) -> AuditHead: ...
    def list_audit(self, limit: int) -> Sequence[AuditRecord]: ...


def finding(id_: str = "f1", version: int = 1, stage: Stage = Stage.OPEN, **changed: object) -> Finding:
    made = Finding(
        id=FindingId(id_),
        version=version,
        rule="excursion.nor.high",
        subject="R101.TT",
        stage=stage,
        onset_ns=100,
        end_ns=None if stage is Stage.OPEN else 200,
        at_ns=110,
        detected=RowPosition(Position(7), 3),
        message="R101.TT is 62.4 degC, above 62",
        unit="R101",
        batch="B-1",
        phase="dose",
        phase_instance="R101/B-1/dose/1",
        ranges_version="API-1 v7",
        rules_hash="abc",
        evidence={"limit": 62.0, "peak": 62.4, "samples": 2**60, "note": "µ", "nothing": None},
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # the caller names fields


def transition(alarm: str = "R101.TT~high", number: int = 1, **changed: object) -> Transition:
    made = Transition(
        id=f"{alarm}.{number}",
        alarm=alarm,
        number=number,
        at_ns=1_000 + number,
        what="activated",
        facts=AlarmFacts(active=True, acknowledged=False),
        priority=Priority.HIGH,
        rule="excursion.nor.high",
        subject="R101.TT",
        name="high",
        message="R101.TT is 62.4 degC, above 62",
        unit="R101",
        batch="B-1",
        phase="dose",
        finding="f1",
        finding_version=1,
        person="Ann",
        comment="seen",
        cause="Cooling lost",
        consequence="Impurity D",
        action="Stop dosing",
        respond_within_ns=600,
        occurrence=2,
        since_ns=90,
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # the caller names fields


def notice(id_: str = "n1", channel: str = "leads") -> Notice:
    return Notice(id_, channel, "HIGH: R101.TT high", "R101.TT is 62.4 degC", "R101.TT~high.1", 1_001, Priority.MEDIUM)


def phase(instance: str = "R101/B-1/dose/1", start_ns: int = 100, end_ns: int | None = None) -> PhaseRecord:
    return PhaseRecord(instance, "R101", "B-1", "dose", "API-1 v7", start_ns, end_ns, RowPosition(Position(5), 2))


def action(id_: str = "a1", **changed: object) -> PersonAction:
    made = PersonAction(id_, 500, "Ann", ActionKind.SHELVE, "R101.TT~high", "valve in repair", 900)
    return replace(made, **changed)  # type: ignore[arg-type]  # the caller names fields


def what_units_were_last_told_to_do_is_there_after_a_stop(records: CoreRecords) -> None:
    earlier, later = phase(start_ns=100, end_ns=200), phase("R101/B-1/react/2", start_ns=200)
    states = [
        EquipmentState("R101", state, at, RowPosition(Position(at), 0)) for at, state in ((5, "running"), (9, ""))
    ]
    for _ in range(2):  # what is there already stays as it is
        with records.unit_of_work() as work:
            work.phases([earlier, later])
            work.equipment(states)

    assert records.newest_of_units() == [later, states[-1]]


def a_unit_of_work_writes_everything_at_once(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding()])
        work.phases([phase()])
        work.transitions([transition()])
        work.notices([notice()])
        work.audit(action(), "shelved")
        work.cursor("judging", Position(12))
        work.snapshot("judging", Position(9), b"\x00state")

    assert records.list_findings(None, None, None, 10) == [finding()]
    assert records.list_phases(None, None, None, 10) == [phase()]
    assert records.transitions(None, 10) == [transition()]
    assert records.notices(10) == [(notice(), "pending")]
    assert records.list_audit(10)[0].entry.comment == "valve in repair"
    assert records.cursor_of("judging") == 12
    assert records.snapshot_of("judging") == (9, b"\x00state")


def an_error_inside_writes_nothing(records: CoreRecords) -> None:
    with contextlib.suppress(KeyError), records.unit_of_work() as work:
        work.findings([finding()])
        work.phases([phase()])
        work.transitions([transition()])
        work.notices([notice()])
        work.audit(action(), "shelved")
        work.cursor("judging", Position(12))
        raise KeyError

    assert records.list_findings(None, None, None, 10) == []
    assert records.list_phases(None, None, None, 10) == []
    assert records.transitions(None, 10) == []
    assert records.notices(10) == []
    assert records.list_audit(10) == []
    assert records.cursor_of("judging") == 0


def writing_twice_is_writing_once(records: CoreRecords) -> None:
    for _ in range(2):
        with records.unit_of_work() as work:
            work.findings([finding(), finding()])
            work.phases([phase(), phase()])
            work.transitions([transition(), transition()])
            work.notices([notice(), notice()])
            work.audit(action(), "shelved")

    assert len(records.finding_versions("f1")) == 1
    assert len(records.list_phases(None, None, None, 10)) == 1
    assert len(records.transitions(None, 10)) == 1
    assert len(records.notices(10)) == 1
    assert len(records.list_audit(10)) == 1


def what_is_written_is_not_changed_by_writing_it_again(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding()])
        work.transitions([transition()])
        work.notices([notice()])
    records.notice_result(["n1"], NoticeResult("sent", "250 ok"))
    with records.unit_of_work() as work:
        work.findings([finding(message="other")])
        work.transitions([transition(comment="other")])
        work.notices([replace(notice(), title="other")])

    assert records.list_findings(None, None, None, 10) == [finding()]
    assert records.transitions(None, 10) == [transition()]
    assert records.notices(10) == [(notice(), "sent")]


def every_version_of_a_finding_stays_and_the_newest_is_listed(records: CoreRecords) -> None:
    versions = [finding(), finding(version=2, message="higher"), finding(version=3, stage=Stage.CLEARED)]
    with records.unit_of_work() as work:
        work.findings(versions[:2])
    with records.unit_of_work() as work:
        work.findings(versions[2:])
        work.findings(versions[:1])

    assert records.list_findings(None, None, None, 10) == [versions[2]]
    assert records.finding_versions("f1") == versions


def a_lower_version_that_comes_late_does_not_hide_a_higher_one(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding(version=3, message="newest")])
        work.findings([finding(version=2, message="late")])

    assert [each.message for each in records.list_findings(None, None, None, 10)] == ["newest"]


def findings_are_chosen_by_overlap_and_subject(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding("past", stage=Stage.CLEARED, onset_ns=100, end_ns=200)])
        work.findings([finding("open", onset_ns=300)])
        work.findings([finding("other", onset_ns=300, subject="R102.TT")])

    def ids(start_ns: int | None, end_ns: int | None, subject: str | None = None) -> set[str]:
        return {each.id for each in records.list_findings(start_ns, end_ns, subject, 10)}

    assert ids(None, None) == {"past", "open", "other"}
    assert ids(150, 250) == {"past"}
    assert ids(201, None) == {"open", "other"}
    assert ids(None, 300) == {"past"}
    assert ids(None, None, "R102.TT") == {"other"}


def a_long_list_of_findings_continues_without_loss(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding(f"f{number}") for number in range(7)])

    pages, before = [], None
    while page := records.list_findings(None, None, None, 3, before):
        pages += [each.id for each in page]
        before = page[-1].id
    assert pages == [f"f{number}" for number in reversed(range(7))]


def a_phase_gets_its_end_and_keeps_it(records: CoreRecords) -> None:
    for written in (phase(), phase(end_ns=900), phase()):
        with records.unit_of_work() as work:
            work.phases([written])

    assert records.list_phases(None, None, "R101", 10) == [phase(end_ns=900)]
    assert records.list_phases(901, None, None, 10) == []
    assert records.list_phases(None, 100, None, 10) == []
    assert records.list_phases(None, None, "R102", 10) == []


def phases_are_listed_newest_first(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.phases([phase("b", 200), phase("a", 100), phase("c", 300)])

    assert [each.instance for each in records.list_phases(None, None, None, 2)] == ["c", "b"]


def event(id_: str = "e1", **changed: object) -> BatchEvent:
    made = BatchEvent(id_, "floor", EventKind.CHARGE, 100, 101, "R101", "B-1", "dose", "SM-1", Decimal("12.50"), "kg")
    return replace(made, **changed)  # type: ignore[arg-type]  # the caller names fields


def told(id_: str = "e1", **changed: object) -> BatchTold:
    return BatchTold(event(id_, **changed), RowPosition(Position(5), 2))


def what_is_told_of_a_batch_is_kept_once_and_found_by_every_batch_that_it_names(records: CoreRecords) -> None:
    split = told("e2", kind=EventKind.SPLIT, time_ns=200, batch="", parents=("B-1",), children=("ü%", "B-1_2"))
    for _ in range(2):
        with records.unit_of_work() as work:
            work.told([told(), split, told(source="mes", recipe="API-1 v7", corrects="e0")])

    found = records.told_of("B-1", 10)
    assert found == [split, told(source="mes", recipe="API-1 v7", corrects="e0"), told()]
    assert str(found[1].event.amount) == "12.50"
    assert records.told_of("B-1", 1) == [split]
    assert records.told_of("ü%", 10) == [split]
    assert records.told_of("B-1x2", 10) == []
    assert records.told_of("B-", 10) == []


def links_are_kept_once_and_walked_both_ways(records: CoreRecords) -> None:
    links = [BatchLink(*pair, Kinship.MERGE, 100, "floor", "e1") for pair in (("A", "C"), ("B", "C"), ("C", "D"))]
    for _ in range(2):
        with records.unit_of_work() as work:
            work.links(links)

    assert records.links_of(["C"], back=True, limit=10) == links[:2]
    assert records.links_of(["A", "C"], back=False, limit=10) == [links[0], links[2]]
    assert records.links_of(["C"], back=True, limit=1) == links[:1]


def phases_and_findings_are_found_by_their_batch(records: CoreRecords) -> None:
    mine = finding("f2", batch="B-9")
    with records.unit_of_work() as work:
        work.phases([phase("b", 200), phase("a", 100)])
        work.findings([finding("f1", batch="B-1"), mine, replace(mine, version=2)])

    assert [each.instance for each in records.phases_of("B-1", 10)] == ["a", "b"]
    assert records.phases_of("B-2", 10) == []
    assert records.findings_of("B-9", 10) == [replace(mine, version=2)]


def an_event_is_asked_for_once_and_answered_with_its_effects(records: CoreRecords) -> None:
    first = records.ask_event(event(source="", person="Ann"))
    again = records.ask_event(event(source="", person="Ann", batch="B-2"))
    assert (first, again) == (event(source="", person="Ann"), first)
    assert list(records.waiting_events()) == [first]
    assert records.event_state("e1") == "waiting"

    with records.unit_of_work() as work:
        work.event_done("e1", None)
        work.event_done("e1", "too late")

    assert list(records.waiting_events()) == []
    assert (records.event_state("e1"), records.event_state("e2")) == ("done", None)


def alarms_are_unacknowledged_and_severe_first_and_only_those_that_are_not_normal(records: CoreRecords) -> None:
    normal = AlarmFacts()
    shelved = AlarmFacts(shelved_until_ns=5, shelved_priority=Priority.LOW)
    with records.unit_of_work() as work:
        work.transitions(
            [
                transition("calm", facts=normal),
                transition("seen", facts=AlarmFacts(active=True), priority=Priority.CRITICAL),
                transition("medium", priority=Priority.MEDIUM),
                transition("critical", priority=Priority.CRITICAL),
                transition("shelved", facts=shelved, priority=Priority.LOW),
                transition("returned", facts=AlarmFacts(acknowledged=False), priority=Priority.LOW),
            ]
        )

    order = [each.alarm for each in records.alarms()]
    assert order == ["critical", "medium", "returned", "seen", "shelved"]
    assert {each.alarm for each in records.alarms(everything=True)} == {*order, "calm"}
    assert records.newest_transitions() == records.alarms(everything=True)


def an_alarm_is_shown_in_the_newest_words_of_its_finding_and_its_history_in_those_of_then(
    records: CoreRecords,
) -> None:
    began = transition(
        message="above 62, at most 62.4 With it: drift since 10:03 UTC.", finding="f1", finding_version=1
    )
    with records.unit_of_work() as work:
        work.findings([finding(message="above 62, at most 62.4")])
        work.transitions([began])
    with records.unit_of_work() as work:
        work.findings([finding(version=2, message="above 62 for 32 min, at most 80.1", batch="B-2")])

    (shown,) = records.alarms()
    now = "above 62 for 32 min, at most 80.1 With it: drift since 10:03 UTC."
    assert shown == replace(began, message=now, finding_version=2, batch="B-2")
    assert records.alarm(began.alarm) == shown
    assert records.alarm("none") is None
    assert [*records.transitions(began.alarm, 5), *records.newest_transitions()] == [began, began]


def an_alarm_whose_finding_is_over_is_shown_with_the_one_that_keeps_it_active(records: CoreRecords) -> None:
    rule = "excursion.nor.high"
    began = transition(message="the first one", finding="f1", finding_version=1, rule=rule, subject="R101.TT")
    over = transition("other", message="the first one", finding="f1", finding_version=1, rule=rule, subject="R101.TT")
    with records.unit_of_work() as work:
        work.findings([finding(message="the first one"), finding("f2", onset_ns=150, message="the second one")])
        work.findings([finding("f3", onset_ns=160, message="elsewhere", subject="R102.TT")])
        work.findings([finding("f4", onset_ns=160, message="another step", rule="excursion.par.high")])
        work.transitions([began, replace(over, facts=AlarmFacts(acknowledged=False))])
        work.findings([finding(version=2, stage=Stage.CLEARED, message="the first one is over")])

    told = {each.alarm: (each.message, each.finding) for each in records.alarms()}
    assert told == {began.alarm: ("the second one", "f2"), "other": ("the first one is over", "f1")}


def an_alarm_whose_finding_came_back_and_is_not_clear_is_shown_with_the_one_that_is_open(records: CoreRecords) -> None:
    began = transition(message="a touch", finding="f1", finding_version=1, rule="excursion.nor.high", subject="R101.TT")
    with records.unit_of_work() as work:
        work.findings([finding(message="a touch")])
        work.transitions([began])
        work.findings([finding(version=2, stage=Stage.ENDED, message="a touch of 30 s")])

    assert [each.message for each in records.alarms()] == ["a touch of 30 s"]

    with records.unit_of_work() as work:
        work.findings([finding("f2", onset_ns=150, message="far above")])
        work.findings([finding("f3", stage=Stage.ENDED, onset_ns=160, message="another touch")])

    assert [(each.message, each.finding) for each in records.alarms()] == [("far above", "f2")]


def an_alarm_is_shown_as_its_newest_transition_says(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.transitions([transition(number=1), transition(number=2, what="acknowledged")])
    with records.unit_of_work() as work:
        work.transitions([transition(number=3, what="returned", facts=AlarmFacts())])

    assert records.alarms() == []
    assert [each.number for each in records.alarms(everything=True)] == [3]


def what_the_service_puts_away_or_takes_back_by_itself_is_in_the_trail(records: CoreRecords) -> None:
    active = AlarmFacts(active=True, acknowledged=False)
    cleaned = replace(active, suppressed=True, suppressed_by="cleaning: R101 is in clean")
    shelved = replace(active, shelved_until_ns=5, shelved_priority=Priority.LOW)
    told = [
        transition(number=1, facts=active),
        transition(number=2, what="suppressed", facts=cleaned, at_ns=700, batch="B-1"),
        transition(number=3, what="unsuppressed", facts=active),
        transition(number=4, what="shelved", facts=shelved, person="Ada"),
        transition(number=5, what="unshelved", facts=active),
        transition(number=6, what="shelved", facts=shelved, person="Ada"),
        transition(number=7, what="severity", facts=active),
        transition(number=8, what="shelved", facts=shelved, person="Ada"),
        transition(number=9, what="unshelved", facts=replace(active, acknowledged=True), person="Ada"),
    ]
    told = [replace(each, person="Ada" if each.person == "Ada" else "") for each in told]
    with records.unit_of_work() as work:
        work.transitions(told[:3])
    with records.unit_of_work() as work:
        work.transitions(told)  # a replay writes nothing twice

    entries = [each.entry for each in reversed(records.list_audit(9))]
    assert {each.person for each in entries} == {"service"}
    assert [(each.kind, each.what, each.comment, each.old, each.new) for each in entries] == [
        ("suppress", "suppressed by design", "cleaning: R101 is in clean", "UNACK", "DSUPR"),
        ("suppress", "no longer suppressed", "over: cleaning: R101 is in clean", "DSUPR", "UNACK"),
        ("unshelve", "the shelf ended", "its time was over", "SHLVD", "UNACK"),
        ("unshelve", "the shelf ended", "it is worse than what was shelved", "SHLVD", "UNACK"),
    ]
    assert (entries[0].subject, entries[0].at_ns, entries[0].batch) == ("R101.TT~high", 700, "B-1")


def transitions_are_listed_newest_first_and_after_one(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.transitions([transition(number=number) for number in range(1, 6)])
        work.transitions([transition("other")])

    assert [each.number for each in records.transitions("R101.TT~high", 2)] == [5, 4]
    assert [each.number for each in records.transitions("R101.TT~high", 2, "R101.TT~high.2")] == [4, 3]
    assert records.transitions(None, 10, "other.1") == []


def transitions_of_a_batch_are_those_that_name_it(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.transitions([transition(number=1), transition(number=2, batch="B-2"), transition(number=3)])

    assert [each.number for each in records.transitions_of("B-1", 10)] == [3, 1]
    assert [each.number for each in records.transitions_of("B-1", 1)] == [3]


def open_findings_are_those_that_are_not_cleared(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding("open"), finding("ended", stage=Stage.ENDED), finding("gone", stage=Stage.CLEARED)])

    assert [each.id for each in records.open_findings()] == ["open", "ended"]


def findings_that_cleared_under_an_active_alarm_are_given_to_the_book(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.findings([finding("gone", stage=Stage.CLEARED), finding("other", stage=Stage.CLEARED, subject="X")])
        work.transitions([transition()])

    assert [each.id for each in records.open_findings()] == ["gone"]


def a_request_waits_until_it_is_answered(records: CoreRecords) -> None:
    records.request(action("a1"))
    records.request(action("a2", until_ns=None))
    records.request(action("a1", comment="again"))

    assert records.waiting_requests() == [action("a1"), action("a2", until_ns=None)]
    assert records.request_answer("a1") == Answer("waiting")
    records.request_done("a1", "there is no such alarm")
    with records.unit_of_work() as work:
        work.request_done("a2", None)
    records.request_done("a2", "too late")
    assert records.waiting_requests() == []
    assert records.request_answer("a1") == Answer("refused", "there is no such alarm")
    assert records.request_answer("a2") == Answer("done")
    assert records.request_answer("a3") is None


def some_requests_are_made_together_and_those_that_are_settled_are_told(records: CoreRecords) -> None:
    records.request_all([action("a1"), action("a2"), action("a3")])
    records.request_done("a1", "there is no such alarm")
    records.request_done("a3")

    assert records.settled_requests(["a1", "a2", "a3", "a4"]) == {"a1": "there is no such alarm", "a3": ""}
    assert records.waiting_requests() == [action("a2")]


def what_happened_to_alarms_is_found_by_who_did_it_and_read_on_from_any_of_it(records: CoreRecords) -> None:
    said = [
        transition(number=1, at_ns=100, unit="R101", message="50 % of R101"),
        transition(number=2, at_ns=200, unit="R101", what="acknowledged", person="Ada", comment="seen"),
        transition(number=3, at_ns=300, unit="T201", what="returned"),
    ]
    with records.unit_of_work() as work:
        work.transitions(said)
    newest_first = said[::-1]

    assert records.sought(Sought(), 9) == newest_first
    assert records.sought(Sought(), 2) == newest_first[:2]
    assert records.sought(Sought(), 9, before=newest_first[1].id) == newest_first[2:]
    assert records.sought(Sought(person="Ada"), 9) == [said[1]]
    assert records.sought(Sought(unit="R101", start_ns=200, end_ns=300), 9) == [said[1]]
    assert records.sought(Sought(text="0 % OF"), 9) == [said[0]]
    assert records.sought(Sought(text="_"), 9) == []
    assert records.sought(Sought(what="returned", priority=said[2].priority), 9) == [said[2]]


def proposal(id_: str = "p1") -> Proposal:
    return Proposal(id_, 90, "API-1", 7, "CR-1234", "VR-12", "Ada", "as validated", '{"format":1}', "ab12")


def approved(id_: str = "a1", **changed: object) -> RecipeApproved:
    made = RecipeApproved(
        *(id_, 100, "API-1", 7, "CR-1234", "VR-12", 120, "p1", "Ada", "Grace", "checked"),
        *('{"format":1}', "ab12"),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def a_proposal_is_kept_as_it_was_put_forward(records: CoreRecords) -> None:
    records.propose(proposal())
    records.propose(replace(proposal(), reason="another"))
    records.propose(proposal("p2"))

    assert records.proposals() == [proposal("p2"), proposal()]
    assert records.proposal("p1") == proposal()
    assert records.proposal("p3") is None
    assert [(each.entry.person, each.entry.kind) for each in records.list_audit(9)] == [("Ada", "propose_ranges")] * 2


def an_approved_version_is_written_once_with_its_audit_and_its_answer(records: CoreRecords) -> None:
    records.request(action("a1", kind=ActionKind.APPROVE_RANGES, subject="p1"))
    for place in (5, 6):
        with records.unit_of_work() as work:
            work.decided(Decision(approved()), Position(place))

    assert records.approved_versions() == [approved()]
    assert records.approved_entries() == [(5, approved())]
    assert records.request_answer("a1") == Answer("done")
    _, entry = (each.entry for each in records.list_audit(9))
    assert (entry.person, entry.kind, entry.subject, entry.comment) == (
        "Grace",
        "approve_ranges",
        "API-1 v7",
        "checked",
    )
    assert entry.what.startswith("approved, valid from 1970-01-01T00:00:00.000000120Z; proposed by Ada, change CR-1234")


def a_change_of_ranges_names_who_made_it_who_authorised_it_and_what_was_in_force_before(records: CoreRecords) -> None:
    records.propose(proposal())
    later = approved("a2", version=8, hash="cd34", valid_from_ns=130)
    with records.unit_of_work() as work:
        work.decided(Decision(approved()), Position(5))
        work.decided(Decision(later), Position(6))
        work.decided(Decision(approved("a3", version=9, hash="ef56", valid_from_ns=125)), Position(7))

    changes = [each.entry for each in records.list_audit(9) if each.entry.kind == "change_ranges"][::-1]
    assert {(each.person, each.authoriser, each.comment) for each in changes} == {("Ada", "Grace", proposal().reason)}
    assert [(each.old, each.new) for each in changes] == [
        ("", "v7, content ab12"),
        ("v7, content ab12", "v8, content cd34"),
        ("v7, content ab12", "v9, content ef56"),
    ]


def an_approval_that_counts_for_nothing_is_refused_and_in_the_audit_trail(records: CoreRecords) -> None:
    records.request(action("a1", kind=ActionKind.APPROVE_RANGES, subject="p1"))
    with records.unit_of_work() as work:
        work.decided(Decision(approved(), "it has no reason"), Position(5))

    assert records.approved_versions() == []
    assert records.request_answer("a1") == Answer("refused", "it has no reason")
    assert records.list_audit(1)[0].entry.what == "approval refused: it has no reason"


def a_notice_waits_until_it_is_sent(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.notices([notice("n1"), notice("n2", "others")])

    assert records.waiting_notices(0, 10, "leads") == [WaitingNotice(notice("n1"), 0, doubtful=False)]
    assert sorted(records.waiting_channels()) == ["leads", "others"]
    records.notices_begun(["n1"], 50)
    records.notice_result(["n1"], NoticeResult("sent", "250 ok"))
    assert records.waiting_notices(10**9, 10, "leads") == []
    assert records.waiting_channels() == ["others"]
    assert records.notice_counts() == dict.fromkeys(STATES, 0) | {"pending": 1, "sent": 1}


def a_notice_that_was_begun_and_never_finished_is_doubtful(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.notices([notice()])
    records.notices_begun(["n1"], 50)

    assert records.waiting_notices(49) == []
    assert records.waiting_notices(50) == [WaitingNotice(notice(), 1, doubtful=True, begun_ns=WALL_NS)]


def what_an_ended_process_left_without_a_result_is_due_at_once(records: CoreRecords) -> None:
    records.plan_notices([Planned(notice()), Planned(notice("n2"), WALL_NS + 9)])
    records.notices_begun(["n1"], WALL_NS + 120)
    records.resume_notices()

    assert [each.notice.id for each in records.waiting_notices(WALL_NS)] == ["n1"]


def what_an_ended_process_would_have_tried_again_is_due_at_once(records: CoreRecords) -> None:
    records.plan_notices([Planned(notice())])
    records.notices_begun(["n1"], WALL_NS + 120)
    records.notice_result(["n1"], NoticeResult("pending", "Connection refused", WALL_NS + 70))
    records.resume_notices()

    assert records.waiting_notices(WALL_NS) == [WaitingNotice(notice(), 1, doubtful=False, begun_ns=WALL_NS)]


def what_waits_does_so_no_longer_when_the_clock_is_set_back_but_for_quiet_hours(records: CoreRecords) -> None:
    step, quiet = replace(notice(), unless_acknowledged=True), replace(notice("n2"), kind="quiet")
    records.plan_notices([Planned(step, WALL_NS + 300), Planned(quiet, WALL_NS + 300)])
    records.clock_set_back(WALL_NS - 3_600, 3_600)

    assert records.waiting_notices(WALL_NS - 3_301) == []
    assert [each.notice.id for each in records.waiting_notices(WALL_NS - 3_300)] == ["n1"]
    assert [each.notice.id for each in records.waiting_notices(WALL_NS + 300)] == ["n1", "n2"]


def a_notice_is_tried_again_at_its_time(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.notices([notice()])
    records.notices_begun(["n1"], 50)
    records.notice_result(["n1"], NoticeResult("pending", "Connection refused", 70))

    assert records.waiting_notices(69) == []
    assert records.waiting_notices(70) == [WaitingNotice(notice(), 1, doubtful=False, begun_ns=WALL_NS)]


def a_notice_waits_for_its_time_and_is_planned_once(records: CoreRecords) -> None:
    assert records.plan_notices([Planned(notice(), 70), Planned(notice("n2"))]) == 2
    assert records.plan_notices([Planned(notice(), 5)]) == 0

    assert [each.notice.id for each in records.waiting_notices(69)] == ["n2"]
    assert [each.notice.id for each in records.waiting_notices(70)] == ["n1", "n2"]


def a_notice_to_a_name_gives_way_to_those_who_that_is(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.notices([notice("n1", "ada")])
    child = replace(notice("n1/mail", "mail"), person="ada", via="ada", kind="quiet", unless_acknowledged=True)
    records.pass_notices_on([PassedOn("n1", [Planned(child), Planned(child, 9)], "ada is a person")])

    assert records.waiting_notices(9) == [WaitingNotice(child, 0, doubtful=False)]
    assert (records.waiting_people(9, "mail"), records.waiting_people(9, "ada")) == (["ada"], [])
    assert records.notice_counts() == dict.fromkeys(STATES, 0) | {"pending": 1, "passed on": 1}


def a_notice_that_is_dropped_waits_no_more(records: CoreRecords) -> None:
    records.plan_notices([Planned(notice(), 70)])
    records.drop_notices(["n1"], "acknowledged by Ada")

    assert records.waiting_channels() == []
    assert records.notice_counts()["dropped"] == 1


def transitions_are_found_by_their_ids(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.transitions([transition(), transition(number=2, what="returned")])

    assert records.transitions_by_id([transition().id, "nothing"]) == {transition().id: transition()}


def a_notice_that_is_given_up_is_in_the_audit_trail(records: CoreRecords) -> None:
    with records.unit_of_work() as work:
        work.notices([notice()])
    records.notice_result(["n1"], NoticeResult("dead", "refused: the mail server answered 550"))

    entry = records.list_audit(1)[0].entry
    assert (entry.kind, entry.subject) == ("notice", "n1")
    assert "550" in entry.what


def a_token_names_its_person_until_it_is_revoked(records: CoreRecords) -> None:
    token = records.add_person("Ann Smith", "shift lead")
    person = records.person_of(token)
    assert person is not None
    assert (person.name, person.role) == ("Ann Smith", "shift lead")
    assert records.person_of(token + "x") is None
    assert records.person_of("") is None

    records.revoke("Ann Smith")

    assert records.person_of(token) is None


def a_person_holds_one_token_at_a_time(records: CoreRecords) -> None:
    first = records.add_person("Ann", "operator")
    with pytest.raises(Refused, match="already"):
        records.add_person("Ann", "operator")
    records.revoke("Ann")
    second = records.add_person("Ann", "operator")

    assert first != second
    assert records.person_of(second) is not None


def what_is_no_person_is_refused(records: CoreRecords) -> None:
    for name, role in (
        ("", "operator"),
        ("Ann", "king"),
        (" Ann", "operator"),
        ("A\nB", "operator"),
        ("A" * 101, "QA"),
    ):
        with pytest.raises(Refused):
            records.add_person(name, role)
    with pytest.raises(Refused, match="holds no token"):
        records.revoke("Ann")


def the_audit_names_role_person_and_reason_in_a_chain(records: CoreRecords) -> None:
    records.add_person("Ann", "shift lead")
    with records.unit_of_work() as work:
        work.audit(action(), "shelved")

    newest, before, *others = records.list_audit(10)
    assert (newest.entry.person, newest.role, newest.entry.what) == ("Ann", "shift lead", "shelved")
    assert newest.recorded_ns == WALL_NS
    assert before.entry.kind == "token"
    assert records.verify_audit() == AuditHead(2 + len(others), newest.hash)


def cursors_and_snapshots_are_moved(records: CoreRecords) -> None:
    for position in (4, 9):
        with records.unit_of_work() as work:
            work.cursor("judging", Position(position))
            work.snapshot("judging", Position(position), bytes([position]))

    assert records.cursor_of("judging") == 9
    assert records.snapshot_of("judging") == (9, b"\x09")
    assert records.cursor_of("storing") == 0
    assert records.snapshot_of("storing") is None


def many_at_once_are_written(records: CoreRecords) -> None:
    count = 1_001
    with records.unit_of_work() as work:
        work.findings([finding(f"f{number}") for number in range(count)])
        work.transitions([transition(f"alarm{number}") for number in range(count)])
        work.notices([notice(f"n{number}") for number in range(count)])

    assert len(records.list_findings(None, None, None, 2 * count)) == count
    assert len(records.alarms()) == count
    assert len(records.waiting_notices(0, 2 * count)) == count


CHECKS: tuple[Callable[[CoreRecords], None], ...] = tuple(
    check
    for name, check in list(globals().items())
    if callable(check) and getattr(check, "__annotations__", {}).get("records") is CoreRecords
)
