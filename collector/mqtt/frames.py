"""MQTT's byte stream cut into messages, many at once (MQTT 5, 2.1 and 3.3)."""

from collections.abc import Iterator
from typing import NamedTuple

Publish = tuple[bytes, bytes, int, int]
"""Topic, payload, packet id (0 at QoS 0) and flags. A plain tuple: half a million of them pass in a minute."""

RETAIN = 0x01
DUP = 0x08
OVERSIZED = 0x100  # ours: the payload is only the beginning of what was sent

_PUBLISH = 0x30
_QOS = 0x06
_QOS_1 = 0x02
_HEAD_BYTES = 96 * 1024  # enough for the longest topic, some properties and the beginning of the payload
_KEPT_PAYLOAD_BYTES = 4096


class FrameError(ValueError):
    """Bytes that are not MQTT: the connection cannot go on."""


class Control(NamedTuple):
    """Any packet that is no PUBLISH: its first byte, and the rest after the remaining length."""

    first: int
    body: bytes


class FrameReader:
    """Cuts a connection's bytes into packets; however the stream is split, the same packets come out."""

    def __init__(self, *, v5: bool, most_bytes: int) -> None:
        self._v5 = v5
        self._most_bytes = most_bytes
        self._rest = bytearray()  # an unfinished packet
        self._wanted = 0  # bytes until it is worth looking at `_rest` again
        self._skip = 0  # bytes of an oversized packet still to be dropped

    def feed(self, received: bytes) -> Iterator[list[Publish] | Control]:
        """Yield what is complete, in order: runs of PUBLISH packets, and each other packet; FrameError if malformed."""
        if self._skip:
            dropped = min(self._skip, len(received))
            self._skip -= dropped
            received = received[dropped:]
        if self._rest:
            self._rest += received
            if len(self._rest) < self._wanted:
                return
            received, self._rest = bytes(self._rest), bytearray()
        yield from self._packets(received)

    def _packets(self, stream: bytes) -> Iterator[list[Publish] | Control]:
        position, end = 0, len(stream)
        run: list[Publish] = []
        self._wanted = 0
        while end - position >= 2:
            length, body = stream[position + 1], position + 2
            if length > 127:
                header = variable_integer(stream, position + 1, end)
                if header is None:
                    break
                length, body = header
            stop = body + length
            if length > self._most_bytes:
                oversized = self._oversized(stream, position, body, stop)
                if oversized is None:
                    break
                run.append(oversized)
                position = min(stop, end)
                continue
            if stop > end:
                self._wanted = stop - position
                break
            first = stream[position]
            if first & 0xF0 == _PUBLISH:
                run.append(publish(stream, first, body, stop, self._v5))
            else:
                if run:
                    yield run
                    run = []
                yield Control(first, stream[body:stop])
            position = stop
        self._rest = bytearray(stream[position:])
        if run:
            yield run

    def _oversized(self, stream: bytes, start: int, body: int, stop: int) -> Publish | None:
        """The beginning of a packet that is too large to keep, or None while too little of it is here."""
        first, end = stream[start], len(stream)
        if first & 0xF0 != _PUBLISH:
            raise FrameError(f"a packet of type {first >> 4} has {stop - body} bytes")
        head = min(stop, body + _HEAD_BYTES)
        if end < head:
            self._wanted = head - start
            return None
        topic, payload, packet_id, flags = publish(stream, first, body, head, self._v5)
        self._skip = max(0, stop - end)
        return topic, payload[:_KEPT_PAYLOAD_BYTES], packet_id, flags | OVERSIZED


def publish(stream: bytes, first: int, body: int, stop: int, v5: bool) -> Publish:  # noqa: FBT001 (the inner loop: positional is measurably cheaper)
    """Read the PUBLISH packet whose variable header starts at `body` and whose payload ends at `stop`."""
    try:
        after = topic_end = body + 2 + (stream[body] << 8 | stream[body + 1])
        qos = first & _QOS
        packet_id = 0
        if qos:
            if qos != _QOS_1:
                raise FrameError(f"a PUBLISH has QoS {qos >> 1}, and 1 was the most asked for")
            packet_id = stream[after] << 8 | stream[after + 1]
            after += 2
        if v5:
            length = stream[after]
            if length < 128:
                after += 1 + length
            else:
                properties = variable_integer(stream, after, stop)
                after = stop + 1 if properties is None else properties[1] + properties[0]
    except IndexError:
        after = stop + 1
    if after > stop or topic_end == body + 2 or (qos and not packet_id):
        raise FrameError("a PUBLISH is shorter than its own header, or lacks a topic or a packet id")
    return stream[body + 2 : topic_end], stream[after:stop], packet_id, first


def variable_integer(stream: bytes, position: int, end: int) -> tuple[int, int] | None:
    """A variable byte integer and the position after it, None if it is unfinished (MQTT 5, 1.5.5)."""
    value = 0
    for shift in (0, 7, 14, 21):
        if position >= end:
            return None
        byte = stream[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise FrameError("a length has more than four bytes")
