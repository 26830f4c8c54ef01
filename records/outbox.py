"""The outbox in the database: what people have to be told, and how far that has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from domain.alarms import Notice
from domain.rules import Priority
from records.audit import AuditEntry, write_audit
from records.chunks import in_chunks
from records.tables import notices

WAITING, SENT, REFUSED, UNKNOWN = "waiting", "sent", "refused", "unknown"


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """A notice to send now. `doubtful`: an earlier copy may have arrived, and nobody can tell."""

    notice: Notice
    attempts: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """How an attempt ended. `next_try_ns` is wall time; None: it will not be tried again."""

    state: str  # waiting | sent | refused | unknown
    detail: str
    next_try_ns: int | None = None


def write_notices(connection: Connection, given: Sequence[Notice]) -> None:
    """Put notices into the outbox; one that is there already stays as it is."""
    for chunk in in_chunks(given):
        ids = {notice.id for notice in chunk}
        there = set(connection.execute(select(notices.c.id).where(notices.c.id.in_(ids))).scalars())
        fresh: dict[str, dict[str, object]] = {}
        for notice in chunk:
            if notice.id not in there:
                fresh.setdefault(notice.id, _to_row(notice))
        if fresh:
            connection.execute(insert(notices), list(fresh.values()))


def to_send(connection: Connection, now_ns: int, channel: str | None, limit: int) -> list[WaitingNotice]:
    """Notices whose time to try has come, oldest first."""
    query = select(notices).where(notices.c.next_try_ns <= now_ns)
    if channel is not None:
        query = query.where(notices.c.channel == channel)
    query = query.order_by(notices.c.sequence).limit(limit)
    return [
        WaitingNotice(_from_row(row), row["attempts"], row["state"] == UNKNOWN)
        for row in connection.execute(query).mappings()
    ]


def waiting_channels(connection: Connection) -> list[str]:
    """The channels that something waits for, whether they are still configured or not."""
    query = select(notices.c.channel).where(notices.c.next_try_ns.is_not(None)).distinct()
    return list(connection.execute(query).scalars())


def waiting_by_channel(connection: Connection) -> Mapping[str, tuple[int, int]]:
    """How many notices each channel still has to deliver, and when the oldest of them was made."""
    query = (
        select(notices.c.channel, func.count(), func.min(notices.c.at_ns))
        .where(notices.c.next_try_ns.is_not(None))
        .group_by(notices.c.channel)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(query)}


def begin_sending(connection: Connection, ids: Sequence[str], again_ns: int) -> None:
    """Note that an attempt begins. Until its result is known it is unknown, also if the program dies meanwhile."""
    for chunk in in_chunks(ids):
        connection.execute(
            update(notices)
            .where(notices.c.id.in_(chunk))
            .values(state=UNKNOWN, attempts=notices.c.attempts + 1, next_try_ns=again_ns)
        )


def finish_sending(connection: Connection, ids: Sequence[str], result: NoticeResult, now_ns: int) -> None:
    """Note how an attempt ended; a notice that is given up goes into the audit trail."""
    values: dict[str, object] = {"state": result.state, "next_try_ns": result.next_try_ns}
    values["receipt" if result.state == SENT else "last_error"] = result.detail
    for chunk in in_chunks(ids):
        connection.execute(update(notices).where(notices.c.id.in_(chunk)).values(values))
    if result.next_try_ns is None and result.state != SENT:
        for id_ in ids:
            what = f"given up, {result.state}: {result.detail}"
            write_audit(connection, AuditEntry(f"notice {id_}", now_ns, "service", "notice", id_, what), now_ns)


def listed_notices(connection: Connection, limit: int) -> list[tuple[Notice, str]]:
    """The newest notices and the state of each."""
    query = select(notices).order_by(notices.c.sequence.desc()).limit(limit)
    return [(_from_row(row), row["state"]) for row in connection.execute(query).mappings()]


def counted_notices(connection: Connection) -> Mapping[str, int]:
    """How many notices are in each state; those given up without an answer count as `unknown`."""
    counts = dict.fromkeys((WAITING, SENT, REFUSED, UNKNOWN), 0)
    for row in connection.execute(select(notices.c.state, func.count()).group_by(notices.c.state)):
        counts[row[0]] = row[1]
    return counts


def _to_row(notice: Notice) -> dict[str, object]:
    return {
        "id": notice.id,
        "channel": notice.channel,
        "title": notice.title,
        "text": notice.text,
        "transition": notice.transition,
        "at_ns": notice.at_ns,
        "priority": int(notice.priority),
        "state": WAITING,
        "attempts": 0,
        "next_try_ns": 0,
    }


def _from_row(row: RowMapping) -> Notice:
    return Notice(
        row["id"],
        row["channel"],
        row["title"],
        row["text"],
        row["transition"],
        row["at_ns"],
        Priority(row["priority"]),
    )
