"""Rows of the store by their place in the journal: what a replay reads instead of the entries that were trimmed."""

from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from domain.entries import Position
from domain.errors import RetryLater
from historian.chunks.database import Readers
from historian.chunks.places import place_after
from historian.chunks.reading import ChunkRow, SealedFile, SealedFiles
from historian.chunks.rows import Columns, empty_columns, join_columns
from historian.chunks.state import STATE_NAME, read_tail

_CHUNKS = """
    SELECT tag, start_ns, segment, slot, end_ns, kind, low_place, high_place, offset, length, summary FROM chunk
    WHERE high_place >= ? AND low_place < ? LIMIT ? OFFSET ?"""
_SPAN = "SELECT min(low_place), max(high_place) FROM chunk"
_CHUNKS_AT_ONCE = 256  # read within one transaction


class PlacedRows:
    """The rows of every tag by place; kept versions too, duplicates not. `refresh` sees what is new."""

    def __init__(self, directory: Path) -> None:
        self._state_path = directory / STATE_NAME
        self._state = Readers(self._state_path)
        self._files = SealedFiles(directory)
        self.refresh()

    def refresh(self) -> None:
        """Take note of new files."""
        self._files.refresh()

    def between(self, after: Position, through: Position) -> Columns:
        """The rows of the entries after a position up to another one, by place, each once."""
        low, high = place_after(after), place_after(through)
        parts = self._tail(low, high)  # before the files: rows move from the one to the other
        for file in self._files.all():
            parts += self._sealed(file, low, high)
        columns = join_columns(parts) if parts else empty_columns()
        _, first = np.unique(columns.place, return_index=True)
        return columns.at(first)

    def close(self) -> None:
        """Release the files."""
        self._state.close()
        self._files.close()

    def _tail(self, low: int, high: int) -> list[Columns]:
        if not self._state_path.exists():
            return []
        try:
            with self._state.snapshot() as connection:
                blocks = read_tail(connection, self._state_path)
        except RetryLater:  # the writer is making the file just now
            return []
        return [_between(block.columns, low, high) for block in blocks]

    def _sealed(self, file: SealedFile, low: int, high: int) -> Iterator[Columns]:
        with file.readers.snapshot() as connection:
            first, last = connection.execute(_SPAN).fetchone()
        if first is None or first >= high or last < low:
            return
        offset = 0
        while True:
            with file.readers.snapshot() as connection:
                found = connection.execute(_CHUNKS, (low, high, _CHUNKS_AT_ONCE, offset)).fetchall()
                read = [self._chunk(file, connection, tag, ChunkRow(*chunk)) for tag, *chunk in found]
            yield from (_between(columns, low, high) for columns in read)
            offset += len(found)
            if len(found) < _CHUNKS_AT_ONCE:
                return

    @staticmethod
    def _chunk(file: SealedFile, connection: Connection, tag: int, chunk: ChunkRow) -> Columns:
        rows = file.rows(connection, chunk)
        return Columns(np.full(len(rows), tag, np.uint32), rows.time_ns, rows.value, rows.status, rows.place)


def _between(columns: Columns, low: int, high: int) -> Columns:
    return columns.at((columns.place >= low) & (columns.place < high))
