"""Who runs a role on this database: a row that its holder renews, so that no second service judges or tells beside it.

No clock is compared with another's. Who wants the role watches the row: while it is renewed it is held. It is free when
it stood still for `FREE_AFTER_S` by the watcher's own monotonic clock, or at once when its holder was a process of this
machine and is dead. What the holder writes carries a fence: the same transaction looks whether the row is still its
own.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from domain.errors import InUse
from records.engine import Database
from records.tables import leases

RENEW_EVERY_S = 3.0
FREE_AFTER_S = 15.0
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process as its kernel knows it; `kernel` is empty where that cannot be told."""

    host: str
    kernel: str
    pid: int
    started: str

    @classmethod
    def this(cls) -> "Process":
        """The process that asks."""
        return cls(socket.gethostname(), _kernel(), os.getpid(), _started(os.getpid()))

    def is_alive(self) -> bool | None:
        """Tell whether it lives; None if it is of another machine or another container, and nobody here can tell."""
        if not self.kernel or self.kernel != _kernel():
            return None
        return _started(self.pid) == self.started


class Lease:
    """One process's right to run a role. Any thread may call; every method is one short transaction."""

    def __init__(
        self, database: Database, role: str, wall_ns: Callable[[], int], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`now_s` is monotonic."""
        self.role = role
        self._database = database
        self._wall_ns, self._now_s = wall_ns, now_s
        self._holder = uuid4().hex
        self._seen: tuple[str, int] | None = None
        self._since_s = 0.0

    def attempt(self) -> bool:
        """Tell whether the role is ours now; else ask again after `LOOK_EVERY_S`. InUse: somebody holds it."""
        with self._database.writing() as connection:
            row = self._row(connection)
            if row is not None and not self._is_free(row):
                return False
            connection.execute(delete(leases).where(leases.c.role == self.role))
            connection.execute(insert(leases).values(self._as_row()))
        self._database.fence = self._check
        return True

    def _is_free(self, row: RowMapping) -> bool:
        alive = _process(row).is_alive()
        seen = (str(row["holder"]), int(row["renewals"]))
        renewed = self._seen is not None and seen[0] == self._seen[0] and seen != self._seen
        if alive or renewed:
            raise InUse(self._held_by(row))
        if seen != self._seen:
            self._seen, self._since_s = seen, self._now_s()
        return alive is False or self._now_s() - self._since_s >= FREE_AFTER_S

    def renew(self) -> None:
        """Show that we are there. InUse: somebody took the role meanwhile, and nothing of ours is written any more."""
        with self._database.writing() as connection:
            mine = (leases.c.role == self.role, leases.c.holder == self._holder)
            connection.execute(update(leases).where(*mine).values(renewals=leases.c.renewals + 1))

    def release(self) -> None:
        """Leave the role to the next, who then need not wait."""
        self._database.fence = None
        with self._database.writing() as connection:
            mine = (leases.c.role == self.role, leases.c.holder == self._holder)
            connection.execute(delete(leases).where(*mine))

    def _check(self, connection: Connection) -> None:
        """Raise within a transaction that must not be written: the role is not ours any more."""
        row = self._row(connection)
        if row is None or row["holder"] != self._holder:
            taken = "nobody" if row is None else self._held_by(row)
            message = f"this process does not hold the role {self.role!r} any more: {taken}"
            raise InUse(message)

    def _row(self, connection: Connection) -> RowMapping | None:
        return connection.execute(select(leases).where(leases.c.role == self.role)).mappings().one_or_none()

    def _as_row(self) -> dict[str, object]:
        me = Process.this()
        return {
            "role": self.role,
            "holder": self._holder,
            "host": me.host,
            "kernel": me.kernel,
            "pid": me.pid,
            "started": me.started,
            "renewals": 0,
            "taken_ns": self._wall_ns(),
        }

    def _held_by(self, row: RowMapping) -> str:
        since = datetime.fromtimestamp(row["taken_ns"] / 1e9, UTC).isoformat(timespec="seconds")
        return f"{self._database}: process {row['pid']} on {row['host']} runs the role {self.role!r} since {since}"


def _process(row: RowMapping) -> Process:
    return Process(row["host"], row["kernel"], row["pid"], row["started"])


def _kernel() -> str:
    """The boot of this machine and its space of process numbers: two containers have two."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115  it is no path
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks, as a number is used again; empty if it has ended."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *rest = told.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
