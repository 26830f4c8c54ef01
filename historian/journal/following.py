"""Entries from the file, decoded: for followers that are behind, and for readers in other processes."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from domain.entries import Entry, Gap, Position
from domain.errors import DamagedEntry, DamagedFile, UnknownEntry
from historian.journal import reading
from historian.journal.codec import Decoder
from historian.journal.damage import Hole, gaps_of, hole_at, is_unreadable, next_stored, place_of, told_gaps
from historian.journal.layouts import KnownLayouts
from historian.journal.schema import Connect, Connection, errors_named, prepare_reader


class DiskReader:
    """A read connection and a decoder, opened when first needed. For one thread at a time; calls block."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._connection: Connection | None = None
        self._decoder = Decoder(KnownLayouts(self._fetch_layout))

    @property
    def connection(self) -> Connection:
        """The connection; RetryLater while there is no journal, DamagedFile if the file is something else."""
        if self._connection is None:
            connection = self._connect(str(self._path))
            try:
                prepare_reader(connection, self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def open(self) -> None:
        """Open the file now, to hear at once what is wrong with it."""
        assert self.connection is not None

    def after(self, position: Position, limit: int) -> Sequence[tuple[Position, Entry]]:
        """The next entries after a position, at most `limit`; fewer where they are large, or one cannot be read.

        In the place of what cannot be read is the gap that tells of it, where its source is known; DamagedEntry where
        it is the first and no gap tells of it yet, UnknownEntry where a newer program wrote it.
        """
        while True:
            found = self._next(position, limit)
            if not isinstance(found, Hole):
                return found
            gaps = told_gaps(self.connection, self.decode, found)
            if len(gaps) == 1:
                return [(found.last, gaps[0])]
            if not gaps:
                message = f"{self._path}: {place_of(found)}: {found.why}"
                raise DamagedEntry(message, found.first, found.last, found.source, found.why)
            position = found.last  # of no known source: the gaps count where they were journaled

    def gaps_of(self, damaged: DamagedEntry) -> Sequence[Gap]:
        """The gaps that are to tell of what cannot be read; none while nothing came after it."""
        hole = Hole(Position(damaged.first), Position(damaged.last), damaged.source, damaged.why)
        with errors_named(self._path):
            return gaps_of(self.connection, self._path, self.decode, hole)

    def _next(self, position: Position, limit: int) -> Sequence[tuple[Position, Entry]] | Hole:
        found: list[tuple[Position, Entry]] = []
        for at, body in self._stored(position, limit):
            if isinstance(body, Hole):
                return body
            try:
                found.append((at, self.decode(f"entry {at}", body)))
            except UnknownEntry:
                if not found:
                    raise
                break
            except DamagedFile as error:
                why = str(error).partition(f"entry {at}: ")[2]
                return found or hole_at(self.connection, at, why)
        return found

    def _stored(self, position: Position, limit: int) -> Sequence[tuple[Position, bytes | Hole]]:
        try:
            return reading.stored_after(self.connection, position, limit)
        except sqlite3.DatabaseError as error:
            with errors_named(self._path):
                if not is_unreadable(error):
                    raise
                following = next_stored(self.connection, position)
            if following is None:
                raise DamagedFile(f"{self._path}: nothing after entry {position} can be read: {error}") from error
        if isinstance(following, Hole):
            return [(following.last, following)]
        return [(following.position, following.body)]

    def decode(self, what: str, body: bytes) -> Entry:
        """A stored entry; DamagedFile names the file and what it was."""
        try:
            return self._decoder.open(body)
        except DamagedFile as error:
            raise type(error)(f"{self._path}: {what}: {error}") from error

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch_layout(self, layout: int) -> bytes | None:
        return reading.layout_tags(self.connection, layout)
