"""Alarm floods, found in one query."""

from dataclasses import replace

from sqlalchemy import CTE, Connection, RowMapping, Subquery, and_, func, literal, or_, select, union_all

from domain.performance import FLOOD_ENDS_BELOW, FLOOD_STARTS_ABOVE, PERIOD_NS, Asked, Flood
from domain.time import DAY_NS
from records.measures.asked import annunciated, over, seat
from records.tables import transitions

BEFORE_NS = DAY_NS
"""A flood that began earlier than this before the window, and had never more than ten since, is not seen."""

_t = transitions.c


def floods_of(connection: Connection, asked: Asked) -> list[Flood]:
    """Alarm floods that overlap the window, in the order of their starts.

    One begins with the annunciation that is more than ten within ten minutes, and ends when fewer than five are left:
    so a mark of a start stands at each that is too many, and a mark of an end ten minutes after each that fewer than
    five followed. A start counts where the mark before it is an end, and the other way round.
    """
    each = _surrounded(asked)
    spans = _between_turns(each)
    e, s = each.c, spans.c
    belongs = and_(e.seat == s.seat, e.at_ns > s.start - PERIOD_NS, or_(s.end.is_(None), e.at_ns < s.end))
    query = (
        select(s.seat, s.start, s.end, func.max(e.before).label("peak"), func.count().label("annunciated"))
        .select_from(spans.join(each, belongs))
        .where(s.starts == 1, or_(s.end.is_(None), s.end > asked.start_ns))
        .group_by(s.seat, s.start, s.end)
        .order_by(s.start, s.seat)
    )
    return [_flood(row, asked) for row in connection.execute(query).mappings()]


def _surrounded(asked: Asked) -> CTE:
    """Annunciations with how many there were in the ten minutes up to each, and in those after it."""
    early = replace(asked, start_ns=asked.start_ns - BEFORE_NS)
    found = select(seat(asked.positions), _t.at_ns).where(annunciated(early)).subquery()
    f = found.c
    before = over(func.count(), f.seat, f.at_ns, span=(1 - PERIOD_NS, 0)).label("before")
    after = over(func.count(), f.seat, f.at_ns, span=(1, PERIOD_NS)).label("after")
    return select(f.seat, f.at_ns, before, after).cte()


def _between_turns(surrounded: CTE) -> Subquery:
    """From each mark that changes between flood and calm to the next such; `starts` is 1 for floods."""
    e = surrounded.c
    marks = union_all(
        select(e.seat, e.at_ns.label("at"), literal(1).label("starts")).where(e.before > FLOOD_STARTS_ABOVE),
        select(e.seat, (e.at_ns + PERIOD_NS).label("at"), literal(0).label("starts")).where(e.after < FLOOD_ENDS_BELOW),
    ).subquery()
    m = marks.c
    previous = func.lag(m.starts).over(partition_by=m.seat, order_by=[m.at, m.starts])
    ordered = select(m.seat, m.at, m.starts, func.coalesce(previous, 0).label("previous")).subquery()
    o = ordered.c
    end = func.lead(o.at).over(partition_by=o.seat, order_by=o.at)
    return select(o.seat, o.at.label("start"), o.starts, end.label("end")).where(o.starts != o.previous).subquery()


def _flood(row: RowMapping, asked: Asked) -> Flood:
    is_open = row["end"] is None or row["end"] >= asked.end_ns
    return Flood(row["seat"], row["start"], None if is_open else row["end"], int(row["peak"]), int(row["annunciated"]))
