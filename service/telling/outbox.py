"""Empties the outbox: takes what waits, sends it off the event loop, writes down what became of it.

At least once: before an attempt the notice is marked `uncertain`, so that after a crash the copy that follows says that
it may be one. Times here are the wall's: people live by it, also when the plant is simulated.

The stages, each in a file of its own: names are looked up (`addressing`), a flood is held back for each person
(`lanes`), one attempt is made (`sending`), it is tried again or given up (`patience`).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, runtime_checkable

from alarms.flood import FloodGate, Letter, OpenGate
from alarms.groups import digest_of_flood
from alarms.wording import ANYBODY, Reader
from domain.alarms import Notice
from domain.errors import AskedToWait, MayHaveArrived, Refused, RetryLater
from domain.figures import Reading
from domain.ports import Channel, Receipt
from domain.time import SECOND_NS
from records.outbox import DEAD, PENDING, SENT, UNCERTAIN, NoticeResult, WaitingNotice
from service.absence import Absence
from service.telling.addressing import Addressing, AddressRecords, Directory, still_needed
from service.telling.patience import Patience
from service.telling.pictures import Pictures
from service.telling.sending import Came, Sender
from service.telling.way_back import WayBack

log = logging.getLogger(__name__)

_AT_ONCE = 200
_NEVER = 2**62
REPEATED = ANYBODY.says("repeated")


class OutboxRecords(AddressRecords, Protocol):
    """The outbox in the records; `records.database.SqlRecords` has it. Calls block."""

    def waiting_people(self, now_ns: int, channel: str) -> Sequence[str]:
        """For whom something is due on a channel."""
        ...

    def resume_notices(self) -> None:
        """What an ended process tried and did not finish is due at once."""
        ...

    def clock_set_back(self, now_ns: int, by_ns: int) -> None:
        """Let escalation and retries wait no longer although the wall's clock was set back, to now, by so much."""
        ...

    def notices_begun(self, ids: Sequence[str], again_ns: int) -> None:
        """They are being sent: uncertain until a result is written."""
        ...


class Gate(Protocol):
    """Decides for one recipient what goes out now."""

    def admit(self, now_ns: int, waiting: Sequence[Notice]) -> list[Letter]:
        """What to send of all that waits."""
        ...

    def told(self, now_ns: int, letter: Letter) -> None:
        """Count a letter that went out, or may have."""
        ...


@runtime_checkable
class TakesEach(Protocol):
    """A channel to a machine, that takes every notice by itself."""

    takes_each: bool


