"""The envelope of what a subscription sends: who, which number, when, and where the notifications stand in the bytes.

Only positions are found here; the values are decoded from the same bytes by `decode`.
"""

import struct
import time
from dataclasses import dataclass

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary

from domain.errors import BadMessage

PUBLISH_REQUEST = ua.ObjectIds.PublishRequest_Encoding_DefaultBinary
PUBLISH_RESPONSE = ua.ObjectIds.PublishResponse_Encoding_DefaultBinary
REPUBLISH_RESPONSE = ua.ObjectIds.RepublishResponse_Encoding_DefaultBinary
SERVICE_FAULT = ua.ObjectIds.ServiceFault_Encoding_DefaultBinary
DATA_CHANGE = ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary
STATUS_CHANGE = ua.ObjectIds.StatusChangeNotification_Encoding_DefaultBinary
EVENTS = ua.ObjectIds.EventNotificationList_Encoding_DefaultBinary

UNIX_EPOCH_TICKS = 116_444_736_000_000_000
"""1970 as OPC UA counts: in 100 ns since 1601."""

MOST_ACKNOWLEDGEMENTS = 1000
"""Per Publish request; more wait for the next one."""

_UINT16 = struct.Struct("<H")
_INT32 = struct.Struct("<i")
_UINT32 = struct.Struct("<I")
_SEQUENCE_AND_TIME = struct.Struct("<Iq")
_REQUEST_HEAD = struct.Struct("<qIIiI")
_REQUEST_HEAD_TAIL = b"\x00\x00\x00"  # no additional header
_TWO_BYTE, _FOUR_BYTE, _NUMERIC, _STRING, _GUID, _BYTES = range(6)
_HAS_NAMESPACE_URI, _HAS_SERVER_INDEX = 0x80, 0x40


@dataclass(frozen=True, slots=True)
class Notification:
    """Where one notification's body stands, and what it is (`type_id` in the standard namespace, else 0)."""

    type_id: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """One notification message. Without notifications it is a keep-alive, and `sequence` is the number to come.

    `publish_ticks` is the server's clock in 100 ns since 1601, 0 where it gave none.
    """

    body: bytes
    subscription: int
    sequence: int
    publish_ticks: int
    notifications: tuple[Notification, ...]

    @property
    def is_keep_alive(self) -> bool:
        """Nothing new, but the subscription lives."""
        return not self.notifications


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a Publish or Republish: a message, or the status with which the server refused."""

    status: int
    message: Message | None


def node_id_end(body: bytes, at: int) -> int:
    """Where the (expanded) node id that starts at `at` ends."""
    kind = body[at]
    form = kind & 0x3F
    if form == _TWO_BYTE:
        end = at + 2
    elif form == _FOUR_BYTE:
        end = at + 4
    elif form == _NUMERIC:
        end = at + 7
    elif form == _GUID:
        end = at + 19
    elif form in (_STRING, _BYTES):
        end = string_end(body, at + 3)
    else:
        raise BadMessage(f"node id of unknown form {form}")
    if kind & _HAS_NAMESPACE_URI:
        end = string_end(body, end)
    return end + 4 if kind & _HAS_SERVER_INDEX else end


def string_end(body: bytes, at: int) -> int:
    """Where the string or byte string that starts at `at` ends."""
    (length,) = _INT32.unpack_from(body, at)
    return at + 4 + max(int(length), 0)


def _type_id(body: bytes, at: int) -> int:
    """The numeric id of the standard namespace at `at`, else 0."""
    form = body[at]
    if form == _TWO_BYTE:
        return body[at + 1]
    if form == _FOUR_BYTE and body[at + 1] == 0:
        return int(_UINT16.unpack_from(body, at + 2)[0])
    if form == _NUMERIC and body[at + 1 : at + 3] == b"\0\0":
        return int(_UINT32.unpack_from(body, at + 3)[0])
    return 0


def extension_end(body: bytes, at: int) -> int:
    """Where the extension object that starts at `at` ends."""
    at = node_id_end(body, at)
    return at + 1 if body[at] == 0 else string_end(body, at + 1)


def diagnostics_end(body: bytes, at: int) -> int:
    """Where the diagnostic information that starts at `at` ends; servers rarely send any, as we never ask."""
    if body[at] == 0:
        return at + 1
    buffer = Buffer(body, at)
    struct_from_binary(ua.DiagnosticInfo, buffer)
    return int(buffer.cur_pos)


def _response_head(body: bytes) -> tuple[int, int, int]:
    """Type id, service result, and where the response's own fields begin."""
    type_id = _type_id(body, 0)
    at = node_id_end(body, 0) + 12
    (status,) = _UINT32.unpack_from(body, at)
    at = diagnostics_end(body, at + 4)
    (strings,) = _INT32.unpack_from(body, at)
    at += 4
    for _ in range(max(strings, 0)):
        at = string_end(body, at)
    return type_id, int(status), extension_end(body, at)


