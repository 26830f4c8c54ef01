"""Mirrors: followers of the journal and the record that copy samples elsewhere, and never hold up what is not theirs.

A mirror proves nothing: the chunk store is the record. While a mirror is away the journal keeps for it what it lacks,
for some hours and within half of the quota; beyond that, rows leave the journal, and come from the record once the
mirror is back.
"""

import asyncio
import functools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.entries import START, Entry, Position
from domain.errors import RetryLater
from domain.figures import Reading
from domain.ports import Records, Rows
from domain.samples import SampleBatch
from historian.chunks.query import Stretch
from historian.chunks.store import ChunkStore
from historian.influx import Answer, Busy, InfluxBucket, InfluxWriter, in_requests
from historian.line_protocol import LineProtocol, Lines
from historian.mirrored import MirroredHistory, MirroredJournal, Rendering
from historian.refused import RefusedFile
from service.config.build import Configuration
from service.config.shape.stores import InfluxDb
from service.mirror_watch import Hold, MirrorWatch, cursor_name, hold_of

log = logging.getLogger(__name__)

_ENTRIES_AT_ONCE = 64
_REFUSALS_LOGGED = 3


class LineWriter(Protocol):
    """Where lines go; `historian.influx.InfluxWriter` is one. Calls block."""

    def write(self, lines: Lines) -> Answer:
        """Write all that can be written; tell what was refused for good. RetryLater: write all of it again."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class MirrorRecords(Records, Protocol):
    """The records as a mirror needs them."""

    def cursor_of(self, name: str) -> Position:
        """Where a follower stands."""
        ...


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to look, and how long to wait after a failure; seconds of the wall's clock."""

    poll_s: float = 0.5
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    cursor_every_s: float = 5.0


@dataclass(slots=True)
class MirrorCounts:
    """What became of the lines since the process started."""

    written: int = 0
    too_old: int = 0  # older than the bucket keeps
    refused: int = 0
    missed_entries: int = 0  # had left the journal: their rows came from the record
    retries: int = 0  # attempts that failed


@dataclass(slots=True)
class _Work:
    """Requests that bring the mirror up to an entry; one that failed is kept and repeated as it is."""

    requests: Iterator[Lines]
    through: Position
    failed: Lines | None = None


class StoredHistory:
    """The record within the process that writes it; `passed` tells up to where it has taken entries."""

    def __init__(self, store: ChunkStore, passed: Callable[[], Position]) -> None:
        self._store, self.refresh = store, passed

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        """The newest row at or before a time."""
        return self._store.at_time(tag, time_ns, as_of=as_of)

    def read_pieces(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None = None, versions: bool = False
    ) -> Iterator[Rows]:
        """Rows of a tag in time order, in pieces."""
        return self._store.read_pieces(tag, start_ns, end_ns, as_of=as_of, versions=versions)

    def stretches_after(self, after: Position) -> Sequence[Stretch]:
        """Where in time rows may lie that came after an entry."""
        return self._store.stretches_after(after)


