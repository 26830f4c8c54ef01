"""Entries from the file, decoded: for followers that are behind, and for readers in other processes."""

from collections.abc import Sequence
from pathlib import Path

from domain.entries import Entry, Position
from domain.errors import DamagedFile
from historian.journal import reading
from historian.journal.codec import Decoder
from historian.journal.layouts import KnownLayouts
from historian.journal.schema import Connect, Connection, errors_named, prepare_reader


class DiskReader:
    """A read connection and a decoder, opened when first needed. For one thread at a time; calls block."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._connection: Connection | None = None
        self._decoder = Decoder(KnownLayouts(self._fetch_layout))

    @property
    def connection(self) -> Connection:
        """The connection; RetryLater while there is no journal, DamagedFile if the file is something else."""
        if self._connection is None:
            connection = self._connect(str(self._path))
            try:
                prepare_reader(connection, self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def open(self) -> None:
        """Open the file now, to hear at once what is wrong with it."""
        assert self.connection is not None

    def after(self, position: Position, limit: int) -> Sequence[tuple[Position, Entry]]:
        """The next entries after a position, at most `limit`; fewer where they are large, or one cannot be read.

        DamagedFile where that one is the first: whoever follows has come as far as anybody can.
        """
        with errors_named(self._path):
            stored = reading.stored_after(self.connection, position, limit)
        found: list[tuple[Position, Entry]] = []
        for at, body in stored:
            try:
                found.append((at, self.decode(f"entry {at}", body)))
            except DamagedFile:
                if not found:
                    raise
                break
        return found

    def decode(self, what: str, body: bytes) -> Entry:
        """A stored entry; DamagedFile names the file and what it was."""
        try:
            return self._decoder.open(body)
        except DamagedFile as error:
            raise type(error)(f"{self._path}: {what}: {error}") from error

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch_layout(self, layout: int) -> bytes | None:
        return reading.layout_tags(self.connection, layout)
