"""Sparkplug B's payload (Sparkplug 3.0, 6.4) as plain values, to and from its bytes.

The message types are described here field by field; numbers and types are the specification's.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from domain.errors import BadMessage
from domain.status import BAD, GOOD, SEVERITY, UNCERTAIN

Value = float | int | bool | str

_PACKAGE: Final = "thermowell.sparkplug"
_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_OPTIONAL, _REPEATED = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
_UINT32, _UINT64 = _FIELD.TYPE_UINT32, _FIELD.TYPE_UINT64
_FLOAT, _DOUBLE, _BOOL = _FIELD.TYPE_FLOAT, _FIELD.TYPE_DOUBLE, _FIELD.TYPE_BOOL
_STRING, _BYTES = _FIELD.TYPE_STRING, _FIELD.TYPE_BYTES

_MESSAGES: Final[Mapping[str, tuple[tuple[str, int, int | str, int, bool], ...]]] = {
    # field, number, type (or message), label, one of the value's kinds
    "PropertyValue": (
        ("type", 1, _UINT32, _OPTIONAL, False),
        ("is_null", 2, _BOOL, _OPTIONAL, False),
        ("int_value", 3, _UINT32, _OPTIONAL, True),
        ("long_value", 4, _UINT64, _OPTIONAL, True),
        ("float_value", 5, _FLOAT, _OPTIONAL, True),
        ("double_value", 6, _DOUBLE, _OPTIONAL, True),
        ("boolean_value", 7, _BOOL, _OPTIONAL, True),
        ("string_value", 8, _STRING, _OPTIONAL, True),
    ),
    "PropertySet": (
        ("keys", 1, _STRING, _REPEATED, False),
        ("values", 2, "PropertyValue", _REPEATED, False),
    ),
    "Metric": (
        ("name", 1, _STRING, _OPTIONAL, False),
        ("alias", 2, _UINT64, _OPTIONAL, False),
        ("timestamp", 3, _UINT64, _OPTIONAL, False),
        ("datatype", 4, _UINT32, _OPTIONAL, False),
        ("is_historical", 5, _BOOL, _OPTIONAL, False),
        ("is_transient", 6, _BOOL, _OPTIONAL, False),
        ("is_null", 7, _BOOL, _OPTIONAL, False),
        ("properties", 9, "PropertySet", _OPTIONAL, False),
        ("int_value", 10, _UINT32, _OPTIONAL, True),
        ("long_value", 11, _UINT64, _OPTIONAL, True),
        ("float_value", 12, _FLOAT, _OPTIONAL, True),
        ("double_value", 13, _DOUBLE, _OPTIONAL, True),
        ("boolean_value", 14, _BOOL, _OPTIONAL, True),
        ("string_value", 15, _STRING, _OPTIONAL, True),
        ("bytes_value", 16, _BYTES, _OPTIONAL, True),
    ),
    "Payload": (
        ("timestamp", 1, _UINT64, _OPTIONAL, False),
        ("metrics", 2, "Metric", _REPEATED, False),
        ("seq", 3, _UINT64, _OPTIONAL, False),
        ("uuid", 4, _STRING, _OPTIONAL, False),
        ("body", 5, _BYTES, _OPTIONAL, False),
    ),
}


class DataType(enum.IntEnum):
    """The metric types that a plant needs, by their numbers (6.4.16)."""

    INT32 = 3
    INT64 = 4
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


_MEMBERS: Final = {
    DataType.INT32: "int_value",
    DataType.INT64: "long_value",
    DataType.UINT64: "long_value",
    DataType.FLOAT: "float_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
}
_BITS: Final = {DataType.INT32: 32, DataType.INT64: 64}
"""Signed types go as the unsigned number with the same bits."""
QUALITY_GOOD, QUALITY_STALE, QUALITY_BAD = 192, 500, 0
"""The only codes that the property `Quality` may have (6.4.14)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `value` None is null. A birth has names, data has aliases. Times are ms since 1970, UTC."""

    value: Value | None
    datatype: DataType | None = None
    name: str | None = None
    alias: int | None = None
    time_ms: int | None = None
    historical: bool = False
    quality: int = QUALITY_GOOD
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """A whole message; `seq` None: a death has none."""

    metrics: tuple[Metric, ...]
    time_ms: int | None = None
    seq: int | None = None


def datatype_of(kind: type) -> DataType:
    """The metric type for a tag of type `kind` (float, int, bool or str)."""
    return {float: DataType.DOUBLE, int: DataType.INT64, bool: DataType.BOOLEAN, str: DataType.STRING}[kind]


def quality_of(status: int) -> int:
    """A StatusCode as Sparkplug's quality; Uncertain is nearest to stale."""
    return {GOOD: QUALITY_GOOD, UNCERTAIN: QUALITY_STALE, BAD: QUALITY_BAD}.get(status & SEVERITY, QUALITY_BAD)


