"""One group commit: what it writes, laid out beforehand, so that a failed attempt is repeated exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.entries import Entry, Gap, Position, TagDefined
from historian.journal.codec import Encoder, sample_payload
from historian.journal.intake import Waiting
from historian.journal.joining import Joiner, Outgoing, is_passing, rows_in
from historian.journal.layouts import LearntLayouts
from historian.journal.remembered import Memory, SourceMemory, with_counts, with_entry
from historian.journal.schema import PAGE_BYTES, Connection, SqlValue

_PAGES_BESIDES = 8  # of tables other than the entries' own: indexes, inner pages


@dataclass(frozen=True, slots=True)
class Group:
    """Items that become durable together. `ends[i]` is the position of the last entry of item i."""

    items: Sequence[Waiting]
    ends: Sequence[Position]
    last: Position
    entries: Sequence[tuple[Position, Entry]]
    outgoing: Sequence[Outgoing]
    bodies: Sequence[bytes]
    layouts: Sequence[tuple[int, bytes]]
    new_sources: Sequence[SourceMemory]
    memory: Memory  # as it will be after the commit
    must_remember: bool  # counts that stand in no entry: the sources' rows have to be written too

    @property
    def size(self) -> int:
        """Bytes that this may add: to the log, and to the file when the log is copied there."""
        return 2 * (sum(map(len, self.bodies)) + _PAGES_BESIDES * PAGE_BYTES)


class Layout:
    """Lays out groups: joins, numbers, encodes and counts. For the writer's thread alone."""

    def __init__(self, layouts: LearntLayouts) -> None:
        self._encoder = Encoder()
        self._layouts = layouts

    def group(self, items: Sequence[Waiting], after: Position, memory: Memory) -> Group:
        """The group of these items, whose first entry gets the position after `after`."""
        joiner = Joiner()
        loose: list[tuple[str, int, int]] = []
        lasts = [_place(item, joiner, loose) for item in items]
        bodies = [self._body(outgoing) for outgoing in joiner.outgoing]
        later = dict(memory)
        for outgoing, body in zip(joiner.outgoing, bodies, strict=True):
            with_entry(later, outgoing, body)
        for source, received, redelivered in loose:
            with_counts(later, source, received, redelivered)
        return Group(
            items=items,
            ends=[Position(after + 1 + index) for index in lasts],
            last=Position(after + len(joiner.outgoing)),
            entries=[(Position(after + 1 + i), outgoing.entry) for i, outgoing in enumerate(joiner.outgoing)],
            outgoing=joiner.outgoing,
            bodies=bodies,
            layouts=self._layouts.take_unwritten(),
            new_sources=[source for name, source in later.items() if name not in memory],
            memory=later,
            must_remember=bool(loose),
        )

    def _body(self, outgoing: Outgoing) -> bytes:
        if outgoing.event is not None:
            return self._encoder.seal(outgoing.event.payload)
        pieces = self._layouts.pieces([part.tag for part in outgoing.parts])
        return self._encoder.seal(sample_payload(outgoing.batch, pieces))


def _place(item: Waiting, joiner: Joiner, loose: list[tuple[str, int, int]]) -> int:
    """Put an item's parts; return the highest index among their entries. Its counts go with its own source."""
    last = -1 if item.parts else len(joiner.outgoing) - 1
    own: Outgoing | None = None
    for part in item.parts:
        rows = rows_in(part)
        index = joiner.add(part, rows)
        last = max(last, index)
        outgoing = joiner.outgoing[index]
        if item.received is None:
            outgoing.received += rows
        elif outgoing.source == item.source:
            own = outgoing
    if item.received is None:
        return last
    if own is None:
        loose.append((item.source, item.received, item.redelivered))
    else:
        own.received += item.received
        own.redelivered += item.redelivered
    return last


def write(connection: Connection, group: Group, *, remember: bool) -> None:
    """Write a group in one transaction; when this returns it is durable."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO source(id, name) VALUES (?, ?)",
        [(source.id, source.name) for source in group.new_sources],
    )
    connection.executemany("INSERT INTO layout VALUES (?, ?)", group.layouts)
    _write_entries(connection, group)
    _write_newest(connection, group)
    if remember or group.must_remember:
        write_memory(connection, group.memory, group.last)
    connection.execute("COMMIT")


def write_memory(connection: Connection, memory: Memory, through: Position) -> None:
    """Bring the sources' rows up to date; part of the caller's transaction."""
    connection.executemany(
        """UPDATE source SET received = ?, journaled = ?, quarantined = ?, redelivered = ?, heartbeat = ?, state = ?
        WHERE id = ?""",
        [
            (
                source.received,
                source.journaled,
                source.quarantined,
                source.redelivered,
                source.heartbeat,
                source.state,
                source.id,
            )
            for source in memory.values()
        ],
    )
    connection.execute("UPDATE progress SET through = ?", (through,))


def _write_entries(connection: Connection, group: Group) -> None:
    passing: list[Sequence[SqlValue]] = []
    lasting: list[Sequence[SqlValue]] = []
    for (position, _), outgoing, body in zip(group.entries, group.outgoing, group.bodies, strict=True):
        row = (
            position,
            int(outgoing.kind),
            group.memory[outgoing.source].id,
            outgoing.rows,
            outgoing.received,
            outgoing.redelivered,
            body,
        )
        (passing if is_passing(outgoing.kind) else lasting).append(row)
    connection.executemany("INSERT INTO passing VALUES (?, ?, ?, ?, ?, ?, ?)", passing)
    connection.executemany("INSERT INTO lasting VALUES (?, ?, ?, ?, ?, ?, ?)", lasting)


def _write_newest(connection: Connection, group: Group) -> None:
    """Keep what is asked by something else than position: definitions of tags, and gaps."""
    for (position, entry), body in zip(group.entries, group.bodies, strict=True):
        match entry:
            case TagDefined(tag=tag):
                connection.execute(
                    "INSERT OR REPLACE INTO tag VALUES (?, ?, ?, ?)", (tag.id, tag.source, position, body)
                )
            case Gap():
                connection.execute(
                    "INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (entry.id, entry.source, entry.tag, entry.start_ns, entry.end_ns, position, body),
                )
