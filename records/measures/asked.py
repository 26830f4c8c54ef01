"""What every measure asks of `transitions`: which rows, of which operator position, named how."""

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Function,
    Label,
    RowMapping,
    Subquery,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    true,
)
from sqlalchemy.sql.elements import FrameClause, FrameClauseType

from domain.performance import Asked, Named, Positions
from domain.rules import Priority
from records.tables import transitions

MOST_LISTED = 1_000
"""So many alarms of a kind are named at most."""
NAMED = ("alarm", "subject", "name", "unit")

_t = transitions.c


def over(
    value: Function[int],
    of: ColumnElement[str],
    by: ColumnElement[int],
    *,
    rows: tuple[int | None, int | None] | None = None,
    span: tuple[int, int] | None = None,
) -> ColumnElement[int]:
    """A value over the rows of the same alarm or position, in an order; `span`: rows whose time lies so far from it."""
    return value.over(partition_by=of, order_by=by, rows=rows, range_=None if span is None else _frame(*span))


def _frame(begin_ns: int, end_ns: int) -> FrameClause:
    """A frame in ns: a tuple's numbers would be of 32 bits."""
    (begin, begin_is), (end, end_is) = _bound(begin_ns), _bound(end_ns)
    return FrameClause(begin, end, begin_is, end_is)


def _bound(from_here_ns: int) -> tuple[ColumnElement[int] | None, FrameClauseType]:
    if not from_here_ns:
        return None, FrameClauseType.CURRENT
    side = FrameClauseType.PRECEDING if from_here_ns < 0 else FrameClauseType.FOLLOWING
    return literal(abs(from_here_ns), BigInteger), side


def asks() -> ColumnElement[bool]:
    """Whether a transition asks for a person: `domain.performance.is_annunciation` in SQL."""
    is_worse = and_(_t.dcs_priority.is_not(None), _t.priority < _t.dcs_priority)
    return and_(_t.announces, or_(_t.dcs_alarm == "", is_worse), _t.priority != int(Priority.EVENT))


def annunciated(asked: Asked) -> ColumnElement[bool]:
    """Whether a transition is an annunciation of the window."""
    return and_(_t.at_ns >= asked.start_ns, _t.at_ns < asked.end_ns, asks(), is_of_position(asked))


def is_of_position(asked: Asked) -> ColumnElement[bool]:
    """Whether a transition is of the position that is asked for."""
    return true() if asked.position is None else _seat(asked.positions) == asked.position


def seat(positions: Positions) -> Label[str]:
    """The operator position of a transition."""
    return _seat(positions).label("seat")


def _seat(positions: Positions) -> ColumnElement[str]:
    named = [(_t.unit.in_(units), literal(name, Text)) for name, units in _units(positions).items()]
    return case((_t.position != "", cast(_t.position, Text)), *named, else_=literal(positions.rest, Text))


def _units(positions: Positions) -> dict[str, list[str]]:
    units: dict[str, list[str]] = {}
    for unit, position in positions.of_unit.items():
        units.setdefault(position, []).append(unit)
    return units


def names(of: Table | Subquery) -> list[ColumnElement[str]]:
    """What names an alarm, in a query that is grouped by alarms."""
    return [of.c.alarm, *(func.max(of.c[name]).label(name) for name in NAMED[1:])]


def named(row: RowMapping) -> Named:
    """Which alarm a row tells of."""
    return Named(*(row[name] for name in NAMED))
