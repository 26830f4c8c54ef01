"""The records in memory: everything `records.database.SqlRecords` does, under the same suite of checks."""

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from domain.alarms import AlarmFacts, AlarmState, Notice, Sought, Transition
from domain.approvals import CLOSING, Decision, Proposal
from domain.audit import AuditEntry, AuditQuestion, AuditRecord
from domain.entries import (
    ActionKind,
    BatchEvent,
    ConfigurationActivated,
    PersonAction,
    Position,
    RecipeApproved,
    RowPosition,
)
from domain.errors import Refused
from domain.findings import BatchTold, EquipmentState, Finding, FindingId, PhaseRecord, Stage
from domain.genealogy import BatchLink
from domain.people import Person, Token
from domain.put_away import put_away_entries
from domain.signatures import Signature
from records.audit import AuditHead, entry_of
from records.outbox import (
    DEAD,
    DROPPED,
    PASSED_ON,
    PENDING,
    STATES,
    UNCERTAIN,
    NoticeResult,
    PassedOn,
    Planned,
    WaitingNotice,
)
from records.people import ROLES
from records.ranges import changed_audit, decided_audit, proposed_audit
from records.requests import WAITING, Answer
from records.signatures import signed_audit
from tests.fakes import in_current_words, is_sought


@dataclass
class _Decided:
    """What a unit of work may change; a copy of it is put back when one fails."""

    findings: dict[tuple[str, int], Finding] = field(default_factory=dict)
    phases: dict[str, PhaseRecord] = field(default_factory=dict)
    equipment: dict[tuple[str, RowPosition], EquipmentState] = field(default_factory=dict)
    told: dict[tuple[str, str], BatchTold] = field(default_factory=dict)
    links: dict[tuple[str, str], BatchLink] = field(default_factory=dict)
    events: dict[str, tuple[BatchEvent, Answer]] = field(default_factory=dict)
    transitions: dict[str, Transition] = field(default_factory=dict)
    notices: dict[str, WaitingNotice] = field(default_factory=dict)
    states: dict[str, tuple[str, int | None]] = field(default_factory=dict)  # of notices: state, next try
    audit: list[AuditRecord] = field(default_factory=list)
    accounts: list[tuple[Token, str]] = field(default_factory=list)  # and the token
    requests: dict[str, tuple[PersonAction, Answer]] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    versions: dict[str, tuple[Position, RecipeApproved]] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    cursors: dict[str, Position] = field(default_factory=dict)
    snapshots: dict[str, tuple[Position, bytes]] = field(default_factory=dict)


