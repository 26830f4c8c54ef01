"""Empties the outbox: takes what waits, sends it off the event loop, writes down what became of it.

At least once: before an attempt the notice is marked `unknown`, so that after a crash the copy that follows says that
it may be one. Times here are the wall's: people live by it, also when the plant is simulated.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alarms.flood import FloodGate, Letter
from domain.alarms import Notice
from domain.errors import MayHaveArrived, Refused, RetryLater
from domain.figures import Reading
from domain.ports import Channel, Receipt
from domain.time import SECOND_NS
from records.outbox import NoticeResult, WaitingNotice

log = logging.getLogger(__name__)

_AT_ONCE = 200
_NEVER = 2**62
REPEATED = "This may repeat a message already delivered: the answer to an earlier copy did not arrive."


class OutboxRecords(Protocol):
    """The outbox in the records; `records.database.SqlRecords` has it. Calls block."""

    def waiting_notices(self, now_ns: int, limit: int = 100, channel: str | None = None) -> Sequence[WaitingNotice]:
        """Notices whose time to try has come, oldest first."""
        ...

    def waiting_channels(self) -> Sequence[str]:
        """The channels that something waits for."""
        ...

    def notices_begun(self, ids: Sequence[str], again_ns: int) -> None:
        """They are being sent: unknown until a result is written."""
        ...

    def notice_result(self, ids: Sequence[str], result: NoticeResult) -> None:
        """How the attempt ended."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try; seconds of the wall's clock."""

    first_s: float = 5.0
    longest_s: float = 600.0
    attempts: int = 60  # about nine hours
    deadline_s: float = 60.0  # for one attempt, whatever the channel does
    poll_s: float = 1.0

    def pause_ns(self, attempts: int) -> int:
        """How long to wait after so many attempts: doubling, up to the longest."""
        return round(min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, 30)) * SECOND_NS)


