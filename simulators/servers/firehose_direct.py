"""The firehose as the broker's side of MQTT: subscribers connect to it directly, and no broker's cost is in the way."""

import logging
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from simulators.servers.firehose_frames import PACKET_IDS, PublishFrames, packets_of, remaining_length
from simulators.servers.firehose_mqtt import MqttLoad, Pump, Sent

logger = logging.getLogger(__name__)

_GREET_WITHIN_S: Final = 10.0
_LONGEST_WAIT_S: Final = 0.5  # for a subscriber; then it looks whether it should stop
_SUBSCRIBERS_MOST: Final = 32
_RECEIVED_AT_ONCE: Final = 65_536
_CONNECT, _SUBSCRIBE, _SUBACK, _PINGREQ = 0x10, 0x80, 0x90, 0xC0


class DirectFirehose:
    """Listens for subscribers: they connect, subscribe and are flooded, each at the load's rate.

    There are no sessions, no retained messages and no publishing. `with` listens and stops; `sent` sums the counts.
    """

    def __init__(self, load: MqttLoad) -> None:
        self._load = load
        self._stop = threading.Event()
        self._listener = socket.create_server((load.host, load.port))
        self._listener.settimeout(_LONGEST_WAIT_S)
        self.port: int = self._listener.getsockname()[1]
        self._counts: list[Sent] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="firehose", daemon=True)

    @property
    def sent(self) -> Sent:
        """Everything that was sent until now."""
        counts = list(self._counts)
        return Sent(*(sum(getattr(each, name) for each in counts) for name in ("messages", "acknowledged", "given_up")))

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Drop every subscriber."""
        self._stop.set()
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) >= _SUBSCRIBERS_MOST:
                connection.close()
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="subscriber", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(_GREET_WITHIN_S)
            try:
                subscriber = greet(connection, self._load.qos)
                frames = PublishFrames(self._load.tags, subscriber.protocol, subscriber.qos, self._load.seed)
                frames.chosen(subscriber.choose(frames.topics))
                window = min(self._load.window, subscriber.receive_maximum, PACKET_IDS - 1)
                pump = Pump(connection, frames, self._load, window)
                self._counts.append(pump.sent)
                if frames.topics:
                    pump.run(self._stop)
                else:
                    logger.warning("a subscriber asks for none of the topics: %s", ", ".join(subscriber.filters))
            except (OSError, ValueError) as problem:
                logger.info("a subscriber has gone: %s", problem)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What a client asked for."""

    protocol: str
    receive_maximum: int
    filters: tuple[str, ...]
    qos: int

    def choose(self, topics: list[str]) -> NDArray[np.intp]:
        """Which topics one of the filters matches."""
        wanted = [index for index, topic in enumerate(topics) if any(matches(each, topic) for each in self.filters)]
        return np.array(wanted, np.intp)


def greet(connection: socket.socket, qos: int) -> Subscriber:
    """CONNECT and SUBSCRIBE as a broker answers them; ValueError for a client that says something else."""
    received = bytearray()
    kind, body = _next_packet(connection, received)
    if kind != _CONNECT or body[2:6] != b"MQTT" or body[6] not in (4, 5):
        message = f"no CONNECT of MQTT 3.1.1 or 5 came, but {bytes(body[:16]).hex()}"
        raise ValueError(message)
    protocol = "5" if body[6] == 5 else "3.1.1"
    maximum = _receive_maximum(body[10:]) if protocol == "5" else PACKET_IDS
    connection.sendall(b"\x20\3\0\0\0" if protocol == "5" else b"\x20\2\0\0")
    while True:
        kind, body = _next_packet(connection, received)
        if kind == _PINGREQ:
            connection.sendall(b"\xd0\0")
            continue
        if kind != _SUBSCRIBE:
            message = f"a packet of type {kind >> 4} came before any SUBSCRIBE"
            raise ValueError(message)
        filters, granted = _filters(body, protocol, qos)
        codes = bytes([granted] * len(filters))
        answer = bytes(body[:2]) + (b"\0" if protocol == "5" else b"") + codes
        connection.sendall(bytes([_SUBACK]) + remaining_length(len(answer)) + answer)
        return Subscriber(protocol, maximum, tuple(filters), granted)


def _next_packet(connection: socket.socket, received: bytearray) -> tuple[int, bytes]:
    while True:
        for packet in packets_of(received, most=1):
            return packet
        more = connection.recv(_RECEIVED_AT_ONCE)
        if not more:
            message = "the connection ended before anything was subscribed"
            raise ConnectionError(message)
        received += more


def _receive_maximum(properties: bytes) -> int:
    """Receive Maximum of an MQTT 5 CONNECT (3.1.2.11.3), where it comes among the plain properties; else the most."""
    sizes = {0x11: 4, 0x21: 2, 0x27: 4, 0x22: 2, 0x19: 1, 0x17: 1}
    end, at = 1 + properties[0], 1
    while at < end and properties[at] in sizes:
        size = sizes[properties[at]]
        if properties[at] == 0x21:
            return int.from_bytes(properties[at + 1 : at + 3])
        at += 1 + size
    return PACKET_IDS


def _filters(body: bytes, protocol: str, qos: int) -> tuple[list[str], int]:
    """The filters of a SUBSCRIBE, and the QoS that all of them get."""
    at, filters, granted = 2, [], qos
    if protocol == "5":
        at += 1 + body[at]
    while at < len(body):
        (length,) = struct.unpack_from(">H", body, at)
        filters.append(body[at + 2 : at + 2 + length].decode())
        granted = min(granted, body[at + 2 + length] & 3)
        at += 3 + length
    return filters, granted


def matches(wanted: str, topic: str) -> bool:
    """Whether a topic filter matches a topic (MQTT 4.7); a shared subscription's filter counts without its group."""
    if wanted.startswith("$share/"):
        wanted = wanted.split("/", 2)[2]
    levels, parts = topic.split("/"), wanted.split("/")
    for index, part in enumerate(parts):
        if part == "#":
            return True
        if index >= len(levels) or part not in ("+", levels[index]):
            return False
    return len(levels) == len(parts)
