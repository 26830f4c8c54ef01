"""A Sparkplug B edge node on a real broker: born, dying and reborn by the rules, with a store for when it is away."""

import json
import logging
import socket
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Literal, Self

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from domain.errors import BadMessage
from simulators.faults.spec import FaultChange
from simulators.outlets import Update
from simulators.servers.broker import Broker
from simulators.servers.broker_faults import BrokerFaults
from simulators.servers.mqtt import PROTOCOLS, until_taken, waiting_in
from simulators.servers.mqtt_faults import SERVER, MessageFaults
from simulators.servers.mqtt_payloads import Message, PublishedTag
from simulators.servers.sparkplug_node import NAMESPACE, REBIRTH, EdgeNode
from simulators.servers.sparkplug_payload import decode

logger = logging.getLogger(__name__)

_STORED_MOST: Final = 20_000  # values while nobody listens; the oldest go first, and are counted
_KEEP_ALIVE_S: Final = 10
_LEAVE_WITHIN_S: Final = 5.0


class SparkplugEdge:
    """An `Outlet` that is an edge node (`node`: group/name); `with` connects and leaves. A unit is a device.

    While the broker is away, or the primary host (`primary_host`, if one is named) is not online, values are stored;
    after the next births they are sent as historical. `dropped` counts values that did not fit the store. What is sent
    has QoS 0, as Sparkplug asks: a message on its way when a connection breaks is lost. `patient` as of `MqttOutlet`.
    """

    def __init__(  # noqa: PLR0913 - where, what, and as whom
        self,
        host: str,
        port: int,
        protocol: str,
        tags: Sequence[PublishedTag],
        *,
        node: str = "thermowell/plant",
        primary_host: str = "",
        broker: Broker | None = None,
        seed: int = 1,
        patient: bool = False,
    ) -> None:
        self.faults = MessageFaults(seed)
        self.sent = 0  # messages of data
        self.dropped = 0
        self.births = 0
        group, _, name = node.partition("/")
        self._node = EdgeNode(tags, group, name)
        self._broker = BrokerFaults(broker)
        self._primary_host = primary_host
        self._patient = patient
        self._host_heard_ms = -1
        self._online = False  # born, and nobody said that it may not go on
        self._stored: deque[Update] = deque(maxlen=_STORED_MOST)
        self._lock = threading.Lock()  # paho's thread gives births, the plant's thread data: one order for both
        self._client = Client(CallbackAPIVersion.VERSION2, f"{group}-{name}", protocol=PROTOCOLS[protocol])
        self._client.on_pre_connect = self._before_connecting
        self._client.on_connect = self._when_connected
        self._client.on_subscribe = self._when_subscribed
        self._client.on_disconnect = self._when_disconnected
        self._client.on_message = self._when_told
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        # Sparkplug never goes on with a session of before; MQTT 3.1.1 says it in another way, paho's default.
        clean_start: bool | Literal[3] = True if protocol == "5" else MQTT_CLEAN_START_FIRST_ONLY
        self._client.connect_async(host, port, keepalive=_KEEP_ALIVE_S, clean_start=clean_start)

    def __enter__(self) -> Self:
        """Begin to connect; values are stored until the node is born."""
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Die in good order: NDEATH, then leave the broker (which forgets the will)."""
        with self._lock:
            online, self._online = self._online, False
            death = self._node.death()
        if online:
            told = self._client.publish(death.topic, death.payload, death.qos)
            if told.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                told.wait_for_publish(_LEAVE_WITHIN_S)
        self._client.disconnect()
        self._client.loop_stop()

    async def write(self, updates: Sequence[Update]) -> None:
        """Publish new values, in order; KeyError for a tag that is not published, TimeoutError if patience ends."""
        if self._patient:
            await until_taken(lambda: max(waiting_in(self._client), len(self._stored)))
        timeless = self.faults.targets("source_time_absent")
        told = [replace(update, time_ns=None) if {SERVER, update.name} & timeless else update for update in updates]
        with self._lock:
            self._node.remember(told)
            if self._online:
                self._send_data(told)
            else:
                self._store(told)

    async def fault(self, change: FaultChange) -> None:
        """Break or mend: messages, the broker (where it is ours), `source_time_absent`. CannotBreak."""
        with self._lock:
            self._pass_on(self.faults.change(change))
        await self._broker.change(change)

    def _store(self, updates: Sequence[Update]) -> None:
        self.dropped += max(len(self._stored) + len(updates) - _STORED_MOST, 0)
        self._stored.extend(updates)

    def _send_data(self, updates: Sequence[Update], *, historical: bool = False) -> None:
        apart = any(self.faults.targets(kind) - {SERVER} for kind in ("duplicated", "reordered", "malformed"))
        messages = self._node.data(updates, historical=historical, apart=apart)
        if not self._pass_on(self.faults.pass_on(messages)):
            self._online = False
            self._store(updates)

    def _pass_on(self, messages: Iterable[Message]) -> bool:
        """Send; False: the connection is gone."""
        for message in messages:
            if self._client.publish(message.topic, message.payload, message.qos).rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            self.sent += 1
        return True

    # In paho's thread

    def _before_connecting(self, client: Client, _userdata: object) -> None:
        with self._lock:
            will = self._node.connecting()
        client.will_set(will.topic, will.payload, will.qos)

    def _when_connected(
        self, client: Client, _userdata: object, _flags: ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        """Listen to commands (and to the primary host) first: births come when the broker has agreed."""
        if reason.is_failure:
            logger.warning("Sparkplug: the broker refuses the edge node: %s", reason)
            return
        commands = [(self._node.topic("NCMD"), 1), (self._node.topic("DCMD", "+"), 1)]
        client.subscribe([*commands, *([(self._state_topic, 1)] if self._primary_host else [])])

    def _when_subscribed(self, *_: object) -> None:
        if not self._primary_host:
            self._be_born()

    def _when_disconnected(
        self, _client: Client, _userdata: object, _flags: DisconnectFlags, _reason: ReasonCode, _: Properties | None
    ) -> None:
        with self._lock:
            self._online = False
            self._host_heard_ms = -1

    def _when_told(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic == self._state_topic:
            self._when_host_changes(bytes(message.payload))
        elif message.topic == self._node.topic("NCMD") and _asks_for_rebirth(bytes(message.payload)):
            self._be_born()

    @property
    def _state_topic(self) -> str:
        return f"{NAMESPACE}/STATE/{self._primary_host}"

    def _when_host_changes(self, payload: bytes) -> None:
        """The primary host says that it is there, or its will says that it has gone; older news are ignored."""
        try:
            state = json.loads(payload)
            online, heard_ms = bool(state["online"]), int(state["timestamp"])
        except (ValueError, TypeError, KeyError):
            logger.warning("Sparkplug: the STATE of host %r cannot be read: %.80r", self._primary_host, payload)
            return
        with self._lock:
            if heard_ms < self._host_heard_ms:
                return
            self._host_heard_ms, was_online = heard_ms, self._online
            self._online = self._online and online
        if online and not was_online:
            self._be_born()
        elif was_online and not online:
            self._break_off()

    def _break_off(self) -> None:
        """Leave without a word, so that the broker tells the will; paho comes back with the next number."""
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            connection.shutdown(socket.SHUT_RDWR)

    def _be_born(self) -> None:
        """Births, then what was stored meanwhile, then the present."""
        with self._lock:
            for message in self._node.births():
                self._client.publish(message.topic, message.payload, message.qos)
            self.births += 1
            self._online = True
            stored = [update for update in self._stored if not self._node.is_newest(update)]
            self._stored.clear()
            self._send_data(stored, historical=True)


def _asks_for_rebirth(payload: bytes) -> bool:
    try:
        metrics = decode(payload).metrics
    except BadMessage as problem:
        logger.warning("Sparkplug: a command cannot be read: %s", problem)
        return False
    return any(metric.name == REBIRTH and metric.value is True for metric in metrics)
