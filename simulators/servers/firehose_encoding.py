"""OPC UA's binary encoding (part 6) of notifications, whole scans at once."""

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from domain.status import OVERFLOW

EPOCH_TICKS: Final = 116_444_736_000_000_000
"""1970 in OPC UA's ticks of 100 ns since 1601."""
DOUBLE: Final = 11
_WIRE_TYPES: Final = {1: "<u1", 6: "<i4", 10: "<f4", DOUBLE: "<f8"}
"""Boolean, Int32, Float, Double by their number in part 6."""
_MIXED: Final = (11, 1, 6, 10)
_VALUE, _STATUS, _SOURCE, _SERVER = 1, 2, 4, 8  # of the mask of a DataValue


def mixed_types(tags: int) -> NDArray[np.uint8]:
    """A type for each tag, without any order among neighbours."""
    types: NDArray[np.uint8] = np.array(_MIXED, np.uint8)[(np.arange(tags) * 7919 >> 3) % len(_MIXED)]
    return types


class RowLayout:
    """How one scan of some monitored items is encoded; `offsets[i]` is where item `i` begins, the last one the end.

    `overflow`: every value says that the server's queue dropped others before it.
    """

    def __init__(self, handles: NDArray[np.uint32], types: NDArray[np.uint8], *, overflow: bool = False) -> None:
        self._fields: dict[int, np.dtype[np.void]] = {
            number: _row(wire_type, overflow=overflow) for number, wire_type in _WIRE_TYPES.items()
        }
        sizes = np.array([self._fields[number].itemsize for number in types.tolist()], np.int64)
        self.offsets: list[int] = [0, *np.cumsum(sizes).tolist()]
        self._rows_of = {number: np.flatnonzero(types == number) for number in np.unique(types).tolist()}
        self._bytes = np.zeros(self.offsets[-1], np.uint8)
        self._places: dict[int, NDArray[np.int64]] = {}
        starts = np.array(self.offsets[:-1], np.int64)
        for number, rows in self._rows_of.items():
            fields = self._fields[number]
            items = np.zeros(len(rows), fields)
            items["handle"] = handles[rows]
            items["mask"] = _VALUE | _SOURCE | _SERVER | (_STATUS if overflow else 0)
            items["type"] = number
            if overflow:
                items["status"] = OVERFLOW
            self._places[number] = starts[rows, None] + np.arange(fields.itemsize)
            self._bytes[self._places[number]] = items.view(np.uint8).reshape(len(rows), fields.itemsize)

    def encode(self, values: NDArray[np.float64], source: NDArray[np.int64] | int, server: int) -> memoryview:
        """The items with a scan's values; `source` and `server` are times in ticks."""
        if len(self._rows_of) == 1:
            (number,) = self._rows_of
            encoded = self._bytes.copy()
            _fill(encoded.view(self._fields[number]), values, source, server)
            return memoryview(encoded.data)
        encoded = self._bytes.copy()
        for number, rows in self._rows_of.items():
            places = self._places[number]
            items = encoded[places].view(self._fields[number])[:, 0]
            _fill(items, values[rows], source if isinstance(source, int) else source[rows], server)
            encoded[places] = items.view(np.uint8).reshape(places.shape)
        return memoryview(encoded.data)


def _row(wire_type: str, *, overflow: bool) -> np.dtype[np.void]:
    """A MonitoredItemNotification with a scalar value and both times, packed (part 6, 5.2.2.17)."""
    status = [("status", "<u4")] if overflow else []
    head, times = [("handle", "<u4"), ("mask", "u1"), ("type", "u1")], [("source", "<i8"), ("server", "<i8")]
    return np.dtype([*head, ("value", wire_type), *status, *times])


def _fill(items: NDArray[np.void], values: NDArray[np.float64], source: NDArray[np.int64] | int, server: int) -> None:
    items["value"] = values if items["value"].dtype.kind != "u" else values.astype(np.int64) & 1
    items["source"], items["server"] = source, server


def response_header(type_id: int, now_ticks: int, request_handle: int) -> bytes:
    """Type and ResponseHeader (part 4, 7.33) of a good answer."""
    return struct.pack("<BBHqIIBiBBB", 1, 0, type_id, now_ticks, request_handle, 0, 0, -1, 0, 0, 0)


def data_change(count: int, items: bytes) -> bytes:
    """A DataChangeNotification (part 4, 7.25.2) as an extension object, in an array of one."""
    type_id = ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary
    return struct.pack("<iBBHBii", 1, 1, 0, type_id, 1, 8 + len(items), count) + items + struct.pack("<i", -1)


NOTHING: Final = struct.pack("<i", 0)
"""The notification data of a keep-alive."""


def notification_message(sequence: int, now_ticks: int, notifications: bytes) -> bytes:
    """A NotificationMessage (part 4, 7.26)."""
    return struct.pack("<Iq", sequence, now_ticks) + notifications


def publish_parameters(
    subscription: int, available: Sequence[int], message: bytes, acknowledged: Sequence[int], *, more: bool
) -> bytes:
    """What a PublishResponse says after its header (part 4, 5.14.5)."""
    head = struct.pack(f"<Ii{len(available)}I?", subscription, len(available), *available, more)
    return head + message + struct.pack(f"<i{len(acknowledged)}Ii", len(acknowledged), *acknowledged, -1)
