"""How long alarms were active, and how long they were put away: one query each."""

from sqlalchemy import ColumnElement, Connection, Integer, Subquery, and_, case, cast, func, or_, select, union_all

from domain.performance import FLEETING_NS, STALE_NS, Asked, Fleeting, PutAway, Standing
from domain.rules import Priority
from records.measures.asked import MOST_LISTED, NAMED, asks, is_of_position, named, names, over
from records.tables import alarms_now, transitions

_EVERY = (None, None)
_NEVER = 2**62
_t = transitions.c
_PUT_AWAY = {"shelved": _t.shelved_until_ns.is_not(None), "suppressed": _t.suppressed, "out": _t.out_of_service}


def fleeting_of(connection: Connection, asked: Asked) -> list[Fleeting]:
    """Alarms that returned within a minute, the most often first; those that chatter are among them."""
    active = _activations(asked)
    a = active.c
    times = func.count().label("times")
    query = (
        select(*names(active), times)
        .where(a.begun >= asked.start_ns, a.asks == 1, a.until - a.begun < FLEETING_NS)
        .group_by(a.alarm)
        .order_by(times.desc(), a.alarm)
        .limit(MOST_LISTED)
    )
    return [Fleeting(named(row), row["times"]) for row in connection.execute(query).mappings()]


def stale_of(connection: Connection, asked: Asked) -> list[Standing]:
    """Alarms that were active for more than a day at some time of the window, the longest first."""
    return _standing(connection, asked, STALE_NS)


def standing_of(connection: Connection, asked: Asked) -> list[Standing]:
    """Alarms that were active at the window's end, the longest first."""
    return _standing(connection, asked, None)


def _standing(connection: Connection, asked: Asked, longer_ns: int | None) -> list[Standing]:
    active = _activations(asked)
    a = active.c
    lasted = (func.coalesce(a.until, asked.end_ns) - a.begun).label("lasted")
    is_meant: ColumnElement[bool] = a.until.is_(None)
    if longer_ns is not None:
        is_meant = and_(lasted > longer_ns, or_(is_meant, a.until > asked.start_ns))
    query = select(active, lasted).where(is_meant).order_by(lasted.desc(), a.alarm).limit(MOST_LISTED)
    return [
        Standing(
            named(row),
            Priority(row["priority_now"]),
            row["begun"],
            row["lasted"],
            bool(row["acknowledged_now"]),
            row["until"] is not None,
        )
        for row in connection.execute(query).mappings()
    ]


def _activations(asked: Asked) -> Subquery:
    """Each time that an alarm was active: from `begun` on, `until` a time if that was before the window's end.

    By its facts, whatever the transitions are called; `…_now`: as it was last said before the window's end.
    """
    rows = _relevant(asked)
    r = rows.c
    every = select(
        rows,
        func.coalesce(over(func.lag(r.active), r.alarm, r.sequence), 0).label("was_active"),
        over(func.last_value(r.priority), r.alarm, r.sequence, rows=_EVERY).label("priority_now"),
        over(func.last_value(r.acknowledged), r.alarm, r.sequence, rows=_EVERY).label("acknowledged_now"),
    ).subquery()
    e = every.c
    until = over(func.lead(e.at_ns), e.alarm, e.sequence).label("until")
    turns = select(every, until).where(e.active != e.was_active).subquery()
    return select(turns).where(turns.c.active == 1).subquery()


def _relevant(asked: Asked) -> Subquery:
    """What was said in the window, and of each alarm the last before it: years of history need not be read.

    The last one before says since when the alarm had been active.
    """
    in_window = and_(_t.at_ns >= asked.start_ns, _t.at_ns < asked.end_ns)
    first = func.coalesce(select(func.min(_t.sequence)).where(in_window).scalar_subquery(), _NEVER)
    earlier = transitions.alias()
    last = (
        select(earlier.c.sequence)
        .where(earlier.c.alarm == alarms_now.c.alarm, earlier.c.sequence < first, earlier.c.at_ns < asked.end_ns)
        .order_by(earlier.c.sequence.desc())
        .limit(1)
    )
    columns = (
        *(_t[name] for name in (*NAMED, "sequence", "at_ns", "priority")),
        cast(_t.active, Integer).label("active"),
        cast(_t.acknowledged, Integer).label("acknowledged"),
        case((asks(), 1), else_=0).label("asks"),
        *(case((fact, 1), else_=0).label(name) for name, fact in _PUT_AWAY.items()),
    )
    since = func.coalesce(_t.activated_ns, _t.since_ns, _t.at_ns)
    of_window = select(*columns, _t.at_ns.label("begun")).where(_t.sequence >= first, _t.at_ns < asked.end_ns)
    of_before = select(*columns, since.label("begun")).where(
        _t.sequence.in_(select(last.scalar_subquery()).select_from(alarms_now))
    )
    return union_all(*(each.where(is_of_position(asked)) for each in (of_window, of_before))).subquery()


def put_away_of(connection: Connection, asked: Asked) -> list[PutAway]:
    """How long alarms were shelved, suppressed and out of service within the window, the longest first."""
    rows = _relevant(asked)
    every = select(rows, over(func.lead(rows.c.at_ns), rows.c.alarm, rows.c.sequence).label("until")).subquery()
    e = every.c
    begun = case((e.at_ns < asked.start_ns, asked.start_ns), else_=e.at_ns)
    ended = case((e.until < asked.end_ns, e.until), else_=asked.end_ns)
    lasted = case((ended > begun, ended - begun), else_=0)
    sums = [func.sum(e[name] * lasted).label(name) for name in _PUT_AWAY]
    total = func.sum((e.shelved + e.suppressed + e.out) * lasted)
    query = (
        select(*names(every), *sums)
        .group_by(e.alarm)
        .having(total > 0)
        .order_by(total.desc(), e.alarm)
        .limit(MOST_LISTED)
    )
    return [
        PutAway(named(row), int(row["shelved"]), int(row["suppressed"]), int(row["out"]))
        for row in connection.execute(query).mappings()
    ]
