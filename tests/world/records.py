"""Records in memory that outlive the service: each unit of work is durable as a whole, at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.fake_records import MemoryRecords, _MemoryWork


class LastingRecords(MemoryRecords):
    """As `MemoryRecords`, without copying everything for the work that fails: none does here."""

    @contextmanager
    def unit_of_work(self) -> Iterator[_MemoryWork]:
        yield _MemoryWork(self._decided, self._wall_ns())

    def close(self) -> None:
        """Nothing is open."""
