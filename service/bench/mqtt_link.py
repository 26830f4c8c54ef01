"""The MQTT collector's link to a model broker: what is below its session, without a socket or a thread."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from collector.mqtt.frames import Publish
from collector.mqtt.session import Listener, Session
from collector.mqtt.settings import MqttSettings
from service.bench.wires import Network, Wire
from simulators.model.broker import ModelBroker, Packet

_ANSWER_S: Final = 5.0
_DRAIN_S: Final = 1.0
_LOOK_S: Final = 0.1
_PROMPT_S: Final = 0.25  # what is due sooner than this is looked at in time, anything else when there is news
_WAIT_MOST_S: Final = 5.0


Hear = Callable[[Callable[[], None]], None]
"""Lets the broker's answer do something at our end."""


class _Speaker:
    """Our side of the connection that stands; `collector.mqtt.session.Speaker`."""

    def __init__(self, broker: ModelBroker, settings: MqttSettings, now_s: Callable[[], float]) -> None:
        self.taken: list[Publish] = []
        self.pongs = 0
        self.malformed = ""
        self.heard_s = 0.0
        self.wire: Wire | None = None
        self.waiting: list[Publish] = []  # arrived, and not read yet
        self.session: Session
        self.news = asyncio.Event()
        self._broker = broker
        self._client = settings.client_id
        self._keep_alive_s = settings.keep_alive_s
        self._now_s = now_s
        self._packet_id = 0
        self._last_out_s = self._last_in_s = 0.0
        self._ping_waits = False

    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self.wire is not None

    def opened(self, wire: Wire) -> None:
        """A new connection; what was left of the last one is void."""
        self.wire, self.waiting, self._ping_waits = wire, [], False
        self._last_out_s = self._last_in_s = self._now_s()

    def closed(self) -> None:
        """The connection is gone."""
        if self.wire is not None:
            self.wire.close()
        self.wire = None

    def ask_for(self, filters: Sequence[str]) -> int | None:
        """Subscribe; the packet id of the request."""
        self._packet_id += 1
        packet_id, wanted = self._packet_id, list(filters)

        def serve(hear: Hear) -> None:
            refusals = self._broker.subscribe(self._client, wanted)
            hear(lambda: self.session.subscribed(packet_id, refusals))

        return packet_id if self._say(serve) else None

    def take_leave_of(self, filters: Sequence[str]) -> None:
        """Unsubscribe."""
        unwanted = list(filters)

        def serve(hear: Hear) -> None:
            existed = self._broker.unsubscribe(self._client, unwanted)
            hear(lambda: self.session.left(first_existed=existed[0]))

        self._say(serve)

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Write the PUBACKs of these messages, in this order."""
        acknowledged = list(packet_ids)
        self._say(lambda _: self._broker.acknowledge(self._client, acknowledged))

    def probe(self) -> None:
        """Write a PINGREQ."""
        self._ping_waits = True
        self._say(lambda hear: hear(self._ponged))

    def connect(self, settings: MqttSettings, wire: Wire) -> None:
        """Write CONNECT."""
        keeps = settings.session_expiry_s > 0

        def send(packet: Packet) -> None:
            wire.to_client(lambda: self._arrived(wire, packet))

        def serve(hear: Hear) -> None:
            present = self._broker.connect(
                settings.client_id,
                send,
                clean=not keeps,
                expiry_s=settings.session_expiry_s,
                most=settings.receive_maximum,
            )
            hear(lambda: self.session.connected(session_present=present, refusal=""))
            self._broker.resume(settings.client_id)

        wire.at_server_lost = lambda: self._broker.disconnect(settings.client_id, send)
        self._say(serve)

    def read(self) -> None:
        """Take what has arrived."""
        self.taken += self.waiting
        self.waiting = []

    def check_keep_alive(self, *, reading: bool) -> bool:
        """Ping a silent broker; whether it still counts as there."""
        now_s = self._now_s()
        if not reading:
            self._ping_waits, self._last_in_s = False, now_s
        if now_s - min(self._last_out_s, self._last_in_s) < self._keep_alive_s:
            return True
        if self._ping_waits:
            return False
        self.probe()
        self._last_in_s = now_s
        return True

    def _say(self, serve: Callable[[Hear], None]) -> bool:
        """Have the broker do something, if it hears of it; what it answers comes back on the same connection."""
        wire = self.wire
        if wire is None:
            return False
        self._last_out_s = self._now_s()

        def hear(call: Callable[[], None]) -> None:
            wire.to_client(lambda: self._answered(wire, call))

        wire.to_server(lambda: serve(hear) if self._broker.is_up else None)
        return True

    def _answered(self, wire: Wire, call: Callable[[], None]) -> None:
        if wire is self.wire:
            self._alive()
            self.read()
            call()
            self.news.set()

    def _arrived(self, wire: Wire, packet: Packet) -> None:
        if wire is self.wire:
            self.waiting.append(packet)
            self.news.set()
            self._alive()

    def _alive(self) -> None:
        self._last_in_s = self._now_s()
        self.heard_s += 1.0  # a count: it is only compared

    def _ponged(self) -> None:
        self._ping_waits = False
        self.pongs += 1


class ModelMqttLink:
    """`collector.mqtt.source.Connecting` to a model broker: connects, reads, writes and reconnects on the loop."""

    def __init__(
        self,
        settings: MqttSettings,
        listener: Listener,
        old_topics: Sequence[str],
        *,
        marked: bool,
        broker: ModelBroker,
        network: Network,
        chance: Random,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._broker = broker
        self._network = network
        self._chance = chance
        now_s = network.loop.time
        self._now_s = now_s
        self._speaker = _Speaker(broker, settings, now_s)
        self._session = Session(settings, self._speaker, listener, old_topics, marked=marked, now_s=now_s)
        self._speaker.session = self._session
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    def start(self, ended: Callable[[], None]) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: ended())

    def stop(self) -> None:
        """End soon: a moment for acknowledgements under way, then leave."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Look at what is to do."""
        self._speaker.news.set()

    async def join(self, limit_s: float) -> None:
        """Wait until it is over."""
        assert self._task is not None
        await asyncio.wait([self._task], timeout=limit_s)

    def vanish(self) -> None:
        """The power is cut: nobody tells the broker."""
        if self._task is not None:
            self._task.cancel()
        if self._speaker.wire is not None:
            self._speaker.wire.vanish()
            self._speaker.wire = None

    async def _run(self) -> None:
        while not self._is_stopping:
            self._session.begins()
            if await self._connect():
                await self._converse()
            self._speaker.closed()
            await self._rest(self._session.ended())

    async def _connect(self) -> bool:
        session, network, address = self._session, self._network, self._settings.address
        if network.is_blocked:
            await asyncio.sleep(_ANSWER_S)
            session.reason = f"{address}: timed out"
            return False
        await asyncio.sleep(network.delay_s())
        if network.is_cut or not self._broker.is_up:
            session.broker_was_down = session.broker_was_down or not self._broker.is_up
            session.reason = f"{address}: connection refused"
            return False
        wire = network.connect(self._broken)
        self._speaker.opened(wire)
        self._speaker.connect(self._settings, wire)
        return True

    def _broken(self) -> None:
        """The other end has closed the connection."""
        self._speaker.wire = None
        self._session.broker_was_down = self._session.broker_was_down or not self._broker.is_up
        self._session.reason = self._session.reason or f"{self._settings.address}: the connection was lost"
        self._speaker.news.set()

    async def _converse(self) -> None:
        """Serve one connection until it ends."""
        speaker, session, listener = self._speaker, self._session, self._listener
        answer_until_s, draining_s = self._now_s() + _ANSWER_S, 0.0
        while speaker.is_open():
            now_s = self._now_s()
            if self._is_stopping:
                draining_s = draining_s or now_s + _DRAIN_S
                if now_s > draining_s or not listener.outstanding():
                    return
            if not session.is_answered and now_s > answer_until_s:
                session.reason = f"{self._settings.address}: no answer to CONNECT"
                return
            reading = not draining_s and listener.may_read()
            if not (reading and speaker.waiting):
                await self._wait(0.02 if draining_s else listener.next_due_s())
            if reading and speaker.waiting:
                await asyncio.sleep(self._settings.pause_s)  # what comes meanwhile is taken along
                speaker.read()
            session.hand_over()
            session.is_stale = not reading
            if not speaker.is_open():
                return
            if not speaker.check_keep_alive(reading=reading):
                session.reason = f"{self._settings.address}: keep alive timeout"
                return
            session.work()

    async def _wait(self, due_s: float) -> None:
        """Until there is news, or something is due."""
        news = self._speaker.news
        wait_s = due_s if due_s < _PROMPT_S else _WAIT_MOST_S
        timer = self._network.loop.call_later(wait_s, news.set)
        try:
            await news.wait()
        finally:
            timer.cancel()
            news.clear()

    async def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt, never in step with other clients."""
        until_s = self._now_s() + pause_s * self._chance.uniform(0.5, 1.0)
        while not self._is_stopping and (left_s := until_s - self._now_s()) > 0:
            await asyncio.sleep(min(left_s, _LOOK_S))
            self._listener.work()
