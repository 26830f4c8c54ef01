"""How often alarms ask for people, which of them, and how soon people answer: one query each."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, select

from domain.alarms import Transition
from domain.performance import (
    BUSY_HOUR_ABOVE,
    CHATTER_NS,
    CHATTER_TIMES,
    FLOOD_STARTS_ABOVE,
    MOST_FREQUENT,
    PERIOD_NS,
    Asked,
    Chattering,
    Frequent,
    Load,
    Response,
)
from domain.rules import Priority
from domain.time import HOUR_NS
from records.measures.asked import MOST_LISTED, NAMED, annunciated, asks, is_of_position, named, names, over, seat
from records.tables import transitions
from records.transitions import from_row

_t = transitions.c


def load_of(connection: Connection, asked: Asked) -> list[Load]:
    """Annunciations, the fullest ten minutes, and how many periods and hours were over their limits, by position."""
    period = ((_t.at_ns - asked.start_ns) // PERIOD_NS).label("period")
    periods = (
        select(seat(asked.positions), period, func.count().label("times"))
        .where(annunciated(asked))
        .group_by("seat", "period")
        .subquery()
    )
    p = periods.c
    of_hour = [p.seat, p.period // (HOUR_NS // PERIOD_NS)]
    is_first = p.period == func.min(p.period).over(partition_by=of_hour)
    is_busy = and_(is_first, func.sum(p.times).over(partition_by=of_hour) > BUSY_HOUR_ABOVE)
    counted = select(p.seat, p.times, case((is_busy, 1), else_=0).label("busy")).subquery()
    c = counted.c
    query = select(
        c.seat,
        func.sum(c.times).label("annunciated"),
        func.max(c.times).label("peak"),
        func.sum(case((c.times > FLOOD_STARTS_ABOVE, 1), else_=0)).label("over"),
        func.sum(c.busy).label("busy"),
    ).group_by(c.seat)
    found = {row["seat"]: row for row in connection.execute(query).mappings()}
    return [_load(name, found.get(name)) for name in dict.fromkeys([*asked.names, *sorted(found)])]


def _load(position: str, row: RowMapping | None) -> Load:
    if row is None:
        return Load(position, 0, 0, 0, 0)
    return Load(position, int(row["annunciated"]), int(row["peak"]), int(row["over"]), int(row["busy"]))


def frequent_of(connection: Connection, asked: Asked) -> list[Frequent]:
    """The ten alarms that were annunciated most often."""
    times = func.count().label("times")
    query = (
        select(*names(transitions), times)
        .where(annunciated(asked))
        .group_by(_t.alarm)
        .order_by(times.desc(), _t.alarm)
        .limit(MOST_FREQUENT)
    )
    return [Frequent(named(row), row["times"]) for row in connection.execute(query).mappings()]


def chattering_of(connection: Connection, asked: Asked) -> list[Chattering]:
    """Alarms that became active three times or more within a minute, the worst first."""
    within = over(func.count(), _t.alarm, _t.at_ns, span=(1 - CHATTER_NS, 0)).label("within")
    found = select(*(_t[name] for name in NAMED), _t.at_ns, within)
    each = found.where(annunciated(asked), _t.what == "activated").subquery()
    e = each.c
    # It belongs to a burst if it is the first, the middle or the last of a minute that has enough of them.
    fullest = over(func.max(e.within), e.alarm, e.at_ns, span=(0, CHATTER_NS - 1))
    marked = select(each, fullest.label("fullest")).subquery()
    m = marked.c
    times, most = func.count().label("times"), func.max(m.within).label("most")
    query = (
        select(*names(marked), times, most)
        .where(m.fullest >= CHATTER_TIMES)
        .group_by(m.alarm)
        .order_by(most.desc(), times.desc(), m.alarm)
        .limit(MOST_LISTED)
    )
    return [Chattering(named(row), row["times"], int(row["most"])) for row in connection.execute(query).mappings()]


def priorities_of(connection: Connection, asked: Asked) -> Mapping[Priority, int]:
    """How many annunciations there were of each priority."""
    query = select(_t.priority, func.count().label("times")).where(annunciated(asked)).group_by(_t.priority)
    found = {Priority(row["priority"]): row["times"] for row in connection.execute(query).mappings()}
    return {each: found.get(each, 0) for each in Priority if each is not Priority.EVENT}


def response_of(connection: Connection, asked: Asked) -> Response:
    """How long annunciations waited until somebody acknowledged the alarm: the median and P95, by nearest rank."""
    answered = over(func.min(case((_t.acknowledged, _t.at_ns))), _t.alarm, _t.sequence, rows=(1, None))
    every = (
        select(_t.at_ns, answered.label("answered"), case((annunciated(asked), 1), else_=0).label("asks"))
        .where(_t.at_ns >= asked.start_ns, _t.at_ns < asked.end_ns, is_of_position(asked))
        .subquery()
    )
    e = every.c
    # A person acts by the service's clock; evidence may be dated a little ahead of it.
    waited = case((e.answered < e.at_ns, 0), else_=e.answered - e.at_ns).label("waited")
    waits = select(waited).where(e.asks == 1).subquery()
    w = waits.c
    place = func.row_number().over(order_by=w.waited.asc().nulls_last()).label("place")
    ranked = select(w.waited, place, func.count().over().label("of")).subquery()
    r = ranked.c

    def percentile(percent: int) -> ColumnElement[int]:
        return func.max(case((r.place == (r.of * percent + 99) // 100, r.waited)))

    query = select(func.count(), func.count(r.waited), percentile(50), percentile(95))
    return Response(*connection.execute(query).one())


def said_between(connection: Connection, start_ns: int, end_ns: int, limit: int) -> list[Transition]:
    """The newest transitions of a time that may ask for a person, in the order in which they were said."""
    query = select(transitions).where(_t.at_ns >= start_ns, _t.at_ns < end_ns, asks())
    query = query.order_by(_t.sequence.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(query).mappings()][::-1]


def has_said_before(connection: Connection, end_ns: int) -> bool:
    """Whether any alarm said anything before a time."""
    return connection.execute(select(_t.sequence).where(_t.at_ns < end_ns).limit(1)).first() is not None