class MemoryRecords:
    """`Records` and `RecordsReader` without a disk, and what the core asks beyond them. Any thread may call."""

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._wall_ns = wall_ns
        self._lock = threading.RLock()
        self._decided = _Decided()
        self.taken_over_ns: dict[str, int] = {}

    @contextmanager
    def unit_of_work(self) -> Iterator["_MemoryWork"]:
        with self._lock:
            before = copy.deepcopy(self._decided)
            try:
                yield _MemoryWork(self._decided, self._wall_ns())
            except BaseException:
                self._decided = before
                raise

    def _newest_findings(self) -> list[Finding]:
        newest: dict[str, Finding] = {}
        for each in self._decided.findings.values():  # in the order of writing
            known = newest.get(each.id)
            if known is None or each.version > known.version:
                newest.pop(each.id, None)
                newest[each.id] = each
        return list(newest.values())

    def list_findings(
        self, start_ns: int | None, end_ns: int | None, subject: str | None, limit: int, before: str | None = None
    ) -> Sequence[Finding]:
        with self._lock:
            found = self._newest_findings()[::-1]
        if before is not None:
            found = found[[each.id for each in found].index(FindingId(before)) + 1 :]
        return [
            each
            for each in found
            if subject in (None, each.subject)
            and (end_ns is None or each.onset_ns < end_ns)
            and (start_ns is None or each.end_ns is None or each.end_ns >= start_ns)
        ][:limit]

    def finding_versions(self, id_: str) -> Sequence[Finding]:
        found = [each for each in self._decided.findings.values() if each.id == id_]
        return sorted(found, key=lambda each: each.version)

    def alarms(self, *, everything: bool = False) -> Sequence[Transition]:
        with self._lock:
            newest, versions = self.newest_transitions(), list(self._decided.findings.values())
        chosen = [each for each in newest if everything or each.facts.state is not AlarmState.NORMAL]
        return in_current_words(chosen, versions)

    def alarm(self, id_: str) -> Transition | None:
        return next((each for each in self.alarms(everything=True) if each.alarm == id_), None)

    def sought(self, sought: Sought, limit: int, before: str | None = None) -> Sequence[Transition]:
        found = self.transitions(None, len(self._decided.transitions))
        if before is not None:
            found = found[[each.id for each in found].index(before) + 1 :]
        return [each for each in found if is_sought(sought, each)][:limit]

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        with self._lock:
            every = list(self._decided.transitions.values())
        if after is not None:
            every = every[[each.id for each in every].index(after) + 1 :]
        found = [each for each in every if alarm in (None, each.alarm)]
        return found[:limit][::-1] if after is not None else found[::-1][:limit]

    def transitions_of(self, batch: str, limit: int) -> Sequence[Transition]:
        with self._lock:
            return [each for each in self._decided.transitions.values() if each.batch == batch][::-1][:limit]

    def list_phases(
        self, start_ns: int | None, end_ns: int | None, unit: str | None, limit: int
    ) -> Sequence[PhaseRecord]:
        found = [
            each
            for each in self._decided.phases.values()
            if unit in (None, each.unit)
            and (end_ns is None or each.start_ns < end_ns)
            and (start_ns is None or each.end_ns is None or each.end_ns >= start_ns)
        ]
        return sorted(found, key=lambda each: (each.start_ns, each.instance), reverse=True)[:limit]

    def phases_of(self, batch: str, limit: int) -> Sequence[PhaseRecord]:
        found = [each for each in self._decided.phases.values() if each.batch == batch]
        return sorted(found, key=lambda each: (each.start_ns, each.instance))[:limit]

    def findings_of(self, batch: str, limit: int) -> Sequence[Finding]:
        return [each for each in self._newest_findings()[::-1] if each.batch == batch][:limit]

    def told_of(self, batch: str, limit: int) -> Sequence[BatchTold]:
        every = list(self._decided.told.values())[::-1]
        found = [each for each in every if batch in (each.event.batch, *each.event.parents, *each.event.children)]
        return sorted(found, key=lambda each: each.event.time_ns, reverse=True)[:limit]

    def links_of(self, batches: Sequence[str], *, back: bool, limit: int) -> Sequence[BatchLink]:
        every = self._decided.links.values()
        return [each for each in every if (each.child if back else each.parent) in batches][:limit]

    def ask_event(self, event: BatchEvent) -> BatchEvent:
        with self._lock:
            return self._decided.events.setdefault(event.id, (event, Answer("waiting")))[0]

    def event_state(self, id_: str) -> str | None:
        return self._decided.events[id_][1].state if id_ in self._decided.events else None

    def event_answer(self, id_: str) -> Answer | None:
        return self._decided.events[id_][1] if id_ in self._decided.events else None

    def waiting_events(self, limit: int = 100) -> Sequence[BatchEvent]:
        with self._lock:
            every = list(self._decided.events.values())
        return [event for event, answer in every if answer.state == "waiting"][:limit]

    def notices(self, limit: int) -> Sequence[tuple[Notice, str]]:
        with self._lock:
            every = list(self._decided.notices.values())[::-1]
            return [(each.notice, self._decided.states[each.notice.id][0]) for each in every[:limit]]

    def person_of(self, token: str) -> Person | None:
        for account, held in self._decided.accounts:
            if held == token and account.revoked_ns is None:
                return Person(account.name, account.role)
        return None

    def request_all(self, actions: Sequence[PersonAction], by: Person | None = None) -> None:
        with self._lock:
            for action in actions:
                self.request(action, by)

    def settled_requests(self, ids: Sequence[str]) -> Mapping[str, str]:
        with self._lock:
            answers = {id_: self._decided.requests[id_][1] for id_ in ids if id_ in self._decided.requests}
        return {id_: answer.error for id_, answer in answers.items() if answer.state != WAITING}

    def request(self, action: PersonAction, by: Person | None = None) -> None:
        with self._lock:
            self._decided.requests.setdefault(action.id, (action, Answer("waiting")))

    def request_answer(self, id_: str) -> Answer | None:
        known = self._decided.requests.get(id_)
        return None if known is None else known[1]

    def propose(self, proposal: Proposal) -> None:
        with self.unit_of_work() as work:
            if self._decided.proposals.setdefault(proposal.id, proposal) == proposal:
                work.audit_entry(proposed_audit(proposal))

    def proposals(self, limit: int = 100) -> Sequence[Proposal]:
        return list(self._decided.proposals.values())[::-1][:limit]

    def proposal(self, id_: str) -> Proposal | None:
        return self._decided.proposals.get(id_)

    def approved_versions(self, limit: int = 1_000) -> Sequence[RecipeApproved]:
        return [each for _, each in self._decided.versions.values()][::-1][:limit]

    def closings(self, limit: int = 1_000) -> Sequence[PersonAction]:
        found = [each.entry for each in self._decided.audit if each.entry.kind in set(CLOSING)]
        counted = [each for each in found if each.what == each.kind]
        return [
            PersonAction(each.reference, each.at_ns, each.person, ActionKind(each.kind), each.subject, each.comment)
            for each in reversed(counted)
        ][:limit]

    def approved_entries(self) -> Sequence[tuple[Position, RecipeApproved]]:
        return list(self._decided.versions.values())

    def cursor_of(self, name: str) -> Position:
        return self._decided.cursors.get(name, Position(0))

    def snapshot_of(self, name: str) -> tuple[Position, bytes] | None:
        return self._decided.snapshots.get(name)

    def newest_transitions(self) -> Sequence[Transition]:
        newest = {each.alarm: each for each in self._decided.transitions.values()}.values()
        return sorted(newest, key=lambda each: (each.facts.acknowledged, each.priority, -each.at_ns, each.alarm))

    def newest_of_units(self) -> Sequence[PhaseRecord | EquipmentState]:
        runs = sorted(self._decided.phases.values(), key=lambda each: each.start_ns)
        newest = {each.unit: each for each in runs}
        return [*newest.values(), *{each.unit: each for each in self._decided.equipment.values()}.values()]

    def open_findings(self) -> Sequence[Finding]:
        with self._lock:
            active = {each.subject for each in self.newest_transitions() if each.facts.active}
            return [
                each for each in self._newest_findings() if each.stage is not Stage.CLEARED or each.subject in active
            ]

    def waiting_requests(self, limit: int = 100) -> Sequence[PersonAction]:
        with self._lock:
            every = list(self._decided.requests.values())
        return [action for action, answer in every if answer.state == "waiting"][:limit]

    def request_done(self, id_: str, error: str | None = None) -> None:
        with self.unit_of_work() as work:
            work.request_done(id_, error)

    def waiting_notices(
        self, now_ns: int, limit: int = 100, channel: str | None = None, person: str | None = None
    ) -> Sequence[WaitingNotice]:
        with self._lock:
            due = []
            for each in self._decided.notices.values():
                state, next_ns = self._decided.states[each.notice.id]
                wanted = channel in (None, each.notice.channel) and person in (None, each.notice.person)
                if next_ns is not None and next_ns <= now_ns and wanted:
                    due.append(replace(each, doubtful=state == UNCERTAIN))
            return due[:limit]

    def waiting_people(self, now_ns: int, channel: str) -> Sequence[str]:
        return sorted({each.notice.person for each in self.waiting_notices(now_ns, 10**9, channel)})

    def plan_notices(self, planned: Sequence[Planned]) -> int:
        with self._lock:
            new = {each.notice.id: each for each in reversed(planned) if each.notice.id not in self._decided.notices}
            for id_, each in reversed(new.items()):
                self._decided.notices[id_] = WaitingNotice(each.notice, 0, doubtful=False)
                self._decided.states[id_] = (PENDING, each.due_ns)
            return len(new)

    def pass_notices_on(self, passed: Sequence[PassedOn]) -> None:
        self.plan_notices([child for each in passed for child in each.children])
        for each in passed:
            self._decided.states[each.id] = (PASSED_ON, None)

    def drop_notices(self, ids: Sequence[str], why: str) -> None:
        for id_ in ids:
            self._decided.states[id_] = (DROPPED, None)

    def transitions_by_id(self, ids: Sequence[str]) -> Mapping[str, Transition]:
        with self._lock:
            return {id_: self._decided.transitions[id_] for id_ in ids if id_ in self._decided.transitions}

    def waiting_channels(self) -> Sequence[str]:
        with self._lock:
            states = self._decided.states
            waiting = (one for one in self._decided.notices.values() if states[one.notice.id][1] is not None)
            return sorted({one.notice.channel for one in waiting})

    def waiting_by_channel(self) -> dict[str, tuple[int, int]]:
        with self._lock:
            found: dict[str, tuple[int, int]] = {}
            for one in self._decided.notices.values():
                if self._decided.states[one.notice.id][1] is not None:
                    count, oldest_ns = found.get(one.notice.channel, (0, one.notice.at_ns))
                    found[one.notice.channel] = count + 1, min(oldest_ns, one.notice.at_ns)
            return found

    def notices_begun(self, ids: Sequence[str], again_ns: int) -> None:
        with self._lock:
            for id_ in ids:
                known = self._decided.notices[id_]
                begun_ns = self._wall_ns() if known.begun_ns is None else known.begun_ns
                self._decided.notices[id_] = replace(known, attempts=known.attempts + 1, begun_ns=begun_ns)
                self._decided.states[id_] = (UNCERTAIN, again_ns)

    def resume_notices(self) -> None:
        with self._lock:
            for id_, (state, next_ns) in self._decided.states.items():
                if next_ns is not None and self._decided.notices[id_].attempts:
                    self._decided.states[id_] = (state, min(next_ns, self._wall_ns()))

    def clock_set_back(self, now_ns: int, by_ns: int) -> None:
        with self._lock:
            for id_, (state, next_ns) in self._decided.states.items():
                known = self._decided.notices[id_]
                if next_ns is not None and next_ns > now_ns and (known.notice.kind != "quiet" or known.attempts):
                    self._decided.states[id_] = (state, next_ns - by_ns)

    def notice_result(self, ids: Sequence[str], result: NoticeResult) -> None:
        with self.unit_of_work() as work:
            for id_ in ids:
                self._decided.states[id_] = (result.state, result.next_try_ns)
                if result.state == DEAD:
                    what = f"given up: {result.detail}"
                    entry = AuditEntry(f"notice {id_}", self._wall_ns(), "service", "notice", id_, what)
                    work.audit_entry(entry)

    def notice_counts(self) -> Mapping[str, int]:
        counts = Counter(state for state, _ in self._decided.states.values())
        return {state: counts[state] for state in STATES}

    def add_person(self, name: str, role: str) -> str:
        proper = name.strip() and name == name.strip() and name.isprintable() and len(name) <= 100
        if not proper or role not in ROLES:
            message = f"{name!r}, {role!r}: no such name or role"
            raise Refused(message)
        if any(account.name == name and account.revoked_ns is None for account, _ in self._decided.accounts):
            message = f"{name} holds a token already"
            raise Refused(message)
        token = f"token-{len(self._decided.accounts)}"
        with self.unit_of_work() as work:
            self._decided.accounts.append((Token(name, role, self._wall_ns(), None), token))
            work.audit_entry(AuditEntry(token, self._wall_ns(), "admin", "token", name, f"added as {role}"))
        return token

    def revoke(self, name: str) -> None:
        for place, (account, token) in enumerate(self._decided.accounts):
            if account.name == name and account.revoked_ns is None:
                self._decided.accounts[place] = (replace(account, revoked_ns=self._wall_ns()), token)
                return
        message = f"{name} holds no token"
        raise Refused(message)

    def verify_audit(self) -> AuditHead:
        return AuditHead(len(self._decided.audit), self._decided.audit[-1].hash if self._decided.audit else "")

    def audit(self, entry: AuditEntry) -> None:
        with self.unit_of_work() as work:
            work.audit_entry(entry)

    def activated(self, activated: ConfigurationActivated, zone: str) -> None:
        """Nothing is noted: what a world asks of its records is not about configurations."""

    def find_audit(self, asked: AuditQuestion, limit: int, before: int | None = None) -> Sequence[AuditRecord]:
        found = [each for each in self._decided.audit[::-1] if before is None or each.sequence < before]
        names = ("person", "kind", "subject", "batch")
        chosen = [each for each in found if all(getattr(asked, n) in ("", getattr(each.entry, n)) for n in names)]
        return [each for each in chosen if asked.text in f"{each.entry}"][:limit]

    def sign(self, signature: Signature) -> None:
        with self.unit_of_work() as work:
            if self._decided.signatures.setdefault(signature.id, signature) is signature:
                work.audit_entry(signed_audit(signature))

    def signatures_of(self, kind: str, subject: str) -> Sequence[Signature]:
        return [each for each in self._decided.signatures.values() if (each.kind, each.subject) == (kind, subject)]

    def list_audit(self, limit: int) -> Sequence[AuditRecord]:
        return self._decided.audit[::-1][:limit]


