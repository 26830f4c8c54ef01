"""Follows the journal and the records, and tells every listener within milliseconds of a commit."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from api.frames import Frame, TagFilter, entry_frames, frame
from api.shapes import Shape, finding_shape, heartbeat_shape, phase_shape, transition_shape
from api.subscription import Subscription, cut_frame
from api.times import TimeForm
from domain.alarms import Transition
from domain.entries import START, Entry, Heartbeat, Position, TagDefined
from domain.errors import DamagedEntry, DamagedFile
from domain.findings import Finding, PhaseRecord
from domain.ports import Clock, JournalReader, RecordsReader
from domain.tags import TagTable

logger = logging.getLogger(__name__)

ENTRIES_PER_READ = 64
ENTRIES_TO_REPLAY = 2_000
MOST_CLIENTS = 200
DECISIONS_EVERY_S = 0.1
USUAL_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
"""Between attempts at what will hardly be otherwise the next time: a file that is damaged, or of a newer program."""
HEARTBEAT_EVERY_S = 1.0
DECISIONS_PER_READ = 200
KEYS_REMEMBERED = 5_000

STANDSTILL_EVERY_S = 1.0

Noun = TypeVar("Noun")
Built = Mapping[TagFilter, Sequence[Frame]]


@dataclass(frozen=True, slots=True)
class Standstill:
    """Since when, by the plant's clock, nothing is judged, and why."""

    since_ns: int
    why: str

    def as_json(self) -> Shape:
        """By names."""
        return {"since_ns": self.since_ns, "why": self.why}


def no_standstill() -> Standstill | None:
    """Stand in where nobody else judges."""
    return None


class News(Generic[Noun]):
    """Tells what is new in a list that is read again and again, newest first; it remembers a bounded number."""

    def __init__(self, key: Callable[[Noun], Hashable]) -> None:
        self._key = key
        self._known: set[Hashable] = set()
        self._order: deque[Hashable] = deque()

    def of(self, newest_first: Iterable[Noun]) -> list[Noun]:
        """What was not there before, oldest first."""
        fresh = [thing for thing in newest_first if self._key(thing) not in self._known]
        fresh.reverse()
        for thing in fresh:
            self._known.add(self._key(thing))
            self._order.append(self._key(thing))
        while len(self._order) > KEYS_REMEMBERED:
            self._known.discard(self._order.popleft())
        return fresh


