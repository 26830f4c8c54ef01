"""Effects and their cursor, in one transaction."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from domain.alarms import AlarmFacts, Notice, Transition
from domain.approvals import Decision
from domain.entries import PersonAction, Position
from domain.findings import BatchTold, EquipmentState, Finding, PhaseRecord
from domain.genealogy import BatchLink
from domain.put_away import put_away_entries
from records import batches
from records.audit import entry_of, write_audit
from records.cursors import write_cursor, write_snapshot
from records.equipment import write_equipment
from records.findings import write_findings
from records.judged import note_judged
from records.outbox import write_notices
from records.phases import note_ends, write_phases
from records.ranges import write_decision
from records.requests import answer
from records.transitions import facts_before, write_transitions


class SqlUnitOfWork:
    """`domain.ports.UnitOfWork` on one open transaction."""

    def __init__(self, connection: Connection, wall_ns: Callable[[], int]) -> None:
        self._connection = connection
        self._wall_ns = wall_ns
        self._said = False  # anything that a report as of a position tells
        self._ended: list[str] = []  # phase runs whose ends were written

    def findings(self, findings: Sequence[Finding]) -> None:
        """Write new findings and new versions; one that is there already stays as it is."""
        write_findings(self._connection, findings)
        self._said |= bool(findings)

    def phases(self, phases: Sequence[PhaseRecord]) -> None:
        """Write phase runs, and their ends."""
        write_phases(self._connection, phases)
        self._ended += [each.instance for each in phases if each.end_ns is not None]

    def equipment(self, states: Sequence[EquipmentState]) -> None:
        """Write what equipment is told to be in; what is there already stays as it is."""
        write_equipment(self._connection, states)

    def told(self, told: Sequence[BatchTold]) -> None:
        """Write what was told of batches, and answer who asked for it; what is there already stays as it is."""
        batches.write_told(self._connection, told)

    def links(self, links: Sequence[BatchLink]) -> None:
        """Write which batch was made of which; what is there already stays as it is."""
        batches.write_links(self._connection, links)
        self._said |= bool(links)

    def event_done(self, id_: str, error: str | None) -> None:
        """Answer who asked for an event to be taken."""
        batches.answer_event(self._connection, id_, error)

    def transitions(self, transitions: Sequence[Transition]) -> None:
        """Write alarm transitions, and what the service put away by them; what is there already stays as it is."""
        added = [each for each in write_transitions(self._connection, transitions) if not each.person]
        before = facts_before(self._connection, added)
        for each in added:
            for entry in put_away_entries(before.get(each.id, AlarmFacts()), each):
                write_audit(self._connection, entry, self._wall_ns())
        self._said |= bool(transitions)

    def notices(self, notices: Sequence[Notice]) -> None:
        """Put notices into the outbox; one that is there already stays as it is."""
        write_notices(self._connection, notices)

    def audit(self, action: PersonAction, what: str, old: str = "", new: str = "", batch: str = "") -> None:
        """Write who did what, when and why, what was there before and is now; the same action twice is one record."""
        write_audit(self._connection, entry_of(action, what, old, new, batch), self._wall_ns())

    def decided(self, decision: Decision, at: Position) -> None:
        """Write an approved version and its audit, or why it was refused, and answer the request."""
        write_decision(self._connection, decision, at, self._wall_ns())

    def cursor(self, name: str, position: Position) -> None:
        """Move a follower's cursor; what was said in this transaction is known as of there."""
        write_cursor(self._connection, name, position)
        if self._said:
            note_judged(self._connection, position)
        if self._ended:
            note_ends(self._connection, self._ended, position)

    def snapshot(self, name: str, position: Position, state: bytes) -> None:
        """Keep a detector's state as of a position."""
        write_snapshot(self._connection, name, position, state)

    def request_done(self, id_: str, error: str | None) -> None:
        """Answer a person's request together with its effects, so that a crash between cannot do it twice."""
        answer(self._connection, id_, error)
