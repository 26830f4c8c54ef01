"""Gap records: when one opens, how tight it closes, and the rows that say that something is missing.

Convention for readers: a gap whose end is its start is withdrawn (it was opened when the connection went, and then the
server still had everything); it has no length, and lists leave it out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from collector.opcua.state import OpenGap
from domain.entries import Gap, GapCause

WITHDRAWN = "recovered, nothing missing"
_MOST_TAG_GAPS = 50


def open_gap(source: str, start_ns: int, cause: GapCause, detail: str) -> tuple[OpenGap, Gap]:
    """A gap of every tag of the source, its end not known yet."""
    opened = OpenGap(f"{source}:{start_ns}:{cause.value}", start_ns, cause)
    return opened, Gap(opened.id, source, None, start_ns, None, cause, detail)


def close_gap(source: str, opened: OpenGap, end_ns: int, detail: str) -> Gap:
    """The same gap with its end; never shorter than nothing."""
    return Gap(opened.id, source, None, opened.start_ns, max(end_ns, opened.start_ns + 1), opened.cause, detail)


def withdraw(source: str, opened: OpenGap) -> Gap:
    """The same gap, which turned out to be none."""
    return Gap(opened.id, source, None, opened.start_ns, opened.start_ns, opened.cause, WITHDRAWN)


def sequence_gap(source: str, start_ns: int, end_ns: int, first: int, last: int) -> Gap:
    """Messages `first` to `last` that the server no longer has."""
    detail = f"notification messages {first} to {last} are lost"
    return _gap(source, None, start_ns, end_ns, GapCause.SEQUENCE, detail)


def missing_node(source: str, tag: int, since_ns: int, until_ns: int | None, detail: str) -> Gap:
    """A tag whose node the server does not have, or has again."""
    end_ns = None if until_ns is None else max(until_ns, since_ns + 1)
    return Gap(f"{source}:{tag}:{since_ns}:node", source, tag, since_ns, end_ns, GapCause.UNKNOWN, detail)


def overflow_gaps(
    source: str, rows: Sequence[tuple[int, int]], edge_ns: int, told_ns: NDArray[np.int64], detail: str
) -> list[Gap]:
    """One gap for each (tag, time) before which the server's queue dropped values; for many tags one for all.

    It begins where the tag last had a value (`told_ns`, by tag; 0: never), or at the edge if that is earlier: there are
    servers that drop a value and say so with a later message than the next.
    """
    first_ns: dict[int, int] = {}
    last_ns: dict[int, int] = {}
    for tag, time_ns in rows:
        first_ns[tag] = min(time_ns, first_ns.get(tag, time_ns))
        last_ns[tag] = max(time_ns, last_ns.get(tag, time_ns))
    starts_ns = {tag: _earliest(edge_ns, first_ns[tag] - 1, int(told_ns[tag])) for tag in first_ns}
    if len(first_ns) > _MOST_TAG_GAPS:
        detail = f"{detail} ({len(first_ns)} tags)"
        return [_gap(source, None, min(starts_ns.values()), max(last_ns.values()), GapCause.OVERFLOW, detail)]
    return [_gap(source, tag, starts_ns[tag], last_ns[tag], GapCause.OVERFLOW, detail) for tag in sorted(first_ns)]


def _earliest(edge_ns: int, before_first_ns: int, told_ns: int) -> int:
    return min(edge_ns, before_first_ns, told_ns) if told_ns else min(edge_ns, before_first_ns)


def full_queues(
    tags: NDArray[np.uint32],
    times_ns: NDArray[np.int64],
    queues: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """(tag, its first time) where as many values came at once as its queue holds: some may have been pushed out."""
    counts = np.bincount(tags, minlength=len(queues))[: len(queues)]
    full = np.flatnonzero((queues > 0) & (counts >= queues))
    return [(int(tag), int(times_ns[np.argmax(tags == tag)])) for tag in full.tolist()]


def _gap(source: str, tag: int | None, start_ns: int, end_ns: int, cause: GapCause, detail: str) -> Gap:
    where = source if tag is None else f"{source}:{tag}"
    return Gap(f"{where}:{end_ns}:{cause.value}", source, tag, min(start_ns, end_ns - 1), end_ns, cause, detail)
