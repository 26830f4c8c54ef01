"""Phase runs in the database."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, RowMapping, and_, func, insert, or_, select, update

from domain.entries import Position, RowPosition
from domain.findings import PhaseRecord
from records.chunks import in_chunks
from records.tables import phases


def write_phases(connection: Connection, given: Sequence[PhaseRecord]) -> None:
    """Add runs, and ends to runs; an end that is written is not taken away by a replay of the start."""
    for phase in given:
        row = _to_row(phase)
        known = connection.execute(select(phases.c.end_ns).where(phases.c.instance == phase.instance)).one_or_none()
        if known is None:
            connection.execute(insert(phases).values(row))
        elif phase.end_ns is not None:
            connection.execute(update(phases).where(phases.c.instance == phase.instance).values(row))


def note_ends(connection: Connection, instances: Sequence[str], position: Position) -> None:
    """Note as of which entry the ends of runs were known; the first note stands."""
    for chunk in in_chunks(instances):
        fresh = (phases.c.instance.in_(chunk), phases.c.end_entry.is_(None))
        connection.execute(update(phases).where(*fresh).values(end_entry=int(position)))


def listed_phases(
    connection: Connection, start_ns: int | None, end_ns: int | None, unit: str | None, limit: int
) -> list[PhaseRecord]:
    """Phase runs that overlap [start, end), newest start first."""
    query = select(phases)
    if start_ns is not None:
        query = query.where(or_(phases.c.end_ns.is_(None), phases.c.end_ns >= start_ns))
    if end_ns is not None:
        query = query.where(phases.c.start_ns < end_ns)
    if unit is not None:
        query = query.where(phases.c.unit == unit)
    query = query.order_by(phases.c.start_ns.desc(), phases.c.instance.desc()).limit(limit)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def newest_phases(connection: Connection) -> list[PhaseRecord]:
    """The run of each unit that started last, by unit."""
    newest = select(phases.c.unit, func.max(phases.c.start_ns).label("start_ns")).group_by(phases.c.unit).subquery()
    found = phases.join(newest, and_(phases.c.unit == newest.c.unit, phases.c.start_ns == newest.c.start_ns))
    query = select(phases).select_from(found).order_by(phases.c.unit, phases.c.start_entry, phases.c.start_row)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def phases_of(connection: Connection, batch: str, limit: int) -> list[PhaseRecord]:
    """The phase runs of a batch on all units, oldest first."""
    query = select(phases).where(phases.c.batch == batch).order_by(phases.c.start_ns, phases.c.instance).limit(limit)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def known_phases_of(connection: Connection, batch: str, position: Position) -> list[PhaseRecord]:
    """The phase runs of a batch as they were known at a position, oldest first."""
    query = select(phases).where(phases.c.batch == batch, phases.c.start_entry <= int(position))
    rows = connection.execute(query.order_by(phases.c.start_ns, phases.c.instance)).mappings()
    is_later = [(row, row["end_entry"] is not None and row["end_entry"] > position) for row in rows]
    return [replace(_from_row(row), end_ns=None) if later else _from_row(row) for row, later in is_later]


def _to_row(phase: PhaseRecord) -> dict[str, object]:
    return {
        "instance": phase.instance,
        "unit": phase.unit,
        "batch": phase.batch,
        "phase": phase.phase,
        "recipe": phase.recipe,
        "start_ns": phase.start_ns,
        "end_ns": phase.end_ns,
        "start_entry": phase.start_position.entry,
        "start_row": phase.start_position.row,
    }


def _from_row(row: RowMapping) -> PhaseRecord:
    return PhaseRecord(
        instance=row["instance"],
        unit=row["unit"],
        batch=row["batch"],
        phase=row["phase"],
        recipe=row["recipe"],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"],
        start_position=RowPosition(Position(row["start_entry"]), row["start_row"]),
    )
