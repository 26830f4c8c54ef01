from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.mqtt.frames import OVERSIZED, Control, FrameError, FrameReader
from tests.unit.collector.mqtt.encoding import frame, messages, publish_frame

MOST = 100_000
A_MESSAGE = (b"plant/a", b"1.5", 7, 0x32)


def packets(reader: FrameReader, parts: list[bytes]) -> list:
    """Everything that comes out, with runs taken apart."""
    found = []
    for part in parts:
        for packet in reader.feed(part):
            found += [packet] if isinstance(packet, Control) else packet
    return found


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(places)]


@given(
    sent=st.lists(
        st.one_of(messages(), st.builds(Control, st.sampled_from([0x20, 0x90, 0xD0]), st.binary(max_size=9)))
    ),
    cuts=st.lists(st.integers(0, 100_000), max_size=30),
    v5=st.booleans(),
    properties=st.sampled_from([b"", b"\x01\x01", b"\x26" + b"\x00\x02kk\x00\xffvv" * 30]),
)
def test_any_split_of_the_stream_gives_the_same_packets(sent, cuts, v5, properties):
    stream = b"".join(
        frame(*item) if isinstance(item, Control) else publish_frame(item, v5=v5, properties=properties if v5 else b"")
        for item in sent
    )
    reader = FrameReader(v5=v5, most_bytes=MOST)

    assert packets(reader, split(stream, cuts)) == sent


@given(cuts=st.lists(st.integers(0, 400_000), max_size=12))
def test_an_oversized_message_is_cut_short_and_the_next_one_is_whole(cuts):
    large = (b"plant/big", b"x" * 300_000, 9, 0x32)
    stream = publish_frame(large, v5=True) + publish_frame(A_MESSAGE, v5=True)
    reader = FrameReader(v5=True, most_bytes=200_000)

    assert packets(reader, split(stream, cuts)) == [(b"plant/big", b"x" * 4096, 9, 0x32 | OVERSIZED), A_MESSAGE]


def test_an_oversized_message_is_not_gathered_in_memory():
    reader = FrameReader(v5=True, most_bytes=200_000)
    stream = publish_frame((b"plant/big", b"x" * 5_000_000, 9, 0x32), v5=True)
    packets(reader, [stream[:1_000_000], stream[1_000_000:2_000_000]])

    assert len(reader._rest) == 0


@pytest.mark.parametrize(
    "stream",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x00",  # no topic length
        b"\x30\x02\x00\x00\x00",  # an empty topic
        b"\x32\x04\x00\x01a\x00",  # half a packet id
        b"\x32\x05\x00\x01a\x00\x00",  # packet id 0, and no properties
        b"\x32\x06\x00\x01a\x00\x01\x7f",  # properties longer than the packet
        b"\x32\x06\x00\x01a\x00\x01\xff",  # properties of unfinished length
        b"\x34\x06\x00\x01a\x00\x01\x00",  # QoS 2
        b"\x36\x06\x00\x01a\x00\x01\x00",  # QoS 3
        b"\x30\x05\x00\xff\x00ab",  # a topic longer than the packet
        b"\x90\xff\xff\xff\x7f",  # 256 MB of something that is no message
    ],
)
def test_bytes_that_are_no_mqtt_are_refused(stream):
    reader = FrameReader(v5=True, most_bytes=MOST)

    with pytest.raises(FrameError):
        packets(reader, [stream, b"\x00" * 8])


@given(garbage=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_garbage_is_refused_or_taken_and_never_anything_else(garbage, cuts):
    reader = FrameReader(v5=True, most_bytes=MOST)
    try:
        found = packets(reader, split(garbage, cuts))
    except FrameError:
        found = []

    assert all(len(packet) in (2, 4) for packet in found)
