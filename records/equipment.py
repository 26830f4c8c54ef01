"""States of equipment in the database: grown only, so that a report can say when a unit was under maintenance."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, insert, select

from domain.entries import Position, RowPosition
from domain.findings import EquipmentState
from records.tables import equipment_states


def write_equipment(connection: Connection, given: Sequence[EquipmentState]) -> None:
    """Add states that are not there yet, in their order."""
    for state in given:
        place = (state.unit, int(state.position.entry), state.position.row)
        columns = (equipment_states.c.unit, equipment_states.c.entry, equipment_states.c.row)
        known = select(equipment_states.c.sequence).where(
            *(one == each for one, each in zip(columns, place, strict=True))
        )
        if connection.execute(known).first() is None:
            row = dict(zip(("unit", "entry", "row"), place, strict=True))
            connection.execute(insert(equipment_states).values(state=state.state, since_ns=state.since_ns, **row))


def newest_equipment(connection: Connection) -> list[EquipmentState]:
    """The state of each unit's equipment that was written last, by unit."""
    newest = select(func.max(equipment_states.c.sequence)).group_by(equipment_states.c.unit)
    query = select(equipment_states).where(equipment_states.c.sequence.in_(newest)).order_by(equipment_states.c.unit)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def _from_row(row: RowMapping) -> EquipmentState:
    return EquipmentState(row["unit"], row["state"], row["since_ns"], RowPosition(Position(row["entry"]), row["row"]))
