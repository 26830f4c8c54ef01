"""Fakes written by hand for the seams; each section belongs to the tests of one room.

The records in memory are long and have a file of their own: `tests.fake_records.MemoryRecords`.
"""

import asyncio
import contextlib
import threading
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from operator import itemgetter

from domain.alarms import Notice, Sought, Transition
from domain.audit import AuditEntry, AuditQuestion, AuditRecord
from domain.current_words import in_words_of, spoken_of
from domain.entries import BatchEvent, Entry, Gap, Heartbeat, PersonAction, Position, SourceState, TagDefined, TextBatch
from domain.findings import BatchTold, Finding, FindingId, PhaseRecord, Stage
from domain.genealogy import BatchLink
from domain.ports import Delivery, Person, Rows, SourceLedger
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable
from historian.chunks.query import Stretch
from historian.memory import MemoryStore

# The HTTP interface: a journal and records in memory, and a clock that is set by hand.


class SetClock:
    """A clock that shows what a test sets."""

    def __init__(self, now_ns: int = 0, *, simulated: bool = False, speed: float = 1.0) -> None:
        self.now = now_ns
        self.simulated = simulated
        self.speed = speed

    def now_ns(self) -> int:
        return self.now

    async def sleep_until(self, when_ns: int) -> None:
        self.now = max(self.now, when_ns)


class JournalInMemory:
    """A `JournalReader` of what a test put in; `fault` makes every call raise it."""

    def __init__(self) -> None:
        self.entries: list[tuple[Position, Entry]] = []
        self.ledgers: list[SourceLedger] = []
        self.fault: Exception | None = None
        self._tags = TagTable()
        self._lock = threading.Lock()

    def put(self, *entries: Entry) -> Position:
        """Commit entries; returns the position of the last."""
        with self._lock:
            for entry in entries:
                self.entries.append((Position(len(self.entries) + 1), entry))
                if isinstance(entry, TagDefined):
                    self._tags.put(entry.tag)
            return self.last()

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def last(self) -> Position:
        self._check()
        return self.entries[-1][0] if self.entries else Position(0)

    def read(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, Entry]]:
        self._check()
        if self.entries and after < self.entries[0][0]:
            return self.entries[:limit]
        first = self.entries[0][0] if self.entries else 1
        return self.entries[after - first + 1 :][:limit]

    def trim(self, through: int) -> None:
        """Forget what a store has taken."""
        self.entries = [(position, entry) for position, entry in self.entries if position > through]

    def tags(self) -> Sequence[Tag]:
        self._check()
        return list(self._tags)

    def text_batches(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, TextBatch]]:
        found = [(at, entry) for at, entry in self.entries if at > after and isinstance(entry, TextBatch)]
        return found[:limit]

    def gaps(self, source: str | None, tag: int | None, start_ns: int, end_ns: int, limit: int) -> Sequence[Gap]:
        newest = {entry.id: entry for _, entry in self.entries if isinstance(entry, Gap)}
        return [
            gap
            for gap in newest.values()
            if source in (None, gap.source)
            and (tag is None or gap.tag in (None, tag))
            and gap.start_ns < end_ns
            and (gap.end_ns is None or gap.end_ns > start_ns)
        ][:limit]

    def actions(self, limit: int) -> Sequence[PersonAction]:
        return [entry for _, entry in reversed(self.entries) if isinstance(entry, PersonAction)][:limit]

    def ledger(self) -> Sequence[SourceLedger]:
        return self.ledgers

    def heartbeats(self) -> Sequence[Heartbeat]:
        self._check()
        newest = {entry.source: entry for _, entry in self.entries if isinstance(entry, Heartbeat)}
        return list(newest.values())


class HistoryInMemory:
    """The record of a journal in memory, as a mirror reads it; it keeps what `trim` takes from the journal."""

    def __init__(self, journal: JournalInMemory) -> None:
        self._journal = journal
        self._store = MemoryStore()
        self.asked = 0

    def refresh(self) -> Position:
        for at, entry in self._journal.read(self._store.cursor(), 10_000):
            if isinstance(entry, SampleBatch):
                self._store.write(at, entry)
        self._store.flush(everything=True)
        return self._journal.last()

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        return self._store.at_time(tag, time_ns, as_of=as_of)

    def read_pieces(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None = None, versions: bool = False
    ) -> Iterator[Rows]:
        self.asked += 1
        yield self._store.read(tag, start_ns, end_ns, as_of=as_of, versions=versions)

    def stretches_after(self, after: Position) -> Sequence[Stretch]:
        return [Stretch(tag.id, -(2**62), 2**62) for tag in self._journal.tags()]


