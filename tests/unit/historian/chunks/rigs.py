"""Histories under test: each lets rows move on in another way."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from domain.entries import START, Entry, Gap, Heartbeat, PersonAction, Position
from domain.ports import HistoryReader, SourceLedger, Store
from domain.samples import SampleBatch
from domain.tags import Tag
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from historian.memory import MemoryStore
from historian.view import HistoryView

SMALL = Policy(rows_per_chunk=2, settle_ns=0, check_every_ns=0, patches_allowed=2)


class ListedJournal:
    """A `JournalReader` of a list; trimmed as the real one is."""

    def __init__(self) -> None:
        self.entries: list[tuple[Position, Entry]] = []
        self.reads = 0

    def put(self, at: int, entry: Entry) -> None:
        self.entries.append((Position(at), entry))

    def trim(self, through: Position) -> None:
        self.entries = [(at, entry) for at, entry in self.entries if at > through]

    def last(self) -> Position:
        return self.entries[-1][0] if self.entries else START

    def read(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, Entry]]:
        self.reads += 1
        return [(at, entry) for at, entry in self.entries if at > after][:limit]

    def tags(self) -> Sequence[Tag]:
        return []

    def gaps(self, source: str | None, tag: int | None, start_ns: int, end_ns: int, limit: int) -> Sequence[Gap]:
        return []

    def actions(self, limit: int) -> Sequence[PersonAction]:
        raise NotImplementedError

    def ledger(self) -> Sequence[SourceLedger]:
        return []

    def heartbeats(self) -> Sequence[Heartbeat]:
        return []


class InMemory:
    """The oracle itself."""

    def __init__(self, directory: Path) -> None:
        self.store: Store = MemoryStore()

    @property
    def history(self) -> HistoryReader:
        return self.store

    def write(self, at: int, batch: SampleBatch) -> None:
        self.store.write(Position(at), batch)

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


class InTail:
    """The chunk store with all rows in its tail."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.chunks = self.open()

    def open(self) -> ChunkStore:
        return ChunkStore.open(self.directory, policy=SMALL)

    @property
    def store(self) -> Store:
        return self.chunks

    @property
    def history(self) -> HistoryReader:
        return self.chunks

    def write(self, at: int, batch: SampleBatch) -> None:
        self.chunks.write(Position(at), batch)

    def settle(self) -> None:
        pass

    def close(self) -> None:
        self.chunks.close()


class Flushed(InTail):
    """Sealed as the policy says."""

    def settle(self) -> None:
        self.chunks.flush()


class Sealed(InTail):
    """Each entry is sealed at once: every later row is late."""

    def settle(self) -> None:
        self.chunks.seal()


class SealedEveryOther(InTail):
    """Sealed after every other entry: the last one is in the tail, above sealed versions."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1
        if self.settled % 2 == 0:
            self.chunks.seal()


class Compacted(InTail):
    """Sealed, and all patches merged."""

    def settle(self) -> None:
        self.chunks.seal()
        self.chunks.compact()


class Reopened(InTail):
    """Closed and opened after each entry."""

    def settle(self) -> None:
        self.chunks.flush(everything=True)
        self.chunks.close()
        self.chunks = self.open()


class SealedByDay(Sealed):
    """A file for each day."""

    def open(self) -> ChunkStore:
        return ChunkStore.open(self.directory, period="day", policy=SMALL)


class ViewOfJournal:
    """The view, where no store has written yet."""

    def __init__(self, directory: Path) -> None:
        self.journal = ListedJournal()
        self.history = HistoryView(directory, self.journal)

    def write(self, at: int, batch: SampleBatch) -> None:
        self.journal.put(at, batch)
        self.history.refresh()

    def settle(self) -> None:
        pass

    def close(self) -> None:
        self.history.close()


class ViewOfStore(ViewOfJournal):
    """The view beside a store that seals every other entry, checkpoints the others, and lets the journal be trimmed."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.chunks = ChunkStore.open(directory, policy=SMALL)

    def write(self, at: int, batch: SampleBatch) -> None:
        self.journal.put(at, batch)
        self.chunks.write(Position(at), batch)
        if at % 3:
            self.history.refresh()

    def settle(self) -> None:
        last = self.chunks.flush(everything=True) if self.journal.last() % 2 else self.chunks.seal()
        self.journal.trim(last)
        self.history.refresh()

    def close(self) -> None:
        super().close()
        self.chunks.close()


STORES: Sequence[Callable[[Path], InTail | InMemory]] = (
    InMemory,
    InTail,
    Flushed,
    Sealed,
    SealedEveryOther,
    Compacted,
    Reopened,
    SealedByDay,
)
VIEWS = (ViewOfJournal, ViewOfStore)


def rig_of(kind: Callable[[Path], InTail | InMemory | ViewOfJournal], directory: Path) -> Iterator[object]:
    """A rig that is closed afterwards."""
    rig = kind(directory)
    yield rig
    rig.close()
