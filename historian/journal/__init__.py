"""The journal: one file, one writing process, positions that are never used twice, and followers that can be replayed.

`SqliteJournal` (writer.py) writes and is followed inside the core; `ReadOnlyJournal` (reader.py) reads the same file
from another process. What is durable there, and nothing else, is what happened.
"""

from historian.journal.reader import ReadOnlyJournal
from historian.journal.usage import Usage
from historian.journal.writer import Health, SqliteJournal

__all__ = ["Health", "ReadOnlyJournal", "SqliteJournal", "Usage"]
