"""The chunk store: the record, in files of its own.

Rows wait in memory (the tail) until their tag has a chunk's worth, then they are sealed into the file of their period
in small commits. Then the cursor moves: the rows that still wait are written to `state.db` in the same commit, so the
journal may be trimmed. After a crash at any point the caller writes the entries after `cursor()` again; rows that were
sealed meanwhile are known by their keys.

The rules that all stores keep alike stand in `historian.memory`; the files are described in `docs/store-format.md`.
"""

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from domain.entries import Position
from domain.errors import RetryLater
from domain.ports import Buckets, Latest, Rows
from domain.samples import SampleBatch
from domain.time import DAY_NS
from historian.chunks.aggregate import aggregate
from historian.chunks.heap import keep_heap
from historian.chunks.latest import LatestRows, is_known_in
from historian.chunks.period import period_at
from historian.chunks.query import Query, Stretch, as_rows
from historian.chunks.readiness import Policy, Taken, ready, take, take_all, take_future
from historian.chunks.reading import SealedFiles, newest_edges
from historian.chunks.rows import Columns, sort_by_tag
from historian.chunks.sealing import Sealer
from historian.chunks.state import STATE_NAME, StateFile
from historian.chunks.tail import Tail, columns_of, make_block

_LOCK_NAME = "writer.lock"
_MANY_BLOCKS = 64


