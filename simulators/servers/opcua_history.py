"""The server's own memory of recent values, for HistoryRead (raw): bounded, and read page by page (part 11, 6.4.3)."""

import struct
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asyncua import ua
from asyncua.server.history import HistoryManager
from asyncua.server.internal_server import InternalServer

from simulators.servers.opcua_times import to_datetime, to_ns

_PAGE_ROWS: Final = 1000
_PLACE: Final = struct.Struct("<qi")
_LIMITS_NS: Final = (-(1 << 62), 1 << 62)


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a node as it was published; `time_ns` is the source's time, else the server's."""

    time_ns: int
    value: object
    status: int
    server_ns: int


class RecentHistory:
    """The last `rows` values of each node by name; it outlives a restart of the server, as a historian's disk does."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._by_name: dict[str, deque[Row]] = {}

    def add(self, name: str, row: Row) -> None:
        """Keep a value; the oldest makes room."""
        self._by_name.setdefault(name, deque(maxlen=self._rows)).append(row)

    def of(self, name: str) -> Sequence[Row]:
        """What is kept of a node, in the order of time."""
        kept = self._by_name.get(name, ())
        return sorted(kept, key=lambda row: row.time_ns)


class HistoryReads(HistoryManager):  # type: ignore[misc]  # asyncua is not typed here
    """Answers HistoryRead from a `RecentHistory`; `variants` says the type of each historized node."""

    def __init__(
        self,
        iserver: InternalServer,
        history: RecentHistory,
        variants: dict[ua.NodeId, tuple[str, ua.VariantType]],
    ) -> None:
        super().__init__(iserver)
        self._history = history
        self._variants = variants

    async def read_history(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """One result per node: a page, and where the next one begins."""
        return [self._read(params.HistoryReadDetails, wanted) for wanted in params.NodesToRead]

    def _read(self, details: object, wanted: ua.HistoryReadValueId) -> ua.HistoryReadResult:
        result = ua.HistoryReadResult()
        if not isinstance(details, ua.ReadRawModifiedDetails) or details.IsReadModified:
            result.StatusCode = ua.StatusCode(ua.StatusCodes.BadHistoryOperationUnsupported)
            return result
        if wanted.NodeId not in self._variants:
            known = wanted.NodeId in self.iserver.aspace
            code = ua.StatusCodes.BadHistoryOperationUnsupported if known else ua.StatusCodes.BadNodeIdUnknown
            result.StatusCode = ua.StatusCode(code)
            return result
        name, variant = self._variants[wanted.NodeId]
        rows = _chosen(self._history.of(name), details)
        start = _place(rows, wanted.ContinuationPoint)
        size = min(details.NumValuesPerNode or _PAGE_ROWS, _PAGE_ROWS)
        page = rows[start : start + size]
        result.HistoryData = ua.HistoryData(DataValues=[_data_value(row, variant) for row in page])
        if start + len(page) < len(rows):
            result.ContinuationPoint = _continuation(page)
        elif not rows:
            result.StatusCode = ua.StatusCode(ua.StatusCodes.GoodNoData)
        return result


def _continuation(page: Sequence[Row]) -> bytes:
    """Where the next page begins: after so many rows of this time, also when others are pushed out meanwhile."""
    last_ns = page[-1].time_ns
    return _PLACE.pack(last_ns, sum(row.time_ns == last_ns for row in page))


def _place(rows: Sequence[Row], continuation: bytes | None) -> int:
    """How many rows earlier pages have had."""
    if not continuation:
        return 0
    last_ns, sent = _PLACE.unpack(continuation)
    times = [row.time_ns for row in rows]
    if last_ns in times:
        return times.index(last_ns) + int(sent)
    return bisect_left(times, last_ns) if times == sorted(times) else sum(time_ns > last_ns for time_ns in times)


def _chosen(rows: Sequence[Row], details: ua.ReadRawModifiedDetails) -> Sequence[Row]:
    """The rows of a time range, its start included, its end not; backwards where the end is before the start."""
    start_ns, end_ns = _bound(details.StartTime, _LIMITS_NS[0]), _bound(details.EndTime, _LIMITS_NS[1])
    if _absent(details.StartTime) and not _absent(details.EndTime):
        start_ns, end_ns = end_ns, _LIMITS_NS[0]
    times = [row.time_ns for row in rows]
    if start_ns <= end_ns:
        until = bisect_right(times, end_ns) if start_ns == end_ns else bisect_left(times, end_ns)
        return rows[bisect_left(times, start_ns) : until]
    return rows[bisect_right(times, end_ns) : bisect_right(times, start_ns)][::-1]


def _absent(when: datetime | None) -> bool:
    return when is None or when.year <= ua.get_win_epoch().year


def _bound(when: datetime | None, otherwise_ns: int) -> int:
    return otherwise_ns if when is None or _absent(when) else to_ns(when)


def _data_value(row: Row, variant: ua.VariantType) -> ua.DataValue:
    value = ua.Variant(None, ua.VariantType.Null) if row.value is None else ua.Variant(row.value, variant)
    times = {"SourceTimestamp": to_datetime(row.time_ns), "ServerTimestamp": to_datetime(row.server_ns)}
    return ua.DataValue(value, ua.StatusCode(row.status), **times)