class Outbox:
    """Sends what the outbox holds, one task per channel, so that a channel that hangs stops nobody else."""

    def __init__(
        self,
        records: OutboxRecords,
        channels: Sequence[Channel],
        *,
        directory: Directory | None = None,
        readers: Mapping[str, Reader] | None = None,
        way_back: WayBack | None = None,
        pictures: Pictures | None = None,
        patience: Patience | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`directory`: who the names are that are no channels; `readers`: how each person reads."""
        self._records = records
        self._channels = {channel.name: channel for channel in channels}
        self._addressing = Addressing(records, directory or {})
        self._readers = readers or {}
        self._way_back = way_back
        self._pictures = pictures
        self._patience = patience or Patience()
        self._wall_ns = wall_ns
        self._seen_ns = 0  # the wall's clock, when it was looked at last
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: dict[str, asyncio.Event] = {}
        self._names_woken = asyncio.Event()
        self._senders = {name: Sender(each, self._patience.deadline_s) for name, each in self._channels.items()}
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._given_up: Counter[str] = Counter(dict.fromkeys([*self._channels, *self._addressing.names], 0))

    @property
    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """Attempts since the start by (channel, sent | refused | uncertain | retry): for the metrics."""
        return self._outcomes

    def figures(self) -> Iterator[Reading]:
        """What was attempted, for Prometheus. A notice that was given up without an answer may have arrived."""
        for labels, count in sorted(self._outcomes.copy().items()):
            yield Reading("thermowell_outbox_attempts_total", count, labels)
        for name, count in sorted(self._given_up.copy().items()):
            yield Reading("thermowell_outbox_given_up_total", count, (name,))

    def wake(self) -> None:
        """Say that something new waits; from any thread, before and after running too."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        self._names_woken.set()
        for event in self._woken.values():
            event.set()

    async def run(self) -> None:
        """Send for ever; cancel it to end. What is being sent then is uncertain, and its copy will say so."""
        self._loop = asyncio.get_running_loop()
        self._woken = {name: asyncio.Event() for name in self._channels}
        self._names_woken.clear()
        await self._until_taken(self._records.resume_notices)
        await self._until_taken(self._give_up_strangers)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve("clock", asyncio.Event(), self._look_at_clock))
            if self._addressing.names:
                tasks.create_task(self._serve("names", self._names_woken, self._look_up))
            if self._pictures is not None:
                tasks.create_task(self._pictures.run())
            for channel in self._channels.values():
                gates: dict[str, Gate] = {}
                empty = partial(self._empty, channel, gates)
                tasks.create_task(self._serve(channel.name, self._woken[channel.name], empty))

    def _give_up_strangers(self) -> None:
        """Nobody is told through a channel that is not configured any more: say so in the records."""
        for name in set(self._records.waiting_channels()) - set(self._channels) - self._addressing.names:
            while waiting := self._records.waiting_notices(_NEVER, _AT_ONCE, name):
                result = NoticeResult(DEAD, f"no channel {name!r} is configured any more")
                self._records.notice_result([each.notice.id for each in waiting], result)
                self._given_up[name] += len(waiting)
                about = {"channel": name}
                log.warning("%d notices for %r are given up: it is not configured", len(waiting), name, extra=about)

    async def _serve(self, name: str, woken: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
        """Work whenever something woke it, and at every poll; while the records are away what waits, waits."""
        absence = Absence(log, f"notices for {name} wait", channel=name)
        while True:
            woken.clear()
            with absence.outlasted():
                await work()
            try:
                async with asyncio.timeout(self._patience.poll_s):  # `wait_for` may swallow a cancellation
                    await woken.wait()
            except TimeoutError:
                continue

    async def _look_at_clock(self) -> None:
        """When the wall's clock was set back, what waits for a stretch of time does not wait for longer than that.

        Set ahead, it ends the stretch: as after a machine that slept, somebody is told too early rather than too late.
        """
        now_ns, before_ns = self._wall_ns(), self._seen_ns
        if now_ns < before_ns:
            await asyncio.to_thread(self._records.clock_set_back, now_ns, before_ns - now_ns)
            log.warning(
                "the clock was set back by %.0f s; nobody is told later for it", (before_ns - now_ns) / SECOND_NS
            )
        self._seen_ns = now_ns

    async def _look_up(self) -> None:
        """Find out who the names are that something is due for; then the channels have it."""
        looked = await asyncio.to_thread(self._addressing.look_up, self._wall_ns())
        for name, count in looked.nobody.items():
            self._given_up[name] += count
            log.error("%d notices for %s lead to nobody", count, name)
        if looked.passed:
            self._wake_all()

    async def _empty(self, channel: Channel, gates: dict[str, Gate]) -> None:
        """Send what is due, as far as the flood gate of each person lets it."""
        if self._senders[channel.name].hangs:
            return
        for person in await asyncio.to_thread(self._records.waiting_people, self._wall_ns(), channel.name):
            gate = gates.get(person) or gates.setdefault(person, self._gate(channel, person))
            if not await self._tell(channel, person, gate):
                return  # the others would wait for the same broken server: look again first what has come

    def _gate(self, channel: Channel, person: str) -> Gate:
        each = isinstance(channel, TakesEach) and channel.takes_each
        return OpenGate() if each else FloodGate(self._readers.get(person, ANYBODY))

    async def _tell(self, channel: Channel, person: str, gate: Gate) -> bool:
        """Tell one person what is due; False where the channel did not take it."""
        now_ns = self._wall_ns()
        waiting = await asyncio.to_thread(self._waiting, now_ns, channel.name, person)
        known = {each.notice.id: each for each in waiting}
        for letter in gate.admit(now_ns, [each.notice for each in waiting]):
            came = await self._deliver(channel, letter, [known[notice.id] for notice in letter.notices])
            if isinstance(came, Receipt | MayHaveArrived):
                gate.told(self._wall_ns(), letter)
            if isinstance(came, Receipt) and len(letter.notices) == 1 and self._pictures is not None:
                self._pictures.ask(letter.notices[0])
            if not isinstance(came, Receipt | Refused):
                return False
        return True

    def _waiting(self, now_ns: int, channel: str, person: str) -> list[WaitingNotice]:
        return still_needed(self._records, self._records.waiting_notices(now_ns, _AT_ONCE, channel, person))

    async def _deliver(self, channel: Channel, letter: Letter, waiting: Sequence[WaitingNotice]) -> Came:
        """Make one attempt, and write down what came of it."""
        ids = [each.notice.id for each in waiting]
        reader = self._readers.get(letter.notices[0].person, ANYBODY)
        if letter.held_back and len(ids) > 1:
            letter = await asyncio.to_thread(self._summarised, letter, reader)
        # Without a result by then, this attempt has died with its process.
        again_ns = self._wall_ns() + round(2 * self._patience.deadline_s * SECOND_NS)
        await self._until_taken(lambda: self._records.notices_begun(ids, again_ns))
        doubtful = any(each.doubtful for each in waiting)
        copy = _copy(letter, self._way(letter, reader), reader.says("repeated") if doubtful else "")
        came = await self._senders[channel.name].send(copy)
        result = self._result(channel.name, waiting, came)
        # Who was told must not be told again as if it were new: what came of it is kept until it is written.
        await self._until_taken(lambda: self._records.notice_result(ids, result))
        return came

    def _summarised(self, letter: Letter, reader: Reader) -> Letter:
        """A digest with what began it, and how much there is of what, below its first line."""
        said = self._records.transitions_by_id([notice.transition for notice in letter.notices])
        in_order = sorted(said.values(), key=lambda each: (each.at_ns, each.alarm, each.number))
        head, _, rest = letter.text.partition("\n")
        return replace(letter, text="\n".join([head, *digest_of_flood(in_order, reader), rest]))

    def _way(self, letter: Letter, reader: Reader) -> str:
        """The line with the link to acknowledge by; a digest has none: the page acknowledges many at once."""
        if self._way_back is None or len(letter.notices) > 1:
            return ""
        link = self._way_back.to(letter.notices[0])
        return reader.says("acknowledge", link=link) if link else ""

    async def _until_taken(self, call: Callable[[], None]) -> None:
        """Ask the records again while they are away."""
        waits = False
        while True:
            try:
                await asyncio.to_thread(call)
            except RetryLater as error:
                if not waits:
                    log.warning("the outbox waits: %s", error)
                waits = True
                await asyncio.sleep(self._patience.poll_s)
            else:
                if waits:
                    log.info("the outbox goes on")
                return

    def _result(self, channel: str, waiting: Sequence[WaitingNotice], came: Came) -> NoticeResult:
        """What to write down, and when to try again."""
        if isinstance(came, Receipt):
            self._outcomes[channel, "sent"] += 1
            return NoticeResult(SENT, came.detail)
        if isinstance(came, Refused):
            self._outcomes[channel, "refused"] += 1
            self._given_up[channel] += len(waiting)
            log.error("%s refused a notice: %s", channel, came, extra={"channel": channel})
            return NoticeResult(DEAD, f"refused: {came}")
        attempts, about = 1 + max(each.attempts for each in waiting), {"channel": channel}
        uncertain = isinstance(came, MayHaveArrived) or any(each.doubtful for each in waiting)
        self._outcomes[channel, "uncertain" if isinstance(came, MayHaveArrived) else "retry"] += 1
        now_ns, worst = self._wall_ns(), min(each.notice.priority for each in waiting)
        begun_ns = max(now_ns if each.begun_ns is None else each.begun_ns for each in waiting)
        if self._patience.is_over(begun_ns, now_ns, worst):
            self._given_up[channel] += len(waiting)
            log.error("a notice for %s is given up after %d attempts: %s", channel, attempts, came, extra=about)
            arrived = "a copy may have arrived, " if uncertain else ""
            return NoticeResult(DEAD, f"{arrived}after {attempts} attempts: {came}")
        log.warning("a notice for %s is tried again later (attempt %d): %s", channel, attempts, came, extra=about)
        asked_s = came.after_s if isinstance(came, AskedToWait) else 0.0
        next_ns = now_ns + self._patience.pause_ns(attempts, worst, asked_s)
        return NoticeResult(UNCERTAIN if uncertain else PENDING, str(came), next_ns)


def _copy(letter: Letter, *added: str) -> Notice:
    """What is sent: the letter, and the lines that only this copy has."""
    return replace(letter.notices[0], title=letter.title, text="\n".join([letter.text, *filter(None, added)]))