class ChunkStore:
    """A `Store` on disk. One process writes; `historian.view.HistoryView` reads it from others.

    One thread may write and flush while others read.
    """

    def __init__(self, directory: Path, period: str, policy: Policy, resources: ExitStack) -> None:
        self._policy = policy
        self._resources = resources
        self._state = StateFile(directory / STATE_NAME, period)
        resources.callback(self._state.close)
        self._files = SealedFiles(directory)
        self._sealer = Sealer(directory, period, policy.rows_per_chunk, self._files.refresh)
        resources.callback(self._sealer.close)
        resources.callback(self._files.close)  # before the writers, so that they fold their logs into the files
        self._files.refresh()
        self._tail = Tail()
        self._query = Query(self._files, self._tail.snapshot)
        self._writing = threading.Lock()
        self._flushing = threading.Lock()
        figures = self._state.figures
        self._last = figures.cursor
        self._written = figures.written
        self._rows_before = sum(file.row_count() for file in self._files.all())
        self._now_ns = self._checked_ns = self._checkpoint_ns = 0
        self._day: int | None = None
        self._latest = LatestRows(is_known_in(self._query))
        self._latest_lock = threading.Lock()
        self._latest_place = -1
        self._latest.load(newest_edges(self._files.all()).values())
        self._load_tail()

    @classmethod
    def open(cls, directory: Path | str, *, period: str = "month", policy: Policy | None = None) -> Self:
        """Open or make the store in a directory (`history/` of the data directory), as its only writer.

        `period` is day, month or year and stays for the directory's life. RetryLater while another process writes;
        NewerFormat and DamagedFile name the file.
        """
        directory = Path(directory)
        period_at(0, period)  # refuses an unknown length before a file is made
        directory.mkdir(parents=True, exist_ok=True)
        keep_heap()
        with ExitStack() as resources:
            resources.callback(os.close, _lock(directory))
            store = cls(directory, period, policy or Policy(), resources)
            store._resources = resources.pop_all()
        return store

    def __enter__(self) -> Self:
        """Use as a context manager: it closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Release the files; rows after the cursor are forgotten (the journal has them)."""
        with self._flushing, self._writing:
            self._resources.close()

    def write(self, at: Position, batch: SampleBatch) -> None:
        """Take the rows of one entry; one at or before the last written is there already."""
        with self._writing:
            if at <= self._last:
                return
            self._written += len(batch)
            if at <= self._state.figures.sealing_through:
                self._add_unsealed(at, batch)
            else:
                self._tail.add(at, batch)
            self._last = at
            self._now_ns = max(self._now_ns, batch.received_ns)

    def flush(self, *, everything: bool = False) -> Position:
        """Seal what is ready, if anything is; return the cursor. `everything` moves it to the last entry written."""
        with self._flushing:
            if self._seal_ready():
                self._sealer.compact(
                    patches_allowed=self._policy.patches_allowed, most=self._policy.compactions_at_once
                )
                self._checkpoint()
            elif self._last != self._state.figures.cursor and (everything or self._is_checkpoint_due()):
                self._checkpoint()
        return self._state.figures.cursor

    def seal(self) -> Position:
        """Seal every row that waits, full chunk or not; return the cursor."""
        with self._flushing:
            with self._writing:
                self._tail.settle()
                taken = take_all(self._tail.blocks)
            self._seal(taken)
            self._checkpoint()
        return self._state.figures.cursor

    def compact(self) -> int:
        """Merge all patches into their base segments, in every file; return the number of segments replaced."""
        with self._flushing:
            self._sealer.open_all(file.period for file in self._files.all())
            replaced = self._sealer.compact(patches_allowed=0, most=None)
            self._checkpoint()
        return replaced

    def cursor(self) -> Position:
        """The position up to which every entry is durable here."""
        return self._state.figures.cursor

    def counts(self) -> Mapping[str, int]:
        """`stored`, `duplicates`, `waiting`; they add up to the rows written."""
        with self._writing:
            stored = self._rows_before + self._sealer.rows_added
            waiting = len(self._tail)
            return {"stored": stored, "duplicates": max(0, self._written - stored - waiting), "waiting": waiting}

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
        """The same rows in pieces of about 100,000, each read in a short transaction of its own."""
        return map(as_rows, self._query.pieces(tag, start_ns, end_ns, as_of=as_of, versions=versions))

    def aggregate(
        self, tag: int, start_ns: int, end_ns: int, buckets: int, *, as_of: Position | None = None
    ) -> Buckets:
        """Aggregate [start, end) to at most `buckets` buckets."""
        return aggregate(self._query, tag, start_ns, end_ns, buckets, as_of=as_of)

    def latest(self, tags: Sequence[int] | None = None) -> Latest:
        """The newest row of each tag."""
        with self._latest_lock:
            self._take_latest()
            return self._latest.get(tags)

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        """The row in force at a time."""
        return self._query.at_time(tag, time_ns, as_of=as_of)

    def stretches_after(self, after: Position) -> Sequence[Stretch]:
        """Where in time rows may lie that came after an entry. Looks at every chunk's places: for what is rare."""
        return self._query.stretches_after(after)

    def _is_checkpoint_due(self) -> bool:
        return self._now_ns - self._checkpoint_ns >= self._policy.checkpoint_every_ns

    def _seal_ready(self) -> bool:
        policy, now_ns = self._policy, self._now_ns
        if now_ns - self._checked_ns < policy.check_every_ns:
            return False
        self._checked_ns = now_ns
        if self._checkpoint_ns == 0:
            self._checkpoint_ns = now_ns
        with self._writing:
            self._tail.settle()
            blocks = self._tail.blocks
        settled_ns = now_ns - policy.settle_ns
        due = ready(blocks, settled_ns, policy.rows_per_chunk, policy, self._day)
        self._day = settled_ns // DAY_NS
        if due is not None:
            self._seal(take(blocks, due.before_ns))
        future = take_future(self._tail.blocks, now_ns + policy.settle_ns)
        if len(future.rows) > policy.future_limit:
            self._seal(future, unattached=True)
            return True
        return due is not None

    def _seal(self, taken: Taken, *, unattached: bool = False) -> None:
        """Seal rows. Until the last commit they stay in the tail too: a reader may see them twice, never not at all."""
        self._state.before_sealing(self._last)
        for _ in self._sealer.seal(taken.rows, unattached=unattached):
            pass
        with self._latest_lock:
            self._take_latest()
        with self._writing:
            self._tail.replace(taken.used, taken.rest)

    def _checkpoint(self) -> None:
        with self._writing:
            self._tail.settle()
            if len(self._tail.blocks) > _MANY_BLOCKS:
                self._tail.merge_small()
            last, written, blocks = self._last, self._written, self._tail.blocks
            self._checkpoint_ns = self._now_ns
        saved = self._state.move(last, written, blocks, self._sealer.heads)
        with self._writing:
            self._tail.replace(blocks, saved)

    def _load_tail(self) -> None:
        blocks = self._state.tail()
        if self._state.figures.sealing_through:
            # The process died while sealing: rows of these blocks may be sealed as well.
            kept = [block.columns.at(~self._sealer.known(block.columns)) for block in blocks]
            blocks = [make_block(columns) for columns in kept if len(columns)]
        self._tail.load(blocks)

    def _add_unsealed(self, at: Position, batch: SampleBatch) -> None:
        """Take an entry again of which rows may be sealed: only those that are not."""
        columns = sort_by_tag(columns_of(at, batch))
        self._tail.add_columns(columns.at(~self._sealer.known(columns)))

    def _take_latest(self) -> None:
        snapshot = self._tail.snapshot()
        for block in snapshot.blocks:
            if block.high_place > self._latest_place:
                self._latest.take(_after(block.columns, self._latest_place))
        self._latest.take(sort_by_tag(_after(snapshot.young, self._latest_place)))
        places = [block.high_place for block in snapshot.blocks]
        if len(snapshot.young):
            places.append(int(snapshot.young.place[-1]))
        self._latest_place = max([self._latest_place, *places])


def _after(columns: Columns, place: int) -> Columns:
    is_after = columns.place > place
    return columns if is_after.all() else columns.at(is_after)


def _lock(directory: Path) -> int:
    handle = os.open(directory / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise RetryLater(f"{directory}: another process is writing this history") from error
    return handle
