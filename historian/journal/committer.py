"""The one that writes: it commits groups, tells their senders, and trims between commits."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from domain.entries import START, Position
from domain.errors import DiskBudgetSpent, RetryLater, ThermowellError
from domain.figures import Histogram
from historian.journal import reading
from historian.journal.group import Group, Layout, write, write_memory
from historian.journal.intake import Intake, Waiting
from historian.journal.recent import Recent
from historian.journal.remembered import Memory
from historian.journal.schema import Connection
from historian.journal.trimming import Trim, Trims, delete_slice
from historian.journal.usage import Meter

_IDLE_S = 5.0
_REMEMBER_ENTRIES = 256
_REMEMBER_COMMITS = 64
_MEASURE_COMMITS = 16
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the writer shares with the rest of the journal."""

    path: Path
    intake: Intake
    recent: Recent
    meter: Meter
    trims: Trims
    tell: Callable[[Position], None]  # after each commit, in the writer's lane
    now_s: Callable[[], float]


class Committer:
    """A lane calls `turn` until its end; everything else may be looked at from other threads."""

    def __init__(self, connection: Connection, parts: Parts, layout: Layout, memory: Memory) -> None:
        self._connection = connection
        self._parts = parts
        self._layout = layout
        self._memory = memory
        self._remembered_through = START
        self._taken: list[Waiting] = []  # what the group is made of, also while it is being made
        self._group: Group | None = None
        self._commits_since_remembered = 0
        self._retry_at_s = 0.0
        self.problem: ThermowellError | None = None
        self.failures = 0
        self.commits = 0
        self.commit_failures = 0
        self.commit_seconds = Histogram("thermowell_journal_commit_seconds")
        self.acknowledged: Counter[str] = Counter()  # samples by source
        self.failed_acknowledgements = 0
        self.has_ended = False

    @property
    def memory(self) -> Memory:
        """Every source as of the newest commit."""
        return self._memory

    def turn(self) -> float | None:
        """Do what is due; return for how many seconds nothing will be, unless there is news. None at the end.

        The end is when the intake is closed and what waits is durable, or could not be made so at the last attempt.
        """
        try:
            if not self._is_over():
                wait_s = self._step()
                # What was taken as the intake closed was the last: nobody nudges any more.
                return 0.0 if self._is_over() else wait_s
        except Exception as error:
            # The root of the lane: whatever it was, nobody may wait for it in vain, or believe that it was written.
            log.exception("the journal %s stopped", self._parts.path)
            self.problem = RetryLater(f"the journal {self._parts.path} stopped: {error}")
        self._end()
        return None

    def _tell(self) -> None:
        try:
            self._parts.tell(self._parts.recent.last)
        except Exception:
            # Whoever wanted to be woken looks by itself now and then; the data must not wait for it.
            log.exception("the journal %s could not wake its readers", self._parts.path)

    def _is_over(self) -> bool:
        if not self._parts.intake.is_closed:
            return False
        return self.failures > 0 if self._group is not None else not self._parts.intake.has_waiting

    def _step(self) -> float:
        intake, trims = self._parts.intake, self._parts.trims
        poked = intake.was_poked()
        if self._group is None and intake.due_in_s() <= 0:
            self._taken = intake.take()
            self._group = self._layout.group(self._taken, self._parts.recent.last, self._memory)
        if self._group is not None and (poked or self._parts.now_s() >= self._retry_at_s):
            self._try(self._group)
        trim = trims.first()
        if trim is not None:
            self._trim_some(trim)
        if self._group is not None:
            return max(0.0, self._retry_at_s - self._parts.now_s())
        return 0.0 if trims.are_wanted else min(intake.due_in_s(), _IDLE_S)

    def _try(self, group: Group) -> None:
        """Commit a group, or keep it for another attempt: nothing of it is acknowledged, and nothing is lost."""
        begun_s = self._parts.now_s()
        try:
            if not (self.failures and self._has_landed(group)):
                self._demand_space(group)
                write(self._connection, group, remember=self._is_time_to_remember(group))
        except Exception as error:  # noqa: BLE001 - any library's error here means that nothing is durable
            self._note_failure(error)
            return
        self.commit_seconds.add(self._parts.now_s() - begun_s)
        self._group, self._taken = None, []
        self.problem, self.failures, self._retry_at_s = None, 0, 0.0
        self._after_commit(group)

    def _demand_space(self, group: Group) -> None:
        meter = self._parts.meter
        if meter.would_exceed(group.size):
            meter.measure(reading.pages_bytes(self._connection))
        if meter.would_exceed(group.size):
            usage = meter.usage()
            raise DiskBudgetSpent(
                f"{self._parts.path} uses {usage.used_bytes} of its {usage.quota_bytes} bytes and needs {group.size}: "
                "nothing is acknowledged until followers let it be trimmed",
            )

    def _has_landed(self, group: Group) -> bool:
        """Whether an attempt that reported an error was durable all the same: then a second one would double it."""
        return bool(group.entries) and reading.last_position(self._connection) >= group.last

    def _is_time_to_remember(self, group: Group) -> bool:
        return (
            self._commits_since_remembered >= _REMEMBER_COMMITS
            or group.last - self._remembered_through >= _REMEMBER_ENTRIES
        )

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self.commit_failures += 1
        pause_s = min(_FIRST_PAUSE_S * 2 ** (self.failures - 1), _LONGEST_PAUSE_S)
        self._retry_at_s = self._parts.now_s() + pause_s
        if self.failures == 1:
            log.error("the journal %s cannot commit: %s", self._parts.path, error)
        if isinstance(error, ThermowellError):
            self.problem = error
        else:
            self.problem = RetryLater(f"{self._parts.path}: {type(error).__name__}: {error}")
        self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except Exception as error:  # noqa: BLE001 - SQLite rolls back by itself; the next BEGIN tells if it did not
                log.warning("the journal %s cannot roll back: %s", self._parts.path, error)

    def _after_commit(self, group: Group) -> None:
        """Followers first, then the acknowledgements, then the bell: each only after the commit."""
        self.commits += 1
        self._memory = group.memory
        if group.must_remember or self._is_time_to_remember(group):
            self._note_remembered(group.last)
        else:
            self._commits_since_remembered += 1
        for position, entry in group.entries:
            self._parts.recent.add(position, entry)
        self._measure(group)
        self._parts.intake.settle(group.items)
        for item, end in zip(group.items, group.ends, strict=True):
            try:
                item.durable(end)
                if item.received is not None:
                    self.acknowledged[item.source] += item.received
            except Exception:
                # A sender's fault must not stop the others' data; what it did not acknowledge will come again.
                self.failed_acknowledgements += 1
                log.exception("an acknowledgement to %s failed", item.source)
        self._tell()

    def _measure(self, group: Group) -> None:
        """Count what a commit took; the file itself is asked now and then, and before its quota is called spent."""
        self._parts.meter.add(sum(map(len, group.bodies)), group.size)
        if self.commits % _MEASURE_COMMITS == 1:
            self._parts.meter.measure(reading.pages_bytes(self._connection))

    def _note_remembered(self, through: Position) -> None:
        self._remembered_through, self._commits_since_remembered = through, 0

    def _trim_some(self, trim: Trim) -> None:
        """Delete one small slice, so that a commit never waits long."""
        try:
            through = delete_slice(self._connection, trim.through, self._remembered_through, self._remember)
        except Exception as error:  # noqa: BLE001 - as in `_try`; whoever asked for the trim may ask again
            self._roll_back()
            self._parts.trims.fail(trim, RetryLater(f"{self._parts.path}: cannot trim: {error}"))
            return
        self._parts.recent.forget(trim.through if through is None else through)
        self._parts.meter.measure(reading.pages_bytes(self._connection))
        if through is None:
            self._parts.trims.finish(trim)

    def _remember(self) -> None:
        write_memory(self._connection, self._memory, self._parts.recent.last)
        self._note_remembered(self._parts.recent.last)

    def _end(self) -> None:
        """Say to everybody who still waits that it was not written, and let the file go."""
        self._parts.intake.close()
        reason = self.problem or RetryLater(f"the journal {self._parts.path} is closed")
        for item in [*self._taken, *self._parts.intake.take()]:
            item.failed(reason)
        self._parts.trims.close(reason)
        try:
            if self.failures == 0 and self.problem is None:
                self._connection.execute("BEGIN IMMEDIATE")
                self._remember()
                self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - what was acknowledged is durable; this only makes the next start quicker
            log.warning("the journal %s did not close cleanly: %s", self._parts.path, error)
        try:
            self._connection.close()
        except Exception as error:  # noqa: BLE001 - there is nothing left to save
            log.warning("the journal %s was not let go cleanly: %s", self._parts.path, error)
        self.has_ended = True
        self._tell()
