"""The newest row of each tag, kept while rows arrive."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from domain.ports import Latest
from domain.status import BAD
from historian.chunks.file import NEVER_NS, Edge
from historian.chunks.places import place_of
from historian.chunks.query import Query
from historian.chunks.rows import Columns

IsKnown = Callable[[int, int, int, int, int], bool]
"""Whether a tag has, at a time, this value (its bits) with this status at an earlier place."""


def is_known_in(query: Query) -> IsKnown:
    """Ask what a query can read."""

    def is_known(tag: int, time_ns: int, bits: int, status: int, place: int) -> bool:
        rows = query.read(tag, time_ns, time_ns + 1, as_of=None, versions=True, limit=None)
        same = np.flatnonzero((rows.value.view(np.int64) == bits) & (rows.status == status))
        return bool(len(same)) and place_of(int(rows.entry[same[0]]), int(rows.row[same[0]])) < place

    return is_known


class LatestRows:
    """Arrays by tag: time, value bits, status and place of the newest row, best version first."""

    def __init__(self, is_known: IsKnown) -> None:
        self._is_known = is_known
        self._time_ns = np.empty(0, np.int64)
        self._bits = np.empty(0, np.int64)
        self._status = np.empty(0, np.uint32)
        self._place = np.empty(0, np.int64)

    def load(self, edges: Iterable[Edge]) -> None:
        """Take the newest rows of sealed files."""
        for edge in edges:
            self._reach(edge.tag)
            self._offer(edge.tag, edge.time_ns, edge.bits, edge.status, edge.place)

    def take(self, columns: Columns) -> None:
        """Take rows that are sorted by tag."""
        if not len(columns):
            return
        starts = np.flatnonzero(np.concatenate(([True], columns.tag[1:] != columns.tag[:-1])))
        tags = columns.tag[starts]
        self._reach(int(tags[-1]))
        newest = np.maximum.reduceat(columns.time_ns, starts)
        counts = np.diff(np.append(starts, len(columns)))
        is_newest = columns.time_ns == np.repeat(newest, counts)
        rows_of_tag = np.add.reduceat(is_newest, starts, dtype=np.int64)
        clear = (rows_of_tag == 1) & (newest > self._time_ns[tags])
        # Where the time is the tag's newest already, or has several rows, the versions are compared one by one.
        tied = ~clear & (newest >= self._time_ns[tags])
        index = np.flatnonzero(is_newest & np.repeat(clear, counts))
        at = columns.tag[index]
        self._time_ns[at], self._bits[at] = columns.time_ns[index], columns.value.view(np.int64)[index]
        self._status[at], self._place[at] = columns.status[index], columns.place[index]
        for i in np.flatnonzero(is_newest & np.repeat(tied, counts)).tolist():
            bits = int(columns.value[i : i + 1].view(np.int64)[0])
            self._offer(
                int(columns.tag[i]), int(columns.time_ns[i]), bits, int(columns.status[i]), int(columns.place[i])
            )

    def get(self, tags: Sequence[int] | None) -> Latest:
        """The newest rows of the tags asked for, or of all."""
        known = self._time_ns > NEVER_NS
        if tags is None:
            asked = np.flatnonzero(known)
        else:
            asked = np.asarray(tags, np.int64)
            asked = asked[(asked >= 0) & (asked < len(known))]
            asked = asked[known[asked]]
        return Latest(
            asked.astype(np.uint32), self._time_ns[asked], self._bits[asked].view(np.float64), self._status[asked]
        )

    def _reach(self, tag: int) -> None:
        more = tag + 1 - len(self._time_ns)
        if more <= 0:
            return
        more += len(self._time_ns) // 2
        self._time_ns = np.append(self._time_ns, np.full(more, NEVER_NS))
        self._bits = np.append(self._bits, np.zeros(more, np.int64))
        self._status = np.append(self._status, np.zeros(more, np.uint32))
        self._place = np.append(self._place, np.zeros(more, np.int64))

    def _offer(self, tag: int, time_ns: int, bits: int, status: int, place: int) -> None:
        known_ns = int(self._time_ns[tag])
        if time_ns < known_ns:
            return
        if time_ns == known_ns:
            if self._bits[tag] == bits and self._status[tag] == status:
                return
            rank = (status & BAD == 0, place)
            if rank < (int(self._status[tag]) & BAD == 0, int(self._place[tag])):
                return
            if self._is_known(tag, time_ns, bits, status, place):
                return
        self._time_ns[tag], self._bits[tag], self._status[tag], self._place[tag] = time_ns, bits, status, place
