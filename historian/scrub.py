"""Look through journal and record piece by piece for bytes that are not as they were written.

A piece is some entries of the journal, or one segment of a period's file, read in a short transaction of its own, so
that no commit and no checkpoint waits for it.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.entries import Position
from domain.errors import DamagedFile, RetryLater, UnknownEntry
from historian.chunks.database import open_reader
from historian.chunks.reading import period_paths
from historian.chunks.segment import Chunk
from historian.journal import reading
from historian.journal.following import DiskReader
from historian.journal.schema import connect_reader, errors_named
from historian.verify import UNREADABLE, Damage, FileCheck, Report

_ENTRIES_AT_ONCE = 64
_HEAD_BYTES = 4096
_PLACES_TOLD = 100  # of one piece

_NEXT_SEGMENT = """
    SELECT id, start_ns, end_ns, tags, length(columns) + length(times) + length(places) FROM segment NOT INDEXED
    WHERE id > ? ORDER BY id LIMIT 1"""
_CHUNKS_OF = """
    SELECT tag, start_ns, end_ns, slot, low_place, high_place, offset, length, summary, kind FROM chunk
    WHERE tag = ? AND start_ns BETWEEN ? AND ? AND segment = ?"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a pass has come: a file, and its last entry or segment that was looked at."""

    file: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What was looked at: where it goes on, bytes, what is damaged; `ended` is a file that is through."""

    mark: Mark
    size: int = 0
    damages: tuple[str, ...] = ()
    ended: str = ""


class Scrub:
    """One pass after the other over a journal and the record beside it. For one thread at a time; calls block."""

    def __init__(self, journal: Path, history: Path) -> None:
        self._journal = journal
        self._history = history
        self._check: FileCheck | None = None  # of the file that is looked at: what its chain expects
        self._checked = ""

    def step(self, mark: Mark) -> Piece:
        """Look at the next piece; RetryLater where a file is busy. A pass ends at the empty mark."""
        paths = {path.name: path for path in [self._journal, *sorted(period_paths(self._history))]}
        if mark.file not in paths:
            later = [name for name in list(paths)[1:] if name > mark.file] if mark.file else list(paths)[:1]
            return Piece(Mark(later[0]) if later else Mark())
        path = paths[mark.file]
        try:
            found = self._entries(mark) if path == self._journal else self._segment(path, mark)
        except RetryLater:
            raise
        except UNREADABLE as error:
            found = Piece(mark, _HEAD_BYTES, (f"{mark.file}: cannot be read: {error}",), mark.file)
        if not found.ended:
            return found
        names = list(paths)
        after = names[names.index(mark.file) + 1 :]
        return Piece(Mark(after[0]) if after else Mark(), found.size, found.damages, found.ended)

    def _entries(self, mark: Mark) -> Piece:
        disk = DiskReader(self._journal, connect_reader)
        try:
            with errors_named(self._journal):
                stored = reading.stored_after(disk.connection, Position(mark.number), _ENTRIES_AT_ONCE)
            damages: list[str] = []
            for at, body in stored:
                try:
                    disk.decode(f"entry {at}", body)
                except UnknownEntry:
                    pass  # whole, and of a newer program
                except DamagedFile as error:
                    damages.append(str(error).replace(str(self._journal), mark.file, 1))
        finally:
            disk.close()
        if not stored:
            return Piece(mark, ended=mark.file)
        return Piece(Mark(mark.file, stored[-1][0]), sum(len(body) for _, body in stored), tuple(damages))

    def _segment(self, path: Path, mark: Mark) -> Piece:
        connection = open_reader(path)
        try:
            connection.execute("BEGIN")
            row = connection.execute(_NEXT_SEGMENT, (mark.number,)).fetchone()
            if row is None:
                return Piece(mark, _HEAD_BYTES, self._missing(path, connection), path.name)
            number, start_ns, end_ns, tags, size = row
            rows = _chunks_of(connection, number, start_ns, end_ns, tags)
            check = self._check
            if check is None or self._checked != path.name:
                check = self._expect(path, connection)
            damages = _damages(check, connection, number, rows)
            if damages:  # or segments were written or replaced since the chain was read
                check = self._expect(path, connection)
                damages = _damages(check, connection, number, rows)
            return Piece(Mark(path.name, number), size + _HEAD_BYTES, damages)
        finally:
            connection.close()

    def _expect(self, path: Path, connection: sqlite3.Connection) -> FileCheck:
        check = FileCheck(path, Report())
        check.check_chain(connection)
        self._check, self._checked = check, path.name
        return check

    def _missing(self, path: Path, connection: sqlite3.Connection) -> tuple[str, ...]:
        """At the end of a file: what is wrong with its chain, and the segments that it names and that are not there."""
        report = Report()
        check = FileCheck(path, report)
        check.check_chain(connection)
        self._check = None
        present = {number for (number,) in connection.execute("SELECT id FROM segment NOT INDEXED")}
        gone = [Damage(path.name, "is missing", number) for number in sorted(set(check.expected) - present)]
        return tuple(map(str, [*report.damages, *gone]))[:_PLACES_TOLD]


def _chunks_of(
    connection: sqlite3.Connection, number: int, start_ns: int, end_ns: int, tags: bytes
) -> list[tuple[Chunk, int]]:
    found: list[tuple[Chunk, int]] = []
    for tag in np.frombuffer(tags, "<u4").tolist():
        for *columns, kind in connection.execute(_CHUNKS_OF, (tag, start_ns, end_ns, number)):
            found.append((Chunk(*columns), kind))
    return found


def _damages(
    check: FileCheck, connection: sqlite3.Connection, number: int, rows: Sequence[tuple[Chunk, int]]
) -> tuple[str, ...]:
    before = len(check.report.damages)
    try:
        check.check_segment(connection, number, [chunk for chunk, _ in rows], {kind for _, kind in rows})
    except UNREADABLE as error:
        return (str(Damage(check.path.name, f"cannot be read: {error}", number)),)
    return tuple(map(str, check.report.damages[before:]))[:_PLACES_TOLD]
