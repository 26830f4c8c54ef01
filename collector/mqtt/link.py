"""The connection to a broker, kept up for ever by one thread: connect, subscribe, read, write, reconnect.

It runs paho's loop functions itself (`loop_read`, `loop_write`, `loop_misc`: paho's interface for foreign event
loops), because not reading the socket is our back-pressure, and every call of paho then comes from one thread.
"""

import asyncio
import logging
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence

from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from collector.mqtt.client import make_client
from collector.mqtt.session import Listener, Session
from collector.mqtt.settings import MqttSettings

log = logging.getLogger(__name__)

_WAIT_MOST_S = 1.0
_MISC_EVERY_S = 0.5
_DRAIN_S = 1.0
_ANSWER_S = 5.0
_SERVER_SHUTTING_DOWN = 0x8B
_NO_SUBSCRIPTION_EXISTED = 0x11


class Link:
    """One broker's connection. `run` is the thread's whole life; `stop` and `wake` may be called from any thread."""

    def __init__(self, settings: MqttSettings, listener: Listener, old_topics: Sequence[str], *, marked: bool) -> None:
        self._settings = settings
        self._listener = listener
        self._client = make_client(settings)
        self._session = Session(settings, self._client, listener, old_topics, marked=marked)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._woken = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._answer_until_s = 0.0  # a CONNECT waits for its CONNACK

    def start(self, ended: Callable[[], None]) -> None:
        """Begin the thread; `ended` is called on it when it is over."""

        def live() -> None:
            try:
                self.run()
            finally:
                ended()

        self._thread = threading.Thread(target=live, name=f"mqtt-{self._settings.name}", daemon=True)
        self._thread.start()

    async def join(self, limit_s: float) -> None:
        """Wait until the thread is over, or the time."""
        assert self._thread is not None
        await asyncio.to_thread(self._thread.join, limit_s)

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
                    log.exception(
                        "source %s: the connection failed", self._settings.name, extra={"source": self._settings.name}
                    )
                    self._session.reason = f"internal error: {problem!r}"
                self._client._sock_close()  # noqa: SLF001 (paho has no public way to drop a connection)
                self._rest(self._session.ended())
        finally:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> bool:
        session = self._session
        session.begins()
        try:
            self._prepare_secrets()
            self._client.reconnect()
        except ConnectionRefusedError:
            session.broker_was_down = True
            session.reason = f"{self._settings.address}: connection refused"
        except (OSError, ValueError) as problem:
            session.reason = f"{self._settings.address}: {problem}"
        else:
            self._answer_until_s = time.monotonic() + _ANSWER_S
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
            if not self._session.is_answered and now_s > self._answer_until_s:
                protocol = self._settings.protocol
                self._session.reason = f"{self._settings.address}: no answer to CONNECT; does it speak MQTT {protocol}?"
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
                self._session.is_stale = True
                self._client.hold_keep_alive()
            if now_s >= misc_s:
                misc_s = now_s + _MISC_EVERY_S
                self._client.loop_misc()
            self._session.work()

    def _serve(self, events: int, *, reading: bool) -> None:
        if reading and events & ~select.POLLOUT:
            time.sleep(self._settings.pause_s)  # the kernel gathers meanwhile: one recv then takes many messages
            session = self._session
            session.heard_s = self._client.heard_s
            self._client.loop_read()
            session.hand_over()
            sock = self._client.socket()
            if session.is_stale and sock is not None:
                session.is_stale = bool(select.select([sock], [], [], 0)[0])
        elif events & (select.POLLHUP | select.POLLERR):
            self._client._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)  # noqa: SLF001 (nothing is read, yet it is over)
        if events & select.POLLOUT:
            self._client.loop_write()

    def _clear_wake(self) -> None:
        self._woken = False
        try:
            self._reader.recv(4096)
        except BlockingIOError:
            return

    def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt, never in step with other clients."""
        until_s = time.monotonic() + pause_s * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        while not self._stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self._stop.wait(min(left_s, 0.1))
            self._listener.work()

    def _on_connect(
        self, _client: PahoClient, _userdata: object, flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        refusal = str(reason) if reason.is_failure else ""
        self._session.connected(session_present=flags.session_present, refusal=refusal)

    def _on_unsubscribe(
        self, _client: PahoClient, _userdata: object, _mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        self._session.left(first_existed=not reasons or reasons[0].value != _NO_SUBSCRIPTION_EXISTED)

    def _on_subscribe(
        self, _client: PahoClient, _userdata: object, mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        self._session.subscribed(mid, [str(reason) if reason.is_failure else "" for reason in reasons])

    def _on_disconnect(
        self,
        _client: PahoClient,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        session = self._session
        if flags.is_disconnect_packet_from_server and reason.value == _SERVER_SHUTTING_DOWN:
            session.broker_was_down = True
        if not session.reason:
            session.reason = f"{self._settings.address}: {reason}"
