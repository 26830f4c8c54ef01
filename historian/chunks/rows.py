"""Rows as columns, and the rules that decide which of them count.

A row's key is (tag, time, value bits, status): of equal keys the first by place is kept. Of several versions at one
time the best is the newest that is not Bad, else the newest; the others are older versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.status import is_bad

Integers = NDArray[np.int64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class TagRows:
    """Rows of one tag; `place` is the place in the journal."""

    time_ns: Integers
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    place: Integers

    def __len__(self) -> int:
        """Rows."""
        return len(self.time_ns)

    def at(self, chosen: "slice | Index | NDArray[np.bool_]") -> "TagRows":
        """The chosen rows."""
        return TagRows(self.time_ns[chosen], self.value[chosen], self.status[chosen], self.place[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Rows of many tags."""

    tag: NDArray[np.uint32]
    time_ns: Integers
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    place: Integers

    def __len__(self) -> int:
        """Rows."""
        return len(self.tag)

    def at(self, chosen: "slice | Index | NDArray[np.bool_]") -> "Columns":
        """The chosen rows."""
        return Columns(
            self.tag[chosen], self.time_ns[chosen], self.value[chosen], self.status[chosen], self.place[chosen]
        )

    def of_tags(self) -> list[tuple[int, slice]]:
        """Each tag and its rows, of columns that are sorted by tag."""
        if not len(self):
            return []
        starts = np.flatnonzero(np.concatenate(([True], self.tag[1:] != self.tag[:-1])))
        ends = np.append(starts[1:], len(self))
        tags = self.tag[starts].tolist()
        return [(tag, slice(a, b)) for tag, a, b in zip(tags, starts.tolist(), ends.tolist(), strict=True)]

    def rows(self, chosen: slice) -> TagRows:
        """The rows of one tag."""
        return TagRows(self.time_ns[chosen], self.value[chosen], self.status[chosen], self.place[chosen])


def empty_columns() -> Columns:
    """No rows."""
    none = np.empty(0, np.int64)
    return Columns(np.empty(0, np.uint32), none, np.empty(0), np.empty(0, np.uint32), none)


def empty_rows() -> TagRows:
    """No rows of a tag."""
    none = np.empty(0, np.int64)
    return TagRows(none, np.empty(0), np.empty(0, np.uint32), none)


def join_columns(parts: Sequence[Columns]) -> Columns:
    """All parts, one after the other."""
    if not parts:
        return empty_columns()
    if len(parts) == 1:
        return parts[0]
    return Columns(
        np.concatenate([part.tag for part in parts]),
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.place for part in parts]),
    )


def join_rows(parts: Sequence[TagRows]) -> TagRows:
    """All parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty_rows()
    return TagRows(
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.place for part in parts]),
    )


def sort_by_tag(columns: Columns) -> Columns:
    """By tag, and within a tag in the order of arrival."""
    tag = columns.tag
    # 16 bits are sorted by radix, a tenth of the time.
    key = tag.astype(np.uint16) if len(tag) and int(tag.max()) < 1 << 16 else tag
    order = np.argsort(key, kind="stable")
    # The sorted tags follow from their counts, which is quicker than to gather them.
    counts = np.bincount(key) if len(tag) else np.empty(0, np.int64)
    sorted_tag = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    return Columns(
        sorted_tag, columns.time_ns[order], columns.value[order], columns.status[order], columns.place[order]
    )


def sort_by_tag_and_time(columns: Columns) -> Columns:
    """By tag, then time, then place, of columns in the order of arrival."""
    columns = sort_by_tag(columns)
    climbs = columns.time_ns[1:] >= columns.time_ns[:-1]
    for _, chosen in columns.of_tags():
        if climbs[chosen.start : chosen.stop - 1].all():
            continue
        order = np.argsort(columns.time_ns[chosen], kind="stable")
        for column in (columns.time_ns, columns.value, columns.status, columns.place):
            column[chosen] = column[chosen][order]
    return columns


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Which of sorted rows count: indices, ascending. Rows in neither are duplicates."""

    best: Index | None  # None: all of them
    older: Index


_NONE = np.empty(0, np.intp)


def judge(
    tag: NDArray[np.uint32] | None,
    time_ns: Integers,
    value: NDArray[np.float64],
    status: NDArray[np.uint32],
    place: Integers,
) -> Verdict:
    """Tell best rows, older versions and duplicates apart, of rows sorted by (tag,) time."""
    same = time_ns[1:] == time_ns[:-1]
    if tag is not None:
        same &= tag[1:] == tag[:-1]
    if not same.any():
        return Verdict(None, _NONE)
    touched = np.zeros(len(time_ns), np.bool_)
    touched[1:] |= same
    touched[:-1] |= same
    index = np.flatnonzero(touched)
    moment = np.cumsum(np.concatenate(([True], ~same))[index])
    bits = value.view(np.int64)[index]
    code, where = status[index], place[index]
    order = np.lexsort((where, code, bits, moment))
    repeated = (
        (moment[order][1:] == moment[order][:-1])
        & (bits[order][1:] == bits[order][:-1])
        & (code[order][1:] == code[order][:-1])
    )
    kept = np.sort(order[np.concatenate(([True], ~repeated))])
    index, moment, code, where = index[kept], moment[kept], code[kept], where[kept]
    order = np.lexsort((where, ~is_bad(code), moment))
    ends = np.append(moment[order][1:] != moment[order][:-1], True)
    is_best = ~touched
    is_best[index[order[ends]]] = True
    return Verdict(np.flatnonzero(is_best), np.sort(index[order[~ends]]))


def merge(parts: Sequence[TagRows], *, versions: bool) -> TagRows:
    """Rows of one tag from everywhere, in the order of time and place: the best, or all versions."""
    rows = join_rows(parts)
    time_ns = rows.time_ns
    if len(rows) < 2 or np.all(time_ns[1:] > time_ns[:-1]):
        return rows
    if not np.all(time_ns[1:] >= time_ns[:-1]):
        rows = rows.at(np.argsort(time_ns, kind="stable"))
    verdict = judge(None, rows.time_ns, rows.value, rows.status, rows.place)
    if verdict.best is None:
        return rows
    if not versions:
        return rows.at(verdict.best)
    kept = np.concatenate((verdict.best, verdict.older))
    return rows.at(kept[np.lexsort((rows.place[kept], rows.time_ns[kept]))])
