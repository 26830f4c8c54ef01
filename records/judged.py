"""What was known as of an entry of the journal: the newest row of each table that only grows, commit by commit."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from domain.entries import Position
from records.tables import batch_links, findings, judged, transitions


@dataclass(frozen=True, slots=True)
class Known:
    """The newest rows as of a position, by their numbers."""

    findings: int
    transitions: int
    links: int


def note_judged(connection: Connection, position: Position) -> None:
    """Note that all that is written is known as of a position; the first note of a position stands."""
    if connection.execute(select(judged.c.position).where(judged.c.position == int(position))).first() is None:
        newest = {
            table.name.removeprefix("batch_"): connection.execute(select(func.max(table.c.sequence))).scalar() or 0
            for table in (findings, transitions, batch_links)
        }
        connection.execute(insert(judged).values(position=int(position), **newest))


def known_at(connection: Connection, position: Position) -> Known | None:
    """What was known as of a position; None: that was not noted yet then."""
    query = select(judged.c.findings, judged.c.transitions, judged.c.links)
    query = query.where(judged.c.position <= int(position)).order_by(judged.c.position.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Known(*row)


def noted_since(connection: Connection) -> Position | None:
    """The first position of which it is noted what was known; None: of none."""
    first = connection.execute(select(func.min(judged.c.position))).scalar()
    return None if first is None else Position(first)