class MirrorFollower:
    """Follows on a thread of its own, from a cursor of its own; after a failure it tries again, for ever.

    It reads what the record has taken too, so that it knows what is a correction. The cursor follows the writing by
    seconds: after a crash points are written again, which changes nothing.
    """

    def __init__(
        self,
        name: str,
        rendering: Rendering,
        records: MirrorRecords,
        open_writer: Callable[[], LineWriter],
        refused: RefusedFile,
        watch: MirrorWatch,
        rhythm: Rhythm | None = None,
    ) -> None:
        self.name = name
        self.position: Position = START
        self.counts = MirrorCounts()
        self.watch = watch
        self._rendering = rendering
        self._journal = rendering.journal
        self._history = rendering.history
        self._records = records
        self._open_writer = open_writer
        self._refused = refused
        self._rhythm = rhythm or Rhythm()
        self._writer: LineWriter | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"mirror-{name}")
        self._stopping = threading.Event()
        self._work: _Work | None = None
        self._restored = False
        self._kept: Position = START  # the cursor as the records have it
        self._kept_s = time.monotonic()
        self._pause_s = 0.0
        self._trouble: str | None = None

    async def run(self) -> None:
        """Follow for ever; cancelling ends after the request that is under way."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                pause_s = await loop.run_in_executor(self._thread, self._attempt)
                await asyncio.sleep(pause_s)
        finally:
            self._stopping.set()
            await loop.run_in_executor(self._thread, self._end)
            self._thread.shutdown()

    def passed(self) -> Position:
        """Up to where the journal may be trimmed as far as this mirror goes; from any thread."""
        return self.watch.may_leave(self.position)

    @property
    def trouble(self) -> str | None:
        """Why it waits to try again; from any thread."""
        return self._trouble

    def figures(self) -> Iterator[Reading]:
        """What Prometheus hears of this mirror."""
        told = {
            "position": self.position,
            "failing": int(self._trouble is not None),
            "behind_seconds": self.watch.behind_s,
            "left_seconds": self.watch.hours_left * 3600,
            "rows_written_total": self.counts.written,
            "rows_too_old_total": self.counts.too_old,
            "rows_refused_total": self.counts.refused,
            "entries_missed_total": self.counts.missed_entries,
            "retries_total": self.counts.retries,
        }
        for name, value in told.items():
            yield Reading(f"thermowell_mirror_{name}", value, (self.name,))

    def _attempt(self) -> float:
        """One step; return how long to wait before the next."""
        try:
            went_on = self._step()
        except Busy as error:
            return max(self._failed(str(error)), error.after_s)
        except RetryLater as error:
            return self._failed(str(error))
        except Exception as error:  # the task's root: a mirror never ends what is not a mirror
            if self._trouble is None:
                log.exception("mirror %s", self.name)
            return self._failed(repr(error))
        if self._trouble is not None:
            log.info("mirror %s works again", self.name, extra={"mirror": self.name})
        self._trouble, self._pause_s = None, 0.0
        self.watch.look(None, is_behind=went_on)
        return 0.0 if went_on else self._rhythm.poll_s

    def _failed(self, why: str) -> float:
        """Tell a new reason once; the connection is made anew, so that a changed token is read.

        The pause doubles, and is a matter of luck by half: several mirrors of one server do not come back together.
        """
        if why != self._trouble:
            log.warning(
                "mirror %s waits: %s; %.1f h until its rows leave the journal",
                self.name,
                why,
                self.watch.hours_left,
                extra={"mirror": self.name},
            )
        self._trouble = why
        self.counts.retries += 1
        self._close_writer()
        self.watch.look(why, is_behind=True)
        self._pause_s = min(max(self._pause_s * 2, self._rhythm.first_pause_s), self._rhythm.longest_pause_s)
        return self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311  no secret hangs on it

    def _step(self) -> bool:
        """Mirror what is next; tell whether there was anything."""
        if not self._restored:
            self._restore()
        if self._writer is None:
            self._writer = self._open_writer()
        if self._work is None:
            self._work = self._next_work()
        went_on = self._work is not None
        if self._work is not None and self._did(self._writer, self._work):
            self.position = self._work.through
            self._work = None
        self._keep_cursor()
        return went_on

    def _restore(self) -> None:
        cursor = self._records.cursor_of(cursor_name(self.name))
        last = self._journal.last()
        if cursor > last:
            told = {"mirror": self.name}
            log.warning(
                "mirror %s starts afresh: it stood at %d, and the journal ends at %d",
                self.name,
                cursor,
                last,
                extra=told,
            )
            cursor = START
        self.position = self._kept = cursor
        self._rendering.begin()
        self._restored = True

    def _next_work(self) -> _Work | None:
        """What the next entries are in lines; where entries left the journal, what the record has of them."""
        seen = self._history.refresh()
        entries = [entry for entry in self._journal.read(self.position, _ENTRIES_AT_ONCE) if entry[0] <= seen]
        if not entries:
            return None
        through = entries[-1][0]
        missed = through - self.position - len(entries)
        if not missed:
            return _Work(_requests(self._rendering.of_entries(entries, self.position)), through)
        self.counts.missed_entries += missed
        log.warning(
            "mirror %s: %d entries between %d and %d had left the journal; their samples come from the record",
            self.name,
            missed,
            self.position,
            through,
            extra={"mirror": self.name},
        )
        return _Work(self._fill(entries), through)

    def _fill(self, entries: Sequence[tuple[Position, Entry]]) -> Iterator[Lines]:
        """Every row that came after where the mirror stands, from the record; the texts are in the entries."""
        after = self.position
        others = [(at, entry) for at, entry in entries if not isinstance(entry, SampleBatch)]
        yield from _requests(self._rendering.of_entries(others, after))
        for stretch in self._history.stretches_after(after):
            yield from _requests(self._rendering.of_stretch(stretch, after))
        self._rendering.begin()

    def _did(self, writer: LineWriter, work: _Work) -> bool:
        """Write the work's requests; False if stopped before the end. What failed is repeated: twice is once."""
        while not self._stopping.is_set():
            if work.failed is None:
                try:
                    work.failed = next(work.requests, None)
                except BaseException:
                    self._work = None  # a generator that failed is at its end: make it anew
                    raise
                if work.failed is None:
                    return True
            self._take_answer(len(work.failed), writer.write(work.failed))
            work.failed = None
        return False

    def _take_answer(self, count: int, answer: Answer) -> None:
        """Keep what was refused where it can be read, tell of it, and count."""
        self._refused.keep(answer.refused)
        for refusal in answer.refused[:_REFUSALS_LOGGED]:
            log.warning("mirror %s: refused for good: %s", self.name, refusal, extra={"mirror": self.name})
        self.counts.written += count - answer.refused_lines - answer.too_old
        self.counts.refused += answer.refused_lines
        self.counts.too_old += answer.too_old

    def _keep_cursor(self, *, at_once: bool = False) -> None:
        now_s = time.monotonic()
        due = at_once or now_s - self._kept_s >= self._rhythm.cursor_every_s
        if due and self.position != self._kept:
            with self._records.unit_of_work() as work:
                work.cursor(cursor_name(self.name), self.position)
            self._kept, self._kept_s = self.position, now_s

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _end(self) -> None:
        try:
            self._keep_cursor(at_once=True)
        except RetryLater as error:
            log.warning(
                "mirror %s: its cursor stays at %d: %s", self.name, self._kept, error, extra={"mirror": self.name}
            )
        self._close_writer()


