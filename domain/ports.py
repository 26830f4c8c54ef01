"""The seams: what each room offers to the others. A port has one suite of checks, run on all its implementations."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.alarms import Notice, Sought, Transition
from domain.approvals import Decision
from domain.audit import AuditEntry, AuditQuestion, AuditRecord
from domain.entries import BatchEvent, Entry, Gap, Heartbeat, PersonAction, Position
from domain.findings import BatchTold, Conclusion, EquipmentState, Finding, PhaseRecord
from domain.genealogy import BatchLink
from domain.people import Person as Person  # noqa: PLC0414  others know it by this module
from domain.samples import SampleBatch
from domain.signatures import Content, Shown, Signature
from domain.tags import Tag


class Clock(Protocol):
    """The only source of 'now'. A simulated plant brings its own, and everything recorded under it says so."""

    simulated: bool

    @property
    def speed(self) -> float:
        """Seconds of this clock per second of the wall's."""
        ...

    def now_ns(self) -> int:
        """UTC ns."""
        ...

    async def sleep_until(self, when_ns: int) -> None:
        """Return once `now_ns()` has reached `when_ns`."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came off the wire together: it is acknowledged as a whole, after all its entries are durable.

    `received` counts the samples as the wire declared them; the journal counts what it wrote, and the ledger compares.
    `redelivered` of them were known again, so they are in no entry. `acknowledge` is cheap, does not block and may be
    called from any thread.
    """

    source: str
    entries: Sequence[Entry]
    received: int
    acknowledge: Callable[[], None]
    redelivered: int = 0


class Source(Protocol):
    """A server or broker that samples come from. It connects, recovers and reconnects by itself, for ever."""

    name: str

    def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries in order, for as long as it is iterated. Not asking for the next is the back-pressure."""
        ...

    def heartbeat(self, now_ns: int) -> Entry:
        """A `Heartbeat` that tells whether the source is heard."""
        ...


class Journal(Protocol):
    """The only queue: nothing is visible before it is durable, and every follower can be replayed."""

    async def append(self, *entries: Entry) -> Position:
        """Return the position of the last entry, once all are durable."""
        ...

    def submit(self, delivery: Delivery) -> None:
        """Queue a delivery for the next group commit; its `acknowledge` is called after the commit.

        Thread-safe. RetryLater when far more is waiting than `room` allows; Refused when an entry is malformed.
        """
        ...

    async def room(self) -> None:
        """Return once so little is waiting for its commit that the next delivery may be taken: the back-pressure."""
        ...

    def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        """Yield every durable entry after a position, then wait for more."""
        ...

    async def trim(self, through: Position) -> None:
        """Drop samples, heartbeats and source states up to a position that every follower has passed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Samples of one tag in time order; arrays of length n. `entry` and `row` are the journal position of each.

    `cut` is the time of the first row left out by the caller's limit, else None.
    """

    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    entry: NDArray[np.int64]
    row: NDArray[np.int32]
    cut: int | None = None

    def __len__(self) -> int:
        """Rows."""
        return len(self.time_ns)

    def at(self, chosen: "slice | NDArray[np.bool_]") -> "Rows":
        """Some of the rows, in the same order."""
        return Rows(
            self.time_ns[chosen],
            self.value[chosen],
            self.status[chosen],
            self.entry[chosen],
            self.row[chosen],
            self.cut,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Aggregates over equal buckets that have rows; arrays of length m ≤ the asked number.

    `start_ns` is the bucket's start. Values are of rows that are finite and not Bad: `count` of
    them, `bad` others. Where `count` is 0 the values are NaN.
    """

    start_ns: NDArray[np.int64]
    first: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    last: NDArray[np.float64]
    mean: NDArray[np.float64]
    count: NDArray[np.int64]
    bad: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """The newest row of each tag by time, then by position; arrays of one length, tags without rows left out."""

    tag: NDArray[np.uint32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]


class HistoryReader(Protocol):
    """What may be asked of the record. `as_of`: only rows whose entry is at or before that position.

    Calls block (disk, decompression): never on an event loop.
    """

    def read(
        self,
        tag: int,
        start_ns: int,
        end_ns: int,
        *,
        as_of: Position | None = None,
        versions: bool = False,
        limit: int | None = None,
    ) -> Rows:
        """Rows with start ≤ time < end; of several at one time the newest by position, or all with `versions`."""
        ...

    def aggregate(
        self,
        tag: int,
        start_ns: int,
        end_ns: int,
        buckets: int,
        *,
        as_of: Position | None = None,
    ) -> Buckets:
        """Aggregate [start, end) to at most `buckets` equal buckets of whole ns."""
        ...

    def latest(self, tags: Sequence[int] | None = None) -> Latest:
        """The newest row of each tag."""
        ...

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        """The row in force at a time: the newest at or before it; no row if there is none."""
        ...


