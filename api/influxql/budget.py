"""What one request may cost: rows read, rows told, and time. Whoever goes away stops what was begun for them."""

import threading
import time

from api.influxql.faults import Unanswered

MOST_READ = 20_000_000
MOST_READ_AT_ONCE = 2_000_000
MOST_TOLD = 1_000_000
MOST_SERIES = 10_000
LONGEST_S = 30.0


class Budget:
    """Counts down for one request; every method raises Unanswered once there is nothing left."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._deadline_s = time.monotonic() + longest_s
        self._longest_s = longest_s
        self._gone = threading.Event()
        self._read = 0
        self._told = 0

    def stop(self) -> None:
        """The client is gone: the next look ends the evaluation."""
        self._gone.set()

    def look(self) -> None:
        """Go on only while somebody waits and there is time."""
        if self._gone.is_set():
            raise Unanswered("query interrupted")
        if time.monotonic() > self._deadline_s:
            raise Unanswered(f"query interrupted: it took longer than {self._longest_s:g} s; ask for less")

    def read(self, rows: int) -> None:
        """Count rows that were read from the record."""
        self._read += rows
        if self._read > MOST_READ:
            raise Unanswered(f"max-select-point limit exceeded: more than {MOST_READ:,} rows; ask for a shorter time")
        self.look()

    def told(self, rows: int) -> None:
        """Count rows of the answer."""
        self._told += rows
        if self._told > MOST_TOLD:
            raise Unanswered(f"max-row-limit exceeded: more than {MOST_TOLD:,} rows; group by time, or use LIMIT")