def is_sought(sought: Sought, one: Transition) -> bool:
    """Whether a transition is among those that somebody looks for."""
    return (
        (sought.start_ns is None or one.at_ns >= sought.start_ns)
        and (sought.end_ns is None or one.at_ns < sought.end_ns)
        and sought.unit in ("", one.unit)
        and sought.batch in ("", one.batch)
        and sought.person in ("", one.person)
        and sought.what in ("", one.what)
        and sought.priority in (None, one.priority)
        and sought.text.lower() in f"{one.message}\n{one.alarm}\n{one.comment}".lower()
    )


def in_current_words(said: Sequence[Transition], versions: Sequence[Finding]) -> list[Transition]:
    """Transitions in the newest words of what their alarms are about, given every version of every finding."""
    newest: dict[str, Finding] = {}
    sentences = {(each.id, each.version): each.message for each in versions}
    for each in sorted(versions, key=lambda one: one.version):
        newest[each.id] = each
    standing = [each for each in newest.values() if each.stage is not Stage.CLEARED]
    told = []
    for one in said:
        now = spoken_of(one, newest[one.finding], standing) if one.finding in newest else None
        if now is not None and (now.id, now.version) != (one.finding, one.finding_version):
            then = sentences.get((FindingId(one.finding), one.finding_version), one.message)
            told.append(in_words_of(one, then, now))
        else:
            told.append(one)
    return told