def encode(payload: Payload) -> bytes:
    """The payload's bytes; a metric with a value needs its datatype."""
    message = _PAYLOAD()
    if payload.time_ms is not None:
        message.timestamp = payload.time_ms
    if payload.seq is not None:
        message.seq = payload.seq
    for metric in payload.metrics:
        _fill(message.metrics.add(), metric)
    encoded: bytes = message.SerializeToString()
    return encoded


def decode(encoded: bytes, datatypes: Mapping[int, DataType] | None = None) -> Payload:
    """Read a payload; BadMessage for one that is none. `datatypes`: those of the birth, by alias, for data without."""
    message = _PAYLOAD()
    try:
        message.ParseFromString(encoded)
    except DecodeError as problem:
        raise BadMessage(f"no Sparkplug payload: {problem}") from None
    return Payload(
        tuple(_read(metric, datatypes or {}) for metric in message.metrics),
        message.timestamp if message.HasField("timestamp") else None,
        message.seq if message.HasField("seq") else None,
    )


def _fill(target: Any, metric: Metric) -> None:
    if metric.name is not None:
        target.name = metric.name
    if metric.alias is not None:
        target.alias = metric.alias
    if metric.time_ms is not None:
        target.timestamp = metric.time_ms
    if metric.datatype is not None:
        target.datatype = metric.datatype
    if metric.historical:
        target.is_historical = True
    if metric.quality != QUALITY_GOOD:
        _add_property(target.properties, "Quality", "int_value", DataType.INT32, metric.quality)
    if metric.unit:
        _add_property(target.properties, "engUnit", "string_value", DataType.STRING, metric.unit)
    if metric.value is None:
        target.is_null = True
    elif metric.datatype is None:
        message = f"metric {metric.name or metric.alias!r} has a value and no datatype"
        raise ValueError(message)
    else:
        bits = _BITS.get(metric.datatype)
        value = int(metric.value) & ((1 << bits) - 1) if bits is not None else metric.value
        setattr(target, _MEMBERS[metric.datatype], value)


def _add_property(properties: Any, key: str, member: str, datatype: DataType, value: Value) -> None:
    properties.keys.append(key)
    entry = properties.values.add()
    entry.type = datatype
    setattr(entry, member, value)


def _read(metric: Any, datatypes: Mapping[int, DataType]) -> Metric:
    alias = metric.alias if metric.HasField("alias") else None
    datatype = _datatype(metric, alias, datatypes)
    properties = dict(zip(metric.properties.keys, metric.properties.values, strict=False))
    member = metric.WhichOneof("value")
    value = getattr(metric, member) if member is not None and not metric.is_null else None
    bits = _BITS.get(datatype) if datatype is not None else None
    if bits is not None and isinstance(value, int) and value >> (bits - 1):
        value -= 1 << bits
    return Metric(
        value,
        datatype,
        metric.name if metric.HasField("name") else None,
        alias,
        metric.timestamp if metric.HasField("timestamp") else None,
        metric.is_historical,
        properties["Quality"].int_value if "Quality" in properties else QUALITY_GOOD,
        properties["engUnit"].string_value if "engUnit" in properties else "",
    )


def _datatype(metric: Any, alias: int | None, datatypes: Mapping[int, DataType]) -> DataType | None:
    if not metric.HasField("datatype"):
        return datatypes.get(alias) if alias is not None else None
    try:
        return DataType(metric.datatype)
    except ValueError:
        raise BadMessage(f"metric {metric.name!r} has data type {metric.datatype}, which is not read here") from None


def _payload_class() -> type[Any]:
    """The class that protobuf makes of the fields above."""
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(one_of for *_, one_of in fields):
            message.oneof_decl.add(name="value")
        for field, number, kind, label, one_of in fields:
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
            if one_of:
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    payload: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))
    return payload


_PAYLOAD: Final = _payload_class()
