import json
import socket
import threading

import numpy as np
import pytest

from simulators.servers.firehose_direct import Subscriber, greet, matches
from simulators.servers.firehose_frames import PublishFrames, packets_of, remaining_length
from simulators.servers.firehose_mqtt import MqttLoad, Pump


def published(protocol: str, qos: int, count: int = 12) -> list[tuple[str, int, dict[str, float]]]:
    """(topic, packet id, payload) of the first packets, as a client reads them."""
    frames = PublishFrames(count, protocol, qos)
    frames.scan(3, 1_790_000_000_123)
    read = []
    for kind, body in packets_of(bytearray(frames.run(0, count, 65_530))):
        assert kind == 0x30
        length = int.from_bytes(body[:2])
        rest = body[2 + length :]
        packet_id = int.from_bytes(rest[:2]) if qos else 0
        rest = rest[2 if qos else 0 :]
        if protocol == "5":
            assert rest[0] == 0  # no properties
            rest = rest[1:]
        read.append((body[2 : 2 + length].decode(), packet_id, json.loads(rest)))
    return read


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1])
def test_packets_are_publishes_with_values_and_times(protocol: str, qos: int) -> None:
    packets = published(protocol, qos)

    assert [topic for topic, _, _ in packets] == [f"firehose/t{n:02d}" for n in range(12)]
    assert all(100 <= payload["v"] < 1000 and payload["t"] == 1_790_000_000_123 for _, _, payload in packets)


def test_packet_ids_begin_again_after_the_last_and_are_never_zero() -> None:
    assert [packet_id for _, packet_id, _ in published("3.1.1", 1)] == [*range(65_530, 65_536), *range(1, 7)]


@pytest.mark.parametrize("length", [0, 127, 128, 16_383, 16_384, 2_097_152])
def test_lengths_are_variable_byte_integers(length: int) -> None:
    encoded = remaining_length(length)

    assert sum((digit & 127) << 7 * place for place, digit in enumerate(encoded)) == length
    assert [digit >> 7 for digit in encoded] == [1] * (len(encoded) - 1) + [0]


def test_packets_are_taken_whole_and_the_rest_waits() -> None:
    received = bytearray(b"\x40\x02\x00\x01" + b"\xd0\x00" + b"\x40\x02\x00")

    assert packets_of(received) == [(0x40, b"\x00\x01"), (0xD0, b"")]
    assert received == b"\x40\x02\x00"
    with pytest.raises(ValueError, match="no end"):
        packets_of(bytearray(b"\x40\xff\xff\xff\xff\x7f"))


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("#", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/b", "a/b", True),
        ("a/b/c", "a/b", False),
        ("b/#", "a/b", False),
        ("$share/group/a/#", "a/b", True),
    ],
)
def test_topic_filters_match_as_mqtt_says(wanted: str, topic: str, fits: bool) -> None:
    assert matches(wanted, topic) is fits


def test_no_more_messages_are_open_than_the_window_allows() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        load = MqttLoad("", 0, tags=10, rate=0.0, window=25)
        pump, stop = Pump(ours, PublishFrames(10, "3.1.1", 1), load, 25), threading.Event()
        thread = threading.Thread(target=pump.run, args=(stop,))
        thread.start()
        theirs.settimeout(10)
        received = bytearray()
        ids = []
        for _ in range(40):  # acknowledge each batch only when it has come whole
            received += theirs.recv(65_536)
            came = [int.from_bytes(body[13:15]) for _, body in packets_of(received)]
            ids += came
            assert pump.sent.messages - pump.sent.acknowledged <= 25
            theirs.sendall(b"".join(b"\x40\x02" + packet_id.to_bytes(2) for packet_id in came))
        stop.set()
        thread.join(10)

    assert ids == list(range(1, len(ids) + 1))
    assert not thread.is_alive()


@pytest.mark.parametrize("nonsense", [b"GET / HTTP/1.1\r\n\r\n", b"\x10\x0a\x00\x04MQTT\x03\x02\x00\x00\x00"])
def test_who_does_not_speak_mqtt_is_turned_away(nonsense: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(nonsense)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises((ValueError, ConnectionError)):
            greet(ours, 1)


def test_a_subscriber_gets_only_the_topics_that_it_asked_for() -> None:
    frames = PublishFrames(12, "3.1.1", 1)
    rows = Subscriber("3.1.1", 10, ("firehose/t03", "plant/+"), 1).choose(frames.topics)
    frames.chosen(np.array([3, 11]))

    assert rows.tolist() == [3]
    assert frames.topics == ["firehose/t03", "firehose/t11"]
    assert len(packets_of(bytearray(frames.run(0, 2, 1)))) == 2
