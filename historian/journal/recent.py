"""The newest committed entries, decoded, so that followers who keep up never touch the disk."""

from domain.entries import Entry, Position
from historian.journal.joining import rows_of

RECENT_ROWS = 262_144
RECENT_ENTRIES = 8_192


class Recent:
    """Consecutive entries up to the newest. One thread adds; any thread looks."""

    def __init__(self, last: Position) -> None:
        self._entries: dict[int, Entry] = {}
        self._oldest = last + 1
        self._last = last
        self._rows = 0

    @property
    def last(self) -> Position:
        """The newest durable position."""
        return self._last

    def add(self, position: Position, entry: Entry) -> None:
        """Take the entry at the next position; the oldest go when there are too many, or too many rows."""
        self._entries[position] = entry
        self._rows += rows_of(entry)
        self._last = position
        while self._entries and (self._rows > RECENT_ROWS or len(self._entries) > RECENT_ENTRIES):
            self._drop_oldest()

    def get(self, position: Position) -> Entry | None:
        """The entry at a position, if it is still here."""
        return self._entries.get(position)

    def forget(self, through: Position) -> None:
        """Drop the entries up to a position: they are no longer all on the disk."""
        while self._entries and self._oldest <= through:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._rows -= rows_of(self._entries.pop(self._oldest))
        self._oldest += 1
