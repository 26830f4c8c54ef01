"""The records in a database of a PostgreSQL server: one writer at a time, every commit on its disk."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import Refused, RetryLater
from records.address import Server

if TYPE_CHECKING:
    import psycopg  # SQLAlchemy loads it for who has a server

# Any number, the same in every program that writes: whoever has it is the only writer of this database. So rows are
# numbered in the order in which they become visible, and the audit trail has one end. It goes with the transaction.
WRITER_LOCK: Final = int.from_bytes(b"thermowe")
_CONNECT_WITHIN_S = 5
_LIMITS_MS = {
    "statement_timeout": 60_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 30_000,  # a writer that was stopped gives the lock back
    "tcp_user_timeout": 15_000,
}
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class PostgresServer:
    """What is special about PostgreSQL; `records.engine.Database` does the rest."""

    reading: Mapping[str, object] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    # Each statement sees what the writer before committed: the lock is taken by the first.
    writing: Mapping[str, object] = {"isolation_level": "READ COMMITTED"}

    def __init__(self, server: Server) -> None:
        self._server = server

    def __str__(self) -> str:
        return str(self._server)

    def engine(self) -> Engine:
        """A pool that tries each connection before it is used, so that a server which was away is found again."""
        server = self._server
        engine = create_engine(
            URL.create("postgresql+psycopg", server.user, None, None, None, server.database),
            connect_args={
                "host": server.host,
                "port": server.port,
                "application_name": "thermowell",
                "connect_timeout": _CONNECT_WITHIN_S,
                "target_session_attrs": "read-write",
                "options": " ".join(f"-c {name}={value}" for name, value in _LIMITS_MS.items()),
                "client_encoding": "UTF8",
                **_KEEPALIVES,
                **_tls(server),
            },
            pool_size=4,
            max_overflow=8,
            pool_timeout=10,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        event.listen(engine, "do_connect", self._give_password)
        event.listen(engine, "connect", self._check)
        return engine

    def begun(self, connection: Connection) -> None:
        """Become the only writer."""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")

    def unhurried(self, connection: Connection) -> None:
        """Let the statements of this transaction take their time."""
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    def written(self, engine: Engine) -> None:
        """Nothing to do: the server looks after its own log."""

    def _give_password(
        self, _dialect: Dialect, _record: ConnectionPoolEntry, _args: object, parameters: dict[str, object]
    ) -> None:
        file = self._server.password_file
        if file is None:
            return
        try:
            parameters["password"] = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"the password for {self._server} cannot be read: {file}: {type(error).__name__}"
            raise RetryLater(message) from error

    def _check(self, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        """Refuse a server whose commits need not be on its disk, or which cannot hold every text."""
        opened = cast("psycopg.Connection[tuple[str, str]]", connection)
        asked = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
        found = dict(opened.execute(asked, ([*_DURABLE, "server_encoding"],)).fetchall())
        opened.rollback()
        for name in _DURABLE:
            if found[name] == "off":
                message = f"{self}: {name} is off: a commit that was answered could be lost. Turn it on."
                raise Refused(message)
        if found["server_encoding"] != "UTF8":
            message = f"{self}: the database's encoding is {found['server_encoding']}; it has to be UTF8"
            raise Refused(message)


def _tls(server: Server) -> dict[str, object]:
    if server.tls == "off":
        return {"sslmode": "disable"}
    files = {"sslrootcert": server.ca_file, "sslcert": server.certificate_file, "sslkey": server.key_file}
    told = {name: str(file) for name, file in files.items() if file is not None}
    if server.tls == "verify-full" and server.ca_file is None:
        told["sslrootcert"] = "system"
    return {"sslmode": server.tls, **told}