class Outbox:
    """Sends what the outbox holds, one task per channel, so that a channel that hangs stops nobody else."""

    def __init__(
        self,
        records: OutboxRecords,
        channels: Sequence[Channel],
        *,
        patience: Patience | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._records = records
        self._channels = {channel.name: channel for channel in channels}
        self._patience = patience or Patience()
        self._wall_ns = wall_ns
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: dict[str, asyncio.Event] = {}
        self._sending: dict[str, threading.Thread] = {}  # the last attempt of each channel
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._given_up: Counter[str] = Counter()  # notices by channel

    @property
    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """Attempts since the start by (channel, sent | refused | unknown | retry): for the metrics."""
        return self._outcomes

    def figures(self) -> Iterator[Reading]:
        """What was attempted, for Prometheus. A notice that was given up without an answer may have arrived."""
        for labels, count in sorted(self._outcomes.copy().items()):
            yield Reading("thermowell_outbox_attempts_total", count, labels)
        for channel in self._channels:
            yield Reading("thermowell_outbox_given_up_total", self._given_up[channel], (channel,))

    def wake(self) -> None:
        """Say that something new waits; from any thread, before and after running too."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for event in self._woken.values():
            event.set()

    async def run(self) -> None:
        """Send for ever; cancel it to end. What is being sent then is unknown, and its copy will say so."""
        self._loop = asyncio.get_running_loop()
        self._woken = {name: asyncio.Event() for name in self._channels}
        await self._until_taken(self._give_up_strangers)
        async with asyncio.TaskGroup() as tasks:
            for channel in self._channels.values():
                tasks.create_task(self._serve(channel))

    def _give_up_strangers(self) -> None:
        """Nobody is told through a channel that is not configured any more: say so in the records."""
        for name in set(self._records.waiting_channels()) - set(self._channels):
            while waiting := self._records.waiting_notices(_NEVER, _AT_ONCE, name):
                result = NoticeResult("refused", f"no channel {name!r} is configured any more")
                self._records.notice_result([each.notice.id for each in waiting], result)
                about = {"channel": name}
                log.warning("%d notices for %r are given up: it is not configured", len(waiting), name, extra=about)

    async def _serve(self, channel: Channel) -> None:
        gate = FloodGate()
        woken = self._woken[channel.name]
        away = False
        while True:
            woken.clear()
            try:
                await self._empty(channel, gate)
            except RetryLater as error:  # the records are away, or were locked for too long
                if not away:
                    log.warning("notices for %s wait: %s", channel.name, error, extra={"channel": channel.name})
                away = True
            else:
                away = False
            try:
                async with asyncio.timeout(self._patience.poll_s):  # `wait_for` may swallow a cancellation
                    await woken.wait()
            except TimeoutError:
                continue

    async def _empty(self, channel: Channel, gate: FloodGate) -> None:
        """Send what is due, as far as the flood gate lets it."""
        sending = self._sending.get(channel.name)
        if sending is not None and sending.is_alive():
            return
        now_ns = self._wall_ns()
        waiting = await asyncio.to_thread(self._records.waiting_notices, now_ns, _AT_ONCE, channel.name)
        known = {each.notice.id: each for each in waiting}
        for letter in gate.admit(now_ns, [each.notice for each in waiting]):
            state = await self._deliver(channel, letter, [known[notice.id] for notice in letter.notices])
            if state in ("sent", "unknown"):
                gate.told(self._wall_ns(), letter)
            if state not in ("sent", "refused"):
                return  # the others would wait for the same broken server: look again first what has come

    async def _deliver(self, channel: Channel, letter: Letter, waiting: Sequence[WaitingNotice]) -> str:
        ids = [each.notice.id for each in waiting]
        # Without a result by then, this attempt has died with its process.
        again_ns = self._wall_ns() + round(2 * self._patience.deadline_s * SECOND_NS)
        await self._until_taken(lambda: self._records.notices_begun(ids, again_ns))
        came = await self._attempt(channel, _copy(letter, doubtful=any(each.doubtful for each in waiting)))
        result = self._result(channel.name, waiting, came)
        # Who was told must not be told again as if it were new: what came of it is kept until it is written.
        await self._until_taken(lambda: self._records.notice_result(ids, result))
        return result.state

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

    def _result(
        self, channel: str, waiting: Sequence[WaitingNotice], came: Receipt | RetryLater | Refused
    ) -> NoticeResult:
        """What to write down, and when to try again."""
        if isinstance(came, Receipt):
            self._outcomes[channel, "sent"] += 1
            return NoticeResult("sent", came.detail)
        if isinstance(came, Refused):
            self._outcomes[channel, "refused"] += 1
            self._given_up[channel] += len(waiting)
            log.error("%s refused a notice: %s", channel, came, extra={"channel": channel})
            return NoticeResult("refused", str(came))
        attempts, about = 1 + max(each.attempts for each in waiting), {"channel": channel}
        unknown = isinstance(came, MayHaveArrived) or any(each.doubtful for each in waiting)
        self._outcomes[channel, "unknown" if isinstance(came, MayHaveArrived) else "retry"] += 1
        if attempts >= self._patience.attempts:
            self._given_up[channel] += len(waiting)
            log.error("a notice for %s is given up after %d attempts: %s", channel, attempts, came, extra=about)
            return NoticeResult("unknown" if unknown else "refused", f"after {attempts} attempts: {came}")
        log.warning("a notice for %s is tried again later (attempt %d): %s", channel, attempts, came, extra=about)
        next_ns = self._wall_ns() + self._patience.pause_ns(attempts)
        return NoticeResult("unknown" if unknown else "waiting", str(came), next_ns)

    async def _attempt(self, channel: Channel, notice: Notice) -> Receipt | RetryLater | Refused:
        """Send on a thread of its own, so that the loop goes on and the process can end although a channel hangs."""
        answer: asyncio.Future[Receipt | RetryLater | Refused] = asyncio.get_running_loop().create_future()
        thread = threading.Thread(
            target=_send, args=(channel, notice, answer), name=f"send-{channel.name}", daemon=True
        )
        self._sending[channel.name] = thread
        thread.start()
        try:
            async with asyncio.timeout(self._patience.deadline_s):
                return await answer
        except TimeoutError:
            log.warning(
                "channel %s has been sending for %g s; it gets nothing more until it is done",
                channel.name,
                self._patience.deadline_s,
                extra={"channel": channel.name},
            )
            return MayHaveArrived(f"no answer within {self._patience.deadline_s:g} s")


def _copy(letter: Letter, *, doubtful: bool) -> Notice:
    first = letter.notices[0]
    text = f"{letter.text}\n{REPEATED}" if doubtful else letter.text
    return Notice(first.id, first.channel, letter.title, text, first.transition, first.at_ns, first.priority)


def _send(channel: Channel, notice: Notice, answer: "asyncio.Future[Receipt | RetryLater | Refused]") -> None:
    """Send, and hand over to the event loop what came of it."""
    came: Receipt | RetryLater | Refused
    try:
        came = channel.send(notice)
    except (RetryLater, Refused) as error:
        came = error
    except Exception as error:
        # The root of this thread. A fault in a channel is no reason to lose the message, nor to repeat it in silence.
        log.exception("channel %s failed in an unexpected way", channel.name)
        came = MayHaveArrived(f"the channel failed: {type(error).__name__}")
    loop = answer.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, answer, came)


def _settle(answer: "asyncio.Future[Receipt | RetryLater | Refused]", came: Receipt | RetryLater | Refused) -> None:
    if not answer.done():  # else nobody waits any more
        answer.set_result(came)
