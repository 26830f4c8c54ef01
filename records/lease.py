"""Who runs a role on this database: a row that its holder renews, so that no second service judges or tells beside it.

No clock is compared with another's. Who wants the role watches the row: while it is renewed it is held. It is free when
it stood still for `FREE_AFTER_S` by the watcher's own monotonic clock, or at once when its holder was a process of this
machine and is dead. What the holder writes carries a fence: the same transaction looks whether the row is still its
own.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, select, update

from domain.errors import InUse
from records.engine import Database
from records.tables import leases

log = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True)
class _Seen:
    """Somebody's row as the watcher found it first, and when."""

    holder: str
    renewals: int
    since_s: float


class Lease:
    """One process's right to run some roles, all or none. Any thread may call; each method is one short transaction."""

    def __init__(
        self,
        database: Database,
        roles: Sequence[str],
        wall_ns: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_s` is monotonic."""
        self.roles = tuple(roles)
        self._database = database
        self._wall_ns, self._now_s = wall_ns, now_s
        self._holder = uuid4().hex
        self._seen: dict[str, _Seen] = {}

    def attempt(self) -> bool:
        """Tell whether the roles are ours now; else ask again after `LOOK_EVERY_S`. InUse: somebody holds one."""
        with self._database.writing() as connection:
            rows = self._rows(connection)
            are_free = [self._is_free(row) for row in rows]  # of each: who is there is watched
            if not all(are_free):
                return False
            connection.execute(delete(leases).where(leases.c.role.in_(self.roles)))
            connection.execute(insert(leases), [self._as_row(role) for role in self.roles])
        self._database.fence = self._check
        for row in rows:
            self._note_taken(row)
        return True

    def _note_taken(self, row: RowMapping) -> None:
        """A holder elsewhere may live and not know yet that it lost the role: only who took it can tell."""
        if _process(row).is_alive() is None and row["host"] != socket.gethostname():
            log.warning("a role was taken over, as it was not renewed for %g s: %s", FREE_AFTER_S, self._held_by(row))
            self._database.taken_over_ns[str(row["role"])] = self._wall_ns()

    def _is_free(self, row: RowMapping) -> bool:
        alive = _process(row).is_alive()
        before = self._seen.get(str(row["role"]))
        now = _Seen(str(row["holder"]), int(row["renewals"]), self._now_s())
        if before is None or before.holder != now.holder:
            self._seen[str(row["role"])] = before = now
        if alive or now.renewals != before.renewals:
            raise InUse(self._held_by(row))
        return alive is False or now.since_s - before.since_s >= FREE_AFTER_S

    def renew(self) -> None:
        """Show that we are there. InUse: somebody took a role meanwhile, and nothing of ours is written any more."""
        with self._database.writing() as connection:
            connection.execute(update(leases).where(self._ours).values(renewals=leases.c.renewals + 1))

    def release(self) -> None:
        """Leave the roles to the next, who then need not wait."""
        self._database.fence = None
        with self._database.writing() as connection:
            connection.execute(delete(leases).where(self._ours))

    def _check(self, connection: Connection) -> None:
        """Raise within a transaction that must not be written: a role is not ours any more."""
        held = {str(row["role"]): row for row in self._rows(connection)}
        for role in self.roles:
            if role not in held or held[role]["holder"] != self._holder:
                taken = self._held_by(held[role]) if role in held else "nobody"
                message = f"this process does not hold the role {role!r} any more: {taken}"
                raise InUse(message)

    def _rows(self, connection: Connection) -> Sequence[RowMapping]:
        query = select(leases).where(leases.c.role.in_(self.roles)).order_by(leases.c.role)
        return connection.execute(query).mappings().all()

    @property
    def _ours(self) -> ColumnElement[bool]:
        return and_(leases.c.role.in_(self.roles), leases.c.holder == self._holder)

    def _as_row(self, role: str) -> dict[str, object]:
        me = Process.this()
        return {
            "role": role,
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
        return f"{self._database}: process {row['pid']} on {row['host']} runs the role {row['role']!r} since {since}"


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
