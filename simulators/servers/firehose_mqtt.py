"""Messages over MQTT as fast as asked, at next to no cost of the sender."""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from domain.time import SECOND_NS
from simulators.servers.firehose_frames import PACKET_IDS, PublishFrames, packets_of, remaining_length

_CONNECT_WITHIN_S: Final = 10.0
_LONGEST_WAIT_S: Final = 0.5  # for the socket; then it looks whether it should stop
_TURN_S: Final = 0.005  # between two batches of a paced run
_REST_S: Final = 0.001  # for acknowledgements to gather, where there is no pace
_DEBT_MOST_S: Final = 1.0  # of messages that are late; older ones are given up
_RECEIVED_AT_ONCE: Final = 65_536
_CONNECT, _CONNACK, _PUBACK, _PINGREQ, _DISCONNECT = 0x10, 0x20, 0x40, 0xC0, 0xE0


@dataclass(frozen=True, slots=True)
class MqttLoad:
    """What to send: `rate` messages a second over all tags, 0: as fast as they are acknowledged.

    `window` messages may wait for their PUBACK. `step_s`: times move on by so much with each scan of the tags instead
    of with the clock.
    """

    host: str
    port: int
    tags: int = 10_000
    rate: float = 200_000.0
    qos: int = 1
    window: int = 4_000
    step_s: float = 0.0
    seed: int = 1
    username: str = ""
    password: str = ""


@dataclass(slots=True)
class Sent:
    """Counts of one connection; `given_up` messages were due when the other side did not take them."""

    messages: int = 0
    acknowledged: int = 0
    given_up: int = 0


@dataclass(slots=True)
class Pump:
    """Sends packets through one connected socket until it is told to stop."""

    connection: socket.socket
    frames: PublishFrames
    load: MqttLoad
    window: int
    sent: Sent = field(default_factory=Sent)
    _received: bytearray = field(default_factory=bytearray)
    _at: int = 0
    _scan: int = 0
    _time_ms: int = 0
    _started_s: float = field(default_factory=time.monotonic)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`; ConnectionError when the other side has gone."""
        self.connection.setblocking(False)
        tags = len(self.frames.topics)
        while not stop.is_set():
            count = min(self._allowed(), tags - self._at)
            if count <= 0:
                # Not `select` at once: each single acknowledgement would wake it.
                time.sleep(_TURN_S if self.load.rate else _REST_S)
                self._receive(0.0 if self.load.rate else _LONGEST_WAIT_S)
                continue
            if self._at == 0:
                self.frames.scan(self._scan, self._next_time_ms())
            first_id = self.sent.messages % PACKET_IDS + 1
            self._write(self.frames.run(self._at, self._at + count, first_id), stop)
            self.sent.messages += count
            self._at = (self._at + count) % tags
            self._scan += self._at == 0
            self._receive(0.0)

    def _allowed(self) -> int:
        """How many messages may go now: by the window, and by the rate."""
        room = self.window - (self.sent.messages - self.sent.acknowledged) if self.load.qos else self.window
        if not self.load.rate:
            return room if room >= self.window // 4 else 0  # few large writes cost less than many small ones
        due = int((time.monotonic() - self._started_s) * self.load.rate)
        late = due - self.sent.messages - self.sent.given_up
        lost = late - round(_DEBT_MOST_S * self.load.rate)
        if lost > 0:
            self.sent.given_up += lost
            late -= lost
        return min(room, late)

    def _next_time_ms(self) -> int:
        now_ms = time.time_ns() * 1000 // SECOND_NS
        if self.load.step_s and self._time_ms:
            now_ms = self._time_ms + round(self.load.step_s * 1000)
        self._time_ms = max(now_ms, self._time_ms + 1)  # no two values of a tag at one time
        return self._time_ms

    def _write(self, packets: memoryview, stop: threading.Event) -> None:
        """Write all of it; acknowledgements are read meanwhile, for the other side may stop reading until they are."""
        while packets and not stop.is_set():
            readable, writable, _ = select.select([self.connection], [self.connection], [], _LONGEST_WAIT_S)
            if readable:
                self._receive(0.0)
            if writable:
                packets = packets[self.connection.send(packets) :]

    def _receive(self, within_s: float) -> None:
        """Read what came: acknowledgements are counted, a ping is answered."""
        readable, _, _ = select.select([self.connection], [], [], within_s)
        if not readable:
            return
        received = self.connection.recv(_RECEIVED_AT_ONCE)
        if not received:
            message = "the other side of the MQTT connection has gone"
            raise ConnectionError(message)
        self._received += received
        plain = _plain_acknowledgements(self._received)
        self.sent.acknowledged += plain
        del self._received[: 4 * plain]
        for kind, _ in packets_of(self._received):
            if kind == _PUBACK:
                self.sent.acknowledged += 1
            elif kind == _PINGREQ:
                self.connection.sendall(b"\xd0\0")
            elif kind == _DISCONNECT:
                message = "the subscriber has left"
                raise ConnectionError(message)


def publish_mqtt(load: MqttLoad, stop: threading.Event, sent: Sent, connected: Callable[[], None]) -> None:
    """Publish to a broker until `stop`; `sent` is kept up to date, and `connected` called before the first message.

    OSError (of which ConnectionError is one) when the broker cannot be reached, refuses or goes.
    """
    frames = PublishFrames(load.tags, "3.1.1", load.qos, load.seed)
    with socket.create_connection((load.host, load.port), _CONNECT_WITHIN_S) as connection:
        connection.sendall(_connect_packet(load))
        answer = connection.recv(4)
        if len(answer) < 4 or answer[0] != _CONNACK or answer[3] != 0:
            message = f"the broker at {load.host}:{load.port} refuses: CONNACK {answer.hex() or 'never came'}"
            raise ConnectionError(message)
        connected()
        Pump(connection, frames, load, min(load.window, PACKET_IDS - 1), sent).run(stop)


def _connect_packet(load: MqttLoad) -> bytes:
    """CONNECT (MQTT 3.1.1, 3.1): a clean session without keep-alive."""
    flags = 0x02 | (0x80 if load.username else 0) | (0x40 if load.password else 0)
    texts = [f"firehose-{time.time_ns():x}", *(text for text in (load.username, load.password) if text)]
    body = b"\0\4MQTT\4" + struct.pack(">BH", flags, 0)
    body += b"".join(struct.pack(">H", len(text.encode())) + text.encode() for text in texts)
    return bytes([_CONNECT]) + remaining_length(len(body)) + body


def _plain_acknowledgements(received: bytearray) -> int:
    """How many PUBACKs of four bytes stand at the front, if nothing else came."""
    count = len(received) // 4
    heads = np.frombuffer(received, "<u2", 2 * count)[::2]
    return count if bool((heads == 0x0240).all()) else 0
