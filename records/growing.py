"""Tables that only grow: the database itself refuses to change or delete their rows, whoever asks.

Somebody with the file in hand can take the triggers away; what is then changed in the audit trail breaks its chain.
"""

from typing import Final

from sqlalchemy import Connection, Table, event

REFUSAL: Final = "is only ever added to"
_SQLITE: Final = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON "{table}"
BEGIN SELECT RAISE(ABORT, '{table} {refusal}'); END
"""
# INSERT OR REPLACE deletes without asking a trigger for deletions.
_SQLITE_REPLACE: Final = """
CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON "{table}"
WHEN EXISTS (SELECT 1 FROM "{table}" WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, '{table} {refusal}'); END
"""
_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION thermowell_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION '% {refusal}', TG_TABLE_NAME; END$$
"""
_POSTGRESQL: Final = """
DROP TRIGGER IF EXISTS {table}_no_{verb} ON "{table}";
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON "{table}"
FOR EACH {each} EXECUTE FUNCTION thermowell_only_grows()
"""
_EACH: Final = {"update": "ROW", "delete": "ROW", "truncate": "STATEMENT"}


def guard(connection: Connection, table: str) -> None:
    """Let a table only grow; again changes nothing."""
    if connection.dialect.name == "sqlite":
        for verb in ("update", "delete"):
            connection.exec_driver_sql(_SQLITE.format(table=table, verb=verb, refusal=REFUSAL))
        connection.exec_driver_sql(_SQLITE_REPLACE.format(table=table, refusal=REFUSAL))
        return
    connection.exec_driver_sql(_FUNCTION.format(refusal=REFUSAL).replace("'% ", "'%% "))
    for verb, each in _EACH.items():
        connection.exec_driver_sql(_POSTGRESQL.format(table=table, verb=verb, each=each))


def only_grows(*tables: Table) -> None:
    """Guard these tables wherever they are made."""
    for table in tables:
        event.listen(table, "after_create", _guard_made)


def _guard_made(table: Table, connection: Connection, **_: object) -> None:
    guard(connection, table.name)
