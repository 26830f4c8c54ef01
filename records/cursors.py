"""Cursors of the followers and snapshots of the detectors."""

from sqlalchemy import Connection, delete, insert, select

from domain.entries import START, Position
from records.tables import cursors, snapshots


def write_cursor(connection: Connection, name: str, position: Position) -> None:
    """Move a cursor."""
    connection.execute(delete(cursors).where(cursors.c.name == name))
    connection.execute(insert(cursors).values(name=name, position=position))


def cursor_of(connection: Connection, name: str) -> Position:
    """Where a follower stands; before the first entry if it was never written."""
    position = connection.execute(select(cursors.c.position).where(cursors.c.name == name)).scalar()
    return START if position is None else Position(position)


def write_snapshot(connection: Connection, name: str, position: Position, state: bytes) -> None:
    """Keep a state as of a position, instead of the one before."""
    connection.execute(delete(snapshots).where(snapshots.c.name == name))
    connection.execute(insert(snapshots).values(name=name, position=position, state=state))


def snapshot_position(connection: Connection, name: str) -> Position:
    """The position of the newest state; before the first entry if there is none."""
    position = connection.execute(select(snapshots.c.position).where(snapshots.c.name == name)).scalar()
    return START if position is None else Position(position)


def snapshot_of(connection: Connection, name: str) -> tuple[Position, bytes] | None:
    """The newest state, if there is one."""
    row = connection.execute(select(snapshots).where(snapshots.c.name == name)).one_or_none()
    return None if row is None else (Position(row.position), bytes(row.state))