class _MemoryWork:
    """`UnitOfWork` on dictionaries."""

    def __init__(self, decided: _Decided, wall_ns: int) -> None:
        self._decided = decided
        self._wall_ns = wall_ns

    def findings(self, findings: Sequence[Finding]) -> None:
        for each in findings:
            self._decided.findings.setdefault((each.id, each.version), each)

    def phases(self, phases: Sequence[PhaseRecord]) -> None:
        for each in phases:
            if each.end_ns is not None or each.instance not in self._decided.phases:
                self._decided.phases[each.instance] = each

    def equipment(self, states: Sequence[EquipmentState]) -> None:
        for each in states:
            self._decided.equipment.setdefault((each.unit, each.position), each)

    def told(self, told: Sequence[BatchTold]) -> None:
        for each in told:
            self._decided.told.setdefault((each.event.source, each.event.id), each)

    def links(self, links: Sequence[BatchLink]) -> None:
        for each in links:
            self._decided.links.setdefault((each.parent, each.child), each)

    def event_done(self, id_: str, error: str | None) -> None:
        event, answer = self._decided.events.get(id_, (None, None))
        if event is not None and answer is not None and answer.state == "waiting":
            answer = Answer("done") if error is None else Answer("refused", error)
            self._decided.events[id_] = (event, answer)

    def transitions(self, transitions: Sequence[Transition]) -> None:
        for each in transitions:
            if each.id not in self._decided.transitions:
                self._decided.transitions[each.id] = each
                before = self._decided.transitions.get(f"{each.alarm}.{each.number - 1}")
                for entry in put_away_entries(AlarmFacts() if before is None else before.facts, each):
                    self.audit_entry(entry)

    def notices(self, notices: Sequence[Notice]) -> None:
        for each in notices:
            self._decided.notices.setdefault(each.id, WaitingNotice(each, 0, doubtful=False))
            self._decided.states.setdefault(each.id, (PENDING, 0))

    def audit(self, action: PersonAction, what: str, old: str = "", new: str = "", batch: str = "") -> None:
        self.audit_entry(entry_of(action, what, old, new, batch))

    def audit_entry(self, entry: AuditEntry) -> None:
        trail = self._decided.audit
        if all(known.entry.reference != entry.reference for known in trail):
            roles = {account.name: account.role for account, _ in self._decided.accounts}
            number = len(trail) + 1
            trail.append(AuditRecord(number, entry, roles.get(entry.person, ""), self._wall_ns, f"hash {number}"))

    def decided(self, decision: Decision, at: Position) -> None:
        entry = decision.approved
        self.audit_entry(decided_audit(decision))
        if not decision.error and entry.id not in self._decided.versions:
            known = [each for _, each in self._decided.versions.values() if each.product == entry.product]
            earlier = [each for each in known if each.valid_from_ns <= entry.valid_from_ns]
            before = max(reversed(earlier), key=lambda each: each.valid_from_ns, default=None)
            proposal = self._decided.proposals.get(entry.proposal)
            reason = entry.reason if proposal is None else proposal.reason
            self._decided.versions[entry.id] = (at, entry)
            self.audit_entry(changed_audit(entry, reason, before))
        self.request_done(decision.approved.id, decision.error or None)

    def cursor(self, name: str, position: Position) -> None:
        self._decided.cursors[name] = position

    def snapshot(self, name: str, position: Position, state: bytes) -> None:
        self._decided.snapshots[name] = (position, state)

    def request_done(self, id_: str, error: str | None) -> None:
        action, answer = self._decided.requests.get(id_, (None, None))
        if action is not None and answer is not None and answer.state == "waiting":
            answer = Answer("done") if error is None else Answer("refused", error)
            self._decided.requests[id_] = (action, answer)
