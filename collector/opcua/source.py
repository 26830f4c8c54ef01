"""An OPC UA server as a source: connects, recovers and reconnects by itself, for ever."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

from asyncua import ua

from collector.opcua import recover
from collector.opcua.addresses import parse_address, pin
from collector.opcua.channel import AsyncuaLink
from collector.opcua.facts import ServerFacts, read_facts
from collector.opcua.items import create_items
from collector.opcua.link import Link, LinkLost, Opening, ServiceRefused
from collector.opcua.order import ahead, following
from collector.opcua.settings import OpcUaSettings
from collector.opcua.state import fingerprint, read_memory
from collector.opcua.stream import Stream
from collector.opcua.wire import STATUS_CHANGE, Answer, Message, status_change
from domain.entries import GapCause, Heartbeat, TagDefined
from domain.errors import BadMessage, Refused, ThermowellError
from domain.ports import Clock, Delivery
from domain.tags import Tag

logger = logging.getLogger(__name__)

IN_FLIGHT = 3
"""Publish requests that wait on the server: one being answered, one on its way, one in reserve."""

MISSED_KEEP_ALIVES = 3
"""So many keep-alive messages missed, and the subscription counts as dead whatever the connection says."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_AWAY_S = 0.5  # a server that is away costs a connect attempt; being late costs a gap
_LONGEST_PAUSE_REFUSED_S = 30.0  # a server that refuses may lock an account
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 60.0  # of nodes that are not there
_MOST_REPUBLISHED = 10_000
_MOST_FAULTS = 20  # bad answers to Publish in a row
_NAMED_IN_DETAIL = 5

_SUBSCRIPTION_GONE = frozenset({ua.StatusCodes.BadNoSubscription, ua.StatusCodes.BadSubscriptionIdInvalid})
_NOT_AN_ERROR = frozenset({ua.StatusCodes.BadTimeout, ua.StatusCodes.BadTooManyPublishRequests})


class SubscriptionDead(ThermowellError):
    """The server no longer serves our subscription, though it answers."""


