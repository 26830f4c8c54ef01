"""Publishes values of the plant over MQTT, QoS 1, and breaks on purpose."""

import asyncio
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Protocol, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from domain.time import SECOND_NS, format_time
from simulators.faults.spec import FaultChange
from simulators.outlets import Update
from simulators.servers.broker import Broker
from simulators.servers.broker_faults import BrokerFaults
from simulators.servers.mqtt_faults import SERVER, MessageFaults, number
from simulators.servers.mqtt_payloads import Format, Message

logger = logging.getLogger(__name__)

PROTOCOLS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
_QUEUED_MOST: Final = 20_000  # messages; while the broker is away longer, the newest are refused and counted
_IN_FLIGHT_MOST: Final = 200
_PATIENT_ABOVE: Final = 10_000  # messages
_PATIENCE_S: Final = 60.0
_LOOK_AGAIN_S: Final = 0.01
_LEAVE_WITHIN_S: Final = 5.0


class Wire(Protocol):
    """What carries messages to a broker: paho, or a model."""

    @property
    def waiting(self) -> int:
        """How many messages the broker has not taken yet."""
        ...

    def send(self, message: Message) -> bool:
        """Hand a message over; False: it was refused, for good."""
        ...


@dataclass(frozen=True, slots=True)
class Login:
    """As whom a broker knows the plant."""

    user: str
    password: str = field(repr=False)


