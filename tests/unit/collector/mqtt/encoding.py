"""PUBLISH packets as a broker writes them."""

import struct

from hypothesis import strategies as st

from collector.mqtt.frames import Publish


def integer(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


def frame(first: int, body: bytes) -> bytes:
    return bytes([first]) + integer(len(body)) + body


def publish_frame(message: Publish, *, v5: bool, properties: bytes = b"") -> bytes:
    topic, payload, packet_id, flags = message
    body = struct.pack(">H", len(topic)) + topic
    if packet_id:
        body += struct.pack(">H", packet_id)
    if v5:
        body += integer(len(properties)) + properties
    return frame(flags, body + payload)


@st.composite
def messages(draw) -> Publish:
    topic = draw(st.binary(min_size=1, max_size=20))
    payload = draw(st.one_of(st.binary(max_size=30), st.binary(min_size=120, max_size=300)))
    qos = draw(st.integers(0, 1))
    packet_id = draw(st.integers(1, 65_535)) if qos else 0
    flags = 0x30 | qos << 1 | draw(st.sampled_from([0, 1])) | (draw(st.sampled_from([0, 8])) if qos else 0)
    return topic, payload, packet_id, flags
