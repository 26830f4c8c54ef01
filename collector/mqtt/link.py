"""The connection to a broker, kept up for ever by one thread: connect, subscribe, read, write, reconnect.

It runs paho's loop functions itself (`loop_read`, `loop_write`, `loop_misc`: paho's interface for foreign event
loops), because not reading the socket is our back-pressure, and every call of paho then comes from one thread.
"""

import logging
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.mqtt.client import make_client
from collector.mqtt.frames import Publish
from collector.mqtt.settings import MqttSettings

log = logging.getLogger(__name__)

_FILTERS_A_PACKET = 100
_WAIT_MOST_S = 1.0
_MISC_EVERY_S = 0.5
_DRAIN_S = 1.0
_ANSWER_S = 5.0
_ASK_AGAIN_S = 60.0  # a refused filter may be granted later: access lists change
_SERVER_SHUTTING_DOWN = 0x8B
_NO_SUBSCRIPTION_EXISTED = 0x11
_SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS


class Listener(Protocol):
    """Who is told what happens on the connection; every call comes from the link's thread and must not block."""

    def took(self, messages: list[Publish]) -> None:
        """Messages arrived."""

    def heard(self) -> None:
        """The broker said something."""

    def connected(self, *, session_present: bool, broker_was_down: bool) -> None:
        """Connected; whether the broker still has the session with our mark in it."""

    def may_subscribe(self) -> bool:
        """Tell whether what must be durable before subscribing is durable."""

    def subscribed(self, granted: Sequence[str], refused: Sequence[str], *, marked: bool) -> None:
        """These filters stand, those do not (and why); `marked` if the session carries our mark."""

    def disconnected(self, reason: str) -> None:
        """The connection is gone, or did not come about."""

    def malformed(self, problem: str) -> None:
        """The broker sent bytes that are not MQTT."""

    def ponged(self) -> None:
        """The broker has read everything that we wrote before the last probe."""

    def may_read(self) -> bool:
        """Tell whether there is room for more messages."""

    def work(self) -> tuple[list[int], bool]:
        """Do what is due; return the packet ids to acknowledge now, and whether a probe is wanted after them."""

    def next_due_s(self) -> float:
        """Seconds until `work` has something to do without new messages."""

    def outstanding(self) -> bool:
        """Tell whether deliveries that were handed over are still not acknowledged."""


