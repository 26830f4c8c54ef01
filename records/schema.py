"""The schema's number, and the way up to it from every released one."""

import logging
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from domain.errors import NewerFormat
from records.tables import about, alembic_version, metadata

log = logging.getLogger(__name__)

FORMAT = 9
"""The newest migration's number; programs that know less leave the database alone."""


def bring_up(connection: Connection, name: str) -> None:
    """Make the tables in an empty database, or migrate older ones; in one transaction of the only writer.

    NewerFormat: a newer program made them; nothing is changed.
    """
    about.create(connection, checkfirst=True)
    found = connection.execute(select(about.c.value).where(about.c.name == "format")).scalar()
    if found is None:
        metadata.create_all(connection)
        connection.execute(insert(about).values(name="format", value=str(FORMAT)))
        connection.execute(insert(alembic_version).values(version_num=f"{FORMAT:04d}"))
    elif int(found) > FORMAT:
        message = f"{name} has format {found}; this program knows up to {FORMAT}. It is left as it is."
        raise NewerFormat(message)
    elif int(found) < FORMAT:
        migrate(connection)
        connection.execute(update(about).where(about.c.name == "format").values(value=str(FORMAT)))
        log.info("%s: the schema is %d now, it was %s", name, FORMAT, found)


def migrate(connection: Connection) -> None:
    """Run Alembic's migrations that this database has not had."""
    from alembic import command  # noqa: PLC0415  an up-to-date database needs none of it
    from alembic.config import Config  # noqa: PLC0415

    folder = str(Path(__file__).parent / "migrations")
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", folder.replace("%", "%%"))
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it narrates; what was done is told above
    command.upgrade(config, "head")
