"""A real PostgreSQL for tests: Debian's, in a folder of its own, on a Unix socket alone."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from records.address import Server
from tests.patience import LIMIT_S

PORT = 5432  # names the socket in the server's own folder; nobody listens on the network
PASSWORD = "not-in-any-message"
_USER = "postgres"  # whom Debian's package makes: the server refuses to run as root


def programs() -> Path | None:
    """The newest installed PostgreSQL's programs."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return versions[-1].parent if versions else None


class PostgresForTests:
    """One cluster; it can be killed and started again. Databases are made from a template that is empty."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        self.password_file = folder / "password"
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._cleared: list[str] = []

    def make(self) -> None:
        self.password_file.write_text(PASSWORD + "\n")
        for path in (self.folder, self.password_file):
            if os.getuid() == 0:
                shutil.chown(path, _USER)
        self._run("initdb", "--no-sync", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "-U", "thermowell",
                  f"--pwfile={self.password_file}", "-D", str(self.folder / "cluster"))  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._as_user(program, *arguments), check=False, capture_output=True, text=True, timeout=LIMIT_S, cwd="/"
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        # `setpriv` becomes the server, so that a signal reaches it and nothing stays behind.
        user = [f"--reuid={_USER}", f"--regid={_USER}", "--init-groups"]
        return ["setpriv", *user, "--", *command] if os.getuid() == 0 else command

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start, and return when it answers."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "cluster" / "postmaster.pid").unlink()
        told = {"unix_socket_directories": str(self.folder), "port": str(PORT), "listen_addresses": "",
                "max_connections": "50", "shared_buffers": "16MB", "checkpoint_timeout": "1h", **(settings or {})}  # fmt: skip
        flags = [part for name, value in told.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            command = self._as_user("postgres", "-D", str(self.folder / "cluster"), *flags)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        until_s = time.monotonic() + LIMIT_S
        while True:
            try:
                self.admin("SELECT 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text(errors="replace")
                assert time.monotonic() < until_s, "the server does not start"
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it as a power cut does, with all that it started."""
        assert self._process is not None
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], check=False, capture_output=True, text=True
        )
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for pid in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for pid in found.stdout.split():
            while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
                time.sleep(0.01)
        self._process = None

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Killed as long as the block lasts."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def stop(self) -> None:
        """Stop at once, if it runs: its folder goes with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(LIMIT_S)
            self._process = None

    def admin(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """One statement of the superuser, in no transaction; its rows, if it has any."""
        with psycopg.connect(
            host=str(self.folder), port=PORT, user="thermowell", password=PASSWORD, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def databases(self) -> Iterator[Callable[[], Server]]:
        """Gives addresses of empty databases, by the Unix socket; they are used again after the block."""
        given: list[str] = []

        def give() -> Server:
            if not self._cleared:
                self._made += 1
                self.admin(f"CREATE DATABASE test_{self._made} TEMPLATE template0")
                self._cleared.append(f"test_{self._made}")
            given.append(self._cleared.pop())
            return Server(str(self.folder), PORT, given[-1], "thermowell", self.password_file, "off")

        try:
            yield give
        finally:
            for name in given:
                self._clear(name)
            self._cleared += given

    def _clear(self, name: str) -> None:
        """Take the rows out: much faster than making a database, or its tables."""
        tables = self.admin(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('about', 'alembic_version')",
            name,
        )
        # Some tables refuse deletions by a trigger; a replica's session fires none.
        emptied = (f'DELETE FROM "{table}"' for (table,) in tables)
        self.admin(";".join(("SET session_replication_role = replica", *emptied)), name)


@contextlib.contextmanager
def running() -> Iterator[PostgresForTests]:
    """A server that runs as long as the block; skips, and says why, where PostgreSQL is not installed."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here (apt-get install postgresql): the records are tested on SQLite only")
    folder = Path(tempfile.mkdtemp(prefix="thermowell-postgres-"))
    server = PostgresForTests(folder, found)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
