"""Decoding: the same as asyncua's own decoder says, for every mix of types and masks, and the input stays as it was."""

import math
import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.opcua.batches import Assembler, ticks_to_ns
from collector.opcua.decode import EXACT_LIMIT, Decoder
from collector.opcua.values import decode_one
from collector.opcua.wire import DATA_CHANGE, UNIX_EPOCH_TICKS, Message, Notification, read_publish
from domain import status
from domain.entries import Quarantined, TextBatch
from domain.errors import BadMessage
from domain.samples import SampleBatch

INTEGERS = {
    ua.VariantType.SByte: 8, ua.VariantType.Int16: 16, ua.VariantType.Int32: 32, ua.VariantType.Int64: 64,
}  # fmt: skip
UNSIGNED = {
    ua.VariantType.Byte: 8, ua.VariantType.UInt16: 16, ua.VariantType.UInt32: 32, ua.VariantType.UInt64: 64,
}  # fmt: skip
MOMENT = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)

variants = st.one_of(
    st.floats(width=64).map(lambda value: ua.Variant(value, ua.VariantType.Double)),
    st.floats(width=32).map(lambda value: ua.Variant(value, ua.VariantType.Float)),
    st.booleans().map(lambda value: ua.Variant(value, ua.VariantType.Boolean)),
    *[
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(lambda value, kind=kind: ua.Variant(value, kind))
        for kind, bits in INTEGERS.items()
    ],
    *[
        st.integers(0, 2**bits - 1).map(lambda value, kind=kind: ua.Variant(value, kind))
        for kind, bits in UNSIGNED.items()
    ],
    st.text(max_size=8).map(lambda value: ua.Variant(value, ua.VariantType.String)),
    st.binary(max_size=8).map(lambda value: ua.Variant(value, ua.VariantType.ByteString)),
    st.lists(st.floats(width=64), max_size=4).map(
        lambda value: ua.Variant(value, ua.VariantType.Double, is_array=True)
    ),
    st.just(ua.Variant(ua.LocalizedText("warm", "en"))),
    st.just(ua.Variant(MOMENT, ua.VariantType.DateTime)),
    st.just(ua.Variant(ua.Range(1.0, 2.0))),
    st.none(),
)
moments = st.one_of(st.none(), st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001  # asyncua takes naive UTC
values = st.builds(
    lambda variant, code, source, server: ua.DataValue(variant, ua.StatusCode(code), source, server),
    variants,
    st.sampled_from([0, 0, 0x480, 0x40000000, 0x80000000, 0x80310000]),
    moments,
    moments,
)
items = st.lists(st.tuples(st.integers(0, 20), values), max_size=40)


def encode(pairs):
    notification = ua.DataChangeNotification()
    notification.MonitoredItems = [ua.MonitoredItemNotification(handle, value) for handle, value in pairs]
    return struct_to_binary(notification)


def expected(body):
    """What asyncua's decoder reads: (handle, number or text or None, status, source time, server time)."""
    notification = struct_from_binary(ua.DataChangeNotification, Buffer(body))
    return [
        (
            item.ClientHandle,
            item.Value.Value.Value if item.Value.Value is not None else None,
            item.Value.StatusCode.value if item.Value.StatusCode is not None else 0,
            item.Value.SourceTimestamp,
            item.Value.ServerTimestamp,
        )
        for item in notification.MonitoredItems
    ]


def is_plain(value):
    return isinstance(value, bool | float) or (isinstance(value, int) and -EXACT_LIMIT <= value <= EXACT_LIMIT)


def alike(one, other):
    return one == other or (math.isnan(one) and math.isnan(other))


@settings(max_examples=120, deadline=None)
@given(st.lists(items, min_size=1, max_size=3))
def test_numbers_come_out_as_asyncua_reads_them_and_the_input_stays_as_it_was(messages):
    decoder = Decoder()
    for pairs in [*messages, *messages]:  # the second time with learnt layouts
        body = encode(pairs)
        kept = bytes(bytearray(body))
        columns = decoder.decode(body, 0, len(body))
        wanted = [row for row in expected(body) if is_plain(row[1])]

        assert columns.declared == len(pairs)
        assert len(columns.handle) + len(columns.others) == len(pairs)
        assert columns.handle.tolist() == [row[0] for row in wanted]
        assert all(alike(a, float(b[1])) for a, b in zip(columns.value.tolist(), wanted, strict=True))
        assert columns.status.tolist() == [row[2] for row in wanted]
        assert [_micro(t) for t in columns.source_ticks.tolist()] == [_micro_of(row[3]) for row in wanted]
        assert [_micro(t) for t in columns.server_ticks.tolist()] == [_micro_of(row[4]) for row in wanted]
        assert body == kept


@settings(max_examples=120, deadline=None)
@given(items)
def test_what_is_no_plain_number_is_decoded_one_by_one_and_none_sinks_the_others(pairs):
    body = encode(pairs)
    others = sorted(Decoder().decode(body, 0, len(body)).others, key=lambda span: span.start)
    ones = [decode_one(body, span) for span in others]
    wanted = [row for row in expected(body) if not is_plain(row[1])]

    assert [one.handle for one in ones] == [row[0] for row in wanted]
    assert [one.status for one in ones] == [row[2] for row in wanted]
    for one, row in zip(ones, wanted, strict=True):
        assert one.refused == ""
        assert (one.text is None) == (row[1] is None)
        if isinstance(row[1], str):
            assert one.text == row[1]
        if isinstance(row[1], int):
            assert one.text == str(row[1])


@settings(max_examples=80, deadline=None)
@given(items.filter(bool), st.data())
def test_torn_bytes_raise_one_kind_of_error(pairs, data):
    body = encode(pairs)[:-4]  # without the diagnostics behind the items
    cut = body[: data.draw(st.integers(0, len(body) - 1))]

    with pytest.raises(BadMessage):
        Decoder().decode(cut, 0, len(cut))


def _micro(ticks):
    return ticks // 10


def _micro_of(moment):
    if moment is None:
        return 0
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds + UNIX_EPOCH_TICKS // 10


def one_message(body):
    notification = Notification(DATA_CHANGE, 0, len(body))
    return Message(body, 1, 1, 0, (notification,)), (notification,)


def item(handle, mask, value_type, value, *parts):
    return struct.pack("<IBB", handle, mask, value_type) + value + b"".join(parts)


def notification_of(*encoded):
    return struct.pack("<i", len(encoded)) + b"".join(encoded) + struct.pack("<i", -1)


TICK = struct.Struct("<q").pack
DOUBLE = struct.Struct("<d").pack
NOON = UNIX_EPOCH_TICKS + 10**16


def test_a_learnt_layout_is_not_believed_when_the_types_changed_places():
    double, real = item(1, 1, 11, DOUBLE(1.5)), item(2, 1, 10, struct.pack("<f", 2.5))
    decoder = Decoder()
    mixed, swapped = notification_of(*[double, real] * 30), notification_of(*[real, double] * 30)
    first, second = decoder.decode(mixed, 0, len(mixed)), decoder.decode(swapped, 0, len(swapped))
    third = decoder.decode(mixed, 0, len(mixed))

    assert len(mixed) == len(swapped)
    assert first.value.tolist() == third.value.tolist() == [1.5, 2.5] * 30
    assert second.value.tolist() == [2.5, 1.5] * 30


def test_a_zero_or_missing_time_is_absent_and_the_status_says_which_time_stands_for_it():
    body = notification_of(
        item(1, 13, 11, DOUBLE(1.0), TICK(NOON), TICK(NOON + 7)),
        item(1, 13, 11, DOUBLE(2.0), TICK(0), TICK(NOON + 7)),
        item(1, 13, 11, DOUBLE(3.0), TICK(0), TICK(0)),
        item(1, 1, 11, DOUBLE(4.0)),
        item(1, 13, 11, DOUBLE(5.0), TICK(2**63 - 1), TICK(0)),
    )
    (batch,) = Assembler("s", [(1, "a", False)]).assemble(*one_message(body), received_ns=55).entries

    noon_ns = 10**18
    assert batch.time_ns.tolist() == [noon_ns, noon_ns + 700, 55, 55, 55]
    assert batch.server_ns.tolist() == [noon_ns + 700, noon_ns + 700, 55, 55, 55]
    from_receipt = status.TIME_FROM_RECEIPT
    assert batch.status.tolist() == [0, status.TIME_FROM_SERVER, from_receipt, from_receipt, from_receipt]


def test_picoseconds_are_read_in_the_standards_order():
    pico = struct.pack("<H", 9)
    body = notification_of(item(1, 0x3D, 11, DOUBLE(1.5), TICK(NOON), pico, TICK(NOON + 1), pico))
    (batch,) = Assembler("s", [(1, "a", False)]).assemble(*one_message(body), received_ns=55).entries

    assert (batch.time_ns.tolist(), batch.server_ns.tolist()) == ([10**18], [10**18 + 100])
    assert batch.value.tolist() == [1.5]


def test_bits_that_we_use_ourselves_do_not_come_from_outside():
    code = struct.pack("<I", 0x80000000 | status.TIME_ORIGIN)
    body = notification_of(item(1, 15, 11, DOUBLE(1.5), code, TICK(NOON), TICK(NOON)))
    (batch,) = Assembler("s", [(1, "a", False)]).assemble(*one_message(body), received_ns=55).entries

    assert batch.status.tolist() == [0x80000000]


def test_every_declared_item_becomes_a_row_or_is_quarantined():
    # an extension object of a type that nobody knows
    extension = bytes([1, 3]) + struct.pack("<H", 999) + bytes([1]) + struct.pack("<i", 3) + b"abc"
    body = notification_of(
        item(1, 1, 11, DOUBLE(1.0)),
        item(9, 1, 11, DOUBLE(2.0)),
        item(9, 1, 11, DOUBLE(3.0)),
        item(2, 1, 22, extension),
        item(2, 1, 12, struct.pack("<i", 2) + b"ok"),
        struct.pack("<IB", 1, 2) + struct.pack("<I", 0x80310000),
    )
    batches = Assembler("s", [(1, "nsu=u;s=1", False), (2, "nsu=u;s=2", True)]).assemble(*one_message(body), 55)

    numbers = [entry for entry in batches.entries if isinstance(entry, SampleBatch)]
    texts = [entry for entry in batches.entries if isinstance(entry, TextBatch)]
    refused = {entry.address: entry.count for entry in batches.entries if isinstance(entry, Quarantined)}
    assert batches.declared == 6
    assert sum(map(len, numbers)) + sum(map(len, texts)) + sum(refused.values()) == 6
    assert refused == {"handle 9": 2, "nsu=u;s=2": 1}
    assert [text.value for text in texts] == [("ok",)]
    assert np.isnan(numbers[-1].value[-1])
    assert numbers[-1].status.tolist() == [0x80310000 | status.TIME_FROM_RECEIPT]


def test_a_message_that_contradicts_itself_is_quarantined_with_its_count():
    body = notification_of(item(1, 13, 11, DOUBLE(1.0), TICK(NOON), TICK(NOON)))
    torn = body[:10]
    (entry,) = Assembler("s", [(1, "a", False)]).assemble(*one_message(torn), received_ns=55).entries

    assert isinstance(entry, Quarantined)
    assert (entry.count, entry.payload) == (1, torn.hex())


def test_the_envelope_of_a_publish_response_is_read_as_asyncua_writes_it():
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 7
    response.Parameters.AvailableSequenceNumbers = [3, 4]
    response.Parameters.NotificationMessage = ua.NotificationMessage(
        SequenceNumber=4,
        PublishTime=MOMENT.replace(tzinfo=None),
        NotificationData=[
            ua.DataChangeNotification(MonitoredItems=[ua.MonitoredItemNotification(5, ua.DataValue(2.5))]),
            ua.StatusChangeNotification(ua.StatusCode(ua.StatusCodes.BadTimeout)),
        ],
    )
    message = read_publish(struct_to_binary(response)).message

    assert message is not None
    assert (message.subscription, message.sequence) == (7, 4)
    assert ticks_to_ns(message.publish_ticks) == 1_709_208_000_123_456_000
    assert [one.type_id for one in message.notifications] == [811, 820]


def test_a_fault_is_a_status_without_a_message():
    fault = ua.ServiceFault()
    fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.StatusCodes.BadNoSubscription)
    answer = read_publish(struct_to_binary(fault))

    assert (answer.status, answer.message) == (ua.StatusCodes.BadNoSubscription, None)
