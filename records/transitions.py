"""Alarm transitions in the database: kept for good, in the order in which they were decided."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select

from domain.alarms import AlarmFacts, Sought, Transition
from domain.rules import Priority
from records.chunks import in_chunks
from records.tables import alarms_now, transitions

_PLAIN = tuple(field.name for field in fields(Transition) if field.name not in {"facts", "priority", "dcs_priority"})
_FACTS = tuple(field.name for field in fields(AlarmFacts))


def write_transitions(connection: Connection, given: Sequence[Transition]) -> list[Transition]:
    """Add transitions that are not there yet, and return them; one that is there stays as it is."""
    added: list[Transition] = []
    for chunk in in_chunks(given):
        ids = {transition.id for transition in chunk}
        there = set(connection.execute(select(transitions.c.id).where(transitions.c.id.in_(ids))).scalars())
        fresh: dict[str, Transition] = {}
        for transition in chunk:
            if transition.id not in there:
                fresh.setdefault(transition.id, transition)
        if fresh:
            connection.execute(insert(transitions), [_to_row(each) for each in fresh.values()])
            _point_at_newest(connection, {each.alarm for each in fresh.values()})
            added += fresh.values()
    return added


def facts_before(connection: Connection, given: Sequence[Transition]) -> dict[str, AlarmFacts]:
    """By id of a transition the facts of its alarm before it; those of an alarm that had none are not there."""
    found: dict[str, AlarmFacts] = {}
    columns = (transitions.c[name] for name in ("alarm", "number", *_FACTS))
    query = select(*columns)
    for chunk in in_chunks(given):
        next_of = {f"{each.alarm}.{each.number - 1}": each.id for each in chunk}
        for row in connection.execute(query.where(transitions.c.id.in_(next_of))).mappings():
            found[next_of[f"{row['alarm']}.{row['number']}"]] = _facts_of(row)
    return found


def _point_at_newest(connection: Connection, alarms: set[str]) -> None:
    newest = (
        select(transitions.c.alarm, func.max(transitions.c.sequence).label("sequence"))
        .where(transitions.c.alarm.in_(alarms))
        .group_by(transitions.c.alarm)
    )
    rows = [dict(row) for row in connection.execute(newest).mappings()]
    connection.execute(delete(alarms_now).where(alarms_now.c.alarm.in_(alarms)))
    connection.execute(insert(alarms_now), rows)


def newest_of_alarms(connection: Connection, *, everything: bool) -> list[Transition]:
    """The newest transition of each alarm that is not normal (or of all): unacknowledged and severe first."""
    query = select(transitions).join(alarms_now, alarms_now.c.sequence == transitions.c.sequence)
    if not everything:
        query = query.where(
            or_(
                transitions.c.active,
                ~transitions.c.acknowledged,
                transitions.c.latched,
                transitions.c.shelved_until_ns.is_not(None),
                transitions.c.suppressed,
                transitions.c.out_of_service,
            )
        )
    query = query.order_by(
        transitions.c.acknowledged, transitions.c.priority, transitions.c.at_ns.desc(), transitions.c.alarm
    )
    return [from_row(row) for row in connection.execute(query).mappings()]


def listed_transitions(connection: Connection, alarm: str | None, limit: int, after: str | None) -> list[Transition]:
    """The newest transitions, newest first. With `after`: the next ones written after it, still newest first."""
    query = select(transitions)
    if alarm is not None:
        query = query.where(transitions.c.alarm == alarm)
    if after is None:
        query = query.order_by(transitions.c.sequence.desc()).limit(limit)
        return [from_row(row) for row in connection.execute(query).mappings()]
    place = select(transitions.c.sequence).where(transitions.c.id == after).scalar_subquery()
    query = query.where(transitions.c.sequence > place).order_by(transitions.c.sequence).limit(limit)
    return [from_row(row) for row in connection.execute(query).mappings()][::-1]


def transitions_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Transition]:
    """Those of some transitions that there are."""
    found: dict[str, Transition] = {}
    for chunk in in_chunks(ids):
        query = select(transitions).where(transitions.c.id.in_(chunk))
        found |= {row["id"]: from_row(row) for row in connection.execute(query).mappings()}
    return found


def sought_transitions(connection: Connection, sought: Sought, limit: int, before: str | None) -> list[Transition]:
    """What happened to alarms, newest first; `before` goes on behind the transition of that id."""
    query = select(transitions)
    for column, wanted in (
        (transitions.c.unit, sought.unit),
        (transitions.c.batch, sought.batch),
        (transitions.c.person, sought.person),
        (transitions.c.what, sought.what),
    ):
        if wanted:
            query = query.where(column == wanted)
    if sought.priority is not None:
        query = query.where(transitions.c.priority == int(sought.priority))
    if sought.start_ns is not None:
        query = query.where(transitions.c.at_ns >= sought.start_ns)
    if sought.end_ns is not None:
        query = query.where(transitions.c.at_ns < sought.end_ns)
    if sought.text:
        words = (transitions.c.message, transitions.c.alarm, transitions.c.comment)
        query = query.where(or_(*(column.icontains(sought.text, autoescape=True) for column in words)))
    if before is not None:
        place = select(transitions.c.sequence).where(transitions.c.id == before).scalar_subquery()
        query = query.where(transitions.c.sequence < place)
    query = query.order_by(transitions.c.sequence.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(query).mappings()]


def transitions_of_batch(connection: Connection, batch: str, limit: int) -> list[Transition]:
    """The transitions that name a batch, newest first."""
    query = select(transitions).where(transitions.c.batch == batch)
    query = query.order_by(transitions.c.sequence.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(query).mappings()]


def newest_sequence(connection: Connection) -> int:
    """The number of the row that was written last; 0 before the first."""
    return connection.execute(select(func.max(transitions.c.sequence))).scalar() or 0


def _to_row(transition: Transition) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(transition, name) for name in _PLAIN}
    row |= {name: getattr(transition.facts, name) for name in _FACTS}
    shelved, dcs = transition.facts.shelved_priority, transition.dcs_priority
    row["priority"] = int(transition.priority)
    row["shelved_priority"] = None if shelved is None else int(shelved)
    row["dcs_priority"] = None if dcs is None else int(dcs)
    return row


def from_row(row: RowMapping) -> Transition:
    """A row of `transitions` as what was said."""
    return Transition(
        **{name: row[name] for name in _PLAIN},
        facts=_facts_of(row),
        priority=Priority(row["priority"]),
        dcs_priority=None if row["dcs_priority"] is None else Priority(row["dcs_priority"]),
    )


def _facts_of(row: RowMapping) -> AlarmFacts:
    known = {name: row[name] for name in _FACTS}
    shelved = known["shelved_priority"]
    known["shelved_priority"] = None if shelved is None else Priority(shelved)
    return AlarmFacts(**known)
