"""`SqliteJournal`: the Journal port on one SQLite file in WAL mode, with group commit in a lane of its own.

An entry is visible to followers, and its delivery acknowledged, only once its commit is durable (`synchronous=FULL`).
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from domain.entries import ConfigurationActivated, Entry, PersonAction, Position, RecipeApproved, TagDefined
from domain.errors import DamagedEntry, DamagedFile, RetryLater, ThermowellError
from domain.figures import Reading
from domain.ports import Delivery, SourceLedger
from historian.journal import reading
from historian.journal.bell import Bell, call_in
from historian.journal.checking import part_of
from historian.journal.committer import Committer, Parts
from historian.journal.damage import tells_of_damage
from historian.journal.following import DiskReader
from historian.journal.group import Layout
from historian.journal.intake import MOST_ROWS, ROOM_ROWS, Intake, Waiting
from historian.journal.joining import Part, rows_in
from historian.journal.lane import Lane, ThreadLane
from historian.journal.layouts import LearntLayouts
from historian.journal.lock import WriterLock
from historian.journal.recent import Recent
from historian.journal.remembered import ledger_of
from historian.journal.schema import (
    Connect,
    Connection,
    connect_reader,
    connect_writer,
    errors_named,
    make_folder,
    prepare_writer,
)
from historian.journal.trimming import Trim, Trims
from historian.journal.usage import Meter, Usage

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.1
CLOSE_LIMIT_S = 30.0
_URGENT = (PersonAction, RecipeApproved, ConfigurationActivated, TagDefined)
_YIELD_ENTRIES = 64  # a follower that catches up lets others run after so many


@dataclass(frozen=True, slots=True)
class Health:
    """How the writing goes. `problem` is DiskBudgetSpent, or RetryLater for what the disk refused; None if all is well.

    `waiting_rows` are taken and not yet durable; above `room_rows` sources are held back, above `most_rows` refused.
    """

    problem: ThermowellError | None
    failures: int  # attempts of the present group that failed
    waiting_rows: int
    room_rows: int
    most_rows: int
    commits: int
    failed_acknowledgements: int
    last: Position
    commit_failures: int = 0  # since the start
    oldest_s: float = 0.0  # how long the oldest that waits has waited


class SqliteJournal:
    """Made by `open`; exactly one for a file, in one process. Its methods may be called from any thread or loop."""

    def __init__(
        self,
        path: Path,
        lock: WriterLock,
        committer: Committer,
        parts: Parts,
        bell: Bell,
        disk: DiskReader,
        lane: Lane,
    ) -> None:
        self._path = path
        self._lock = lock
        self._committer = committer
        self._parts = parts
        self._bell = bell
        self._disk = disk
        self._is_closed = False
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self._telling: set[int] = set()  # the first of entries that cannot be read, whose gaps are on their way
        self.passes_damage: Callable[[str, str], None] = _ignore
        """Called with file and place when a follower passes what cannot be read; must be quick and not raise."""
        self._lane = lane
        lane.start(committer.turn)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        flush_interval_s: float = FLUSH_INTERVAL_S,
        quota_bytes: int | None = None,
        connect: Connect | None = None,
        connect_read: Connect | None = None,
        on_commit: Callable[[Position], None] | None = None,
        lane: Lane | None = None,
    ) -> "SqliteJournal":
        """Open or make the file. Blocks for the disk.

        Refused if it has a writer, DamagedFile if it is no journal, NewerFormat if a newer program wrote it.
        Writing happens in the lane, by default a thread. `on_commit` is called there after each commit; it must be
        quick and must not raise.
        """
        path = Path(path).absolute()
        make_folder(path.parent)
        lock = WriterLock(path)
        try:
            with errors_named(path):
                disk = DiskReader(path, connect_read or connect_reader)
                connection = (connect or connect_writer)(str(path))
                lane = lane or ThreadLane("journal-write")
                return cls._open_locked(path, lock, connection, disk, lane, flush_interval_s, quota_bytes, on_commit)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_locked(
        cls,
        path: Path,
        lock: WriterLock,
        connection: Connection,
        disk: DiskReader,
        lane: Lane,
        flush_interval_s: float,
        quota_bytes: int | None,
        on_commit: Callable[[Position], None] | None,
    ) -> "SqliteJournal":
        try:
            prepare_writer(connection, path)
            bell = Bell()
            meter = Meter(path, quota_bytes, lane.now_s)
            meter.measure(reading.pages_bytes(connection))
            recent = Recent(reading.last_position(connection))

            def tell(last: Position) -> None:
                bell.ring()
                if on_commit is not None:
                    on_commit(last)

            intake = Intake(flush_interval_s, lane.now_s, lane.nudge)
            parts = Parts(path, intake, recent, meter, Trims(), tell, lane.now_s)
            layout = Layout(LearntLayouts(reading.all_layouts(connection)))
            committer = Committer(connection, parts, layout, reading.remembered(connection))
        except BaseException:
            connection.close()
            raise
        return cls(path, lock, committer, parts, bell, disk, lane)

    async def append(self, *entries: Entry) -> Position:
        """Return the position of the last entry, once all are durable.

        Samples count as received and as journaled. RetryLater if they did not become durable, Refused if malformed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Position] = loop.create_future()
        parts = [part_of(entry) for entry in entries]

        def durable(position: Position) -> None:
            call_in(loop, lambda: None if future.done() else future.set_result(position))

        def failed(error: Exception) -> None:
            call_in(loop, lambda: None if future.done() else future.set_exception(RetryLater(str(error))))

        waiting = Waiting("", parts, None, 0, _weight(parts), durable, failed)
        self._parts.intake.put(waiting, urgent=any(isinstance(entry, _URGENT) for entry in entries))
        return await future

    def submit(self, delivery: Delivery) -> None:
        """Queue a delivery for the next group commit; its `acknowledge` is called after the commit.

        RetryLater when far more is waiting than `room` allows; Refused when an entry is malformed.
        """
        parts = [part_of(entry) for entry in delivery.entries]
        waiting = Waiting(
            delivery.source,
            parts,
            delivery.received,
            delivery.redelivered,
            _weight(parts),
            lambda _: delivery.acknowledge(),
            _leave_unacknowledged,
        )
        self._parts.intake.put(waiting, urgent=any(isinstance(entry, _URGENT) for entry in delivery.entries))

    async def room(self) -> None:
        """Return once fewer rows than the bound wait for their commit. RetryLater once the journal is closed."""
        with self._bell.listening() as rung:
            while True:
                rung.clear()
                if self._parts.intake.is_closed:
                    raise RetryLater(str(self._committer.problem or f"the journal {self._path} is closed"))
                if self._parts.intake.unacknowledged_rows < ROOM_ROWS:
                    return
                await rung.wait()

    async def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        """Yield every durable entry after a position, then wait for more; ends when the journal is closed.

        In the place of an entry that cannot be read comes the gap that tells of it, once that is durable. RetryLater if
        the journal stopped by itself. DamagedFile where nothing more can be read, and where the journal ends before
        `after`: it is older than what followed it, so positions would mean other entries.
        """
        position = after
        if after > self._parts.recent.last:
            raise DamagedFile(f"{self._path} ends at {self._parts.recent.last}, before its follower's position {after}")
        with self._bell.listening() as rung:
            while True:
                rung.clear()
                newest, has_ended = self._parts.recent.last, self._committer.has_ended
                if position >= newest and not has_ended:
                    await rung.wait()
                    continue
                try:
                    entries = await self._next_entries(position)
                except DamagedEntry as damaged:
                    if not await self.tell(damaged):
                        await rung.wait()
                    continue
                if entries is None:
                    self._raise_problem()
                    return
                for at, entry in entries:
                    if tells_of_damage(entry, at):
                        self.passes_damage(self._path.name, entry.detail)
                    yield at, entry
                    position = at
                if not entries:
                    position = newest  # everything between was trimmed

    async def tell(self, damaged: DamagedEntry) -> bool:
        """Journal the gaps that tell of what cannot be read, so that followers may pass it; whether they are durable.

        Not yet while somebody else does it, or nothing came after it that tells when it ended.
        """
        if damaged.first in self._telling:
            return False
        self._telling.add(damaged.first)
        try:
            loop = asyncio.get_running_loop()
            gaps = await loop.run_in_executor(self._reads, self._disk.gaps_of, damaged)
            if gaps:
                log.error("%s", damaged)
                self.passes_damage(self._path.name, gaps[0].detail)
                await self.append(*gaps)
            return bool(gaps)
        finally:
            self._telling.discard(damaged.first)

    async def trim(self, through: Position) -> None:
        """Drop samples, heartbeats and source states up to a position that every follower has passed.

        The other entries stay for good, and so do each source's counts, newest heartbeat and newest state.
        RetryLater if the disk refuses.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def done() -> None:
            call_in(loop, lambda: None if future.done() else future.set_result(None))

        def failed(error: Exception) -> None:
            call_in(loop, lambda: None if future.done() else future.set_exception(RetryLater(str(error))))

        self._parts.trims.put(Trim(min(through, self._parts.recent.last), done, failed))
        self._parts.intake.poke()
        await future

    def last(self) -> Position:
        """The newest durable position."""
        return self._parts.recent.last

    def ledger(self) -> Sequence[SourceLedger]:
        """The counts of every source, as of the newest commit."""
        return ledger_of(self._committer.memory.values())

    def usage(self) -> Usage:
        """How full the journal is, as of the newest commit."""
        return self._parts.meter.usage()

    def health(self) -> Health:
        """How the writing goes."""
        return Health(
            self._committer.problem,
            self._committer.failures,
            self._parts.intake.unacknowledged_rows,
            ROOM_ROWS,
            MOST_ROWS,
            self._committer.commits,
            self._committer.failed_acknowledgements,
            self._parts.recent.last,
            self._committer.commit_failures,
            self._parts.intake.oldest_s,
        )

    def figures(self) -> Iterator[Reading]:
        """The ledger, and how the writing goes, for Prometheus."""
        for each in self.ledger():
            label = (each.source,)
            yield Reading("thermowell_samples_received_total", each.received, label)
            yield Reading("thermowell_samples_journaled_total", each.journaled, label)
            yield Reading("thermowell_samples_quarantined_total", each.quarantined, label)
            yield Reading("thermowell_samples_redelivered_total", each.redelivered, label)
            yield Reading("thermowell_samples_unaccounted", each.unaccounted, label)
        for source, count in sorted(self._committer.acknowledged.copy().items()):
            yield Reading("thermowell_samples_acknowledged_total", count, (source,))
        health = self.health()
        yield Reading("thermowell_journal_position", health.last)
        yield Reading("thermowell_journal_commits_total", health.commits)
        yield Reading("thermowell_journal_commit_failures_total", health.commit_failures)
        yield Reading("thermowell_journal_failing", int(health.problem is not None))
        yield Reading("thermowell_journal_acknowledgement_failures_total", health.failed_acknowledgements)
        yield Reading("thermowell_journal_waiting_rows", health.waiting_rows)
        yield Reading("thermowell_journal_room_rows", health.room_rows)
        yield Reading("thermowell_buffer_oldest_seconds", health.oldest_s, ("intake",))
        yield self._committer.commit_seconds.reading()
        yield from self._space()

    def _space(self) -> Iterator[Reading]:
        usage = self.usage()
        yield Reading("thermowell_journal_bytes", usage.used_bytes)
        if usage.quota_bytes is not None:
            yield Reading("thermowell_journal_quota_bytes", usage.quota_bytes)
        if math.isfinite(usage.hours_left):
            yield Reading("thermowell_journal_left_seconds", usage.hours_left * 3600)

    def close(self) -> None:
        """Commit what waits, end the followers and let the file go. Blocks; RetryLater if the disk takes too long.

        What could not be committed stays unacknowledged.
        """
        self._parts.intake.close()
        if not self._lane.join(CLOSE_LIMIT_S):
            raise RetryLater(f"the journal {self._path} still waits for its disk after {CLOSE_LIMIT_S:g} s")
        self._is_closed = True
        self._reads.shutdown()
        self._disk.close()
        self._lock.release()

    async def _next_entries(self, position: Position) -> Sequence[tuple[Position, Entry]] | None:
        """What follows a position: from memory if it is recent, else from the disk. None: no more will come."""
        found: list[tuple[Position, Entry]] = []
        for at in range(position + 1, position + 1 + _YIELD_ENTRIES):
            entry = self._parts.recent.get(Position(at))
            if entry is None:
                break
            found.append((Position(at), entry))
        if found:
            await asyncio.sleep(0)
            return found
        if position >= self._parts.recent.last:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._reads,
                self._disk.after,
                position,
                _YIELD_ENTRIES,
            )
        except RuntimeError:
            if not self._is_closed:
                raise
            return None

    def _raise_problem(self) -> None:
        if self._committer.problem is not None:
            raise RetryLater(str(self._committer.problem))


def _weight(parts: Sequence[Part]) -> int:
    return max(1, sum(map(rows_in, parts)))


def _ignore(_file: str, _place: str) -> None:
    """Nobody wants to hear of damage."""


def _leave_unacknowledged(_: Exception) -> None:
    """Nobody waits for a delivery: its source sends it again because it was not acknowledged."""