class Store(HistoryReader, Protocol):
    """The record: every row once, with its position. Calls block: never on an event loop."""

    def write(self, at: Position, batch: SampleBatch) -> None:
        """Take the rows of one entry; the same entry twice counts once."""
        ...

    def flush(self, *, everything: bool = False) -> Position:
        """Make durable what is ready (or everything); return the cursor: all entries up to it are durable here."""
        ...

    def cursor(self) -> Position:
        """The position up to which every entry is durable here."""
        ...

    def counts(self) -> Mapping[str, int]:
        """`stored` (rows and versions kept), `duplicates` (there already), `waiting` (not yet sealed)."""
        ...


class Detector(Protocol):
    """A pure fold over the journal: same entries, same findings, however they are cut into batches."""

    name: str

    def update(self, position: Position, entry: Entry) -> Sequence[Conclusion]:
        """Take the next entry; return what follows from it. The entry is not written to."""
        ...

    def snapshot(self) -> bytes:
        """The whole state."""
        ...

    def restore(self, state: bytes) -> str:
        """Go on as if it had never stopped; what there is to tell of it, in a sentence, or nothing."""
        ...


class UnitOfWork(Protocol):
    """Effects and their cursor, in one transaction: all of it or nothing."""

    def findings(self, findings: Sequence[Finding]) -> None:
        """Write new findings and new versions; one that is there already stays as it is."""
        ...

    def phases(self, phases: Sequence[PhaseRecord]) -> None:
        """Write phase runs, and their ends."""
        ...

    def equipment(self, states: Sequence[EquipmentState]) -> None:
        """Write what equipment is told to be in; what is there already stays as it is."""
        ...

    def told(self, told: Sequence[BatchTold]) -> None:
        """Write what was told of batches; what is there already stays as it is."""
        ...

    def links(self, links: Sequence[BatchLink]) -> None:
        """Write which batch was made of which; what is there already stays as it is."""
        ...

    def event_done(self, id_: str, error: str | None) -> None:
        """Answer who asked for an event to be taken, by its id: taken, or why not."""
        ...

    def transitions(self, transitions: Sequence[Transition]) -> None:
        """Write alarm transitions; one that is there already stays as it is."""
        ...

    def notices(self, notices: Sequence[Notice]) -> None:
        """Put notices into the outbox; one that is there already stays as it is."""
        ...

    def audit(self, action: PersonAction, what: str, old: str = "", new: str = "", batch: str = "") -> None:
        """Write who did what, when and why, what was there before and is now, and in which batch."""
        ...

    def request_done(self, id_: str, error: str | None) -> None:
        """Answer a person's request, by the action's id: applied, or why not."""
        ...

    def decided(self, decision: Decision, at: Position) -> None:
        """Write an approved version and its audit, or why it was refused, and answer the request."""
        ...

    def cursor(self, name: str, position: Position) -> None:
        """Move a follower's cursor."""
        ...

    def snapshot(self, name: str, position: Position, state: bytes) -> None:
        """Keep a detector's state as of a position."""
        ...


class Records(Protocol):
    """The database of what was decided."""

    def unit_of_work(self) -> AbstractContextManager[UnitOfWork]:
        """One transaction: committed on leaving, rolled back on an error."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a channel says of a notice it took."""

    detail: str


class Channel(Protocol):
    """A way to reach people. Calls block: never on an event loop."""

    name: str

    def send(self, notice: Notice) -> Receipt:
        """Send; RetryLater if it may work later, Refused if never."""
        ...


@dataclass(frozen=True, slots=True)
class SourceLedger:
    """The conservation of one source's samples.

    received = journaled + quarantined + redelivered; journaled = stored + duplicates + waiting.

    `duplicates` are rows that the record had already; `redelivered` messages were known again and never journaled.
    `unaccounted` is what the first sum leaves over: anything but 0 is a fault of this program.
    """

    source: str
    received: int
    journaled: int
    quarantined: int
    redelivered: int
    unaccounted: int = 0


