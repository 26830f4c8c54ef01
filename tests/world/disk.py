"""The journal's disk in a world: it forgets what was not synced when the power is cut."""

from collections.abc import Callable, Sequence
from itertools import count
from random import Random

import apsw

from historian.journal.schema import Rows, SqlValue
from tests.forgetful import Disk, ForgetfulVfs

_VFS_NUMBERS = count()


class Power:
    """A disk under power. The writer and the readers share one connection: such a disk has no shared memory."""

    def __init__(self, disk: Disk, *, careless: bool = False) -> None:
        self.disk = disk
        self._careless = careless
        self._vfs = ForgetfulVfs(f"world-{next(_VFS_NUMBERS)}", disk)
        self._connection: apsw.Connection | None = None
        self._users = 0

    @property
    def is_off(self) -> bool:
        """Whether nothing reaches the disk any more."""
        return self.disk.operations == 0

    def cut(self) -> None:
        """Nothing reaches the disk from here on."""
        self.disk.operations = 0

    def cut_after(self, operations: int) -> None:
        """Nothing reaches the disk after so many more writes and syncs."""
        self.disk.operations = operations

    def off(self, chance: Random, *, forgets: bool = True) -> Disk:
        """Let go of everything; what a machine finds there when the power is back."""
        if self._connection is not None:
            self.cut()
            self._connection.close(True)
            self._connection = None
        self._vfs.unregister()
        return self.disk.after_power_cut(chance) if forgets else Disk(self.disk.files)

    def connect(self, path: str) -> "Lent":
        """The connection, as one of its users."""
        if self._connection is None:
            self._connection = apsw.Connection(path, vfs=self._vfs.name)
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        self._users += 1
        return Lent(self._connection, self._give_back, careless=self._careless)

    def _give_back(self) -> None:
        self._users -= 1
        if self._users == 0 and self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except apsw.Error:
                if not self.is_off:
                    raise
                connection.close(True)


class Lent:
    """The shared connection in one user's hands. `careless`: it says that it syncs every commit, and does not."""

    def __init__(self, connection: apsw.Connection, give_back: Callable[[], None], *, careless: bool) -> None:
        self._connection = connection
        self._give_back = give_back
        self._careless = careless

    def execute(self, statement: str, values: Sequence[SqlValue] = ()) -> Rows:
        if self._careless and statement == "PRAGMA synchronous = 2":
            statement = "PRAGMA synchronous = NORMAL"
        elif self._careless and statement == "PRAGMA synchronous":
            statement = "SELECT 2"
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, values: Sequence[Sequence[SqlValue]]) -> object:
        return self._connection.executemany(statement, values)

    def close(self) -> None:
        give_back, self._give_back = self._give_back, lambda: None
        give_back()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction
