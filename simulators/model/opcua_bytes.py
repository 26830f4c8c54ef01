"""What a subscription sends, as bytes on the wire (OPC UA part 6, 5.2; part 4, 5.13.5)."""

import struct
from collections.abc import Sequence
from typing import Final

from asyncua import ua

from simulators.outlets import Value

UNIX_EPOCH_TICKS: Final = 116_444_736_000_000_000
"""1970 in 100 ns since 1601."""

_HEAD: Final = struct.Struct("<qIIB")
_HEAD_TAIL: Final = b"\xff\xff\xff\xff\x00\x00\x00"  # no string table, no additional header
_COUNT: Final = struct.Struct("<i")
_MESSAGE: Final = struct.Struct("<Iqi")
_NO_DIAGNOSTICS: Final = b"\xff\xff\xff\xff"
_ITEM: Final = struct.Struct("<IBB")
_VALUES: Final = {bool: (1, "<?"), int: (6, "<i"), float: (11, "<d")}
_STRING: Final = 12
_HAS_VALUE, _HAS_STATUS, _HAS_SOURCE_TIME, _HAS_SERVER_TIME = 1, 2, 4, 8


def to_ticks(time_ns: int) -> int:
    """UTC ns as OPC UA counts."""
    return time_ns // 100 + UNIX_EPOCH_TICKS


def _type_id(number: int) -> bytes:
    return b"\x01\x00" + struct.pack("<H", number)


_PUBLISH: Final = _type_id(ua.ObjectIds.PublishResponse_Encoding_DefaultBinary)
_REPUBLISH: Final = _type_id(ua.ObjectIds.RepublishResponse_Encoding_DefaultBinary)
_FAULT: Final = _type_id(ua.ObjectIds.ServiceFault_Encoding_DefaultBinary)
_DATA: Final = _type_id(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
_STATUS: Final = _type_id(ua.ObjectIds.StatusChangeNotification_Encoding_DefaultBinary)


def item(handle: int, value: Value, status: int, source_ns: int | None, server_ns: int | None) -> bytes:
    """One value of a monitored item; a time that is None is not on the wire."""
    mask = _HAS_VALUE
    if isinstance(value, str):
        text = value.encode()
        code, body = _STRING, _COUNT.pack(len(text)) + text
    else:
        code, form = _VALUES[type(value)]
        body = struct.pack(form, value)
    if status:
        mask |= _HAS_STATUS
        body += struct.pack("<I", status)
    if source_ns is not None:
        mask |= _HAS_SOURCE_TIME
        body += struct.pack("<q", to_ticks(source_ns))
    if server_ns is not None:
        mask |= _HAS_SERVER_TIME
        body += struct.pack("<q", to_ticks(server_ns))
    return _ITEM.pack(handle, mask, code) + body


def data_change(items: Sequence[bytes]) -> bytes:
    """A notification of values."""
    body = _COUNT.pack(len(items)) + b"".join(items) + _NO_DIAGNOSTICS
    return _DATA + b"\x01" + _COUNT.pack(len(body)) + body


def status_change(status: int) -> bytes:
    """The notification with which a subscription ends."""
    body = struct.pack("<I", status) + b"\x00"
    return _STATUS + b"\x01" + _COUNT.pack(len(body)) + body


def message(sequence: int, publish_ns: int, notifications: Sequence[bytes]) -> bytes:
    """A notification message; without notifications it is a keep-alive."""
    return _MESSAGE.pack(sequence, to_ticks(publish_ns), len(notifications)) + b"".join(notifications)


def publish_response(subscription: int, kept: Sequence[int], told: bytes, now_ns: int) -> bytes:
    """The answer to a Publish: a message, and which ones can be had again."""
    available = _COUNT.pack(len(kept)) + struct.pack(f"<{len(kept)}I", *kept)
    head = _PUBLISH + _head(now_ns, 0)
    return head + struct.pack("<I", subscription) + available + b"\x00" + told + _NO_DIAGNOSTICS + _NO_DIAGNOSTICS


def republish_response(told: bytes, now_ns: int) -> bytes:
    """The answer to a Republish."""
    return _REPUBLISH + _head(now_ns, 0) + told


def fault(status: int, now_ns: int) -> bytes:
    """The answer with which a server refuses."""
    return _FAULT + _head(now_ns, status)


def _head(now_ns: int, status: int) -> bytes:
    return _HEAD.pack(to_ticks(now_ns), 0, status, 0) + _HEAD_TAIL