class MqttPublisher:
    """Publishes to one broker and reconnects by itself; `with` connects and leaves. A `Wire`.

    Messages keep their order, also over a lost connection: paho alone would send new ones before those that it repeats.
    """

    def __init__(
        self, host: str, port: int, protocol: str, client_id: str = "simulated-plant", login: Login | None = None
    ) -> None:
        self.refused = 0
        self._held: deque[Message] = deque()  # until the connection may take them
        self._lock = threading.Lock()
        self._connection = 0  # counts connections and losses: who waited for one knows whether it is still the same
        self._ready_for = -1
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=PROTOCOLS[protocol])
        self._client.max_queued_messages_set(2 * _QUEUED_MOST)  # the limit is ours: all that was held passes at once
        self._client.max_inflight_messages_set(_IN_FLIGHT_MOST)
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.on_connect = self._when_connected
        self._client.on_disconnect = self._when_disconnected
        if login is not None:
            self._client.username_pw_set(login.user, login.password)
        self._client.connect_async(host, port, keepalive=30)

    def __enter__(self) -> Self:
        """Begin to connect; messages wait until the broker is there."""
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the broker when it has taken everything; for one that is away nobody waits."""
        give_up_s = time.monotonic() + _LEAVE_WITHIN_S
        while self.waiting and self._client.is_connected() and time.monotonic() < give_up_s:
            time.sleep(_LOOK_AGAIN_S)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def waiting(self) -> int:
        """How many messages the broker has not taken yet."""
        return len(self._held) + waiting_in(self._client)

    def send(self, message: Message) -> bool:
        """Send a message; one that does not fit the queue is refused and counted."""
        with self._lock:
            if self.waiting >= _QUEUED_MOST:
                self.refused += 1
                if self.refused == 1:
                    logger.warning("MQTT: the broker is away for so long that messages are refused")
                return False
            if self._held or self._ready_for != self._connection:
                self._held.append(message)
            else:
                self._hand_over(message)
        return True

    def publish(self, topic: str, value: float, time_ns: int) -> None:
        """Send `{"v": value, "t": ISO 8601}`; what does not fit the queue is refused and counted."""
        self.send(Message(topic, json.dumps({"v": value, "t": format_time(time_ns)}).encode()))

    def _hand_over(self, message: Message) -> None:
        sent = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if message.again and sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            # As a client does whose PUBACK was lost: the same packet id again, with DUP. A broker may not drop it.
            self._client._send_publish(  # noqa: SLF001 - paho repeats a packet only after a broken connection
                sent.mid, message.topic.encode(), message.payload, message.qos, message.retain, dup=True
            )

    def _when_connected(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        if reason.is_failure:
            logger.warning("MQTT: the broker refuses the plant: %s", reason)
            return
        self._connection += 1
        # Not here: paho repeats what was on its way only after this call, and holds its own locks meanwhile.
        threading.Thread(target=self._release, args=(self._connection,), name="mqtt-release", daemon=True).start()

    def _when_disconnected(
        self, _client: Client, _userdata: object, _flags: DisconnectFlags, _reason: ReasonCode, _: Properties | None
    ) -> None:
        self._connection += 1

    def _release(self, connection: int) -> None:
        """Let what was held follow, once the broker has what was on its way before."""
        while self._connection == connection and waiting_in(self._client):
            time.sleep(_LOOK_AGAIN_S)
        with self._lock:
            while self._connection == connection and self._held:
                self._hand_over(self._held.popleft())
            self._ready_for = connection


class MqttOutlet:
    """An `Outlet` of JSON messages. Faults: those of messages, of the broker (where it is ours), `source_time_absent`.

    `sent` and `refused` count messages, `faults.counts` what was done to them. A `patient` one waits where a device
    would lose values: for a broker that is slow or away, at most a minute.
    """

    def __init__(
        self, wire: Wire, form: Format, broker: Broker | None = None, seed: int = 1, *, patient: bool = False
    ) -> None:
        self.faults = MessageFaults(seed)
        self.sent = 0
        self.refused = 0
        self.beside: list[Message] = []
        """What somebody else tells over the same broker; sent behind the next values, and emptied."""
        self._wire = wire
        self._format = form
        self._broker = BrokerFaults(broker)
        self._newest: dict[str, Update] = {}
        self._patient = patient

    async def write(self, updates: Sequence[Update]) -> None:
        """Publish new values, in order; KeyError for a tag that is not published, TimeoutError if patience ends."""
        if self._patient:
            await until_taken(lambda: self._wire.waiting)
        timeless = self.faults.targets("source_time_absent")
        told = [replace(update, time_ns=None) if {SERVER, update.name} & timeless else update for update in updates]
        self._newest.update((update.name, update) for update in told)
        self._send(self.faults.pass_on(self._format.message(update) for update in told))
        self._send(self.faults.pass_on(self.beside))
        self.beside.clear()

    async def fault(self, change: FaultChange) -> None:
        """Break or mend; CannotBreak if it needs a broker that somebody else runs."""
        self._send(self.faults.change(change))
        if change.spec.kind == "retained_stale":
            self._send(self._retained(change))
        await self._broker.change(change)

    def _retained(self, change: FaultChange) -> list[Message]:
        """At the start the broker gets an old value to keep, which nobody renews; at the end the newest."""
        age_ns = round(number(change.spec, "age") * SECOND_NS) if change.active else 0
        chosen = [update for update in self._newest.values() if change.spec.target in (SERVER, update.name)]
        self.faults.counts["retained_stale"] += len(chosen) if change.active else 0
        return [replace(self._format.message(_older(update, age_ns)), retain=True) for update in chosen]

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if self._wire.send(message):
                self.sent += 1
            else:
                self.refused += 1


def _older(update: Update, age_ns: int) -> Update:
    return update if update.time_ns is None else replace(update, time_ns=update.time_ns - age_ns)


def waiting_in(client: Client) -> int:
    """How many messages paho has not got rid of: those without PUBACK, and packets that are not written yet."""
    return max(len(client._out_messages), len(client._out_packet))  # noqa: SLF001 - paho tells it nowhere else


async def until_taken(waiting: Callable[[], int]) -> None:
    """Wait until few enough messages wait for the next ones; TimeoutError after a minute in which none went."""
    fewest, since_s = waiting(), time.monotonic()
    while (left := waiting()) > _PATIENT_ABOVE:
        if left < fewest:
            fewest, since_s = left, time.monotonic()
        if time.monotonic() > since_s + _PATIENCE_S:
            message = f"the broker has taken no message for {_PATIENCE_S:g} s; {left:,} wait"
            raise TimeoutError(message)
        await asyncio.sleep(_LOOK_AGAIN_S)
