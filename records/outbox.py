"""The outbox in the database: what people have to be told, and how far that has come.

    pending ──► uncertain ──► sent            it was taken
       ▲            │ ├─────► dead            given up: in the audit trail, and an alarm
       └────────────┘ └─────► uncertain       a copy may have arrived; it is tried again and says so
    pending ──► passed on                     addressed to a name; its children say who that was
    pending ──► dropped                       it waited for its time, and was not needed any more

`uncertain` stands while an attempt is under way too: if the program dies then, nobody can tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, case, func, insert, select, update

from domain.alarms import Notice
from domain.audit import AuditEntry
from domain.rules import Priority
from records.audit import write_audit
from records.chunks import in_chunks
from records.tables import notices

PENDING, SENT, UNCERTAIN, DEAD = "pending", "sent", "uncertain", "dead"
PASSED_ON, DROPPED = "passed on", "dropped"
STATES = (PENDING, SENT, UNCERTAIN, DEAD, PASSED_ON, DROPPED)


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """A notice to send now. `doubtful`: an earlier copy may have arrived, and nobody can tell."""

    notice: Notice
    attempts: int
    doubtful: bool
    begun_ns: int | None = None  # the first attempt, by the wall


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """How an attempt ended. `next_try_ns` is wall time; None: it will not be tried again."""

    state: str  # pending | sent | uncertain | dead
    detail: str
    next_try_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A notice that is to be sent from a time on, by the wall's clock; 0: at once."""

    notice: Notice
    due_ns: int = 0


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A notice that was addressed to a name, and what stands in its place. `why`: how it was found who that is."""

    id: str
    children: Sequence[Planned]
    why: str


def write_notices(connection: Connection, given: Sequence[Notice]) -> None:
    """Put notices into the outbox; one that is there already stays as it is."""
    plan_notices(connection, [Planned(notice) for notice in given])


def has_notice(connection: Connection, id_: str) -> bool:
    """Whether a notice is there, whatever became of it."""
    return connection.execute(select(notices.c.id).where(notices.c.id == id_)).first() is not None


def plan_notices(connection: Connection, given: Sequence[Planned]) -> int:
    """Put notices into the outbox, each due at its time; return how many were not there yet."""
    written = 0
    for chunk in in_chunks(given):
        ids = {each.notice.id for each in chunk}
        there = set(connection.execute(select(notices.c.id).where(notices.c.id.in_(ids))).scalars())
        fresh: dict[str, dict[str, object]] = {}
        for each in chunk:
            if each.notice.id not in there:
                fresh.setdefault(each.notice.id, _to_row(each))
        if fresh:
            connection.execute(insert(notices), list(fresh.values()))
        written += len(fresh)
    return written


def pass_on(connection: Connection, passed: Sequence[PassedOn], now_ns: int) -> None:
    """Put children in the places of notices that were addressed to names."""
    plan_notices(connection, [child for each in passed for child in each.children])
    for each in passed:
        _end(connection, [each.id], PASSED_ON, each.why, now_ns)


def drop(connection: Connection, ids: Sequence[str], why: str, now_ns: int) -> None:
    """Leave what waited for its time and is not needed any more."""
    _end(connection, ids, DROPPED, why, now_ns)


def _end(connection: Connection, ids: Sequence[str], state: str, why: str, now_ns: int) -> None:
    values = {"state": state, "next_try_ns": None, "receipt": why, "ended_ns": now_ns}
    for chunk in in_chunks(ids):
        connection.execute(update(notices).where(notices.c.id.in_(chunk)).values(values))


def to_send(
    connection: Connection, now_ns: int, limit: int, channel: str | None, person: str | None
) -> list[WaitingNotice]:
    """Notices whose time to try has come, oldest first."""
    query = select(notices).where(notices.c.next_try_ns <= now_ns)
    if channel is not None:
        query = query.where(notices.c.channel == channel)
    if person is not None:
        query = query.where(notices.c.person == person)
    query = query.order_by(notices.c.sequence).limit(limit)
    return [
        WaitingNotice(_from_row(row), row["attempts"], row["state"] == UNCERTAIN, row["begun_ns"])
        for row in connection.execute(query).mappings()
    ]


def planned_notices(connection: Connection, channels: Sequence[str], limit: int) -> list[Planned]:
    """What waits for its time, unless somebody acknowledges by then; what is due next first."""
    waits = notices.c.next_try_ns.is_not(None) & notices.c.unless_acknowledged & notices.c.channel.in_(channels)
    query = select(notices).where(waits).order_by(notices.c.next_try_ns).limit(limit)
    return [Planned(_from_row(row), row["next_try_ns"]) for row in connection.execute(query).mappings()]


def waiting_people(connection: Connection, now_ns: int, channel: str) -> list[str]:
    """For whom something is due on a channel; an empty name: for the channel's own people."""
    due = (notices.c.next_try_ns <= now_ns) & (notices.c.channel == channel)
    return list(connection.execute(select(notices.c.person).where(due).distinct().order_by(notices.c.person)).scalars())


