"""paho with another way of receiving: many messages per recv, none of them acknowledged before we say so.

The fast client leans on private names of paho 2.2.0 (the version is pinned): _sock_recv, _in_packet, _packet_handle,
_packet_queue, _loop_rc_handle, _handle_pingresp, _send_pingreq, _ping_t, _last_bytes_received, _ssl_wrap_socket. The
stock client reads as paho does; both pass the same suite of checks.
"""

import socket
import ssl
import time
from collections.abc import Sequence

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.mqtt.frames import DUP, OVERSIZED, RETAIN, Control, FrameError, FrameReader, Publish
from collector.mqtt.settings import MqttSettings

_RECV_BYTES = 262_144
_HANDSHAKE_S = 5.0
_PUBACK = 0x40
_MOST_PACKETS_AT_ONCE = 500
_SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS


class Client(paho.Client):
    """What both clients share: messages gathered in `taken`, acknowledgements in one write, probes."""

    def __init__(self, settings: MqttSettings) -> None:
        v5 = settings.protocol == "5"
        keeps = settings.session_expiry_s > 0
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if v5 else not keeps,
            protocol=paho.MQTTv5 if v5 else paho.MQTTv311,
            manual_ack=True,
        )
        self.settings = settings
        self.taken: list[Publish] = []
        self.pongs = 0
        self.malformed: str = ""
        self._v5 = v5
        properties = Properties(PacketTypes.CONNECT) if v5 else None  # type: ignore[no-untyped-call] # paho's
        if properties is not None:
            properties.SessionExpiryInterval = settings.session_expiry_s
            properties.ReceiveMaximum = settings.receive_maximum
        clean_start = not keeps if v5 else paho.MQTT_CLEAN_START_FIRST_ONLY
        self.connect_async(
            settings.host, settings.port, settings.keep_alive_s, clean_start=clean_start, properties=properties
        )

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Write the PUBACKs of these messages, in this order, at once (MQTT 5, 3.4.2.1: two bytes mean success)."""
        frames = np.empty((len(packet_ids), 2), dtype=">u2")
        frames[:, 0] = _PUBACK << 8 | 2
        frames[:, 1] = packet_ids
        self._packet_queue(_PUBACK, frames.tobytes(), 0, 0)

    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self.socket() is not None

    def ask_for(self, filters: Sequence[str]) -> int | None:
        """Subscribe with QoS 1, in MQTT 5 without what is retained where the filter stands already."""
        if self._v5:
            if_new = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            return self.subscribe([(topic, if_new) for topic in filters])[1]
        return self.subscribe([(topic, 1) for topic in filters])[1]

    def take_leave_of(self, filters: Sequence[str]) -> None:
        """Unsubscribe."""
        self.unsubscribe(list(filters))

    @property
    def heard_s(self) -> float:
        """When the last bytes were read, by the monotonic clock: compare before and after `loop_read`."""
        return self._last_bytes_received

    def probe(self) -> None:
        """Write a PINGREQ: its answer comes after the broker has read everything before it."""
        self._send_pingreq()

    def hold_keep_alive(self) -> None:
        """Call while not reading on purpose: a PINGRESP that waits unread is no dead connection."""
        self._ping_t = 0.0
        self._last_bytes_received = time.monotonic()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Shake hands within the time limit, and leave no open socket behind if that fails (paho does)."""
        assert self._ssl_context is not None
        secured = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            secured.settimeout(_HANDSHAKE_S)
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.pongs += 1
        return super()._handle_pingresp()


class StockClient(Client):
    """Receives with unchanged paho, one packet after the other."""

    def __init__(self, settings: MqttSettings) -> None:
        super().__init__(settings)
        self.on_message = self._take

    def _take(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        flags = (DUP if message.dup else 0) | (RETAIN if message.retain else 0) | message.qos << 1
        payload = bytes(message.payload)
        if len(payload) > self.settings.packet_most_bytes:
            payload, flags = payload[:4096], flags | OVERSIZED
        self.taken.append((message._topic, payload, message.mid if message.qos else 0, flags))  # noqa: SLF001 (`topic` raises where it is no UTF-8)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 (paho's signature)
        """Read the packets that are there, but not for ever."""
        for _ in range(_MOST_PACKETS_AT_ONCE):
            before = self._last_bytes_received
            rc = super().loop_read()
            if rc != _SUCCESS or self._sock is None or self._last_bytes_received == before:
                return rc
        return _SUCCESS


class FastClient(Client):
    """Receives what one recv gives, and cuts it into messages at once."""

    def __init__(self, settings: MqttSettings) -> None:
        super().__init__(settings)
        self._reader = FrameReader(v5=self._v5, most_bytes=settings.packet_most_bytes)

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what was left of the last connection's bytes is void."""
        self._reader = FrameReader(v5=self._v5, most_bytes=self.settings.packet_most_bytes)
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 (paho's signature)
        """Take what has arrived: messages into `taken`, every other packet to paho, in the order of arrival."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            received = self._receive()
        except BlockingIOError:
            return _SUCCESS
        except OSError:
            received = b""
        if not received:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_bytes_received = time.monotonic()
        try:
            return self._loop_rc_handle(self._take_all(received))
        except (FrameError, MalformedPacket, IndexError) as problem:
            self.malformed = str(problem) or type(problem).__name__
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)

    def _receive(self) -> bytes:
        """What has arrived, up to a bound; over TLS one recv gives one record, which may be one message."""
        received = self._sock_recv(_RECV_BYTES)
        if not self._ssl or not received:
            return received
        parts, size = [received], len(received)
        while size < _RECV_BYTES:
            try:
                received = self._sock_recv(_RECV_BYTES)
            except (BlockingIOError, OSError):  # an error, like the end, is met again by the next read
                break
            if not received:
                break
            parts.append(received)
            size += len(received)
        return b"".join(parts)

    def _take_all(self, received: bytes) -> MQTTErrorCode:
        for packet in self._reader.feed(received):
            if not isinstance(packet, Control):
                self.taken += packet
                continue
            rc = self._handle(packet)
            if rc != _SUCCESS or self._sock is None:
                return rc
        return _SUCCESS

    def _handle(self, packet: Control) -> MQTTErrorCode:
        here = self._in_packet
        here["command"], here["have_remaining"], here["pos"] = packet.first, 1, 0
        here["remaining_length"], here["packet"] = len(packet.body), bytearray(packet.body)
        try:
            return self._packet_handle()
        finally:
            here["command"], here["have_remaining"], here["remaining_length"] = 0, 0, 0
            here["packet"] = bytearray()


def make_client(settings: MqttSettings) -> Client:
    """The client that the settings ask for."""
    return FastClient(settings) if settings.receive_path == "fast" else StockClient(settings)
