"""What the journal's tests are built on: a journal that is closed in the end, and a disk that refuses on demand."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from historian.journal import SqliteJournal
from historian.journal.schema import Connection, Rows, SqlValue, connect_writer
from tests.patience import LIMIT_S


@contextmanager
def opened(path: Path, **options: object) -> Iterator[SqliteJournal]:
    journal = SqliteJournal.open(path, **{"flush_interval_s": 0.002, **options})
    with closing(journal):
        yield journal


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - it may change on the writer's thread
            await asyncio.sleep(0.002)


class Refusing:
    """A connection whose statements that begin with a word fail while `refuses` is set; `after` them, if so wanted."""

    def __init__(self, path: str, word: str = "COMMIT", *, after: bool = False) -> None:
        self._real = connect_writer(path)
        self._word = word
        self._after = after
        self.refuses = False
        self.refused = 0

    def execute(self, statement: str, values: Sequence[SqlValue] = ()) -> Rows:
        if not self.refuses or not statement.startswith(self._word):
            return self._real.execute(statement, values)
        self.refused += 1
        if self._after:
            self._real.execute(statement, values)
        raise sqlite3.OperationalError("disk I/O error")

    def executemany(self, statement: str, values: Sequence[Sequence[SqlValue]]) -> object:
        return self._real.executemany(statement, values)

    def close(self) -> None:
        self._real.close()

    @property
    def in_transaction(self) -> bool:
        return self._real.in_transaction


class Refusals:
    """Makes a refusing connection, and keeps it at hand for the test."""

    def __init__(self, word: str = "COMMIT", *, after: bool = False) -> None:
        self.word, self.after = word, after
        self.made: Refusing | None = None

    def __call__(self, path: str) -> Connection:
        self.made = Refusing(path, self.word, after=self.after)
        return self.made

    def start(self) -> None:
        self.made.refuses = True

    def stop(self) -> None:
        self.made.refuses = False