def waiting_channels(connection: Connection) -> list[str]:
    """The channels that something waits for, whether they are still configured or not."""
    query = select(notices.c.channel).where(notices.c.next_try_ns.is_not(None)).distinct()
    return list(connection.execute(query).scalars())


def waiting_by_channel(connection: Connection, now_ns: int) -> Mapping[str, tuple[int, int]]:
    """How many notices each channel still has to deliver, and since when the oldest of them could have been.

    What waits for its own time is not among them, before that has come; what was tried already is. A step of an
    escalation, or what was kept over quiet hours, is as old as its time, and not as the alarm that it tells of.
    """
    due = notices.c.next_try_ns.is_not(None) & ((notices.c.next_try_ns <= now_ns) | (notices.c.attempts > 0))
    could_ns = func.coalesce(notices.c.begun_ns, notices.c.next_try_ns)
    since_ns = case((could_ns > notices.c.at_ns, could_ns), else_=notices.c.at_ns)
    query = select(notices.c.channel, func.count(), func.min(since_ns)).where(due).group_by(notices.c.channel)
    return {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(query)}


def begin_sending(connection: Connection, ids: Sequence[str], again_ns: int, now_ns: int) -> None:
    """Note that an attempt begins. Until its result is known it is uncertain, also if the program dies meanwhile."""
    for chunk in in_chunks(ids):
        connection.execute(
            update(notices)
            .where(notices.c.id.in_(chunk))
            .values(
                state=UNCERTAIN,
                attempts=notices.c.attempts + 1,
                next_try_ns=again_ns,
                begun_ns=func.coalesce(notices.c.begun_ns, now_ns),
            )
        )


def resume_sending(connection: Connection, now_ns: int) -> None:
    """Make due at once what a process tried and did not finish: it has ended, so no result will come.

    If the records know of a later time than now, the clock was set back while nothing ran.
    """
    tried = (notices.c.attempts > 0) & (notices.c.next_try_ns > now_ns)
    connection.execute(update(notices).where(tried).values(next_try_ns=now_ns))
    newest_ns = connection.execute(select(func.max(notices.c.ended_ns))).scalar()
    if newest_ns is not None and newest_ns > now_ns:
        clock_set_back(connection, newest_ns, newest_ns - now_ns)


def clock_set_back(connection: Connection, after_ns: int, by_ns: int) -> None:
    """What waits for a stretch of time, until later than `after_ns`, does so although the wall's clock was set back.

    Quiet hours end when the clock on the wall says so: what waits for that stays.
    """
    stretch = (notices.c.next_try_ns > after_ns) & ((notices.c.kind != "quiet") | (notices.c.attempts > 0))
    connection.execute(update(notices).where(stretch).values(next_try_ns=notices.c.next_try_ns - by_ns))


def finish_sending(connection: Connection, ids: Sequence[str], result: NoticeResult, now_ns: int) -> None:
    """Note how an attempt ended; a notice that is given up goes into the audit trail."""
    values: dict[str, object] = {"state": result.state, "next_try_ns": result.next_try_ns}
    values["receipt" if result.state == SENT else "last_error"] = result.detail
    if result.next_try_ns is None:
        values["ended_ns"] = now_ns
    for chunk in in_chunks(ids):
        connection.execute(update(notices).where(notices.c.id.in_(chunk)).values(values))
    if result.state == DEAD:
        for id_ in ids:
            what = f"given up: {result.detail}"
            write_audit(connection, AuditEntry(f"notice {id_}", now_ns, "service", "notice", id_, what), now_ns)


def listed_notices(connection: Connection, limit: int) -> list[tuple[Notice, str]]:
    """The newest notices and the state of each."""
    query = select(notices).order_by(notices.c.sequence.desc()).limit(limit)
    return [(_from_row(row), row["state"]) for row in connection.execute(query).mappings()]


def counted_notices(connection: Connection) -> Mapping[str, int]:
    """How many notices are in each state."""
    counts = dict.fromkeys(STATES, 0)
    for row in connection.execute(select(notices.c.state, func.count()).group_by(notices.c.state)):
        counts[row[0]] = row[1]
    return counts


def _to_row(planned: Planned) -> dict[str, object]:
    notice = planned.notice
    return {
        "id": notice.id,
        "channel": notice.channel,
        "title": notice.title,
        "text": notice.text,
        "transition": notice.transition,
        "at_ns": notice.at_ns,
        "priority": int(notice.priority),
        "state": PENDING,
        "attempts": 0,
        "next_try_ns": planned.due_ns,
        "last_error": "",
        "receipt": "",
        "person": notice.person,
        "via": notice.via,
        "kind": notice.kind,
        "unless_acknowledged": notice.unless_acknowledged,
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
        row["person"],
        row["via"],
        row["kind"],
        row["unless_acknowledged"],
    )
