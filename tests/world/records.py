"""Records in memory that outlive the service: each unit of work is durable as a whole, at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.fake_records import MemoryRecords, _MemoryWork


class NobodyLocked:
    """Accounts that nobody tries to enter."""

    def locked(self) -> Sequence[str]:
        """No names."""
        return ()


class LastingRecords(MemoryRecords):
    """As `MemoryRecords`, without copying everything for the work that fails: none does here."""

    people = NobodyLocked()

    @contextmanager
    def unit_of_work(self) -> Iterator[_MemoryWork]:
        yield _MemoryWork(self._decided, self._wall_ns())

    def close(self) -> None:
        """Nothing is open."""
