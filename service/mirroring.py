"""Mirrors: followers of the journal that copy samples elsewhere, and never hold anything up.

A mirror proves nothing: the chunk store is the record. So the journal is trimmed without asking a mirror; what has
left the journal before it was mirrored is counted and told, and is filled in from the record by hand.
"""

import asyncio
import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from domain.entries import START, Entry, Position, TagDefined
from domain.errors import RetryLater
from domain.ports import JournalReader, Records
from domain.samples import SampleBatch
from historian.influx import MOST_LINES, InfluxBucket, InfluxWriter, RefusedLines
from historian.line_protocol import LineProtocol
from service.config.build import Configuration
from service.config.model import InfluxDb

log = logging.getLogger(__name__)

_ENTRIES_AT_ONCE = 64
_REFUSALS_LOGGED = 3


class LineWriter(Protocol):
    """Where lines go; `historian.influx.InfluxWriter` is one. Calls block."""

    def write(self, lines: list[str]) -> list[RefusedLines]:
        """Write all that can be written; return what was refused for good. RetryLater: write all of it again."""
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
    """What became of the rows since the process started."""

    written: int = 0
    left_out: int = 0  # not finite, or before 1970: InfluxDB cannot hold them
    refused: int = 0
    missed_entries: int = 0  # had left the journal; samples, heartbeats and source states


class MirrorFollower:
    """Reads the journal on a thread of its own, from a cursor of its own; after a failure it tries again, for ever.

    The cursor follows the writing by seconds: after a crash points are written again, which changes nothing.
    """

    def __init__(
        self,
        name: str,
        journal: JournalReader,
        records: MirrorRecords,
        protocol: LineProtocol,
        open_writer: Callable[[], LineWriter],
        rhythm: Rhythm | None = None,
    ) -> None:
        self.name = name
        self.position: Position = START
        self.counts = MirrorCounts()
        self._journal = journal
        self._records = records
        self._protocol = protocol
        self._open_writer = open_writer
        self._rhythm = rhythm or Rhythm()
        self._writer: LineWriter | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"mirror-{name}")
        self._stopping = threading.Event()
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

    def gauges(self) -> Mapping[str, float]:
        """What Prometheus hears of this mirror."""
        label = f"{{mirror={json.dumps(self.name, ensure_ascii=False)}}}"
        return {
            f"thermowell_mirror_position{label}": self.position,
            f"thermowell_mirror_failing{label}": int(self._trouble is not None),
            f"thermowell_mirror_rows_written_total{label}": self.counts.written,
            f"thermowell_mirror_rows_left_out_total{label}": self.counts.left_out,
            f"thermowell_mirror_rows_refused_total{label}": self.counts.refused,
            f"thermowell_mirror_entries_missed_total{label}": self.counts.missed_entries,
        }

    def _attempt(self) -> float:
        """One step; return how long to wait before the next."""
        try:
            went_on = self._step()
        except RetryLater as error:
            return self._failed(str(error))
        except Exception as error:  # the task's root: a mirror never ends what is not a mirror
            if self._trouble is None:
                log.exception("mirror %s", self.name)
            return self._failed(repr(error))
        if self._trouble is not None:
            log.info("mirror %s works again", self.name)
        self._trouble, self._pause_s = None, 0.0
        return 0.0 if went_on else self._rhythm.poll_s

    def _failed(self, why: str) -> float:
        """Tell a new reason once; the connection is made anew, so that a changed token is read."""
        if why != self._trouble:
            log.warning("mirror %s waits: %s", self.name, why)
        self._trouble = why
        self._close_writer()
        self._pause_s = min(max(self._pause_s * 2, self._rhythm.first_pause_s), self._rhythm.longest_pause_s)
        return self._pause_s

    def _step(self) -> bool:
        """Mirror the next entries; tell whether there were any."""
        if not self._restored:
            self._restore()
        if self._writer is None:
            self._writer = self._open_writer()
        entries = self._journal.read(self.position, _ENTRIES_AT_ONCE)
        if entries and self._mirror(self._writer, entries):
            self._look_for_holes(entries)
            self.position = entries[-1][0]
        self._keep_cursor()
        return bool(entries)

    def _restore(self) -> None:
        cursor = self._records.cursor_of(self._cursor_name)
        last = self._journal.last()
        if cursor > last:
            log.warning("mirror %s starts afresh: it stood at %d, and the journal ends at %d", self.name, cursor, last)
            cursor = START
        self.position = self._kept = cursor
        for tag in self._journal.tags():
            self._protocol.define(tag)
        self._restored = True

    def _mirror(self, writer: LineWriter, entries: Sequence[tuple[Position, Entry]]) -> bool:
        """Write the entries' rows; False if stopped before the end. Counted only once all is written."""
        lines: list[str] = []
        left_out = 0
        for _, entry in entries:
            if isinstance(entry, SampleBatch):
                rendered = self._protocol.render(entry)
                lines += rendered.lines
                left_out += rendered.not_finite + rendered.before_1970
            elif isinstance(entry, TagDefined):
                self._protocol.define(entry.tag)
        refused: list[RefusedLines] = []
        for start in range(0, len(lines), MOST_LINES):
            if self._stopping.is_set():
                return False
            refused += writer.write(lines[start : start + MOST_LINES])
        for refusal in refused[:_REFUSALS_LOGGED]:
            log.warning("mirror %s: refused for good: %s", self.name, refusal)
        refused_rows = sum(len(refusal.lines) for refusal in refused)
        self.counts.written += len(lines) - refused_rows
        self.counts.refused += refused_rows
        self.counts.left_out += left_out
        return True

    def _look_for_holes(self, entries: Sequence[tuple[Position, Entry]]) -> None:
        """Positions follow each other without holes, except where the journal was trimmed."""
        missed = entries[-1][0] - self.position - len(entries)
        if missed:
            self.counts.missed_entries += missed
            log.warning(
                "mirror %s: %d entries between %d and %d had left the journal (samples, heartbeats); "
                "the record has their samples",
                self.name,
                missed,
                self.position,
                entries[-1][0],
            )

    def _keep_cursor(self, *, at_once: bool = False) -> None:
        now_s = time.monotonic()
        due = at_once or now_s - self._kept_s >= self._rhythm.cursor_every_s
        if due and self.position != self._kept:
            with self._records.unit_of_work() as work:
                work.cursor(self._cursor_name, self.position)
            self._kept, self._kept_s = self.position, now_s

    @property
    def _cursor_name(self) -> str:
        return f"mirror:{self.name}"

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _end(self) -> None:
        try:
            self._keep_cursor(at_once=True)
        except RetryLater as error:
            log.warning("mirror %s: its cursor stays at %d: %s", self.name, self._kept, error)
        self._close_writer()


def mirrors_of(
    configuration: Configuration,
    journal: JournalReader,
    records: MirrorRecords,
    rhythm: Rhythm | None = None,
) -> list[MirrorFollower]:
    """A follower for each entry of `mirrors`."""
    return [
        MirrorFollower(
            name,
            journal,
            records,
            line_protocol_of(configuration),
            functools.partial(open_writer, configuration, mirror.influxdb),
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
    file = configuration.beside(target.token_file)
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RetryLater(f"cannot read the token: {error}") from error
    return InfluxWriter(InfluxBucket(target.url, target.org, target.bucket, token))
