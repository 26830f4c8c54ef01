"""Rows that are not sealed yet: a young part in the order of arrival, and blocks that are sorted by tag."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.entries import Position
from domain.samples import SampleBatch
from historian.chunks.places import places_of_entry
from historian.chunks.rows import Columns, TagRows, join_columns, sort_by_tag

BLOCK_ROWS = 131_072

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows sorted by tag, each tag's in the order of arrival. `number` names its copy in the state file, if any."""

    columns: Columns
    low_ns: int
    high_ns: int
    high_place: int
    tags: NDArray[np.uint32]  # the tags that it has, and how many rows of each
    counts: Integers
    number: int | None = None

    def rows(self, tag: int) -> TagRows:
        """The rows of one tag."""
        tags = self.columns.tag
        first, last = np.searchsorted(tags, np.array([tag, tag + 1], np.uint32)).tolist()
        return self.columns.rows(slice(first, last))


def make_block(columns: Columns, number: int | None = None) -> Block:
    """A block of columns that are sorted by tag."""
    time_ns = columns.time_ns
    starts = np.flatnonzero(np.concatenate(([True], columns.tag[1:] != columns.tag[:-1])))
    counts = np.diff(np.append(starts, len(columns)))
    return Block(
        columns,
        int(time_ns.min()),
        int(time_ns.max()),
        int(columns.place.max()),
        columns.tag[starts],
        counts,
        number,
    )


def columns_of(at: Position, batch: SampleBatch) -> Columns:
    """The rows of an entry, with their places."""
    place = places_of_entry(at, len(batch))
    return Columns(batch.tag, batch.time_ns, np.ascontiguousarray(batch.value), batch.status, place)


@dataclass(frozen=True, slots=True, eq=False)
class TailSnapshot:
    """The tail at one moment; nothing in it changes any more."""

    blocks: tuple[Block, ...]
    young: Columns

    def rows(self, tag: int, start_ns: int, end_ns: int) -> list[TagRows]:
        """The rows of a tag with start ≤ time < end, in several parts, each in the order of arrival."""
        parts = [
            _within(block.rows(tag), start_ns, end_ns)
            for block in self.blocks
            if block.low_ns < end_ns and block.high_ns >= start_ns
        ]
        index = np.flatnonzero(self.young.tag == tag)
        if len(index):
            parts.append(_within(_rows(self.young, index), start_ns, end_ns))
        return [part for part in parts if len(part)]

    def newest_before(self, tag: int, end_ns: int, place_before: int | None) -> int | None:
        """The newest time of a tag before `end_ns`."""
        newest: int | None = None
        for rows in self.rows(tag, -(2**63), end_ns):
            time_ns = rows.time_ns if place_before is None else rows.time_ns[rows.place < place_before]
            if len(time_ns):
                newest = max(int(time_ns.max()), newest if newest is not None else -(2**63))
        return newest

    def all(self) -> Columns:
        """Every row."""
        return join_columns([*(block.columns for block in self.blocks), self.young])


class Tail:
    """Takes rows and hands them out for sealing. One writer; snapshots may be taken by any thread."""

    def __init__(self) -> None:
        self._blocks: tuple[Block, ...] = ()
        # One tuple, so that a snapshot never sees the room of one moment with the count of another.
        self._young: tuple[Columns, int] = (_room(), 0)

    def __len__(self) -> int:
        """Rows."""
        return sum(len(block.columns) for block in self._blocks) + self._young[1]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, oldest first."""
        return self._blocks

    def add(self, at: Position, batch: SampleBatch) -> None:
        """Take the rows of an entry."""
        arrived = columns_of(at, batch)
        done = 0
        while done < len(batch):
            young, start = self._young
            size = min(len(batch) - done, BLOCK_ROWS - start)
            here, there = slice(start, start + size), slice(done, done + size)
            young.tag[here] = arrived.tag[there]
            young.time_ns[here] = arrived.time_ns[there]
            young.value[here] = arrived.value[there]
            young.status[here] = arrived.status[there]
            young.place[here] = arrived.place[there]
            self._young = (young, start + size)
            done += size
            if start + size == BLOCK_ROWS:
                self.settle()

    def snapshot(self) -> TailSnapshot:
        """What is in the tail now. Young rows are only appended, so a view of them stays true."""
        # Young first: rows that settle in between are then seen twice, and never missed.
        young, count = self._young
        return TailSnapshot(self._blocks, young.at(slice(0, count)))

    def settle(self) -> None:
        """Sort the young rows into a block."""
        young, count = self._young
        if not count:
            return
        self._blocks = (*self._blocks, make_block(sort_by_tag(young.at(slice(0, count)))))
        self._young = (_room(), 0)

    def add_columns(self, columns: Columns) -> None:
        """Take rows that are sorted by tag."""
        self.settle()
        if len(columns):
            self._blocks = (*self._blocks, make_block(columns))

    def merge_small(self) -> None:
        """Join small blocks, so that a reader has few to look into."""
        small = [block for block in self._blocks if len(block.columns) < BLOCK_ROWS // 2]
        if len(small) > 1:
            joined = sort_by_tag(join_columns([block.columns for block in small]))
            self.replace(small, [make_block(joined)])

    def load(self, blocks: Sequence[Block]) -> None:
        """Put blocks before all others."""
        self._blocks = (*blocks, *self._blocks)

    def replace(self, used: Sequence[Block], rest: Sequence[Block]) -> None:
        """Put `rest` in the place of blocks that were sealed in part or as a whole."""
        gone = {id(block) for block in used}
        self._blocks = (*rest, *(block for block in self._blocks if id(block) not in gone))

    def forget_through(self, place: int) -> None:
        """Drop rows up to a place."""
        self.settle()
        kept = []
        for block in self._blocks:
            if block.high_place <= place:
                continue
            beyond = block.columns.place > place
            kept.append(block if beyond.all() else make_block(block.columns.at(beyond)))
        self._blocks = tuple(kept)


def _room() -> Columns:
    return Columns(
        np.empty(BLOCK_ROWS, np.uint32),
        np.empty(BLOCK_ROWS, np.int64),
        np.empty(BLOCK_ROWS, np.float64),
        np.empty(BLOCK_ROWS, np.uint32),
        np.empty(BLOCK_ROWS, np.int64),
    )


def _rows(columns: Columns, index: NDArray[np.intp]) -> TagRows:
    return TagRows(columns.time_ns[index], columns.value[index], columns.status[index], columns.place[index])


def _within(rows: TagRows, start_ns: int, end_ns: int) -> TagRows:
    inside = (rows.time_ns >= start_ns) & (rows.time_ns < end_ns)
    return rows if inside.all() else rows.at(inside)
