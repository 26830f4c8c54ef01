"""`ReadOnlyJournal`: the JournalReader port, for the processes that do not write."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from domain.entries import (
    START,
    ConfigurationActivated,
    Entry,
    Gap,
    Heartbeat,
    PersonAction,
    Position,
    Quarantined,
    SourceState,
    TagDefined,
    TextBatch,
)
from domain.errors import DamagedFile
from domain.ports import SourceLedger
from domain.tags import Tag
from historian.journal import reading
from historian.journal.beats import kept_beats
from historian.journal.codec import Kind, kind_of_type
from historian.journal.echoes import Echoes, kept_echoes, no_echoes
from historian.journal.following import DiskReader
from historian.journal.reading import blob, whole
from historian.journal.remembered import ledger_of
from historian.journal.schema import Connect, SqlValue, connect_reader, errors_named

log = logging.getLogger(__name__)

_Wanted = TypeVar("_Wanted", bound=Entry)

_GAPS = """
    SELECT position, body FROM gap
    WHERE start_ns < ?2 AND (end_ns IS NULL OR end_ns > ?1 OR (end_ns = ?1 AND start_ns = ?1))
    AND (?3 IS NULL OR source = ?3)
    AND (?4 IS NULL OR tag = ?4 OR (tag IS NULL AND source IN (SELECT source FROM tag WHERE id = ?4)))
    ORDER BY start_ns, position LIMIT ?5"""

_NEWEST_OF_KIND = "SELECT position, body FROM lasting WHERE kind = ? ORDER BY position DESC LIMIT ?"
_OF_KIND_AFTER = "SELECT position, body FROM lasting WHERE kind = ? AND position > ? ORDER BY position LIMIT ?"
_OF_KIND_THROUGH = "SELECT position, body FROM lasting WHERE kind = ? AND position <= ? ORDER BY position"
_NEWEST_BEAT = "SELECT position, body FROM passing WHERE kind = ? AND position <= ? ORDER BY position DESC LIMIT 1"
_BEAT_NEAR = 10_000  # entries: further back every kept heartbeat is read
_TEXTS_AT_ONCE = 500
BEATS_FORMAT = 2
ECHOES_FORMAT = 3


class ReadOnlyJournal:
    """Questions to a journal that another process writes. Any thread may ask; calls block, one at a time.

    RetryLater while there is no journal yet; DamagedFile (with file and position) where bytes are not as written, and
    DamagedEntry for a follower, which then waits until a gap tells of it.
    """

    def __init__(self, path: Path | str, *, connect: Connect | None = None) -> None:
        self._path = Path(path).absolute()
        self._disk = DiskReader(self._path, connect or connect_reader)
        self._lock = threading.Lock()
        with self._lock:
            self._disk.open()

    def last(self) -> Position:
        """The newest durable position."""
        with self._asking():
            return reading.last_position(self._disk.connection)

    def read(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, Entry]]:
        """The next entries after a position, at most `limit`; fewer where they are large, none only at the end."""
        with self._lock:
            return self._disk.after(after, limit)

    def tags(self) -> Sequence[Tag]:
        """The newest definition of every tag, by dense id."""
        found = self._ask("SELECT position, body FROM tag ORDER BY id")
        return [self._decode(TagDefined, position, body).tag for position, body in found]

    def gaps(self, source: str | None, tag: int | None, start_ns: int, end_ns: int, limit: int) -> Sequence[Gap]:
        """Gaps that overlap [start, end), each as last written; a gap of a source counts for each of its tags."""
        found = self._ask(_GAPS, start_ns, end_ns, source, tag, limit)
        return [self._decode(Gap, position, body) for position, body in found]

    def ledger(self) -> Sequence[SourceLedger]:
        """The counts of every source, as of the newest commit."""
        with self._asking():
            return ledger_of(reading.remembered(self._disk.connection).values())

    def heartbeats(self) -> Sequence[Heartbeat]:
        """The newest heartbeat of every source; none of one whose newest is damaged."""
        beats: list[Heartbeat] = []
        with self._asking():
            sources = reading.remembered(self._disk.connection).values()
            for source in sorted(sources, key=lambda source: source.name):
                if source.heartbeat is None:
                    continue
                with contextlib.suppress(DamagedFile):
                    beats.append(self._of_type(Heartbeat, f"heartbeat of {source.name}", source.heartbeat))
        return beats

    def beat_before(self, through: Position) -> int:
        """Our clock at the newest heartbeat up to a position, also if it is trimmed; 0 where there is none, ns."""
        with contextlib.suppress(DamagedFile):  # then those that are kept have to do
            for position, body in self._ask(_NEWEST_BEAT, Kind.HEARTBEAT, through):
                return self._decode(Heartbeat, position, body).now_ns
        kept = self.kept_beats(Position(max(0, through - _BEAT_NEAR)), through) or self.kept_beats(START, through)
        return kept[-1][1].now_ns if kept else 0

    def kept_beats(self, after: Position, through: Position) -> Sequence[tuple[Position, Heartbeat]]:
        """The trimmed heartbeats after a position, up to another one; none where `beats_since` says so."""
        with self._asking():
            if reading.format_of(self._disk.connection) < BEATS_FORMAT:
                return []
            return kept_beats(self._disk.connection, after, through)

    def beats_since(self) -> Position | None:
        """From which position on every heartbeat is kept; None: they are trimmed for good."""
        with self._asking():
            if reading.format_of(self._disk.connection) < BEATS_FORMAT:
                return None
            row = self._disk.connection.execute("SELECT position FROM beats_since").fetchone()
            return None if row is None else Position(whole(row[0]))

    def kept_echoes(self, after: Position, through: Position) -> Echoes:
        """The trimmed rows after a position, up to another one, that the record alone cannot tell of."""
        with self._asking():
            if reading.format_of(self._disk.connection) < ECHOES_FORMAT:
                return no_echoes()
            return kept_echoes(self._disk.connection, after, through)

    def echoes_since(self) -> Position | None:
        """From which position on every such row is kept; None: none is."""
        with self._asking():
            if reading.format_of(self._disk.connection) < ECHOES_FORMAT:
                return None
            row = self._disk.connection.execute("SELECT since FROM echo_newest").fetchone()
            return None if row is None else Position(whole(row[0]))

    def definitions(self, through: Position) -> Sequence[tuple[Position, TagDefined]]:
        """Every definition of a tag up to a position, in order."""
        return self.lasting(TagDefined, through)

    def source_state(self, source: str) -> str | None:
        """The newest state that a source left for its next start; none where it is damaged."""
        with self._asking():
            memory = reading.remembered(self._disk.connection).get(source)
            if memory is None or memory.state is None:
                return None
            try:
                return self._of_type(SourceState, f"state of {source}", memory.state).state
            except DamagedFile as error:
                log.error("source %s begins without what it left: %s", source, error)  # noqa: TRY400  the message says all
                return None

    def texts(self, tag: int, start_ns: int, end_ns: int, limit: int) -> Sequence[tuple[int, str | None, int]]:
        """Values of a text tag with start ≤ time < end, in time order: (time in ns, value, status), at most `limit`.

        A value that came again with the same time and status is one. Reads every text there is: texts are few.
        """
        found: set[tuple[int, str | None, int]] = set()
        after = 0
        while batches := self._ask(_OF_KIND_AFTER, Kind.TEXTS, after, _TEXTS_AT_ONCE):
            for position, body in batches:
                entry = self._decode(TextBatch, position, body)
                for row in zip(entry.tag, entry.time_ns, entry.value, entry.status, strict=True):
                    if row[0] == tag and start_ns <= row[1] < end_ns:
                        found.add(row[1:])
            after = batches[-1][0]
        return sorted(found, key=lambda row: row[0])[:limit]

    def text_batches(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, TextBatch]]:
        """The next entries of text values after a position, at most `limit`."""
        found = self._ask(_OF_KIND_AFTER, Kind.TEXTS, after, limit)
        return [(Position(position), self._decode(TextBatch, position, body)) for position, body in found]

    def actions(self, limit: int) -> Sequence[PersonAction]:
        """The newest deeds of people, newest first."""
        found = self._ask(_NEWEST_OF_KIND, Kind.ACTION, limit)
        return [self._decode(PersonAction, position, body) for position, body in found]

    def quarantined(self, limit: int) -> Sequence[Quarantined]:
        """The newest messages that could not become samples, newest first."""
        found = self._ask(_NEWEST_OF_KIND, Kind.QUARANTINED, limit)
        return [self._decode(Quarantined, position, body) for position, body in found]

    def configurations(self, limit: int) -> Sequence[ConfigurationActivated]:
        """The newest configurations that the service ran with, newest first."""
        found = self._ask(_NEWEST_OF_KIND, Kind.CONFIGURATION, limit)
        return [self._decode(ConfigurationActivated, position, body) for position, body in found]

    def lasting(self, wanted: type[_Wanted], through: Position) -> Sequence[tuple[Position, _Wanted]]:
        """Every entry of a kind that stays for good, up to a position, in order."""
        found = self._ask(_OF_KIND_THROUGH, kind_of_type(wanted), through)
        return [(Position(position), self._decode(wanted, position, body)) for position, body in found]

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._disk.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._lock, errors_named(self._path):
            yield

    def _ask(self, query: str, *values: SqlValue) -> list[tuple[int, bytes]]:
        with self._asking():
            found = self._disk.connection.execute(query, values).fetchall()
        return [(whole(position), blob(body)) for position, body in found]

    def _decode(self, wanted: type[_Wanted], position: int, body: bytes) -> _Wanted:
        with self._lock:
            return self._of_type(wanted, f"entry {position}", body)

    def _of_type(self, wanted: type[_Wanted], what: str, body: bytes) -> _Wanted:
        entry = self._disk.decode(what, body)
        if not isinstance(entry, wanted):
            raise DamagedFile(f"{self._path}: {what} is a {type(entry).__name__}, not a {wanted.__name__}")
        return entry
