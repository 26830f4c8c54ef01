"""The detection follower: entries → findings → alarm transitions → notices, committed together with their cursor."""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from alarms.book import AlarmBook
from detectors.late.rejudging import RowsOfTag
from domain.alarms import Notice, Transition
from domain.approvals import CLOSING, Closing, Decision
from domain.entries import (
    START,
    ActionKind,
    BatchEvent,
    Entry,
    Heartbeat,
    PersonAction,
    Position,
    RecipeApproved,
    Rejudge,
)
from domain.errors import DamagedFile, NewerFormat, Refused, RetryLater
from domain.figures import Histogram, Reading
from domain.findings import BatchTold, Conclusion, EquipmentState, Finding, FindingId, PhaseRecord, Recheck, Stage
from domain.genealogy import BatchLink
from domain.holds import HoldDecision
from domain.models import ModelDecision
from domain.ports import Detector, Records
from domain.rules import SuppressionNow
from service.tally import FollowerTally

log = logging.getLogger(__name__)

NAME = "judging"

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 2.0  # while the records are away

Told = TypeVar("Told")

_OF_DETECTORS = (ActionKind.APPROVE_MODEL, ActionKind.HOLD_START, ActionKind.HOLD_STOP, *CLOSING)
"""Actions that the detectors take, and answer."""

_TOLD_TO_DETECTORS = (ActionKind.CALIBRATED, ActionKind.CALIBRATION_FAILED)
"""Actions that the detectors take without an answer."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often is written down how far the judge has come: what a crash costs is judged again. `now_s` counts it."""

    now_s: Callable[[], float] = time.monotonic
    cursor_every_s: float = 1.0  # where nothing else is to be written
    snapshot_every_s: float = 30.0


class Followed(Protocol):
    """The journal as the follower needs it, in whichever process."""

    def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        """Yield every durable entry after a position, then wait for more."""
        ...


class JudgeRecords(Records, Protocol):
    """The records as the follower needs them."""

    def cursor_of(self, name: str) -> Position:
        """Where a follower stands."""
        ...

    def snapshot_of(self, name: str) -> tuple[Position, bytes] | None:
        """A detector's newest state."""
        ...

    def open_findings(self) -> Sequence[Finding]:
        """The newest version of what is not cleared, and of what cleared lately under an active alarm."""
        ...

    def approved_entries(self) -> Sequence[tuple[Position, RecipeApproved]]:
        """What was approved up to the judge's cursor, each with its place in the journal, in that order."""
        ...

    def closings(self) -> Sequence[PersonAction]:
        """The rejections and withdrawals of proposals that counted, newest first."""
        ...


class JudgeDetector(Detector, Protocol):
    """The detectors as the follower needs them."""

    def carry_over(self, state: bytes, announced: Sequence[Finding] = ()) -> Collection[FindingId]:
        """Take from a state of other rules what does not depend on them; return which findings are followed on."""
        ...

    def rejudge(self, position: Position, entry: Rejudge, rows_of: RowsOfTag) -> Sequence[Conclusion]:
        """Judge a stretch of a tag again, with its rows as of this entry."""
        ...

    def rechecks_asked(self) -> Sequence[Recheck]:
        """What was told to be judged again and is not yet."""
        ...


def _no_record(_: Position) -> RowsOfTag:
    raise Refused("there is no record to judge late rows by")


