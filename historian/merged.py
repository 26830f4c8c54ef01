"""The journal as it was: its entries, and in the place of those that were trimmed what the record has of them.

A trimmed sample entry is made again from the store's rows, each in its own row of the entry; rows that the store knew
already leave a hole, unless they say what it cannot: those come from the journal (`echoes`). Trimmed heartbeats come
from the journal's runs of them. Trimmed source states are left out: they say nothing of the process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.entries import Entry, Heartbeat, Position, TagDefined
from domain.errors import DamagedEntry, DamagedFile
from domain.samples import SampleBatch
from historian.chunks.placed import PlacedRows
from historian.chunks.places import ROW_BITS, entries_of, rows_of
from historian.chunks.rows import Columns, join_columns
from historian.journal.damage import tells_of_damage
from historian.journal.echoes import NEVER_NS, Echoes
from historian.journal.reader import ReadOnlyJournal

HOLE = np.uint32(0xFFFF_FFFF)
"""The tag of a row that is not there: no tag has this id."""

ROWS_AT_ONCE = 2_000_000
"""About so many rows are in memory at once; it costs three times their 28 bytes."""

_FIRST_ENTRIES = 2_000
_MOST_ENTRIES = 200_000
_JOURNAL_AT_ONCE = 256


class MergedJournal:
    """Reads the entries of a data folder in their order, in the service's own or beside it. Calls block."""

    def __init__(self, journal: ReadOnlyJournal, history: Path, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._journal = journal
        self._rows = PlacedRows(history)
        self._rows_at_once = rows_at_once
        self._sources: dict[int, str] = {}

    def entries(self, after: Position, through: Position) -> Iterator[tuple[Position, Entry]]:
        """Every entry after a position, up to and including another one."""
        self._sources = {}
        for _, entry in self._journal.definitions(after):
            self._sources[entry.tag.id] = entry.tag.source
        window = _FIRST_ENTRIES
        while after < through:
            until = Position(min(after + window, through))
            # The journal first: what is trimmed meanwhile is in the store by then.
            damaged: list[DamagedEntry] = []
            kept = list(self._kept(after, until, damaged))
            echoes = self._journal.kept_echoes(after, until)
            rows = _with_echoes(self._rows.between(after, until), echoes)
            _demand_stored(damaged, rows)
            yield from self._merged(kept, rows)
            window = self._next_window(window, len(rows))
            after = until

    def close(self) -> None:
        """Release the store's files; the journal is the caller's."""
        self._rows.close()

    def _next_window(self, window: int, rows: int) -> int:
        fitting = window * self._rows_at_once // max(rows, 1)
        return max(1, min(fitting, 4 * window, _MOST_ENTRIES))

    def _kept(self, after: Position, until: Position, damaged: list[DamagedEntry]) -> Iterator[tuple[Position, Entry]]:
        beats: Sequence[tuple[Position, Heartbeat]] = self._journal.kept_beats(after, until)
        found: dict[Position, Entry] = {}
        at = after
        while at < until:
            try:
                entries = self._journal.read(at, _JOURNAL_AT_ONCE)
            except DamagedEntry as error:
                damaged.append(error)
                at = Position(error.last)
                continue
            found.update((position, entry) for position, entry in entries if position <= until)
            if not entries or entries[-1][0] >= until:
                break
            at = entries[-1][0]
        found.update(self._journal.kept_beats(after, until))  # trimmed while the others were read
        found.update(beats)
        return iter(sorted(found.items()))

    def _merged(self, kept: list[tuple[Position, Entry]], rows: "_Rows") -> Iterator[tuple[Position, Entry]]:
        entry_of = entries_of(rows.rows.place)
        stored_at = set(entry_of.tolist())
        # What cannot be read in the journal, and was taken before, is as it was taken.
        kept = [each for each in kept if each[0] not in stored_at or not tells_of_damage(each[1], each[0])]
        there = {position for position, _ in kept}
        starts = np.flatnonzero(np.diff(entry_of, prepend=-1))
        ends = np.append(starts, len(rows))[1:]  # none, where there are no rows
        stored = [
            (Position(int(entry_of[start])), slice(start, end))
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            if int(entry_of[start]) not in there
        ]
        waiting = iter([*stored, None])
        following = next(waiting)
        for position, entry in kept:
            while following is not None and following[0] < position:
                yield following[0], self._batch(rows, following[1])
                following = next(waiting)
            if isinstance(entry, TagDefined):
                self._sources[entry.tag.id] = entry.tag.source
            yield position, entry
        while following is not None:
            yield following[0], self._batch(rows, following[1])
            following = next(waiting)

    def _batch(self, every: "_Rows", chosen: slice) -> SampleBatch:
        rows, told_ns = every.rows.at(chosen), every.server_ns[chosen]
        row = rows_of(rows.place)
        count = int(row[-1]) + 1
        source = self._sources.get(int(rows.tag[0]), "")
        has_server = np.count_nonzero(told_ns != NEVER_NS) > 0
        if count == len(rows):
            server_ns = told_ns if has_server else None
            return SampleBatch(source, 0, rows.tag, rows.time_ns, server_ns, rows.value, rows.status)
        tag = np.full(count, HOLE, np.uint32)
        time_ns, value, status = np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.uint32)
        tag[row], time_ns[row], value[row], status[row] = rows.tag, rows.time_ns, rows.value, rows.status
        server_ns = np.full(count, NEVER_NS)
        server_ns[row] = told_ns
        return SampleBatch(source, 0, tag, time_ns, server_ns if has_server else None, value, status)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows by place, with the server's time of those of which it is known, else `NEVER_NS`."""

    rows: Columns
    server_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


def _demand_stored(damaged: Sequence[DamagedEntry], rows: _Rows) -> None:
    """Raise what cannot be read, of which no gap tells and of which the record has nothing."""
    stored = set(entries_of(rows.rows.place).tolist())
    for error in damaged:
        if not stored.issuperset(range(error.first, error.last + 1)):
            raise DamagedFile(str(error)) from error


def _with_echoes(stored: Columns, echoes: Echoes) -> _Rows:
    """The store's rows, and those that only the journal can tell of; of one place the journal's."""
    if not len(echoes):
        return _Rows(stored, np.full(len(stored), NEVER_NS))
    place = (echoes.entry << ROW_BITS) + echoes.row
    told = Columns(echoes.tag, echoes.time_ns, echoes.value, echoes.status, place)
    rows = join_columns([told, stored])
    server_ns = np.concatenate((echoes.server_ns, np.full(len(stored), NEVER_NS)))
    _, first = np.unique(rows.place, return_index=True)
    return _Rows(rows.at(first), server_ns[first])
