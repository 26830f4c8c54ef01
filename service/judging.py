"""The detection follower: entries → findings → alarm transitions → notices, committed together with their cursor."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from alarms.book import AlarmBook
from domain.alarms import Notice, Transition
from domain.entries import START, Entry, Heartbeat, PersonAction, Position
from domain.errors import Refused
from domain.findings import Finding, PhaseRecord, Recheck
from domain.ports import Detector, Journal, Records

log = logging.getLogger(__name__)

NAME = "judging"
_CURSOR_EVERY_S = 1.0
_SNAPSHOT_EVERY_S = 30.0


class JudgeRecords(Records, Protocol):
    """The records as the follower needs them."""

    def cursor_of(self, name: str) -> Position:
        """Where a follower stands."""
        ...

    def snapshot_of(self, name: str) -> tuple[Position, bytes] | None:
        """A detector's newest state."""
        ...


@dataclass(slots=True)
class Effects:
    """What follows from one entry, to be committed at once."""

    findings: list[Finding] = field(default_factory=list)
    phases: list[PhaseRecord] = field(default_factory=list)
    rechecks: list[Recheck] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    actions: list[tuple[PersonAction, str, str | None]] = field(default_factory=list)  # action, what, error

    def __bool__(self) -> bool:
        """Tell whether there is anything to commit."""
        return bool(self.findings or self.phases or self.transitions or self.notices or self.actions)


class Judge:
    """Folds the journal with the detectors and the alarm book; the only writer of alarm states."""

    def __init__(
        self,
        journal: Journal,
        records: JudgeRecords,
        bank: Detector,
        book: AlarmBook,
        notices_for: Callable[[Sequence[Transition]], Sequence[Notice]],
        committed: Callable[[Effects], None],
    ) -> None:
        self._journal = journal
        self._records = records
        self._bank = bank
        self._book = book
        self._notices_for = notices_for
        self._committed = committed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self.position: Position = START
        self.snapshot_position: Position = START
        self.rechecks = 0
        self._written_s = 0.0
        self._snapshot_s = time.monotonic()

    def passed(self) -> Position:
        """The position that a replay would start after: the journal may be trimmed up to here."""
        return self.snapshot_position

    async def run(self) -> None:
        """Follow for ever."""
        loop = asyncio.get_running_loop()
        cursor = await loop.run_in_executor(self._thread, self._restore)
        try:
            async for position, entry in self._journal.follow(self.snapshot_position):
                await loop.run_in_executor(self._thread, self._take, position, entry, position <= cursor)
        finally:
            self._thread.shutdown(wait=True)

    def _restore(self) -> Position:
        """Go back to the newest snapshot; what was written since then is replayed without effect."""
        cursor = self._records.cursor_of(NAME)
        kept = self._records.snapshot_of(NAME)
        if kept is not None:
            position, state = kept
            try:
                self._bank.restore(state)
                self.snapshot_position = position
            except Refused as error:
                log.warning("the detectors start afresh: %s", error)
                self.snapshot_position = cursor
        self.position = self.snapshot_position
        return cursor

    def _take(self, position: Position, entry: Entry, already_written: bool) -> None:  # noqa: FBT001  a fact of the entry
        concluded = self._bank.update(position, entry)
        self.position = position
        if already_written:
            return
        effects = self._effects(entry, concluded)
        self.rechecks += len(effects.rechecks)
        now_s = time.monotonic()
        if effects or now_s - self._written_s > _CURSOR_EVERY_S:
            self._write(position, effects, now_s)

    def _effects(self, entry: Entry, concluded: Sequence[Finding | Recheck | PhaseRecord]) -> Effects:
        effects = Effects()
        for conclusion in concluded:
            if isinstance(conclusion, Finding):
                effects.findings.append(conclusion)
            elif isinstance(conclusion, PhaseRecord):
                effects.phases.append(conclusion)
            else:
                effects.rechecks.append(conclusion)
        effects.transitions += self._book.apply(*effects.findings)
        if isinstance(entry, Heartbeat):
            effects.transitions += self._book.tick(entry.now_ns)
        elif isinstance(entry, PersonAction):
            self._act(entry, effects)
        effects.notices += self._notices_for(effects.transitions)
        return effects

    def _act(self, action: PersonAction, effects: Effects) -> None:
        try:
            transitions = self._book.act(action)
        except Refused as error:
            effects.actions.append((action, f"{action.kind} refused", str(error)))
            return
        effects.transitions += transitions
        effects.actions.append((action, str(action.kind), None))

    def _write(self, position: Position, effects: Effects, now_s: float) -> None:
        snapshot = now_s - self._snapshot_s > _SNAPSHOT_EVERY_S
        with self._records.unit_of_work() as work:
            work.findings(effects.findings)
            work.phases(effects.phases)
            work.transitions(effects.transitions)
            work.notices(effects.notices)
            for action, what, error in effects.actions:
                work.audit(action, what)
                work.request_done(action.id, error)
            work.cursor(NAME, position)
            if snapshot:
                work.snapshot(NAME, position, self._bank.snapshot())
        self._written_s = now_s
        if snapshot:
            self._snapshot_s = now_s
            self.snapshot_position = position
        self._committed(effects)
