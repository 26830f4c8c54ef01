"""`state.db`: what the store needs to go on after a crash, all of it moved in one commit.

The cursor, the rows of entries up to it that are not sealed yet (the tail's blocks), and for every period's file how
long its chain was, so that a file that was cut short, or is gone, is noticed.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from domain.entries import START, Position
from domain.errors import DamagedFile, Refused
from historian.chunks.database import naming, open_writer
from historian.chunks.file import Head
from historian.chunks.planes import pack_bytes, unpack_bytes
from historian.chunks.rows import Columns
from historian.chunks.tail import Block, make_block

STATE_NAME = "state.db"

SCHEMA = """
CREATE TABLE state(
    one INTEGER PRIMARY KEY CHECK(one = 1), period TEXT NOT NULL, cursor INTEGER NOT NULL, written INTEGER NOT NULL,
    sealing_through INTEGER NOT NULL);
CREATE TABLE tail(number INTEGER PRIMARY KEY, hash BLOB NOT NULL, columns BLOB NOT NULL);
CREATE TABLE anchor(file TEXT PRIMARY KEY, number INTEGER NOT NULL, rows INTEGER NOT NULL, hash BLOB NOT NULL)"""

_ROW_BYTES = 32
_FIGURES = "SELECT period, cursor, written, sealing_through FROM state"


@dataclass(frozen=True, slots=True)
class Figures:
    """The state's numbers."""

    period: str
    cursor: Position
    written: int  # rows of all entries up to the cursor
    sealing_through: Position  # a seal has begun and is not finished: rows up to this entry may be sealed; else 0


class StateFile:
    """The writer's side of `state.db`."""

    def __init__(self, path: Path, period: str) -> None:
        self.path = path
        self._connection = open_writer(path, SCHEMA)
        with naming(path):
            row = self._connection.execute(_FIGURES).fetchone()
            if row is None:
                self._connection.execute("INSERT INTO state VALUES(1,?,0,0,0)", (period,))
                row = (period, START, 0, START)
            self._next = self._connection.execute("SELECT coalesce(max(number), 0) + 1 FROM tail").fetchone()[0]
        self.figures = Figures(*row)
        if self.figures.period != period:
            self._connection.close()
            raise Refused(f"{path.parent} is kept by {row[0]}, not by {period}: a new length needs a new directory")

    def tail(self) -> list[Block]:
        """The blocks of the tail, oldest first."""
        with naming(self.path):
            return read_tail(self._connection, self.path)

    def before_sealing(self, through: Position) -> None:
        """Note that rows up to an entry are about to be sealed: after a crash some of them are there already."""
        through = max(through, self.figures.sealing_through)
        with naming(self.path):
            self._connection.execute("UPDATE state SET sealing_through=?", (through,))
        self.figures = replace(self.figures, sealing_through=through)

    def move(self, cursor: Position, written: int, blocks: Sequence[Block], anchors: Mapping[str, Head]) -> list[Block]:
        """Move the cursor: from now on `blocks` are the tail. Return them with their numbers."""
        sealing = self.figures.sealing_through if cursor < self.figures.sealing_through else START
        kept = {block.number for block in blocks if block.number is not None}
        with naming(self.path), self._connection:
            execute = self._connection.execute
            execute("BEGIN IMMEDIATE")
            present = {number for (number,) in execute("SELECT number FROM tail")}
            self._connection.executemany("DELETE FROM tail WHERE number=?", [(n,) for n in present - kept])
            numbered = [block if block.number is not None else self._put(block) for block in blocks]
            self._connection.executemany(
                "INSERT OR REPLACE INTO anchor VALUES(?,?,?,?)",
                [(name, head.number, head.rows, head.hash) for name, head in anchors.items()],
            )
            execute("UPDATE state SET cursor=?, written=?, sealing_through=?", (cursor, written, sealing))
            execute("COMMIT")
        self.figures = Figures(self.figures.period, cursor, written, sealing)
        return numbered

    def _put(self, block: Block) -> Block:
        number = self._next
        self._next += 1
        columns = _pack(block.columns)
        self._connection.execute("INSERT INTO tail VALUES(?,?,?)", (number, tail_hash(number, columns), columns))
        return replace(block, number=number)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def tail_hash(number: int, columns: bytes) -> bytes:
    """The hash of a block of the tail."""
    return hashlib.sha256(number.to_bytes(8, "little") + columns).digest()


def _pack(columns: Columns) -> bytes:
    """Plain columns, compressed: these rows are packed with care when they are sealed, here it must be quick."""
    parts = (
        columns.tag.astype("<u4"),
        np.diff(columns.time_ns, prepend=0).astype("<i8"),
        columns.value.astype("<f8"),
        columns.status.astype("<u4"),
        np.diff(columns.place, prepend=0).astype("<i8"),
    )
    return pack_bytes(b"".join([len(columns).to_bytes(8, "little"), *(part.tobytes() for part in parts)]))


def _unpack(packed: bytes) -> Columns:
    plain = unpack_bytes(packed)
    count = int.from_bytes(plain[:8], "little")
    if len(plain) != 8 + count * _ROW_BYTES:
        raise DamagedFile(f"a block of {count} rows has {len(plain)} bytes")
    tag = np.frombuffer(plain, "<u4", count, 8)
    time_ns = np.cumsum(np.frombuffer(plain, "<i8", count, 8 + 4 * count))
    value = np.frombuffer(plain, "<f8", count, 8 + 12 * count)
    status = np.frombuffer(plain, "<u4", count, 8 + 20 * count)
    place = np.cumsum(np.frombuffer(plain, "<i8", count, 8 + 24 * count))
    return Columns(tag, time_ns, value, status, place)


def read_figures(connection: Connection) -> Figures:
    """The numbers, through any connection."""
    row = connection.execute(_FIGURES).fetchone()
    if row is None:
        return Figures("", START, 0, START)
    return Figures(*row)


def tail_numbers(connection: Connection) -> list[int]:
    """The numbers of the tail's blocks, oldest first."""
    return [number for (number,) in connection.execute("SELECT number FROM tail ORDER BY number")]


def read_tail(connection: Connection, path: Path, numbers: Iterable[int] | None = None) -> list[Block]:
    """Blocks of the tail, oldest first; DamagedFile names the first that does not match its hash."""
    blocks = []
    for number in tail_numbers(connection) if numbers is None else numbers:
        digest, columns = connection.execute("SELECT hash, columns FROM tail WHERE number=?", (number,)).fetchone()
        if tail_hash(number, columns) != digest:
            raise DamagedFile(f"{path}: block {number} of the tail does not match its hash")
        blocks.append(make_block(_unpack(columns), number))
    return sorted(blocks, key=lambda block: block.high_place)