class JournalReader(Protocol):
    """The journal from another process: read-only, short transactions. Calls block: never on an event loop."""

    def last(self) -> Position:
        """The newest durable position."""
        ...

    def read(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, Entry]]:
        """The next entries after a position, at most `limit`."""
        ...

    def tags(self) -> Sequence[Tag]:
        """The newest definition of every tag."""
        ...

    def gaps(self, source: str | None, tag: int | None, start_ns: int, end_ns: int, limit: int) -> Sequence[Gap]:
        """Gaps that overlap [start, end), each as last written; a gap of a source counts for each of its tags."""
        ...

    def actions(self, limit: int) -> Sequence[PersonAction]:
        """The newest deeds of people, newest first."""
        ...

    def ledger(self) -> Sequence[SourceLedger]:
        """The counts of every source, as of the newest commit."""
        ...

    def heartbeats(self) -> Sequence[Heartbeat]:
        """The newest heartbeat of every source."""
        ...


class Signer(Protocol):
    """Gives electronic signatures and shows them. Calls block: never on an event loop."""

    def sign(
        self,
        kind: str,
        subject: str,
        content: Content,
        meaning: str,
        person: Person,
        secret: str,
        reason: str,
        actors: Collection[str] = (),
    ) -> Signature:
        """Sign a content with the password once more; `actors` did what is reviewed, approved or rejected.

        Refused: no role, no reason, the own deed, or a secret that is not this person's.
        """
        ...

    def signatures_of(self, kind: str, subject: str, content: Content) -> Sequence[Shown]:
        """Every signature of a thing beside its content as it is now, oldest first."""
        ...


class RecordsReader(Protocol):
    """What was decided, for pages and the API. Lists are newest first. Calls block: never on an event loop."""

    def list_findings(
        self,
        start_ns: int | None,
        end_ns: int | None,
        subject: str | None,
        limit: int,
        before: str | None = None,
    ) -> Sequence[Finding]:
        """The newest version of each finding that overlaps the time; `before` continues after that finding id."""
        ...

    def alarms(self, *, everything: bool = False) -> Sequence[Transition]:
        """The newest transition of each alarm that is not normal (or of all): unacknowledged and severe first.

        In the newest words of what each is about: `transitions` tells what was said then.
        """
        ...

    def alarm(self, id_: str) -> Transition | None:
        """The newest transition of one alarm, as `alarms` tells it; None: there is none by that id."""
        ...

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        """The history of an alarm, or of all."""
        ...

    def transitions_of(self, batch: str, limit: int) -> Sequence[Transition]:
        """What was said of a batch by alarms, and what people did then, newest first."""
        ...

    def list_phases(
        self, start_ns: int | None, end_ns: int | None, unit: str | None, limit: int
    ) -> Sequence[PhaseRecord]:
        """Phase runs that overlap the time."""
        ...

    def phases_of(self, batch: str, limit: int) -> Sequence[PhaseRecord]:
        """The phase runs of a batch on all units, oldest first."""
        ...

    def findings_of(self, batch: str, limit: int) -> Sequence[Finding]:
        """The newest version of each finding about a batch, newest first."""
        ...

    def told_of(self, batch: str, limit: int) -> Sequence[BatchTold]:
        """The events that name a batch, newest first."""
        ...

    def links_of(self, batches: Sequence[str], *, back: bool, limit: int) -> Sequence[BatchLink]:
        """The links of some batches to their parents (`back`) or to their children, oldest first."""
        ...

    def ask_event(self, event: BatchEvent) -> BatchEvent:
        """Ask the core to take an event; return the one that was asked for first by its id."""
        ...

    def event_state(self, id_: str) -> str | None:
        """How an event that was asked for stands: waiting, done, refused; None where nobody asked."""
        ...

    def notices(self, limit: int) -> Sequence[tuple[Notice, str]]:
        """The newest notices with the state of each: waiting, sent, refused, unknown."""
        ...

    def person_of(self, token: str) -> Person | None:
        """Whose token this is."""
        ...

    def audit(self, entry: AuditEntry) -> None:
        """Put a deed into the audit trail that changes nothing else; the same reference twice is one."""
        ...

    def find_audit(self, asked: AuditQuestion, limit: int, before: int | None = None) -> Sequence[AuditRecord]:
        """The newest audit records that answer a question, newest first; `before`: with a lower number than that."""
        ...

    def request(self, action: PersonAction, by: Person | None = None) -> None:
        """Ask the core to apply an action of a person; it answers with a transition. `by`: role and origin, kept."""
        ...

    def request_all(self, actions: Sequence[PersonAction], by: Person | None = None) -> None:
        """Ask the core to apply some actions, in their order, in one transaction: all are asked, or none is."""
        ...

    def sought(self, sought: Sought, limit: int, before: str | None = None) -> Sequence[Transition]:
        """What happened to alarms, newest first; `before` goes on behind the transition of that id."""
        ...
