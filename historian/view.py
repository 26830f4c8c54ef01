"""The record as another process sees it: the sealed files, and the journal's entries that are not sealed yet.

Nothing here writes. A row is seen as soon as its entry is durable and `refresh` has run; while it moves from the
journal to the store's tail and on to a sealed file it may be held twice, and is shown once, because its key is known.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from domain.entries import START, Entry, Position
from domain.errors import DamagedEntry, RetryLater
from domain.ports import Buckets, JournalReader, Latest, Rows
from domain.samples import SampleBatch
from historian.chunks.aggregate import aggregate
from historian.chunks.database import Readers
from historian.chunks.heap import keep_heap
from historian.chunks.latest import LatestRows, is_known_in
from historian.chunks.places import place_after
from historian.chunks.query import Query, Stretch, as_rows
from historian.chunks.reading import SealedFiles, newest_edges
from historian.chunks.rows import Columns, sort_by_tag
from historian.chunks.state import STATE_NAME, read_figures, read_tail, tail_numbers
from historian.chunks.tail import Block, Tail, TailSnapshot, columns_of

_ENTRIES_AT_ONCE = 64
_ATTEMPTS = 5


class _Generation(NamedTuple):
    """What the store's writer has made durable: its cursor, and the blocks of its tail by number."""

    cursor: Position
    blocks: tuple[int, ...]


class HistoryView:
    """A `HistoryReader` beside the writing process. `refresh` is called by one thread at a time; reads by any."""

    def __init__(self, directory: Path | str, journal: JournalReader) -> None:
        keep_heap()
        self._directory = Path(directory)
        self._journal = journal
        self._state_path = self._directory / STATE_NAME
        self._state = Readers(self._state_path)
        self._files = SealedFiles(self._directory)
        self._query = Query(self._files, self._snapshot)
        self._generation = _Generation(START, ())
        self._blocks: tuple[Block, ...] = ()
        self._tail = Tail()
        self._position = START
        self._latest = LatestRows(is_known_in(self._query))
        self._latest_lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._started = False

    @property
    def position(self) -> Position:
        """The last entry that reads can see."""
        return self._position

    def refresh(self) -> Position:
        """See what is new; return the last entry seen. Costs little when little is new."""
        with self._refreshing:
            for _ in range(_ATTEMPTS):
                self._follow_store()
                self._follow_journal()
                # The journal may have been trimmed between the two: then the store has moved, and knows the rows.
                if self._read_generation().cursor == self._generation.cursor:
                    break
            return self._position

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
        """Rows with start ≤ time < end."""
        return self._query.read(tag, start_ns, end_ns, as_of=as_of, versions=versions, limit=limit)

    def read_pieces(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None = None, versions: bool = False
    ) -> Iterator[Rows]:
        """The same rows in pieces of about 100,000, each read in a short transaction; stop asking to abort."""
        return map(as_rows, self._query.pieces(tag, start_ns, end_ns, as_of=as_of, versions=versions))

    def aggregate(
        self, tag: int, start_ns: int, end_ns: int, buckets: int, *, as_of: Position | None = None
    ) -> Buckets:
        """Aggregate [start, end) to at most `buckets` buckets."""
        return aggregate(self._query, tag, start_ns, end_ns, buckets, as_of=as_of)

    def latest(self, tags: Sequence[int] | None = None) -> Latest:
        """The newest row of each tag."""
        with self._latest_lock:
            return self._latest.get(tags)

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        """The row in force at a time."""
        return self._query.at_time(tag, time_ns, as_of=as_of)

    def stretches_after(self, after: Position) -> Sequence[Stretch]:
        """Where in time rows may lie that came after an entry. Looks at every chunk's places: for what is rare."""
        return self._query.stretches_after(after)

    def close(self) -> None:
        """Release the files."""
        with self._refreshing:
            self._state.close()
            self._files.close()

    def _snapshot(self) -> TailSnapshot:
        # The journal's rows first: a row leaves them only after the store's blocks or files have it.
        of_journal = self._tail.snapshot()
        return TailSnapshot((*self._blocks, *of_journal.blocks), of_journal.young)

    def _read_generation(self) -> _Generation:
        if not self._state_path.exists():
            return _Generation(START, ())
        try:
            with self._state.snapshot() as connection:
                return _Generation(read_figures(connection).cursor, tuple(tail_numbers(connection)))
        except RetryLater:  # the writer is making the file just now
            return _Generation(START, ())

    def _follow_store(self) -> None:
        generation = self._read_generation()
        if generation == self._generation and self._started:
            return
        blocks = self._load_blocks()
        if blocks is None:
            return
        generation, loaded = blocks
        skipped = generation.cursor > self._position or not self._started
        self._files.refresh()
        self._blocks = loaded
        self._tail.forget_through(place_after(generation.cursor) - 1)
        self._position = max(self._position, generation.cursor)
        self._generation = generation
        self._started = True
        if skipped:
            with self._latest_lock:
                self._latest.load(newest_edges(self._files.all()).values())
                for block in loaded:
                    self._latest.take(block.columns)

    def _load_blocks(self) -> tuple[_Generation, tuple[Block, ...]] | None:
        """The store's cursor and its tail, of one commit; blocks that are known already are not read again."""
        if not self._state_path.exists():
            return _Generation(START, ()), ()
        known = {block.number: block for block in self._blocks}
        try:
            with self._state.snapshot() as connection:
                generation = _Generation(read_figures(connection).cursor, tuple(tail_numbers(connection)))
                fresh = [number for number in generation.blocks if number not in known]
                read = {block.number: block for block in read_tail(connection, self._state_path, fresh)}
        except RetryLater:
            return None
        loaded = [known.get(number) or read[number] for number in generation.blocks]
        return generation, tuple(sorted(loaded, key=lambda block: block.high_place))

    def _follow_journal(self) -> None:
        while entries := self._next_entries():
            arrived: list[Columns] = []
            for at, entry in entries:
                if isinstance(entry, SampleBatch) and len(entry):
                    self._tail.add(at, entry)
                    arrived.append(columns_of(at, entry))
                self._position = at
            with self._latest_lock:
                for columns in arrived:
                    self._latest.take(sort_by_tag(columns))

    def _next_entries(self) -> Sequence[tuple[Position, Entry]]:
        """What follows in the journal. What cannot be read there is seen once the store has it, if it took it."""
        while True:
            try:
                return self._journal.read(self._position, _ENTRIES_AT_ONCE)
            except DamagedEntry as error:
                self._position = Position(error.last)
