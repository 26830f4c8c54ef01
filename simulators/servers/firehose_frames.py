"""MQTT PUBLISH packets made once, in which only values, times and packet ids change."""

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.servers.firehose_values import DriftingValues

_VALUE: Final = b"100.00"
_TIME_DIGITS: Final = 13  # ms since 1970, until the year 2286
_SCANS: Final = 16  # of which the values are printed once
PACKET_IDS: Final = 65_535
_PACKET_MOST: Final = 1 << 20


class PublishFrames:
    """One packet for each tag: `firehose/t0042` with `{"v":123.45,"t":1760000000000}`, t in ms.

    `protocol` "5" or "3.1.1"; `qos` 0 or 1. All packets have the same size, so a run of them is one piece of memory.
    """

    def __init__(self, tags: int, protocol: str, qos: int, seed: int = 1) -> None:
        width = len(str(max(tags - 1, 1)))
        self.topics = [f"firehose/t{index:0{width}d}" for index in range(tags)]
        payload = b'{"v":' + _VALUE + b',"t":' + b"0" * _TIME_DIGITS + b"}"
        frames = [_frame(topic.encode(), payload, protocol, qos) for topic in self.topics]
        self.size = len(frames[0])
        self._bytes: NDArray[np.uint8] = np.frombuffer(b"".join(frames), np.uint8).reshape(tags, -1).copy()
        self._value_at = self.size - len(payload) + len(b'{"v":')
        self._time_at = self.size - 1 - _TIME_DIGITS
        self._id_at = self.size - len(payload) - (3 if protocol == "5" else 2) if qos else None
        self._printed = _printed(DriftingValues(tags, seed))

    def chosen(self, rows: NDArray[np.intp]) -> None:
        """Keep only some of the packets."""
        self._bytes, self._printed = self._bytes[rows], self._printed[:, rows]
        self.topics = [self.topics[row] for row in rows.tolist()]

    def scan(self, number: int, time_ms: int) -> None:
        """Give every packet the value of a scan, and its time."""
        last = len(self._printed) - 1
        place = last - abs(number % (2 * last) - last)  # forth and back, so that no value jumps
        self._bytes[:, self._value_at : self._value_at + self._printed.shape[2]] = self._printed[place]
        digits = np.frombuffer(b"%0*d" % (_TIME_DIGITS, time_ms), np.uint8)
        self._bytes[:, self._time_at : self._time_at + _TIME_DIGITS] = digits

    def run(self, start: int, stop: int, first_id: int) -> memoryview:
        """The packets from `start` to `stop`, numbered from `first_id` on (1 to 65,535, then 1 again)."""
        part = self._bytes[start:stop]
        if self._id_at is not None:
            ids = (first_id - 1 + np.arange(stop - start)) % PACKET_IDS + 1
            part[:, self._id_at], part[:, self._id_at + 1] = ids >> 8, ids & 0xFF
        return memoryview(part.reshape(-1).data)


def _printed(values: DriftingValues) -> NDArray[np.uint8]:
    """Values as text, 100.00 to 999.99: by scan, tag and digit."""
    scans = np.stack([values.scan(number) for number in range(_SCANS)])
    hundredths = np.rint(np.clip(100 + np.abs(scans), 100, 999.99) * 100).astype(np.int64)
    digits = [hundredths // 10**power % 10 + ord("0") for power in (4, 3, 2, 1, 0)]
    return np.stack([*digits[:3], np.full(scans.shape, ord(".")), *digits[3:]], axis=2).astype(np.uint8)


def _frame(topic: bytes, payload: bytes, protocol: str, qos: int) -> bytes:
    """A PUBLISH (MQTT 3.3), its packet id 0 for now."""
    body = struct.pack(">H", len(topic)) + topic + (b"\0\0" if qos else b"") + (b"\0" if protocol == "5" else b"")
    body += payload
    return bytes([0x30 | qos << 1]) + remaining_length(len(body)) + body


def remaining_length(length: int) -> bytes:
    """A variable byte integer (MQTT 2.2.3)."""
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def packets_of(received: bytearray, most: int = 1 << 30) -> list[tuple[int, bytes]]:
    """Take whole packets off the front: (type, what follows the length); ValueError if one is too large."""
    packets: list[tuple[int, bytes]] = []
    while len(packets) < most and len(received) >= 2:
        length, at = 0, 1
        while at < len(received) and at <= 4:
            length |= (received[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if not received[at - 1] & 0x80:
                break
        else:
            if at > 4:
                text = "a packet came whose length has no end"
                raise ValueError(text)
            break
        if length > _PACKET_MOST:
            message = f"a packet of {length} bytes came"
            raise ValueError(message)
        if len(received) < at + length:
            break
        packets.append((received[0] & 0xF0, bytes(received[at : at + length])))
        del received[: at + length]
    return packets
