"""What the journal remembers of its sources: counts, newest heartbeat, newest state; as of a commit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from domain.ports import SourceLedger
from historian.journal.codec import Kind
from historian.journal.joining import Outgoing


@dataclass(frozen=True, slots=True)
class SourceMemory:
    """One source, cumulative since the file was made. `heartbeat` and `state` are stored entries."""

    id: int
    name: str
    received: int = 0
    journaled: int = 0
    quarantined: int = 0
    redelivered: int = 0
    heartbeat: bytes | None = None
    state: bytes | None = None

    def ledger(self) -> SourceLedger:
        """The counts, and what they leave over."""
        return SourceLedger(
            self.name,
            self.received,
            self.journaled,
            self.quarantined,
            self.redelivered,
            self.received - self.journaled - self.quarantined - self.redelivered,
        )


Memory = Mapping[str, SourceMemory]


def with_entry(memory: dict[str, SourceMemory], entry: Outgoing, body: bytes) -> None:
    """Add what an entry counts, and its body where it is the newest of its kind."""
    before = source_in(memory, entry.source)
    after = replace(
        before,
        received=before.received + entry.received,
        journaled=before.journaled + entry.journaled,
        quarantined=before.quarantined + entry.quarantined,
        redelivered=before.redelivered + entry.redelivered,
    )
    if entry.kind == Kind.HEARTBEAT:
        after = replace(after, heartbeat=body)
    elif entry.kind == Kind.STATE:
        after = replace(after, state=body)
    memory[entry.source] = after


def with_counts(memory: dict[str, SourceMemory], source: str, received: int, redelivered: int) -> None:
    """Add the counts of a delivery that has no entry of its source."""
    before = source_in(memory, source)
    memory[source] = replace(
        before,
        received=before.received + received,
        redelivered=before.redelivered + redelivered,
    )


def source_in(memory: dict[str, SourceMemory], name: str) -> SourceMemory:
    """A source by its name, with the next free number if it is new."""
    known = memory.get(name)
    if known is None:
        known = memory[name] = SourceMemory(max((source.id for source in memory.values()), default=-1) + 1, name)
    return known


def ledger_of(sources: Iterable[SourceMemory]) -> tuple[SourceLedger, ...]:
    """The ledger of every source that ever delivered; entries of the whole service have none."""
    return tuple(source.ledger() for source in sorted(sources, key=lambda source: source.name) if source.name)
