import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from simulators.servers.firehose_encoding import (
    DOUBLE,
    EPOCH_TICKS,
    NOTHING,
    RowLayout,
    data_change,
    mixed_types,
    notification_message,
    publish_parameters,
    response_header,
)

NOW = EPOCH_TICKS + 1_790_000_000 * 10_000_000
PUBLISH = ua.ObjectIds.PublishResponse_Encoding_DefaultBinary


def decoded(
    count: int, items: bytes, acknowledged: list[int] | None = None, *, more: bool = False
) -> ua.PublishResponse:
    """The response as asyncua reads it."""
    message = notification_message(7, NOW, data_change(count, items) if count else NOTHING)
    body = publish_parameters(3, [6, 7], message, acknowledged or [], more=more)
    return struct_from_binary(ua.PublishResponse, Buffer(response_header(PUBLISH, NOW, 42) + body))


@pytest.mark.parametrize("types", [np.full(50, DOUBLE, np.uint8), mixed_types(50)], ids=["doubles", "mixed"])
@pytest.mark.parametrize("overflow", [False, True])
def test_a_scan_is_read_by_asyncua_as_it_was_meant(types: np.ndarray, overflow: bool) -> None:
    handles, values = np.arange(100, 150, dtype=np.uint32), np.arange(50) * 1.5
    source = NOW + 10 * np.arange(50)  # asyncua reads whole microseconds
    encoded = RowLayout(handles, types, overflow=overflow).encode(values, source, NOW + 99)
    (change,) = decoded(50, bytes(encoded)).Parameters.NotificationMessage.NotificationData
    items = change.MonitoredItems
    kinds = {1: bool, 6: int, 10: float, 11: float}

    assert [item.ClientHandle for item in items] == handles.tolist()
    assert [item.Value.Value.VariantType.value for item in items] == types.tolist()
    assert all(type(item.Value.Value.Value) is kinds[item.Value.Value.VariantType.value] for item in items)
    assert [item.Value.Value.Value for item in items if item.Value.Value.VariantType.value == DOUBLE] == values[
        types == DOUBLE
    ].tolist()
    assert {item.Value.StatusCode.value for item in items} == {0x480 if overflow else 0}
    assert [round((item.Value.SourceTimestamp.timestamp() - 1_790_000_000) * 1e6) for item in items] == list(range(50))


def test_items_can_be_cut_at_their_offsets() -> None:
    layout = RowLayout(np.arange(30, dtype=np.uint32), mixed_types(30))
    whole = layout.encode(np.arange(30.0), NOW, NOW)
    part = bytes(whole[layout.offsets[10] : layout.offsets[13]])
    (change,) = decoded(3, part).Parameters.NotificationMessage.NotificationData

    assert [item.ClientHandle for item in change.MonitoredItems] == [10, 11, 12]


def test_a_response_tells_what_is_kept_and_what_became_of_acknowledgements() -> None:
    response = decoded(0, b"", [0, int(ua.StatusCodes.BadSequenceNumberUnknown)], more=True)
    parameters = response.Parameters

    assert response.ResponseHeader.RequestHandle == 42
    assert (parameters.SubscriptionId, parameters.AvailableSequenceNumbers, parameters.MoreNotifications) == (
        3,
        [6, 7],
        True,
    )
    assert parameters.NotificationMessage.SequenceNumber == 7
    assert not parameters.NotificationMessage.NotificationData
    assert [status.name for status in parameters.Results] == ["Good", "BadSequenceNumberUnknown"]
