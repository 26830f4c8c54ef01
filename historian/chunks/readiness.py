"""When rows are sealed: by count, by day, or because too many wait."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.time import DAY_NS, HOUR_NS, MINUTE_NS
from historian.chunks.file import NEVER_NS
from historian.chunks.rows import Columns, join_columns, sort_by_tag
from historian.chunks.tail import Block, make_block

_NEARLY = 0.8  # a tag with so much of a chunk is sealed along with the full ones, so that they share their times


@dataclass(frozen=True, slots=True)
class Policy:
    """When and how rows are sealed; times are those of the batches' receipt, never of a clock."""

    rows_per_chunk: int = 3_600
    settle_ns: int = 10 * MINUTE_NS  # how long a late row is waited for, so that it needs no patch
    check_every_ns: int = MINUTE_NS
    # The cursor is never further behind. A tag at 1 Hz is sealed, which moves it too, every 70 minutes.
    checkpoint_every_ns: int = 2 * HOUR_NS
    waiting_limit: int = 8_000_000  # rows; beyond it smaller chunks are sealed
    future_limit: int = 100_000  # rows that are dated later than now; beyond it they are sealed by themselves
    patches_allowed: int = 8  # of one segment, before they are merged
    compactions_at_once: int = 16


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """By tag: rows before this time are to be sealed."""

    before_ns: NDArray[np.int64]


def ready(
    blocks: Sequence[Block], settled_ns: int, rows_per_chunk: int, policy: Policy, day_before: int | None
) -> Ready | None:
    """The limits of a round of sealing, or None if none is due. `day_before`: the UTC day of the round before."""
    day = settled_ns // DAY_NS
    new_day = day_before is None or day > day_before
    if sum(len(block.columns) for block in blocks) > policy.waiting_limit:
        rows_per_chunk //= 8
    if not new_day and int(_at_most(blocks, settled_ns).max(initial=0)) < rows_per_chunk:
        return None
    count = _settled(blocks, settled_ns)
    full = bool((count >= rows_per_chunk).any())
    if not (full or (new_day and count.any())):
        return None
    before_ns = np.full(len(count), day * DAY_NS if new_day else NEVER_NS)
    if full:
        before_ns[count >= _NEARLY * rows_per_chunk] = settled_ns
    return Ready(before_ns)


def _at_most(blocks: Sequence[Block], settled_ns: int) -> NDArray[np.int64]:
    """By tag: no fewer rows than are older than `settled_ns`, at no cost."""
    count = np.zeros(1 + max((int(block.tags[-1]) for block in blocks), default=-1), np.int64)
    for block in blocks:
        if block.low_ns < settled_ns:
            count[block.tags] += block.counts
    return count


def _settled(blocks: Sequence[Block], settled_ns: int) -> NDArray[np.int64]:
    """By tag: how many rows are older than `settled_ns`."""
    count = np.zeros(1 + max((int(block.tags[-1]) for block in blocks), default=-1), np.int64)
    for block in blocks:
        if block.high_ns < settled_ns:
            count[block.tags] += block.counts
        elif block.low_ns < settled_ns:
            settled = block.columns.tag[block.columns.time_ns < settled_ns]
            count += np.bincount(settled, minlength=len(count))
    return count


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Rows to seal, the blocks that they are in, and what is to stand in those blocks' place afterwards."""

    rows: Columns
    used: tuple[Block, ...]
    rest: tuple[Block, ...]


def take(blocks: Sequence[Block], before_ns: NDArray[np.int64]) -> Taken:
    """Take the rows that are ready. The tail itself is unchanged until they are sealed."""
    rows, used = [], []
    slow: list[Columns] = []
    recent: list[Columns] = []
    for block in blocks:
        columns = block.columns
        limits = before_ns[block.tags]
        if block.low_ns >= int(limits.max()):
            continue
        if block.high_ns < int(limits.min()):
            used.append(block)
            rows.append(columns)
            continue
        is_ready = columns.time_ns < np.repeat(limits, block.counts)
        if not is_ready.any():
            continue
        used.append(block)
        rows.append(columns.at(is_ready))
        # Apart, so that the slow tags' block need not be written again at the next round.
        is_slow = ~is_ready & np.repeat(limits == NEVER_NS, block.counts)
        slow.append(columns.at(is_slow))
        recent.append(columns.at(~is_ready & ~is_slow))
    rest = [sort_by_tag(join_columns(part)) for part in (slow, recent)]
    return Taken(join_columns(rows), tuple(used), tuple(make_block(part) for part in rest if len(part)))


def take_all(blocks: Sequence[Block]) -> Taken:
    """Take every row."""
    return Taken(join_columns([block.columns for block in blocks]), tuple(blocks), ())


def take_future(blocks: Sequence[Block], now_ns: int) -> Taken:
    """Take the rows that are dated later than `now_ns`."""
    rows, used, rest = [], [], []
    for block in blocks:
        if block.high_ns <= now_ns:
            continue
        is_future = block.columns.time_ns > now_ns
        used.append(block)
        rows.append(block.columns.at(is_future))
        rest.append(block.columns.at(~is_future))
    return Taken(join_columns(rows), tuple(used), tuple(make_block(part) for part in rest if len(part)))
