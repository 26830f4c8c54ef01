"""How long alarms were active, and how long they were put away: one query each."""

from sqlalchemy import ColumnElement, Connection, Integer, Subquery, and_, case, cast, func, or_, select

from domain.performance import FLEETING_NS, STALE_NS, Asked, Fleeting, PutAway, Standing
from domain.rules import Priority
from records.measures.asked import MOST_LISTED, NAMED, asks, is_of_position, named, names, over
from records.tables import transitions

_EVERY = (None, None)
_t = transitions.c


def fleeting_of(connection: Connection, asked: Asked) -> list[Fleeting]:
    """Alarms that returned within a minute, the most often first; those that chatter are among them."""
    active = _activations(asked)
    a = active.c
    times = func.count().label("times")
    query = (
        select(*names(active), times)
        .where(a.at_ns >= asked.start_ns, a.asks == 1, a.until - a.at_ns < FLEETING_NS)
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
    lasted = (func.coalesce(a.until, asked.end_ns) - a.at_ns).label("lasted")
    is_meant: ColumnElement[bool] = a.until.is_(None)
    if longer_ns is not None:
        is_meant = and_(lasted > longer_ns, or_(is_meant, a.until > asked.start_ns))
    query = select(active, lasted).where(is_meant).order_by(lasted.desc(), a.alarm).limit(MOST_LISTED)
    return [
        Standing(
            named(row),
            Priority(row["priority_now"]),
            row["at_ns"],
            row["lasted"],
            bool(row["acknowledged_now"]),
            row["until"] is not None,
        )
        for row in connection.execute(query).mappings()
    ]


def _activations(asked: Asked) -> Subquery:
    """Each time that an alarm was active: from `at_ns` on, `until` a time if that was before the window's end.

    By its facts, whatever the transitions are called; `…_now`: as it was last said before the window's end.
    """
    active, acknowledged = cast(_t.active, Integer), cast(_t.acknowledged, Integer)
    every = (
        select(
            *(_t[name] for name in (*NAMED, "sequence", "at_ns")),
            active.label("active"),
            case((asks(), 1), else_=0).label("asks"),
            func.coalesce(over(func.lag(active), _t.alarm, _t.sequence), 0).label("was_active"),
            over(func.last_value(_t.priority), _t.alarm, _t.sequence, rows=_EVERY).label("priority_now"),
            over(func.last_value(acknowledged), _t.alarm, _t.sequence, rows=_EVERY).label("acknowledged_now"),
        )
        .where(_t.at_ns < asked.end_ns, is_of_position(asked))
        .subquery()
    )
    e = every.c
    until = over(func.lead(e.at_ns), e.alarm, e.sequence).label("until")
    turns = select(every, until).where(e.active != e.was_active).subquery()
    return select(turns).where(turns.c.active == 1).subquery()


def put_away_of(connection: Connection, asked: Asked) -> list[PutAway]:
    """How long alarms were shelved, suppressed and out of service within the window, the longest first."""
    until = over(func.lead(_t.at_ns), _t.alarm, _t.sequence)
    facts = {"shelved": _t.shelved_until_ns.is_not(None), "suppressed": _t.suppressed, "out": _t.out_of_service}
    every = (
        select(
            *(_t[name] for name in NAMED),
            _t.at_ns,
            until.label("until"),
            *(case((fact, 1), else_=0).label(name) for name, fact in facts.items()),
        )
        .where(_t.at_ns < asked.end_ns, is_of_position(asked))
        .subquery()
    )
    e = every.c
    begun = case((e.at_ns < asked.start_ns, asked.start_ns), else_=e.at_ns)
    ended = case((e.until < asked.end_ns, e.until), else_=asked.end_ns)
    lasted = case((ended > begun, ended - begun), else_=0)
    sums = [func.sum(e[name] * lasted).label(name) for name in facts]
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
