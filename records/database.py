"""The database of what was decided, behind the ports `Records` and `RecordsReader`.

Every method is one short transaction and blocks: never on an event loop. Any thread may call, and several processes
may hold the same database open. RetryLater: it is away, was locked too long, or did not take it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from domain.alarms import Notice, Sought, Transition
from domain.approvals import CLOSING, Proposal
from domain.audit import AuditEntry, AuditQuestion, AuditRecord
from domain.batch_report import Disposition
from domain.entries import BatchEvent, ConfigurationActivated, PersonAction, Position, RecipeApproved
from domain.errors import NewerFormat, Refused
from domain.findings import BatchTold, EquipmentState, Finding, PhaseRecord
from domain.genealogy import BatchLink
from domain.performance import Asked, Flood, Performance
from domain.ports import Person
from domain.review import Kept
from domain.signatures import Signature
from records import (
    audit,
    batches,
    cursors,
    equipment,
    findings,
    outbox,
    phases,
    ranges,
    requests,
    reviewing,
    signatures,
    transitions,
)
from records.address import Address
from records.audit import AuditHead, KeptHead
from records.current_words import in_current_words
from records.desk import SqlPeople
from records.engine import Database
from records.lease import Lease
from records.looking import look_at_records
from records.measures import performance_of
from records.measures.floods import floods_of
from records.measures.rates import has_said_before, said_between
from records.memo import Memo
from records.outbox import NoticeResult, PassedOn, Planned, WaitingNotice
from records.requests import Answer
from records.unit_of_work import SqlUnitOfWork

_VERSIONS_AT_ONCE = 5_000
_CONSOLE = Person("admin", "", "cli")


class SqlRecords:
    """Findings, alarms, outbox, audit, people and cursors in one SQLite file or one PostgreSQL database."""

    def __init__(self, database: Database, wall_ns: Callable[[], int]) -> None:
        self._database = database
        self._wall_ns = wall_ns
        self.people = SqlPeople(database, wall_ns)
        self._findings_memo: Memo[Finding] = Memo()
        self._transitions_memo: Memo[Transition] = Memo()

    @classmethod
    def open(cls, address: Address | str, *, wall_ns: Callable[[], int] = time.time_ns) -> "SqlRecords":
        """Open or make the tables. NewerFormat: a newer program made them; DamagedFile: it is something else.

        A file that cannot be had is RetryLater; a server that is away is looked for again by every call.
        """
        return cls(Database(Path(address) if isinstance(address, str) else address), wall_ns)

    @classmethod
    def as_they_are(cls, address: Address) -> "SqlRecords":
        """Open for reading alone: nothing is made and nothing is migrated, also beside an older service.

        Refused: there are none yet; NewerFormat: a newer program made them. What an older one did not have is missing.
        """
        seen = look_at_records(address)
        if seen.format is None:
            raise Refused(f"{address} has no records yet: the service has never run on them")
        if seen.format > seen.known:
            raise NewerFormat(f"{address} has format {seen.format}; this program knows up to {seen.known}")
        return cls(Database(address, as_it_is=True), time.time_ns)

    def close(self) -> None:
        """Give every connection back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lease(self, *roles: str) -> Lease:
        """The right to run roles on this database; once taken, these records write nothing without it."""
        return Lease(self._database, roles, self._wall_ns)

    @property
    def taken_over_ns(self) -> Mapping[str, int]:
        """When a lease of these records took a role from a process elsewhere that had not left it, ns since 1970."""
        return self._database.taken_over_ns.copy()

    @contextmanager
    def unit_of_work(self) -> Iterator[SqlUnitOfWork]:
        """One transaction: committed and durable on leaving, rolled back on an error."""
        with self._database.writing() as connection:
            yield SqlUnitOfWork(connection, self._wall_ns)

    # For pages and the API

    def list_findings(
        self,
        start_ns: int | None,
        end_ns: int | None,
        subject: str | None,
        limit: int,
        before: str | None = None,
    ) -> Sequence[Finding]:
        """The newest version of each finding that overlaps [start, end); what was concluded last comes first."""
        with self._database.reading() as connection:

            def ask() -> list[Finding]:
                return findings.listed_findings(connection, start_ns, end_ns, subject, limit, before)

            question = (start_ns, end_ns, subject, limit, before)
            return self._findings_memo.answer(question, findings.newest_sequence(connection), ask)

    def finding_versions(self, id_: str) -> Sequence[Finding]:
        """Every version of a finding, oldest first."""
        with self._database.reading() as connection:
            return findings.versions_of(connection, id_)

    def written_versions(self) -> Iterator[Finding]:
        """Every version of every finding, in the order of writing, read in small transactions."""
        after = 0
        while True:
            with self._database.reading() as connection:
                found = findings.written_versions(connection, after, _VERSIONS_AT_ONCE)
            yield from (finding for _, finding in found)
            if len(found) < _VERSIONS_AT_ONCE:
                return
            after = found[-1][0]

    def alarms(self, *, everything: bool = False) -> Sequence[Transition]:
        """The newest transition of each alarm that is not normal (or of all): unacknowledged and severe first.

        In the newest words of what each is about: `transitions` tells what was said then.
        """
        with self._database.reading() as connection:
            newest = transitions.newest_of_alarms(connection, everything=everything)
            return in_current_words(connection, newest)

    def alarm(self, id_: str) -> Transition | None:
        """The newest transition of one alarm, as `alarms` tells it; None: there is none by that id."""
        with self._database.reading() as connection:
            newest = transitions.listed_transitions(connection, id_, 1, None)
            return next(iter(in_current_words(connection, newest)), None)

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        """The newest transitions, newest first. With `after`: the next ones written after it, still newest first."""
        with self._database.reading() as connection:

            def ask() -> list[Transition]:
                return transitions.listed_transitions(connection, alarm, limit, after)

            newest = transitions.newest_sequence(connection)
            return self._transitions_memo.answer((alarm, limit, after), newest, ask)

    def transitions_by_id(self, ids: Sequence[str]) -> Mapping[str, Transition]:
        """Those of some transitions that there are."""
        with self._database.reading() as connection:
            return transitions.transitions_by_id(connection, ids)

    def transitions_of(self, batch: str, limit: int) -> Sequence[Transition]:
        """What was said of a batch by alarms, and what people did then, newest first."""
        with self._database.reading() as connection:
            return transitions.transitions_of_batch(connection, batch, limit)

    def said_between(self, start_ns: int, end_ns: int, limit: int) -> Sequence[Transition]:
        """The newest transitions of start ≤ time < end that may ask for a person, in the order they were said in."""
        with self._database.reading() as connection:
            return said_between(connection, start_ns, end_ns, limit)

    def has_said_before(self, end_ns: int) -> bool:
        """Whether any alarm said anything before a time."""
        with self._database.reading() as connection:
            return has_said_before(connection, end_ns)

    def floods(self, asked: Asked) -> Sequence[Flood]:
        """Alarm floods that overlap a window, in the order of their starts."""
        with self._database.reading() as connection:
            return floods_of(connection, asked)

    def performance(self, asked: Asked) -> Performance:
        """Every measure of the alarm system over a window."""
        with self._database.reading() as connection:
            return performance_of(connection, asked)

    def list_phases(
        self, start_ns: int | None, end_ns: int | None, unit: str | None, limit: int
    ) -> Sequence[PhaseRecord]:
        """Phase runs that overlap [start, end), newest start first."""
        with self._database.reading() as connection:
            return phases.listed_phases(connection, start_ns, end_ns, unit, limit)

    def phases_of(self, batch: str, limit: int) -> Sequence[PhaseRecord]:
        """The phase runs of a batch on all units, oldest first."""
        with self._database.reading() as connection:
            return phases.phases_of(connection, batch, limit)

    def findings_of(self, batch: str, limit: int) -> Sequence[Finding]:
        """The newest version of each finding about a batch, newest first."""
        with self._database.reading() as connection:
            return findings.findings_of_batch(connection, batch, limit)

    def told_of(self, batch: str, limit: int) -> Sequence[BatchTold]:
        """The events that name a batch, newest first."""
        with self._database.reading() as connection:
            return batches.listed_told(connection, batch, limit)

    def links_of(self, batch_ids: Sequence[str], *, back: bool, limit: int) -> Sequence[BatchLink]:
        """The links of some batches to their parents (`back`) or to their children, oldest first."""
        with self._database.reading() as connection:
            return batches.links_of(connection, batch_ids, back=back, limit=limit)

    def ask_event(self, event: BatchEvent) -> BatchEvent:
        """Ask the core to take an event; return the one that was asked for first by its id."""
        with self._database.writing() as connection:
            return batches.write_event_request(connection, event)

    def event_state(self, id_: str) -> str | None:
        """How an event that was asked for stands: waiting, done, refused; None where nobody asked."""
        answer = self.event_answer(id_)
        return None if answer is None else answer.state

    def event_answer(self, id_: str) -> Answer | None:
        """How an event that was asked for stands, if it was."""
        with self._database.reading() as connection:
            return batches.event_answer(connection, id_)

    def notices(self, limit: int) -> Sequence[tuple[Notice, str]]:
        """The newest notices with the state of each (`records.outbox.STATES`)."""
        with self._database.reading() as connection:
            return outbox.listed_notices(connection, limit)

    def has_notice(self, id_: str) -> bool:
        """Whether a notice was ever put into the outbox."""
        with self._database.reading() as connection:
            return outbox.has_notice(connection, id_)

    def person_of(self, token: str) -> Person | None:
        """Whose token this is."""
        return self.people.holder(token)

    def request(self, action: PersonAction, by: Person | None = None) -> None:
        """Ask the core to apply an action of a person; the same id twice is one request. `by`: role and origin."""
        with self._database.writing() as connection:
            requests.write_request(connection, action, by)

    def request_all(self, actions: Sequence[PersonAction], by: Person | None = None) -> None:
        """Ask the core to apply some actions of one person, in their order: all are asked, or none is."""
        with self._database.writing() as connection:
            for action in actions:
                requests.write_request(connection, action, by)

    def settled_requests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Those of some requests that wait no longer: why each was refused, empty where it was done."""
        with self._database.reading() as connection:
            return requests.settled(connection, ids)

    def sought(self, sought: Sought, limit: int, before: str | None = None) -> Sequence[Transition]:
        """What happened to alarms, newest first; `before` goes on behind the transition of that id."""
        with self._database.reading() as connection:
            return transitions.sought_transitions(connection, sought, limit, before)

    def request_answer(self, id_: str) -> Answer | None:
        """How a person's request stands, if there is one."""
        with self._database.reading() as connection:
            return requests.answer_of(connection, id_)

    def propose(self, proposal: Proposal) -> None:
        """Keep a draft that somebody puts forward; the same id twice is one."""
        with self._database.writing() as connection:
            ranges.write_proposal(connection, proposal, self._wall_ns())

    def proposals(self, limit: int = 100) -> Sequence[Proposal]:
        """What was put forward, newest first."""
        with self._database.reading() as connection:
            return ranges.listed_proposals(connection, limit)

    def proposal(self, id_: str) -> Proposal | None:
        """A proposal, if there is one by that id."""
        with self._database.reading() as connection:
            return ranges.proposal_of(connection, id_)

    def approved_versions(self, limit: int = 1_000) -> Sequence[RecipeApproved]:
        """What was approved, newest first."""
        with self._database.reading() as connection:
            return ranges.listed_versions(connection, limit)

    def closings(self, limit: int = 1_000) -> Sequence[PersonAction]:
        """The rejections and withdrawals of proposals that counted, newest first."""
        with self._database.reading() as connection:
            return audit.listed_deeds(connection, tuple(CLOSING), limit)

    # For the review of a batch

    def kept_of(self, batch: str, position: Position | None, deeds: int | None) -> Kept:
        """All of a batch as of a position and a deed; None: as of now. Refused: it cannot be."""
        with self._database.reading() as connection:
            return reviewing.kept_of(connection, batch, position, deeds)

    def review_signatures(self, batch: str, deeds: int) -> Sequence[Signature]:
        """The signatures of a batch's review up to a deed, oldest first."""
        with self._database.reading() as connection:
            return reviewing.signatures_known(connection, batch, deeds)

    def dispose(self, given: Disposition, origin: str = "") -> None:
        """Keep what a person said of a finding, with its audit entry; the same id again changes nothing.

        `origin`: the address that it came from.
        """
        with self._database.writing() as connection:
            reviewing.write_disposition(connection, given, origin, self._wall_ns())

    # For the core

    def approved_entries(self) -> Sequence[tuple[Position, RecipeApproved]]:
        """What was approved up to the judge's cursor, each with its place in the journal, in that order."""
        with self._database.reading() as connection:
            return ranges.approved_entries(connection)

    def cursor_of(self, name: str) -> Position:
        """Where a follower stands; before the first entry if it was never written."""
        with self._database.reading() as connection:
            return cursors.cursor_of(connection, name)

    def snapshot_of(self, name: str) -> tuple[Position, bytes] | None:
        """A detector's newest state, and the position that it is of."""
        with self._database.reading() as connection:
            return cursors.snapshot_of(connection, name)

    def snapshot_position(self, name: str) -> Position:
        """The position that a detector's newest state is of; before the first entry if there is none."""
        with self._database.reading() as connection:
            return cursors.snapshot_position(connection, name)

    def newest_transitions(self) -> Sequence[Transition]:
        """The newest transition of every alarm there ever was: with `open_findings`, what the book is rebuilt from."""
        with self._database.reading() as connection:
            return transitions.newest_of_alarms(connection, everything=True)

    def newest_of_units(self) -> Sequence[PhaseRecord | EquipmentState]:
        """The run of a phase of each unit that started last, and what its equipment was last told to be in."""
        with self._database.reading() as connection:
            return [*phases.newest_phases(connection), *equipment.newest_equipment(connection)]

    def open_findings(self) -> Sequence[Finding]:
        """The newest version of what is not cleared, and of what cleared lately under an active alarm."""
        with self._database.reading() as connection:
            return findings.findings_for_the_book(connection)

    def waiting_requests(self, limit: int = 100) -> Sequence[PersonAction]:
        """Requests that are not answered yet, oldest first."""
        with self._database.reading() as connection:
            return requests.unanswered(connection, limit)

    def waiting_events(self, limit: int = 100) -> Sequence[BatchEvent]:
        """Events that senders asked to be taken and that are not answered yet, oldest first."""
        with self._database.reading() as connection:
            return batches.waiting_events(connection, limit)

    def request_done(self, id_: str, error: str | None = None) -> None:
        """Say how a request ended; the first answer stands. Better in the unit of work of its effects."""
        with self._database.writing() as connection:
            requests.answer(connection, id_, error)

    # For the outbox; times are the wall's

    def waiting_notices(
        self, now_ns: int, limit: int = 100, channel: str | None = None, person: str | None = None
    ) -> Sequence[WaitingNotice]:
        """Notices whose time to try has come, oldest first; of one channel and one person, if they are given."""
        with self._database.reading() as connection:
            return outbox.to_send(connection, now_ns, limit, channel, person)

    def waiting_people(self, now_ns: int, channel: str) -> Sequence[str]:
        """For whom something is due on a channel; an empty name: for the channel's own people."""
        with self._database.reading() as connection:
            return outbox.waiting_people(connection, now_ns, channel)

    def waiting_channels(self) -> Sequence[str]:
        """The channels that something waits for, whether they are still configured or not."""
        with self._database.reading() as connection:
            return outbox.waiting_channels(connection)

    def waiting_by_channel(self) -> Mapping[str, tuple[int, int]]:
        """How many notices each channel still has to deliver, and when the oldest of them was made."""
        with self._database.reading() as connection:
            return outbox.waiting_by_channel(connection, self._wall_ns())

    def notices_begun(self, ids: Sequence[str], again_ns: int) -> None:
        """Note that they are being sent: uncertain until a result is written, due again at `again_ns` without one."""
        with self._database.writing() as connection:
            outbox.begin_sending(connection, ids, again_ns, self._wall_ns())

    def resume_notices(self) -> None:
        """Make due at once what an ended process tried and did not finish. Only while nobody else sends."""
        with self._database.writing() as connection:
            outbox.resume_sending(connection, self._wall_ns())

    def clock_set_back(self, now_ns: int, by_ns: int) -> None:
        """Let escalation and retries wait no longer although the wall's clock was set back, to now, by so much."""
        with self._database.writing() as connection:
            outbox.clock_set_back(connection, now_ns, by_ns)

    def notice_result(self, ids: Sequence[str], result: NoticeResult) -> None:
        """Note how the attempt ended; what is given up goes into the audit trail."""
        with self._database.writing() as connection:
            outbox.finish_sending(connection, ids, result, self._wall_ns())

    def plan_notices(self, planned: Sequence[Planned]) -> int:
        """Put notices into the outbox, each due at its time; return how many were not there yet."""
        with self._database.writing() as connection:
            return outbox.plan_notices(connection, planned)

    def planned_notices(self, channels: Sequence[str], limit: int) -> Sequence[Planned]:
        """What waits for its time, unless somebody acknowledges by then; what is due next first."""
        with self._database.reading() as connection:
            return outbox.planned_notices(connection, channels, limit)

    def pass_notices_on(self, passed: Sequence[PassedOn]) -> None:
        """Put children in the places of notices that were addressed to names, in one transaction."""
        with self._database.writing() as connection:
            outbox.pass_on(connection, passed, self._wall_ns())

    def drop_notices(self, ids: Sequence[str], why: str) -> None:
        """Leave what waited for its time and is not needed any more."""
        with self._database.writing() as connection:
            outbox.drop(connection, ids, why, self._wall_ns())

    def notice_counts(self) -> Mapping[str, int]:
        """How many notices are in each state (`records.outbox.STATES`)."""
        with self._database.reading() as connection:
            return outbox.counted_notices(connection)

    # For people who run the service

    def add_person(self, name: str, role: str) -> str:
        """Return a new personal token, shown this once. Refused: no such role, or that person holds one already."""
        return self.people.add_token(name, role, _CONSOLE)

    def revoke(self, name: str) -> None:
        """End a person's token; Refused if there is none."""
        self.people.revoke_token(name, _CONSOLE)

    def verify_audit(self, heads: Sequence[KeptHead] = ()) -> AuditHead:
        """Walk the audit trail and the signatures; DamagedFile names the first that is not as it was written.

        `heads` were kept elsewhere: with them a trail that was cut off, or written anew, is found.
        """
        with self._database.reading() as connection:
            head = audit.verified_audit(connection, heads)
            signatures.verify_signatures(connection)
            return head

    def audit_head(self) -> AuditHead:
        """The newest audit record, without a look at the others."""
        with self._database.reading() as connection:
            return audit.newest_head(connection)

    def audit_hash(self, sequence: int) -> str | None:
        """The hash of an audit record, if it is there."""
        with self._database.reading() as connection:
            return audit.hash_at(connection, sequence)

    def restored_since(self, head: KeptHead) -> bool:
        """Whether the trail says that it was restored from a backup that is older than a head."""
        with self._database.reading() as connection:
            return audit.restored_since(connection, head)

    def audit(self, entry: AuditEntry) -> None:
        """Put a deed into the audit trail that changes nothing else here; the same reference twice is one."""
        with self._database.writing() as connection:
            audit.write_audit(connection, entry, self._wall_ns())

    def activated(self, activated: ConfigurationActivated, zone: str) -> None:
        """Note the plant's zone, and a configuration that is another than the one before, in the audit trail."""
        with self._database.writing() as connection:
            audit.write_activation(connection, activated, zone, self._wall_ns())

    def find_audit(self, asked: AuditQuestion, limit: int, before: int | None = None) -> Sequence[AuditRecord]:
        """The newest audit records that answer a question, newest first; `before`: with a lower number than that."""
        with self._database.reading() as connection:
            return audit.found_audit(connection, asked, limit, before)

    def sign(self, signature: Signature) -> None:
        """Keep a signature, with its record in the audit trail; the same id again changes nothing."""
        with self._database.writing() as connection:
            signatures.write_signature(connection, signature, self._wall_ns())

    def signatures_of(self, kind: str, subject: str) -> Sequence[Signature]:
        """What was signed of one thing, oldest first."""
        with self._database.reading() as connection:
            return signatures.signatures_of(connection, kind, subject)

    def list_audit(self, limit: int) -> Sequence[AuditRecord]:
        """The newest audit records, newest first."""
        with self._database.reading() as connection:
            return audit.listed_audit(connection, limit)