def _message(body: bytes, at: int, subscription: int) -> Message:
    sequence, publish_ticks = _SEQUENCE_AND_TIME.unpack_from(body, at)
    at += _SEQUENCE_AND_TIME.size
    (count,) = _INT32.unpack_from(body, at)
    at += 4
    notifications = []
    for _ in range(max(count, 0)):
        type_id = _type_id(body, at)
        start = node_id_end(body, at) + 5
        at = extension_end(body, at)
        if at > len(body):
            raise BadMessage("a notification is longer than its message")
        notifications.append(Notification(type_id, start, at))
    return Message(body, subscription, int(sequence), int(publish_ticks), tuple(notifications))


def read_publish(body: bytes) -> Answer:
    """Read a Publish response, or the fault that came instead. BadMessage if it is neither."""
    try:
        type_id, status, at = _response_head(body)
        if type_id == SERVICE_FAULT or status & 0x8000_0000:
            return Answer(status, None)
        if type_id != PUBLISH_RESPONSE:
            raise BadMessage(f"type {type_id} came in answer to Publish")
        (subscription,) = _UINT32.unpack_from(body, at)
        (available,) = _INT32.unpack_from(body, at + 4)
        at += 8 + 4 * max(available, 0) + 1
        return Answer(status, _message(body, at, int(subscription)))
    except (struct.error, IndexError) as error:
        raise BadMessage(f"a Publish response ends too early: {error}") from error


def read_republish(body: bytes, subscription: int) -> Answer:
    """Read a Republish response, or the fault that came instead. BadMessage if it is neither."""
    try:
        type_id, status, at = _response_head(body)
        if type_id == SERVICE_FAULT or status & 0x8000_0000:
            return Answer(status, None)
        if type_id != REPUBLISH_RESPONSE:
            raise BadMessage(f"type {type_id} came in answer to Republish")
        return Answer(status, _message(body, at, subscription))
    except (struct.error, IndexError) as error:
        raise BadMessage(f"a Republish response ends too early: {error}") from error


def status_change(message: Message, notification: Notification) -> int:
    """The status that a StatusChangeNotification tells."""
    return int(_UINT32.unpack_from(message.body, notification.start)[0])


class PublishEncoder:
    """Writes Publish requests of one session; asyncua's generic writer takes as long as decoding 1,000 values does."""

    def __init__(self, authentication_token: ua.NodeId) -> None:
        self._head: bytes = b"\x01\x00" + _UINT16.pack(PUBLISH_REQUEST) + nodeid_to_binary(authentication_token)

    def encode(self, request_handle: int, acknowledgements: "list[tuple[int, int]]") -> bytes:
        """A request that never times out on the server, with (subscription, sequence) pairs to acknowledge."""
        pairs = b"".join([struct.pack("<II", *pair) for pair in acknowledgements])
        now_ticks = time.time_ns() // 100 + UNIX_EPOCH_TICKS
        head = _REQUEST_HEAD.pack(now_ticks, request_handle, 0, -1, 0)
        return self._head + head + _REQUEST_HEAD_TAIL + _INT32.pack(len(acknowledgements)) + pairs