def _requests(pieces: Iterator[Lines]) -> Iterator[Lines]:
    for lines in pieces:
        yield from in_requests(lines)


def mirrors_of(
    configuration: Configuration,
    journal: MirroredJournal,
    history: MirroredHistory,
    records: MirrorRecords,
    folder: Path,
    watch_of: Callable[[str, Hold], MirrorWatch] = MirrorWatch,
    rhythm: Rhythm | None = None,
) -> list[MirrorFollower]:
    """A follower for each entry of `mirrors`; `folder` is where refused lines are kept."""
    return [
        MirrorFollower(
            name,
            Rendering(line_protocol_of(configuration), journal, history),
            records,
            functools.partial(open_writer, configuration, mirror.influxdb),
            RefusedFile(folder / f"{name}.refused"),
            watch_of(name, hold_of(mirror)),
            rhythm,
        )
        for name, mirror in configuration.mirrors.items()
    ]


def line_protocol_of(configuration: Configuration) -> LineProtocol:
    """Lines under the site's name; each tag with the unit whose parameter it is."""
    unit_of = {tag: unit.name for unit in configuration.rulebook.units.values() for tag in unit.parameters.values()}
    return LineProtocol(configuration.site, (), unit_of, simulated=configuration.clock is not None)


def open_writer(configuration: Configuration, target: InfluxDb) -> LineWriter:
    """Connect with the token as its file has it now; RetryLater if that cannot be read, so that nothing else stops."""
    return InfluxWriter(bucket_of(configuration, target))


def bucket_of(configuration: Configuration, target: InfluxDb) -> InfluxBucket:
    """Where a mirror is, with the token as its file has it now."""
    file = configuration.beside(target.token_file)
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RetryLater(f"cannot read the token: {error}") from error
    return InfluxBucket(target.url, target.org, target.bucket, token)