@dataclass(slots=True)
class Effects:
    """What follows from one entry, to be committed at once."""

    findings: list[Finding] = field(default_factory=list)
    phases: list[PhaseRecord] = field(default_factory=list)
    equipment: list[EquipmentState] = field(default_factory=list)
    told: list[BatchTold] = field(default_factory=list)
    links: list[BatchLink] = field(default_factory=list)
    taken: list[BatchEvent] = field(default_factory=list)  # whose sender waits for an answer
    rechecks: list[Recheck] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    actions: list[tuple[PersonAction, str, str | None]] = field(default_factory=list)  # action, what, error
    changed: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # by action: old state, new state, batch
    decisions: list[Decision] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether there is anything to commit."""
        batches = (self.phases, self.equipment, self.told, self.links, self.taken)
        others = (self.findings, self.transitions, self.notices, self.actions, self.decisions)
        return any(batches) or any(others)

    def add(self, conclusion: Conclusion) -> None:
        """Put a conclusion among those of its kind."""
        match conclusion:
            case Finding():
                self.findings.append(conclusion)
            case PhaseRecord():
                self.phases.append(conclusion)
            case EquipmentState():
                self.equipment.append(conclusion)
            case Decision():
                self.decisions.append(conclusion)
            case BatchTold():
                self.told.append(conclusion)
            case BatchLink():
                self.links.append(conclusion)
            case (
                ModelDecision(action=action, error=error)
                | HoldDecision(action=action, error=error)
                | Closing(action=action, error=error)
            ):
                self.actions.append((action, f"{action.kind}{' refused' if error else ''}", error or None))
            case Recheck():
                self.rechecks.append(conclusion)


class Judge:
    """Folds the journal with the detectors and the alarm book; the only writer of alarm states."""

    def __init__(
        self,
        journal: Followed,
        records: JudgeRecords,
        bank: JudgeDetector,
        book: AlarmBook,
        notices_for: Callable[[Sequence[Transition]], Sequence[Notice]],
        committed: Callable[[Effects], None],
        last_beat_ns: int = 0,
        rhythm: Rhythm = Rhythm(),
    ) -> None:
        """`last_beat_ns`: the newest heartbeat of the time before, which ends what other rules left open."""
        self._journal = journal
        self._records = records
        self._bank = bank
        self._book = book
        self._notices_for = notices_for
        self._committed = committed
        self._last_beat_ns = last_beat_ns
        self._rhythm = rhythm
        self.rows_as_of: Callable[[Position], RowsOfTag] = _no_record
        """The record as of an entry: what late rows are judged by."""
        self._rules_changed = False  # until the replay has come to where the other rules had judged
        self._replayed_phases: list[PhaseRecord] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self.position: Position = START
        self.snapshot_position: Position = START
        self.rechecks = 0
        self.asked: Sequence[Recheck] = ()
        """What late rows ask to be judged again and is not yet; read from any thread."""
        self.rejudged = 0
        self.rejudging_s = 0.0
        self.trouble: str | None = None
        """Why nothing that is judged can be written just now; read from any thread."""
        self.damaged = 0
        """Snapshots that could not be read; read from any thread."""
        self._tally = FollowerTally("thermowell_samples_judged_total", "thermowell_judge_entry_seconds")
        self._transactions = Histogram("thermowell_database_transaction_seconds")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        self._stopping = threading.Event()
        self._noted: deque[Finding] = deque()
        self._written_s = 0.0
        self._snapshot_s = -math.inf  # the first write has one, so that rules may change at once

    def passed(self) -> Position:
        """The position that a replay would start after: the journal may be trimmed up to here."""
        return self.snapshot_position

    def suppressions(self) -> Sequence[SuppressionNow]:
        """The suppressions by design that are in force; from any thread."""
        return self._book.suppressions()

    def note(self, finding: Finding) -> None:
        """Take a finding about the service itself, from any thread; it is told at once, or with the next entry."""
        self._noted.append(finding)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    def figures(self) -> Iterator[Reading]:
        """What was judged, for Prometheus."""
        yield Reading("thermowell_rechecks_total", self.rechecks)
        yield Reading("thermowell_rechecks_waiting", len(self.asked))
        yield Reading("thermowell_rejudged_total", self.rejudged)
        yield Reading("thermowell_rejudging_seconds_total", self.rejudging_s)
        yield Reading("thermowell_damaged_files", self.damaged)
        yield self._transactions.reading()
        yield from self._tally.figures()

    async def run(self) -> None:
        """Follow for ever."""
        loop = self._loop = asyncio.get_running_loop()
        cursor = await loop.run_in_executor(self._thread, self._restore)
        telling = asyncio.create_task(self._tell_noted_for_ever(cursor))
        try:
            async for position, entry in self._journal.follow(self.snapshot_position):
                await loop.run_in_executor(self._thread, self._take_next, position, entry, position <= cursor)
                if telling.done():
                    telling.result()
        finally:
            telling.cancel()
            self._stopping.set()
            self._thread.shutdown(wait=True)

    async def _tell_noted_for_ever(self, cursor: Position) -> None:
        """Tell what was noted although no entry comes: also of a journal that takes none."""
        loop = asyncio.get_running_loop()
        while True:
            await self._told.wait()
            self._told.clear()
            await loop.run_in_executor(self._thread, self._tell_noted, cursor)

    def _tell_noted(self, cursor: Position) -> None:
        """Write what was noted behind the newest entry; while the replay has not come to the cursor, it waits."""
        if not self._noted or self._rules_changed or self.position < cursor:
            return
        effects = Effects()
        self._add_noted(effects)
        effects.notices += self._notices_for(effects.transitions)
        self._write(self.position, effects, self._rhythm.now_s())

    def _add_noted(self, effects: Effects, concluded: Sequence[Conclusion] = ()) -> None:
        """Give the book what the detectors concluded, in its order, and what was noted about the service."""
        concerning = [each for each in concluded if isinstance(each, Finding | PhaseRecord | EquipmentState)]
        noted: list[Finding] = []
        while self._noted:
            noted.append(self._noted.popleft())
        effects.findings += noted
        effects.transitions += self._book.apply(*concerning, *noted)

    def _take_next(self, position: Position, entry: Entry, already_written: bool) -> None:  # noqa: FBT001  a fact of the entry
        begun_s = time.perf_counter()
        self._take(position, entry, already_written)
        if not already_written:
            self._tally.took(entry, time.perf_counter() - begun_s)

    def _restore(self) -> Position:
        """Go back to the newest snapshot; what was written since then is replayed without effect.

        Without any the journal is replayed from its start; a damaged one is as good as none, but what came before it
        may be trimmed: the detectors then start afresh from the cursor.
        """
        cursor = self._until_taken(lambda: self._records.cursor_of(NAME))
        kept = self._until_taken(lambda: self._records.snapshot_of(NAME))
        if kept is not None:
            position, state = kept
            try:
                self._take_over(state)
                self.snapshot_position = position
            except NewerFormat:
                raise  # to judge without it, and to write over it, would lose what a newer program knows
            except DamagedFile as error:
                self.damaged += 1
                log.error("the detectors start afresh: %s", error)  # noqa: TRY400  the message says all
                self.snapshot_position = cursor
                for at, entry in self._until_taken(self._records.approved_entries):
                    self._bank.update(at, entry)
                for action in reversed(self._until_taken(self._records.closings)):
                    self._bank.update(cursor, action)
        self.position = self.snapshot_position
        return cursor

    def _take_over(self, state: bytes) -> None:
        try:
            told = self._bank.restore(state)
            if told:
                log.warning("%s", told)
        except Refused as error:
            log.warning("%s; phases, batches and holds are carried over, the rest is judged anew", error)
            self._bank.carry_over(state)
            self._rules_changed = True

    def take(self, position: Position, entry: Entry) -> None:
        """Judge the next entry of a replay: nothing of it is written yet."""
        self._take(position, entry, already_written=False)

    def _take(self, position: Position, entry: Entry, already_written: bool) -> None:  # noqa: FBT001  a fact of the entry
        if self._rules_changed and not already_written:
            self._judge_anew()
        concluded = self._conclude(position, entry)
        self.position = position
        if already_written:
            if self._rules_changed:
                self._replayed_phases += [each for each in concluded if isinstance(each, PhaseRecord)]
            return
        effects = self._effects(entry, concluded)
        self.rechecks += len(effects.rechecks)
        now_s = self._rhythm.now_s()
        if effects or now_s - self._written_s > self._rhythm.cursor_every_s:
            self._write(position, effects, now_s)

    def _conclude(self, position: Position, entry: Entry) -> Sequence[Conclusion]:
        if not isinstance(entry, Rejudge):
            concluded = self._bank.update(position, entry)
            if isinstance(entry, Heartbeat):
                self.asked = self._bank.rechecks_asked()
            return concluded
        begun_s = self._rhythm.now_s()
        concluded = self._bank.rejudge(position, entry, self.rows_as_of(position))
        self.asked = self._bank.rechecks_asked()
        self.rejudged += 1
        self.rejudging_s += self._rhythm.now_s() - begun_s
        return concluded

    def _judge_anew(self) -> None:
        """Leave what the other rules judged where they left it, and begin to judge by these.

        What the replay opened was told to nobody, so the detectors begin once more with what does not depend on rules,
        and go on with what the records say is open; the rest of that is cleared, so that its alarms return. All of it
        is committed with a snapshot by these rules: a crash before it does all again, one after it nothing.
        """
        left = [
            finding for finding in self._until_taken(self._records.open_findings) if finding.stage is not Stage.CLEARED
        ]
        followed = self._bank.carry_over(self._bank.snapshot(), left)
        cleared = [self._cleared(finding) for finding in left if finding.id not in followed]
        cleared.sort(key=lambda finding: finding.at_ns)
        effects = Effects(findings=cleared, phases=self._replayed_phases)
        effects.transitions += self._book.apply(*self._replayed_phases, *cleared)
        effects.notices += self._notices_for(effects.transitions)
        self._write(self.position, effects, self._rhythm.now_s(), snapshot=True)
        log.info("the rules changed: %d open findings are followed on, %d cleared", len(followed), len(cleared))
        self._rules_changed, self._replayed_phases = False, []

    def _cleared(self, finding: Finding) -> Finding:
        """The last version of a finding that these rules do not follow on."""
        at_ns = max(finding.at_ns, self._last_beat_ns)
        return replace(
            finding,
            version=finding.version + 1,
            stage=Stage.CLEARED,
            end_ns=max(at_ns, finding.onset_ns) if finding.end_ns is None else finding.end_ns,
            at_ns=at_ns,
            message=f"{finding.subject}: the rules changed; it is judged anew.",
        )

    def _effects(self, entry: Entry, concluded: Sequence[Conclusion]) -> Effects:
        effects = Effects()
        for conclusion in concluded:
            effects.add(conclusion)
        self._add_noted(effects, concluded)
        if isinstance(entry, Heartbeat):
            effects.transitions += self._book.tick(entry.now_ns)
        elif isinstance(entry, PersonAction) and entry.kind not in _OF_DETECTORS:
            self._act(entry, effects)
        elif isinstance(entry, BatchEvent) and not entry.source:
            effects.taken.append(entry)
        effects.notices += self._notices_for(effects.transitions)
        return effects

    def _act(self, action: PersonAction, effects: Effects) -> None:
        if action.kind in _TOLD_TO_DETECTORS:
            effects.actions.append((action, str(action.kind), None))  # the detectors have taken it
            return
        old = self._book.state_of(action.subject)
        try:
            transitions = self._book.act(action)
        except Refused as error:
            effects.actions.append((action, f"{action.kind} refused", str(error)))
            return
        effects.transitions += transitions
        effects.actions.append((action, str(action.kind), None))
        batch = transitions[-1].batch if transitions else ""
        effects.changed[action.id] = (old, self._book.state_of(action.subject), batch)

    def _write(self, position: Position, effects: Effects, now_s: float, *, snapshot: bool = False) -> None:
        snapshot = snapshot or now_s - self._snapshot_s > self._rhythm.snapshot_every_s
        state = self._bank.snapshot() if snapshot else None
        self._until_taken(lambda: self._commit(position, effects, state))
        self._written_s = now_s
        if snapshot:
            self._snapshot_s = now_s
            self.snapshot_position = position
        self._committed(effects)

    def _commit(self, position: Position, effects: Effects, state: bytes | None) -> None:
        """All of it with the cursor, or nothing; what is there already stays as it is."""
        begun_s = time.perf_counter()
        with self._records.unit_of_work() as work:
            work.findings(effects.findings)
            work.phases(effects.phases)
            work.equipment(effects.equipment)
            work.told(effects.told)
            work.links(effects.links)
            work.transitions(effects.transitions)
            work.notices(effects.notices)
            for action, what, error in effects.actions:
                work.audit(action, what, *effects.changed.get(action.id, ()))
                work.request_done(action.id, error)
            for decision in effects.decisions:
                work.decided(decision, position)
            for event in effects.taken:
                work.event_done(event.id, None)
            work.cursor(NAME, position)
            if state is not None:
                work.snapshot(NAME, position, state)
        self._transactions.add(time.perf_counter() - begun_s)

    def _until_taken(self, call: Callable[[], Told]) -> Told:
        """Ask the records again while they are away, on the judge's thread: nothing is judged past it meanwhile."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                told = call()
            except RetryLater as error:
                if self.trouble is None:
                    log.warning("what is judged waits, samples are taken on: %s", error)
                self.trouble = f"what is judged cannot be written: {error}"
                if self._stopping.wait(pause_s):
                    raise
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                if self.trouble is not None:
                    log.info("what is judged is written again")
                    self.trouble = None
                return told