class RecordsInMemory:
    """A `RecordsReader` of what a test put in; `on_request` stands for the core."""

    def __init__(self) -> None:
        self.all_transitions: list[Transition] = []
        self.all_findings: list[Finding] = []
        self.all_phases: dict[str, PhaseRecord] = {}
        self.all_notices: list[tuple[Notice, str]] = []
        self.people: dict[str, Person] = {}
        self.requests: list[PersonAction] = []
        self.trail: list[AuditRecord] = []
        self.on_request: Callable[[PersonAction], object] = lambda _: None
        self.all_told: list[BatchTold] = []
        self.all_links: list[BatchLink] = []
        self.events: dict[str, BatchEvent] = {}
        self.event_states: dict[str, str] = {}

    def list_findings(
        self,
        start_ns: int | None,
        end_ns: int | None,
        subject: str | None,
        limit: int,
        before: str | None = None,
    ) -> Sequence[Finding]:
        newest: dict[str, Finding] = {}
        for finding in self.all_findings:
            newest.pop(finding.id, None)
            newest[finding.id] = finding
        found = [
            finding
            for finding in reversed(newest.values())
            if subject in (None, finding.subject)
            and (end_ns is None or finding.onset_ns < end_ns)
            and (start_ns is None or finding.end_ns is None or finding.end_ns >= start_ns)
        ]
        if before is not None:
            found = found[[finding.id for finding in found].index(before) + 1 :]
        return found[:limit]

    def alarms(self, *, everything: bool = False) -> Sequence[Transition]:
        newest = {transition.alarm: transition for transition in self.all_transitions}
        chosen = [one for one in newest.values() if everything or one.facts.state != "NORM"]
        told = in_current_words(chosen, self.all_findings)
        return sorted(told, key=lambda one: (one.facts.acknowledged, one.priority, -one.at_ns))

    def alarm(self, id_: str) -> Transition | None:
        return next((each for each in self.alarms(everything=True) if each.alarm == id_), None)

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        found = [one for one in self.all_transitions if alarm in (None, one.alarm)]
        if after is not None:
            found = found[[one.id for one in found].index(after) + 1 :][:limit]
        return found[::-1][:limit]

    def transitions_of(self, batch: str, limit: int) -> Sequence[Transition]:
        return [one for one in self.all_transitions if one.batch == batch][::-1][:limit]

    def list_phases(
        self, start_ns: int | None, end_ns: int | None, unit: str | None, limit: int
    ) -> Sequence[PhaseRecord]:
        found = [
            phase
            for phase in self.all_phases.values()
            if unit in (None, phase.unit)
            and (end_ns is None or phase.start_ns < end_ns)
            and (start_ns is None or phase.end_ns is None or phase.end_ns > start_ns)
        ]
        return sorted(found, key=lambda phase: -phase.start_ns)[:limit]

    def notices(self, limit: int) -> Sequence[tuple[Notice, str]]:
        return self.all_notices[::-1][:limit]

    def person_of(self, token: str) -> Person | None:
        return self.people.get(token)

    def audit(self, entry: AuditEntry) -> None:
        number = len(self.trail) + 1
        self.trail.append(AuditRecord(number, entry, entry.role, entry.at_ns, f"hash {number}"))

    def find_audit(self, asked: AuditQuestion, limit: int, before: int | None = None) -> Sequence[AuditRecord]:
        found = [each for each in self.trail[::-1] if before is None or each.sequence < before]
        return [each for each in found if asked.person in ("", each.entry.person)][:limit]

    def request(self, action: PersonAction, by: Person | None = None) -> None:
        self.requests.append(action)
        self.on_request(action)

    def request_all(self, actions: Sequence[PersonAction], by: Person | None = None) -> None:
        for action in actions:
            self.request(action, by)

    def sought(self, sought: Sought, limit: int, before: str | None = None) -> Sequence[Transition]:
        found = self.all_transitions[::-1]
        if before is not None:
            found = found[[one.id for one in found].index(before) + 1 :]
        return [one for one in found if is_sought(sought, one)][:limit]

    def phases_of(self, batch: str, limit: int) -> Sequence[PhaseRecord]:
        found = [phase for phase in self.all_phases.values() if phase.batch == batch]
        return sorted(found, key=lambda phase: phase.start_ns)[:limit]

    def findings_of(self, batch: str, limit: int) -> Sequence[Finding]:
        return [finding for finding in self.all_findings[::-1] if finding.batch == batch][:limit]

    def told_of(self, batch: str, limit: int) -> Sequence[BatchTold]:
        return [told for told in self.all_told[::-1] if told.event.batch == batch][:limit]

    def links_of(self, batches: Sequence[str], *, back: bool, limit: int) -> Sequence[BatchLink]:
        return [link for link in self.all_links if (link.child if back else link.parent) in batches][:limit]

    def ask_event(self, event: BatchEvent) -> BatchEvent:
        return self.events.setdefault(event.id, event)

    def event_state(self, id_: str) -> str | None:
        return self.event_states.get(id_, "waiting" if id_ in self.events else None)


# The journal: everything in memory, durable at once.


class MemoryJournal:
    """A `Journal` without a disk, for one event loop; `acknowledge` is called before `submit` returns."""

    def __init__(self) -> None:
        self._entries: list[tuple[Position, Entry]] = []
        self._last = Position(0)
        self._followers: set[asyncio.Event] = set()

    async def append(self, *entries: Entry) -> Position:
        for entry in entries:
            self._last = Position(self._last + 1)
            self._entries.append((self._last, entry))
        for written in self._followers:
            written.set()
        return self._last

    def submit(self, delivery: Delivery) -> None:
        with contextlib.suppress(StopIteration):
            self.append(*delivery.entries).send(None)  # it never waits
        delivery.acknowledge()

    async def room(self) -> None:
        await asyncio.sleep(0)

    async def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        written = asyncio.Event()
        self._followers.add(written)
        try:
            while True:
                written.clear()
                first = bisect_right(self._entries, after, key=itemgetter(0))
                for position, entry in self._entries[first:]:
                    yield position, entry
                    after = position
                if not self._entries or self._entries[-1][0] <= after:
                    await written.wait()
        finally:
            self._followers.discard(written)

    async def trim(self, through: Position) -> None:
        self._entries = [
            (position, entry)
            for position, entry in self._entries
            if position > through or not isinstance(entry, SampleBatch | Heartbeat | SourceState)
        ]