class Feed:
    """The live side of the HTTP interface: one reader of the journal, any number of listeners.

    Set `woken` on the event loop after each commit; without it the feed looks once per `poll_s`. `refresh` is called in
    a thread whenever there may be news, for a view of the history that follows the journal too. `standstill` is asked
    once a second in a thread of its own whether anybody judges. `run()` goes on until it is cancelled; what fails is
    logged, told to the listeners and tried again.
    """

    def __init__(
        self,
        journal: JournalReader,
        records: RecordsReader,
        clock: Clock,
        *,
        refresh: Callable[[], object] | None = None,
        standstill: Callable[[], Standstill | None] = no_standstill,
        poll_s: float = 1.0,
    ) -> None:
        self._journal, self._records, self._clock = journal, records, clock
        self._refresh, self._poll_s, self._look = refresh, poll_s, standstill
        self.standstill: Standstill | None = None
        self.tags = TagTable()
        self.position = START
        self.sources: dict[str, Heartbeat] = {}
        self.faults: dict[str, str] = {}
        self.events = 0
        self.dropped = 0
        self.woken = asyncio.Event()
        self._clients: set[Subscription] = set()
        self._samples_due = asyncio.Event()
        self._decisions_due = asyncio.Event()
        self._journal_thread = ThreadPoolExecutor(1, thread_name_prefix="feed-journal")
        self._records_thread = ThreadPoolExecutor(1, thread_name_prefix="feed-records")
        self._replay_thread = ThreadPoolExecutor(1, thread_name_prefix="feed-replay")
        self._standstill_thread = ThreadPoolExecutor(1, thread_name_prefix="feed-standstill")
        self._transitions = News[Transition](lambda transition: transition.id)
        self._findings = News[Finding](lambda finding: (finding.id, finding.version))
        self._phases = News[PhaseRecord](lambda phase: (phase.instance, phase.end_ns))

    @property
    def clients(self) -> int:
        """Listeners right now."""
        return len(self._clients)

    async def start(self) -> None:
        """Learn the tags and take the journal's end as the place to go on from."""
        await self._in(self._journal_thread, self._learn)
        await self._in(self._records_thread, self._decisions)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forever("journal", self._samples_due, self._follow_journal))
            tasks.create_task(self._forever("records", self._decisions_due, self._follow_records))
            tasks.create_task(self._beat())
            tasks.create_task(self._watch_standstill())
            tasks.create_task(self._share_wakes())

    def close(self) -> None:
        """End every stream, so that a server can stop."""
        for client in self._clients:
            client.close()

    def shut(self) -> None:
        """Give the threads back."""
        self._journal_thread.shutdown(wait=False, cancel_futures=True)
        self._records_thread.shutdown(wait=False, cancel_futures=True)
        self._replay_thread.shutdown(wait=False, cancel_futures=True)
        self._standstill_thread.shutdown(wait=False, cancel_futures=True)

    # Listeners

    def subscribe(self, chosen: TagFilter) -> Subscription:
        """Add a listener; it hears what is committed after `position`."""
        client = Subscription(chosen)
        self._clients.add(client)
        client.offer(self._heartbeat())
        return client

    def unsubscribe(self, client: Subscription) -> None:
        """Forget a listener."""
        self._clients.discard(client)
        self.dropped += client.dropped

    async def replay(self, after: Position, through: Position, chosen: TagFilter) -> bytes:
        """What a listener missed between two positions; an event `cut` where that is too much, or gone."""
        missed = through - after
        if missed <= 0:
            return b""
        if missed > ENTRIES_TO_REPLAY:
            reason = f"{missed} entries were missed; ask /v1/samples for them"
            return cut_frame(Position(after + 1), through, None, reason).wire
        return await self._in(self._replay_thread, lambda: self._replayed(after, through, chosen))

    def _replayed(self, after: Position, through: Position, chosen: TagFilter) -> bytes:
        wire: list[bytes] = []
        first, seen = after, 0
        while after < through:
            try:
                entries = self._journal.read(after, ENTRIES_PER_READ)
            except DamagedEntry as damaged:  # then some are missing, which is told below
                after = Position(damaged.last)
                continue
            if not entries:
                break
            for position, entry in entries:
                if position > through:
                    break
                seen += 1
                wire.extend(built.wire for built in entry_frames(position, entry, chosen, self.tags))
            after = entries[-1][0]
        if seen < through - first:
            reason = "some samples are not in the journal any more; ask /v1/samples for them"
            wire.insert(0, cut_frame(Position(first + 1), through, None, reason).wire)
        return b"".join(wire)

    # The journal

    async def _follow_journal(self) -> None:
        while True:
            try:
                entries = await self._in(self._journal_thread, self._read)
            except DamagedEntry as damaged:
                self._pass(damaged)
                continue
            if not entries:
                return
            for position, entry, built in entries:
                self._tell_all(position, entry, built)
                self.position = position

    def _pass(self, damaged: DamagedEntry) -> None:
        """Tell the listeners what cannot be read, and go on behind it: the gap that tells of it comes later."""
        logger.warning("the journal's followers miss what cannot be read: %s", damaged)
        first, last = Position(damaged.first), Position(damaged.last)
        self._broadcast(cut_frame(first, last, None, f"they cannot be read: {damaged.why}"))
        self.position = last

    def _read(self) -> list[tuple[Position, Entry, Built]]:
        filters = {client.chosen for client in tuple(self._clients)}
        read = self._journal.read(self.position, ENTRIES_PER_READ)
        for _, entry in read:
            if isinstance(entry, TagDefined):
                self.tags.put(entry.tag)
        return [
            (position, entry, {chosen: list(entry_frames(position, entry, chosen, self.tags)) for chosen in filters})
            for position, entry in read
        ]

    def _tell_all(self, position: Position, entry: Entry, built: Built) -> None:
        if isinstance(entry, Heartbeat):
            self.sources[entry.source] = entry
        late: dict[TagFilter, list[Frame]] = {}
        for client in self._clients:
            frames = built.get(client.chosen)
            if frames is None:  # it came while the thread was reading
                if client.chosen not in late:
                    late[client.chosen] = list(entry_frames(position, entry, client.chosen, self.tags))
                frames = late[client.chosen]
            for new in frames:
                client.offer(new)
        self.events += sum(map(len, built.values()))

    def _learn(self) -> None:
        position = self._journal.last()
        self.tags = TagTable(self._journal.tags())
        self.sources = {heartbeat.source: heartbeat for heartbeat in self._journal.heartbeats()}
        self.position = position

    # What was decided

    async def _follow_records(self) -> None:
        for event, told in await self._in(self._records_thread, self._decisions):
            self._broadcast(frame(event, told))
        # The alarm list is not worth more than ten reads a second.
        await asyncio.sleep(DECISIONS_EVERY_S)

    def _decisions(self) -> list[tuple[str, Shape]]:
        if self._refresh is not None:
            self._refresh()
        transitions = self._transitions.of(self._records.transitions(None, DECISIONS_PER_READ))
        phases = self._phases.of(self._records.list_phases(None, None, None, DECISIONS_PER_READ))
        findings = self._findings.of(self._records.list_findings(None, None, None, DECISIONS_PER_READ))
        return [
            *(("alarm", transition_shape(transition, TimeForm.NS)) for transition in transitions),
            *(("phase", phase_shape(phase, TimeForm.NS)) for phase in phases),
            *(("finding", finding_shape(finding, TimeForm.NS)) for finding in findings),
        ]

    # Life

    async def _share_wakes(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            self._samples_due.set()
            self._decisions_due.set()

    async def _watch_standstill(self) -> None:
        """A look that hangs holds back no heartbeat."""
        while True:
            self.standstill = await self._in(self._standstill_thread, self._look)
            await asyncio.sleep(STANDSTILL_EVERY_S)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY_S)
            self._broadcast(self._heartbeat())

    def _heartbeat(self) -> Frame:
        told: Shape = {
            "position": int(self.position),
            "now_ns": self._clock.now_ns(),
            "simulated": self._clock.simulated,
            "speed": self._clock.speed,
            "faults": dict(self.faults),
            "standstill": None if self.standstill is None else self.standstill.as_json(),
            "sources": [heartbeat_shape(heartbeat, TimeForm.NS) for heartbeat in self.sources.values()],
        }
        return frame("heartbeat", told, self.position)

    def _broadcast(self, new: Frame) -> None:
        self.events += 1
        for client in self._clients:
            client.offer(new)

    async def _forever(self, what: str, due: asyncio.Event, follow: Callable[[], Awaitable[None]]) -> None:
        """Run a step whenever it is due, at least once per `poll_s`; a step that fails is told and tried again."""
        pause_s = 0.1
        while True:
            # The poll behind the wake-up: a lost datagram costs a second, never news.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await due.wait()
            due.clear()
            try:
                await follow()
            except Exception as error:  # noqa: BLE001 - the root of a task that goes on
                if self.faults.get(what) != str(error):
                    logger.warning("the %s cannot be followed, trying again in %g s: %s", what, pause_s, error)
                self.faults[what] = str(error)
                await asyncio.sleep(pause_s)
                longest_s = LONGEST_PAUSE_S if isinstance(error, DamagedFile) else USUAL_PAUSE_S
                pause_s = min(2 * pause_s, longest_s)
            else:
                self.faults.pop(what, None)
                pause_s = 0.1

    async def _in(self, thread: ThreadPoolExecutor, call: Callable[[], Noun]) -> Noun:
        return await asyncio.get_running_loop().run_in_executor(thread, call)
