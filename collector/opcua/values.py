"""Decode the items that are no plain numbers, one by one: text as it is, arrays and structures as JSON, or a refusal.

asyncua decodes the value itself. Its order of the fields behind the value is not the standard's where picoseconds are
present, so those are read here.
"""

import base64
import dataclasses
import enum
import json
import math
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary

from collector.opcua.decode import (
    EXACT_LIMIT,
    HAS_SERVER_PICOSECONDS,
    HAS_SERVER_TIME,
    HAS_SOURCE_PICOSECONDS,
    HAS_SOURCE_TIME,
    HAS_STATUS,
    HAS_VALUE,
    NUMBERS,
    Span,
    variant_end,
)
from domain.errors import BadMessage
from domain.time import SECOND_NS, format_time

LONGEST_TEXT = 1 << 20
"""Characters of one text value; a longer one is refused by name rather than kept cut."""

_UINT32 = struct.Struct("<I")
_INT64 = struct.Struct("<q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class OneValue:
    """One decoded item; `number` or `text` (neither: the item had no value). Times in 100 ns since 1601, 0: absent."""

    handle: int
    status: int
    source_ticks: int
    server_ticks: int
    number: float | None = None
    text: str | None = None
    refused: str = ""


def decode_one(body: bytes, span: Span) -> OneValue:
    """Decode the item in `span`. What cannot be shown as number or text says so in `refused`; never raises for it."""
    (handle,) = _UINT32.unpack_from(body, span.start)
    mask = body[span.start + 4]
    value_at = at = span.start + 5
    status = source_ticks = server_ticks = 0
    if mask & HAS_VALUE:
        at = variant_end(body, at)
    if mask & HAS_STATUS:
        (status,), at = _UINT32.unpack_from(body, at), at + 4
    if mask & HAS_SOURCE_TIME:
        (source_ticks,), at = _INT64.unpack_from(body, at), at + 8
    if mask & HAS_SOURCE_PICOSECONDS:
        at += 2
    if mask & HAS_SERVER_TIME:
        (server_ticks,), at = _INT64.unpack_from(body, at), at + 8
    if mask & HAS_SERVER_PICOSECONDS:
        at += 2
    if at > span.end:
        raise BadMessage("an item is longer than its notification")
    number, text, refused = _shown(body, value_at) if mask & HAS_VALUE else (None, None, "")
    return OneValue(handle, status, source_ticks, server_ticks, number, text, refused)


def _shown(body: bytes, at: int) -> tuple[float | None, str | None, str]:
    """(number, text, why neither) of the variant at `at`."""
    try:
        variant = variant_from_binary(Buffer(body, at))
    except Exception as error:  # noqa: BLE001  # asyncua raises what it likes on bytes it cannot read; the item is refused by name
        return None, None, f"value cannot be decoded: {error!r}"
    value = variant.Value
    if value is None:
        return None, None, ""
    if not variant.is_array and body[at] in NUMBERS:
        exact = not isinstance(value, int) or -EXACT_LIMIT <= value <= EXACT_LIMIT
        return (float(value), None, "") if exact else (None, str(value), "")
    try:
        text = value if isinstance(value, str) else _as_text(value)
    except _Unknown as error:
        return None, None, str(error)
    if len(text) > LONGEST_TEXT:
        return None, None, f"a text of {len(text)} characters is longer than {LONGEST_TEXT}"
    return None, text, ""


class _Unknown(Exception):
    """A structure whose definition we do not have."""


def _as_text(value: object) -> str:
    plain = as_plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def as_plain(value: object) -> object:  # noqa: PLR0911  # one line per kind of value
    """A value as JSON knows it; bytes as base64, times as ISO 8601, numbers that JSON lacks as text."""
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value) if -EXACT_LIMIT <= value <= EXACT_LIMIT else str(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return format_time(int((moment - _EPOCH).total_seconds()) * SECOND_NS + moment.microsecond * 1000)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    return _structure(value)


def _structure(value: object) -> object:
    if isinstance(value, ua.NodeId):
        return value.to_string()
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    if isinstance(value, ua.QualifiedName):
        return f"{value.NamespaceIndex}:{value.Name}"
    if isinstance(value, ua.StatusCode):
        return int(value.value)
    if isinstance(value, ua.Variant):
        return as_plain(value.Value)
    if isinstance(value, ua.ExtensionObject):
        raise _Unknown(f"structure {value.TypeId.to_string()} has no definition here")
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {part.name: as_plain(getattr(value, part.name)) for part in fields if part.name != "Encoding"}
    raise _Unknown(f"a value of type {type(value).__name__} is neither number nor text")
