"""Looks at the records' database for a person: nothing is made, migrated or held."""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, select

from records.address import Address, Server
from records.engine import Database
from records.schema import FORMAT
from records.tables import about, leases


@dataclass(frozen=True, slots=True)
class RecordsSeen:
    """How the database is; `format` None: it is empty, the service makes its tables at its first start."""

    format: int | None
    known: int  # the newest format of this program
    holder: str | None  # who runs the role that judges


def look_at_records(address: Address) -> RecordsSeen:
    """RetryLater: it cannot be had; Refused: the server does not keep what it confirms."""
    if not isinstance(address, Server) and not address.exists():
        return RecordsSeen(None, FORMAT, None)
    database = Database(address, as_it_is=True)
    try:
        with database.reading() as connection:
            return _seen(connection)
    finally:
        database.close()


def _seen(connection: Connection) -> RecordsSeen:
    tables = inspect(connection).get_table_names()
    if about.name not in tables:
        return RecordsSeen(None, FORMAT, None)
    found = connection.execute(select(about.c.value).where(about.c.name == "format")).scalar()
    row = None
    if leases.name in tables:
        row = connection.execute(select(leases.c.role, leases.c.pid, leases.c.host)).first()
    holder = None if row is None else f"role {row.role}: process {row.pid} on {row.host}"
    return RecordsSeen(None if found is None else int(found), FORMAT, holder)