class OpcUaSource:
    """One server's tags. `state` is the JSON of the last `SourceState` that the journal has of it.

    A tag whose address names a namespace by number is pinned to the namespace's URI at the first connection, and
    delivered as a new version (`TagDefined`). Intervals of the settings are wall time, times of samples the server's.
    """

    def __init__(
        self,
        settings: OpcUaSettings,
        tags: Sequence[Tag],
        clock: Clock,
        state: str | None,
        link: Link | None = None,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._clock = clock
        self._link: Link = AsyncuaLink(settings, clock.now_ns) if link is None else link
        self._stream = Stream(settings, tags, clock, read_memory(state))
        self._facts: ServerFacts | None = None
        self._connected = False
        self._detail = "not connected yet"
        self._problems: dict[int, str] = {}  # why a tag's node does not report
        self._failures = 0  # attempts in a row that did not get through
        self._refused = False  # the last one was refused, not unheard
        self._window = IN_FLIGHT
        self._faults = 0
        self._standby: recover.Built | None = None
        self._proof_due_s = 0.0  # loop time by which a transferred subscription must have spoken; 0: none is on trial
        self._heard_s = 0.0  # loop time when the subscription last spoke
        self._retry_due_s = 0.0
        self._retry_pause_s = _FIRST_RETRY_S
        self._farewell = ""  # the status with which the server ended the subscription
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave_nothing = False

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags as they are followed, pinned where the server is known."""
        return self._stream.tags

    def heartbeat(self, now_ns: int) -> Heartbeat:
        """Whether the server is heard, and why not; nodes that are not there are named."""
        stream = self._stream
        skew_ns = stream.edges.skew_ns if self._connected else None
        return Heartbeat(self.name, now_ns, self._connected, stream.heard_ns, skew_ns, self._detail or self._missing())

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield what the server sends, in order, for as long as it is asked. Each is acknowledged on its own."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    async with aclosing(self._connection()) as connection:
                        async for delivery in connection:
                            yield delivery
                except (LinkLost, ServiceRefused, Refused, BadMessage, SubscriptionDead) as error:
                    self._failed(error)
                except Exception as error:  # the source's root: whatever a server makes asyncua raise, we reconnect
                    logger.exception("%s: unexpected", self.name, extra={"source": self.name})
                    self._failed(error)
                await self._link.drop()
                if self._failures > 1:
                    opened = self._stream.open_gap(self._detail)
                    if opened is not None:
                        yield opened
                    await asyncio.sleep(self._pause_s())
        finally:
            self._connected = False
            await self._link.leave(delete_subscriptions=self._leave_nothing)

    def leave_nothing(self) -> None:
        """Delete the subscription when `deliveries` ends, in place of keeping it for the next start."""
        self._leave_nothing = True

    # --- one connection ---

    async def _connection(self) -> AsyncGenerator[Delivery, None]:
        """From connecting to the loss of the connection, which it raises."""
        opening = await self._link.open()
        if opening is Opening.NEW or self._facts is None:
            self._facts = await read_facts(self._link)
            pinned = self._pin_tags(self._facts)
            if pinned:
                yield self._stream.note(*pinned)
        self._window, self._faults, self._farewell = IN_FLIGHT, 0, ""
        self._standby, self._proof_due_s = None, 0.0
        if await self._resume(opening, self._facts):
            async for delivery in self._republish():
                yield delivery
            self._stream.edges.forget_skew()
        else:
            yield await self._rebuild("the server no longer has the subscription")
        self._connected, self._detail, self._refused = True, "", False
        self._heard_s = asyncio.get_running_loop().time()
        while True:
            try:
                async for delivery in self._pump():
                    yield delivery
            except SubscriptionDead as error:
                logger.warning("%s: %s", self.name, error, extra={"source": self.name})
                yield await self._replace(str(error))

    def _pin_tags(self, facts: ServerFacts) -> list[TagDefined]:
        """New versions of the tags whose address names a namespace by number."""
        defined: list[TagDefined] = []
        tags: list[Tag] = []
        for tag in self._stream.tags:
            try:
                address = str(pin(parse_address(tag.address), facts.namespaces))
            except Refused:
                address = tag.address  # creating its item tells what is wrong with it
            if address != tag.address:
                tag = _pinned(tag, address)  # noqa: PLW2901  # the same tag
                defined.append(TagDefined(tag, self._clock.now_ns()))
            tags.append(tag)
        if defined:
            self._stream.take_tags(tags)
        return defined

    async def _resume(self, opening: Opening, facts: ServerFacts) -> bool:
        """Get the subscription of before back, if there is one and it is what the tags ask for."""
        memory = self._stream.memory
        if not memory.subscription:
            return False
        if not recover.is_ours(memory, facts):
            return False
        if memory.items != fingerprint(self._stream.tags):
            await recover.delete(self._link, memory.subscription)
            return False
        if opening is Opening.REUSED:
            return True
        if not await recover.transfer(self._link, memory.subscription):
            return False
        self._standby = await self._stand_by(facts)
        patience_s = (memory.keep_alive_ms + 2 * memory.publishing_ms) / 1000
        self._proof_due_s = asyncio.get_running_loop().time() + patience_s
        return True

    async def _stand_by(self, facts: ServerFacts) -> recover.Built | None:
        """A paused subscription, in case the transferred one is mute; None where the server has no room for it."""
        try:
            return await recover.build(self._link, facts, self._stream.tags, self._settings, publishing=False)
        except ServiceRefused as refusal:
            logger.info("%s: no stand-by subscription: %s", self.name, refusal, extra={"source": self.name})
            return None

    async def _republish(self) -> AsyncIterator[Delivery]:
        """Everything that the server sent and we never got, as far as it still has it."""
        stream = self._stream
        for _ in range(_MOST_REPUBLISHED):
            message = await self._again(stream.order.expected)
            if message is None:
                return
            stream.order.hold(self._clock.now_ns(), message)
            if (ready := self._ready()) is not None:
                yield ready

    async def _again(self, sequence: int) -> Message | None:
        """A message that the server still keeps. asyncua's server answers Good with an empty one: that is none."""
        answer = await self._link.republish(self._stream.memory.subscription, sequence)
        message = answer.message
        return message if message is not None and message.sequence == sequence and not message.is_keep_alive else None

    async def _rebuild(self, reason: str) -> Delivery:
        """A new subscription, and the gap before it."""
        assert self._facts is not None
        built = await recover.build(self._link, self._facts, self._stream.tags, self._settings)
        return self._adopt(built, reason)

    async def _replace(self, reason: str) -> Delivery:
        """Put the stand-by, or else a new subscription, in the place of a dead one."""
        stream = self._stream
        stream.outage = stream.outage or GapCause.DISCONNECT
        dead, standby = stream.memory.subscription, self._standby
        self._standby, self._proof_due_s, self._farewell = None, 0.0, ""
        await recover.delete(self._link, dead)
        stream.memory = stream.memory.without_subscription()
        if standby is None:
            return await self._rebuild(reason)
        delivery = self._adopt(standby, reason)
        await recover.resume_publishing(self._link, standby.subscription)
        return delivery

    def _adopt(self, built: recover.Built, reason: str) -> Delivery:
        assert self._facts is not None
        self._problems = {result.tag: result.problem for result in built.results if result.problem}
        self._retry_pause_s = _FIRST_RETRY_S
        loop_s = asyncio.get_running_loop().time()
        self._retry_due_s, self._heard_s = loop_s + self._retry_pause_s, loop_s
        return self._stream.rebuilt(built, self._facts, reason)

    # --- the subscription at work ---

    async def _pump(self) -> AsyncIterator[Delivery]:
        """Fetch and deliver until the link is lost or the subscription dead, which it raises."""
        link, stream = self._link, self._stream
        loop = asyncio.get_running_loop()
        publishing_ms = stream.memory.publishing_ms
        tick_s = min(max(publishing_ms, 50.0), max(publishing_ms / 2, 500.0)) / 1000
        while True:
            self._top_up()
            arrivals = await link.arrivals(tick_s)
            if arrivals:
                self._top_up()  # at once: the server can make up the next message while we decode these
                async for delivery in self._taken(arrivals, loop.time()):
                    yield delivery
                self._ask_for_gone(loop.time())
                if self._farewell:
                    raise SubscriptionDead(f"the server ended the subscription ({self._farewell})")
            if loop.time() - self._heard_s > tick_s:  # also while others, like a stand-by, are heard
                await self._check_silence(loop.time())
            if self._problems and loop.time() >= self._retry_due_s:
                yield await self._retry_missing(loop)

    async def _taken(self, arrivals: Sequence[tuple[int, Answer]], loop_s: float) -> AsyncIterator[Delivery]:
        """Deliver what came together as one, as far as it is in order."""
        stream, order = self._stream, self._stream.order
        together: list[tuple[int, Message]] = []
        for received_ns, answer in arrivals:
            message = answer.message
            if message is None or message.subscription != stream.memory.subscription:
                self._other(answer)
                continue
            self._faults, self._heard_s, self._failures = 0, loop_s, 0
            if self._proof_due_s:
                await self._proven()
            if order.is_next(message):
                order.delivered = message.sequence
                self._notice_farewell(message)
                together.append((received_ns, message))
                continue
            if together:
                yield stream.deliver(together)
                together = []
            async for delivery in self._take(received_ns, message):
                yield delivery
        if together:
            yield stream.deliver(together)

    def _top_up(self) -> None:
        """Send Publish requests, with what is durable by now, while the journal keeps up."""
        acknowledgements = self._stream.acknowledgements
        free = self._window - self._link.in_flight
        if free > 0 and acknowledgements.room(self._starved):
            self._link.publish(acknowledgements.take(), free)

    def _starved(self) -> None:
        """There is room again; called on the journal's thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop closed meanwhile: nobody fetches any more
                self._loop.call_soon_threadsafe(self._link.wake)

    async def _take(self, received_ns: int, message: Message) -> AsyncIterator[Delivery]:
        """Deliver a message in its turn; fetch again what is missing before it."""
        stream, order = self._stream, self._stream.order
        if message.is_keep_alive:
            if ahead(message.sequence, order.expected) > 0:
                async for delivery in self._fill(message.sequence):
                    yield delivery
            yield stream.keep_alive(received_ns, message)
            return
        if not order.hold(received_ns, message):
            return  # delivered before, and acknowledged when that is durable
        while (first := order.first_held()) is not None:
            if first != order.expected:
                async for delivery in self._fill(first):
                    yield delivery
            if (ready := self._ready()) is not None:
                yield ready

    def _notice_farewell(self, message: Message) -> None:
        for notification in message.notifications:
            if notification.type_id == STATUS_CHANGE:  # a subscription says goodbye with its last message
                self._farewell = ua.StatusCode(status_change(message, notification)).name

    def _ready(self) -> Delivery | None:
        """Deliver what is held and next in turn."""
        messages = []
        while (held := self._stream.order.pop()) is not None:
            self._notice_farewell(held[1])
            messages.append(held)
        return self._stream.deliver(messages) if messages else None

    async def _fill(self, upto: int) -> AsyncIterator[Delivery]:
        """Fetch again the messages before `upto`; those that are gone become a gap."""
        stream, order = self._stream, self._stream.order
        if ahead(upto, order.expected) > _MOST_REPUBLISHED:
            stream.lose(order.expected, upto - 1)
            order.skip_to(upto)
        while order.expected != upto:
            sequence = order.expected
            message = await self._again(sequence)
            if message is None:
                stream.lose(sequence, sequence)
                order.skip_to(following(sequence))
                continue
            order.hold(self._clock.now_ns(), message)
            if (ready := self._ready()) is not None:
                yield ready

    def _other(self, answer: Answer) -> None:
        """An answer that is no message of ours: a fault, or another subscription's keep-alive."""
        if answer.message is not None:
            return
        name = ua.StatusCode(answer.status).name
        if answer.status in _SUBSCRIPTION_GONE:
            raise SubscriptionDead(f"the server does not have the subscription any more ({name})")
        self._faults += 1
        if answer.status == ua.StatusCodes.BadTooManyPublishRequests:
            self._window = max(1, self._link.in_flight)
        if answer.status not in _NOT_AN_ERROR or self._faults > _MOST_FAULTS:
            raise LinkLost(f"Publish: {name}")

    async def _proven(self) -> None:
        """The transferred subscription spoke: the stand-by may go."""
        self._proof_due_s = 0.0
        if self._standby is not None:
            standby, self._standby = self._standby, None
            await recover.delete(self._link, standby.subscription)

    async def _check_silence(self, loop_s: float) -> None:
        """Judge the subscription by what it says, never by its state."""
        if self._proof_due_s and loop_s > self._proof_due_s:
            raise SubscriptionDead("the server took the transfer of the subscription and then sent nothing")
        keep_alive_s = max(self._stream.memory.keep_alive_ms, self._stream.memory.publishing_ms) / 1000
        if not self._link.in_flight:
            self._heard_s = loop_s  # we did not ask: the journal does not keep up
        elif loop_s - self._heard_s > MISSED_KEEP_ALIVES * keep_alive_s:
            await recover.server_clock(self._link)  # LinkLost: it is the connection
            raise SubscriptionDead(
                f"the server answers, but {MISSED_KEEP_ALIVES} keep-alive messages of the subscription are missing"
            )

    def _ask_for_gone(self, loop_s: float) -> None:
        """Nodes that have gone while they were followed: their items are made anew once they are back."""
        gone, self._stream.gone = self._stream.gone - self._problems.keys(), set()
        if gone:
            self._problems |= dict.fromkeys(gone, "the node has gone from the server")
            self._retry_pause_s = _FIRST_RETRY_S
            self._retry_due_s = loop_s + self._retry_pause_s

    async def _retry_missing(self, loop: asyncio.AbstractEventLoop) -> Delivery:
        """Ask again for the nodes that are not there, less and less often."""
        stream = self._stream
        self._facts = await read_facts(self._link)
        wanted = [tag for tag in stream.tags if tag.id in self._problems]
        results = await create_items(self._link, stream.memory.subscription, wanted, self._facts, self._settings)
        end_ns = stream.end_ns(await recover.server_clock(self._link))
        found = stream.items(results, end_ns, end_ns)
        self._problems = {result.tag: result.problem for result in results if result.problem}
        self._retry_pause_s = min(self._retry_pause_s * 2, _LONGEST_RETRY_S)
        self._retry_due_s = loop.time() + self._retry_pause_s
        return stream.note(*found)

    # --- failing ---

    def _failed(self, error: Exception) -> None:
        was_connected, self._connected = self._connected, False
        self._failures += 1
        self._refused = isinstance(error, ServiceRefused | Refused)
        detail = str(error) or type(error).__name__
        if detail != self._detail:
            logger.warning("%s: %s", self.name, detail, extra={"source": self.name})
        self._detail = detail
        stream = self._stream
        if was_connected and stream.edge_ns and stream.outage is None:
            stream.outage = GapCause.DISCONNECT

    def _pause_s(self) -> float:
        if self._refused:
            return min(2.0 ** (self._failures - 2), _LONGEST_PAUSE_REFUSED_S)
        return min(_FIRST_PAUSE_S * 1.5 ** min(self._failures - 2, 20), _LONGEST_PAUSE_AWAY_S)

    def _missing(self) -> str:
        if not self._problems:
            return ""
        named = {int(tag.id): tag.name for tag in self._stream.tags}
        first = list(self._problems.items())[:_NAMED_IN_DETAIL]
        shown = ", ".join(f"{named[tag]} ({problem})" for tag, problem in first)
        more = ", …" if len(self._problems) > _NAMED_IN_DETAIL else ""
        return f"{len(self._problems)} of {len(named)} nodes do not report: {shown}{more}"


def _pinned(tag: Tag, address: str) -> Tag:
    return replace(tag, address=address, configured=tag.configured or tag.address, version=tag.version + 1)