class Link:
    """One broker's connection. `run` is the thread's whole life; `stop` and `wake` may be called from any thread."""

    def __init__(self, settings: MqttSettings, listener: Listener, old_topics: Sequence[str], *, marked: bool) -> None:
        self._settings = settings
        self._listener = listener
        self._mark = f"thermowell/{settings.client_id}/session"
        self._marked = marked  # the last subscription of the mark was granted
        self._old_topics = [topic for topic in old_topics if topic not in settings.topics]
        self._client = make_client(settings)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._woken = False
        self._stop = threading.Event()
        self._reason = ""
        self._broker_was_down = False
        self._answer_until_s: float | None = None  # a CONNECT waits for its CONNACK
        self._subscribe_wanted = False
        self._subscribe_again_s: float | None = None
        self._stale = False  # we have not been reading: what lies in the kernel's buffer is no sign of life
        self._asked: dict[int, list[str]] = {}  # SUBSCRIBE packet id → its filters
        self._granted: list[str] = []
        self._refused: list[str] = []
        self._pongs = 0
        self._heard_s = 0.0
        self._delay_s = settings.reconnect_first_s

    def stop(self) -> None:
        """End `run` soon: no more reading, a moment for acknowledgements under way, then DISCONNECT."""
        self._stop.set()
        self.wake()

    def wake(self) -> None:
        """Let the thread look at what is to do."""
        if self._woken:
            return
        self._woken = True
        try:
            self._writer.send(b"w")
        except (BlockingIOError, OSError):
            return  # full: it wakes up anyway; closed: it has ended

    def run(self) -> None:
        """Connect and reconnect until stopped."""
        try:
            while not self._stop.is_set():
                try:
                    if self._connect():
                        self._converse()
                except Exception as problem:  # the thread's root: tell, and connect anew
                    log.exception("source %s: the connection failed", self._settings.name)
                    self._reason = f"internal error: {problem!r}"
                self._client._sock_close()  # noqa: SLF001 (paho has no public way to drop a connection)
                self._listener.disconnected(self._reason or "the connection was lost")
                self._rest()
        finally:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> bool:
        self._reason = ""
        try:
            self._prepare_secrets()
            self._client.reconnect()
        except ConnectionRefusedError:
            self._broker_was_down = True
            self._reason = f"{self._settings.address}: connection refused"
        except (OSError, ValueError) as problem:
            self._reason = f"{self._settings.address}: {problem}"
        else:
            self._subscribe_wanted, self._subscribe_again_s, self._stale = False, None, False
            self._answer_until_s = time.monotonic() + _ANSWER_S
            self._asked.clear()
            self._pongs = self._client.pongs
            return True
        return False

    def _prepare_secrets(self) -> None:
        """Read password and certificate authority anew each time: a rotated secret needs no restart."""
        settings = self._settings
        if settings.user is not None:
            password = None if settings.password_file is None else settings.password_file.read_text().strip()
            self._client.username_pw_set(settings.user, password)
        if settings.tls and self._client._ssl_context is None:  # noqa: SLF001 (tls_set_context may be called once)
            self._client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file))

    def _converse(self) -> None:
        """Serve one connection until it ends."""
        sock = self._client.socket()
        assert sock is not None
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        number, misc_s, draining_s = sock.fileno(), 0.0, 0.0
        while self._client.socket() is sock:
            now_s = time.monotonic()
            if self._stop.is_set():
                draining_s = draining_s or now_s + _DRAIN_S
                if now_s > draining_s or not self._listener.outstanding():
                    self._client.disconnect()
                    return
            reading = not draining_s and self._listener.may_read()
            mask = (select.POLLIN if reading else 0) | (select.POLLOUT if self._client.want_write() else 0)
            poll.register(number, mask)
            if self._answer_until_s is not None and now_s > self._answer_until_s:
                protocol = self._settings.protocol
                self._reason = f"{self._settings.address}: no answer to CONNECT; does it speak MQTT {protocol}?"
                return
            timeout_s = 0.02 if draining_s else min(_WAIT_MOST_S, self._listener.next_due_s())
            if reading and isinstance(sock, ssl.SSLSocket) and sock.pending():
                timeout_s = 0.0
                ready = {number: select.POLLIN}
            else:
                ready = dict(poll.poll(timeout_s * 1000))
            self._serve(ready.get(number, 0), reading=reading)
            if self._reader.fileno() in ready:
                self._clear_wake()
            if not reading:
                self._stale = True
                self._client.hold_keep_alive()
            if now_s >= misc_s:
                misc_s = now_s + _MISC_EVERY_S
                self._client.loop_misc()
            self._work()

    def _serve(self, events: int, *, reading: bool) -> None:
        if reading and events & ~select.POLLOUT:
            time.sleep(self._settings.pause_s)  # the kernel gathers meanwhile: one recv then takes many messages
            self._heard_s = self._client.heard_s
            self._client.loop_read()
            self._hand_over()
            sock = self._client.socket()
            if self._stale and sock is not None:
                self._stale = bool(select.select([sock], [], [], 0)[0])
        elif events & (select.POLLHUP | select.POLLERR):
            self._client._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)  # noqa: SLF001 (nothing is read, yet it is over)
        if events & select.POLLOUT:
            self._client.loop_write()

    def _hand_over(self) -> None:
        if self._client.heard_s != self._heard_s and not self._stale:
            self._listener.heard()
        self._heard_s = self._client.heard_s
        if self._client.taken:
            messages, self._client.taken = self._client.taken, []
            self._listener.took(messages)
        if self._client.pongs != self._pongs:
            self._pongs = self._client.pongs
            self._listener.ponged()
        if self._client.malformed:
            self._reason, self._client.malformed = f"malformed packet: {self._client.malformed}", ""
            self._listener.malformed(self._reason)

    def _work(self) -> None:
        packet_ids, wants_probe = self._listener.work()
        if self._client.socket() is None:
            return
        if packet_ids:
            self._client.acknowledge(packet_ids)
        if wants_probe:
            self._client.probe()
        if self._subscribe_again_s is not None and time.monotonic() > self._subscribe_again_s:
            self._subscribe_wanted, self._subscribe_again_s = True, None
        if self._subscribe_wanted and self._listener.may_subscribe():
            self._subscribe_wanted = False
            self._subscribe()

    def _clear_wake(self) -> None:
        self._woken = False
        try:
            self._reader.recv(4096)
        except BlockingIOError:
            return

    def _rest(self) -> None:
        """Wait before the next attempt, longer each time up to the most, never in step with other clients."""
        until_s = time.monotonic() + self._delay_s * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        self._delay_s = min(self._delay_s * 2, self._settings.reconnect_most_s)
        while not self._stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self._stop.wait(min(left_s, 0.1))
            self._listener.work()

    def _on_connect(
        self, _client: PahoClient, _userdata: object, flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        self._answer_until_s = None
        if reason.is_failure:
            self._reason = f"{self._settings.address}: the broker refused: {reason}"
            return
        if flags.session_present and self._settings.protocol == "5" and self._marked:
            # Whose session is it? An earlier CONNECT whose answer got lost may have begun a new one.
            self._client.unsubscribe([self._mark, *self._old_topics])
            return
        if flags.session_present and self._old_topics:
            self._client.unsubscribe(self._old_topics)
        self._settle(session_present=flags.session_present)

    def _on_unsubscribe(
        self, _client: PahoClient, _userdata: object, _mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        self._old_topics = []
        if self._settings.protocol == "5" and self._marked:
            self._marked = False
            self._hand_over()
            self._settle(session_present=not reasons or reasons[0].value != _NO_SUBSCRIPTION_EXISTED)

    def _settle(self, *, session_present: bool) -> None:
        down, self._broker_was_down = self._broker_was_down, False
        self._listener.connected(session_present=session_present, broker_was_down=down)
        self._subscribe_wanted = True

    def _subscribe(self) -> None:
        """Ask for every filter on every connection: a broker may have forgotten, and the filters may have changed."""
        self._granted, self._refused = [], []
        filters = list(self._settings.topics)
        if self._settings.protocol == "5":
            filters.append(self._mark)
        for start in range(0, len(filters), _FILTERS_A_PACKET):
            part = filters[start : start + _FILTERS_A_PACKET]
            if self._settings.protocol == "5":
                if_new = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
                _, packet_id = self._client.subscribe([(topic, if_new) for topic in part])
            else:
                _, packet_id = self._client.subscribe([(topic, 1) for topic in part])
            if packet_id is not None:
                self._asked[packet_id] = part

    def _on_subscribe(
        self, _client: PahoClient, _userdata: object, mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        for topic, reason in zip(self._asked.pop(mid, []), reasons, strict=False):
            if reason.is_failure:
                self._refused.append(f"{topic!r}: {reason}")
            else:
                self._granted.append(topic)
        if self._asked:
            return
        self._hand_over()
        self._marked = self._mark in self._granted
        granted = [topic for topic in self._granted if topic != self._mark]
        refused = [text for text in self._refused if not text.startswith(repr(self._mark))]
        if refused:
            log.error("source %s: the broker refused %s", self._settings.name, "; ".join(refused))
            self._subscribe_again_s = time.monotonic() + _ASK_AGAIN_S
        if granted:
            self._delay_s = self._settings.reconnect_first_s
        self._listener.subscribed(granted, refused, marked=self._marked)

    def _on_disconnect(
        self,
        _client: PahoClient,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.value == _SERVER_SHUTTING_DOWN:
            self._broker_was_down = True
        if not self._reason:
            self._reason = f"{self._settings.address}: {reason}"
