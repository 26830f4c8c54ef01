"""A pure model of an MQTT broker: sessions, queues, packets in flight, retained messages, restarts. Time is given.

After MQTT 5: 3.1.2.11 (session expiry, receive maximum), 3.3.1 (DUP, retain), 4.4 (delivery again), 4.7 (filters).
QoS is that of the publisher, at most 1.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.time import SECOND_NS
from simulators.faults.catalogue import CATALOGUE
from simulators.faults.spec import FaultChange, FaultSpec
from simulators.servers.mqtt_payloads import Message

RETAIN: Final = 0x01
DUP: Final = 0x08
_QOS_1: Final = 0x02
USUAL_QUEUE: Final = 1000
"""Messages that a broker keeps for a client, as mosquitto does where nobody says otherwise."""
_HIGHEST_PACKET_ID: Final = 65_535
_MOST_WAITING_AT_PUBLISHER: Final = 20_000

Packet = tuple[bytes, bytes, int, int]
"""A PUBLISH to a client: topic, payload, packet id (0 at QoS 0), the flags of its first byte."""


@dataclass(slots=True)
class _Waiting:
    """A message on its way to one session."""

    message: Message
    is_retained: bool = False


@dataclass(slots=True)
class _Session:
    """What the broker keeps for a client. `send` None: it is away."""

    expiry_s: int
    receive_maximum: int = 65_535
    send: Callable[[Packet], None] | None = None
    away_since_ns: int = 0
    filters: list[str] = field(default_factory=list)
    queue: deque[_Waiting] = field(default_factory=deque)
    in_flight: dict[int, _Waiting] = field(default_factory=dict)  # by packet id, in the order of sending
    last_id: int = 0


class ModelBroker:
    """One broker. What a publisher sends while it is down, or `lost`, waits at the publisher, who sends it later.

    `hang_up` ends every connection. `overruns`: more packets than a client's receive maximum are sent, as mosquitto
    2.0.11 does. `took` is told of every message that a publisher sent, once.
    """

    def __init__(self, now_ns: Callable[[], int], most_queued: int = USUAL_QUEUE, *, overruns: int = 0) -> None:
        self.is_up = True
        self.dropped = 0  # messages that did not fit a queue
        self.hang_up: Callable[[], None] = lambda: None
        self.took: Callable[[Message], None] = lambda _message: None
        self.acknowledged: Callable[[Message], None] = lambda _message: None
        self._now_ns = now_ns
        self._most_queued = self._usual_queue = most_queued
        self._overruns = overruns
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, Message] = {}
        self._at_publisher: deque[Message] = deque()

    @property
    def has_given_all(self) -> bool:
        """Whether a client is there, and every client has acknowledged everything."""
        sessions = self._sessions.values()
        return bool(sessions) and not any(each.send is None or each.queue or each.in_flight for each in sessions)

    # ---- the publisher's side

    @property
    def waiting(self) -> int:
        """How many messages wait at the publisher."""
        return len(self._at_publisher)

    def send(self, message: Message) -> bool:
        """Take a message of the plant; False: the publisher has no room for it any more."""
        if not self.is_up:
            if len(self._at_publisher) >= _MOST_WAITING_AT_PUBLISHER:
                return False
            self.took(message)
            self._at_publisher.append(message)
            return True
        self.took(message)
        self._route(message)
        return True

    def _route(self, message: Message) -> None:
        if message.retain:
            self._retained[message.topic] = message
        for session in self._sessions.values():
            if any(matches(wanted, message.topic) for wanted in session.filters):
                self._put(session, _Waiting(message))
                if message.again:  # the publisher sent its packet twice; a broker may not know that it is the same
                    self._put(session, _Waiting(message))

    def _put(self, session: _Session, waiting: _Waiting) -> None:
        is_lost = session.send is None and waiting.message.qos == 0
        if is_lost or len(session.queue) >= self._most_queued:
            self.dropped += 1
            return
        session.queue.append(waiting)
        self._pump(session)

    def _pump(self, session: _Session) -> None:
        """Send what waits, as far as the client's receive maximum goes."""
        most = session.receive_maximum + self._overruns
        while session.send is not None and session.queue and len(session.in_flight) < most:
            waiting = session.queue.popleft()
            packet_id = 0
            if waiting.message.qos:
                packet_id = self._next_id(session)
                session.in_flight[packet_id] = waiting
            session.send(_packet(waiting, packet_id, again=False))

    @staticmethod
    def _next_id(session: _Session) -> int:
        while True:
            session.last_id = session.last_id % _HIGHEST_PACKET_ID + 1
            if session.last_id not in session.in_flight:
                return session.last_id

    # ---- a client's side

    def connect(self, client: str, send: Callable[[Packet], None], *, clean: bool, expiry_s: int, most: int) -> bool:
        """CONNECT; whether there was a session. `most` is the client's receive maximum."""
        session = self._sessions.get(client)
        if session is not None and (clean or self._is_expired(session)):
            session = None
        is_present = session is not None
        if session is None:
            session = self._sessions[client] = _Session(expiry_s)
        session.expiry_s, session.receive_maximum, session.send = expiry_s, most, send
        return is_present

    def resume(self, client: str) -> None:
        """After CONNACK: what was in flight goes out again with DUP, then what waits."""
        session = self._sessions[client]
        if session.send is not None:
            for packet_id, waiting in session.in_flight.items():
                session.send(_packet(waiting, packet_id, again=True))
            self._pump(session)

    def disconnect(self, client: str, send: Callable[[Packet], None] | None = None) -> None:
        """The client is gone; `send` names the connection, where another one may stand meanwhile."""
        session = self._sessions.get(client)
        if session is None or (send is not None and session.send is not send):
            return
        session.send, session.away_since_ns = None, self._now_ns()
        if session.expiry_s == 0:
            del self._sessions[client]

    def subscribe(self, client: str, filters: Sequence[str]) -> list[str]:
        """SUBSCRIBE; for each filter why it is refused, empty: granted. Only a new filter gets what is retained."""
        session = self._sessions[client]
        for wanted in filters:
            if wanted not in session.filters:
                session.filters.append(wanted)
                for topic, message in self._retained.items():
                    if matches(wanted, topic):
                        self._put(session, _Waiting(message, is_retained=True))
        return [""] * len(filters)

    def unsubscribe(self, client: str, filters: Sequence[str]) -> list[bool]:
        """UNSUBSCRIBE; for each filter whether it was there."""
        session = self._sessions[client]
        existed = [each in session.filters for each in filters]
        session.filters = [each for each in session.filters if each not in filters]
        return existed

    def acknowledge(self, client: str, packet_ids: Sequence[int]) -> None:
        """PUBACKs of a client."""
        session = self._sessions.get(client)
        if session is None:
            return
        for packet_id in packet_ids:
            waiting = session.in_flight.pop(packet_id, None)
            if waiting is not None:
                self.acknowledged(waiting.message)
        self._pump(session)

    def _is_expired(self, session: _Session) -> bool:
        return session.send is None and self._now_ns() - session.away_since_ns > session.expiry_s * SECOND_NS

    # ---- faults

    def fault(self, change: FaultChange) -> None:
        """A fault of the broker begins or ends; others are ignored."""
        spec = change.spec
        if spec.kind == "broker_restart":
            if change.active:
                self.halt(saving=_setting(spec, "persistence") == "kept")
            if not change.active or spec.lasts_s is None:
                self.start()
        elif spec.kind == "broker_queue_overflow":
            self._most_queued = round(float(_setting(spec, "limit"))) if change.active else self._usual_queue

    def halt(self, *, saving: bool) -> None:
        """Go down, with what it keeps saved, or all of it lost."""
        self.is_up = False
        for client in list(self._sessions):
            self.disconnect(client)
        if not saving:
            self._sessions.clear()
            self._retained.clear()
        self.hang_up()

    def start(self) -> None:
        """Come up again; publishers send what they kept."""
        self.is_up = True
        while self._at_publisher:
            self._route(self._at_publisher.popleft())


def matches(wanted: str, topic: str) -> bool:
    """Tell whether a topic is one of a filter's (MQTT 5, 4.7)."""
    levels, parts = wanted.split("/"), topic.split("/")
    for index, level in enumerate(levels):
        if level == "#":
            return True
        if index >= len(parts) or level not in ("+", parts[index]):
            return False
    return len(levels) == len(parts)


def _packet(waiting: _Waiting, packet_id: int, *, again: bool) -> Packet:
    message = waiting.message
    flags = 0x30 | (_QOS_1 if message.qos else 0) | (DUP if again else 0) | (RETAIN if waiting.is_retained else 0)
    return message.topic.encode(), message.payload, packet_id, flags


def _setting(spec: FaultSpec, name: str) -> float | str:
    value = spec.settings.get(name, CATALOGUE[spec.kind].settings[name].default)
    assert value is not None
    return value
