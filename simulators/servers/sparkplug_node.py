"""A Sparkplug 3.0 edge node without its connection: topics, births, deaths, aliases and sequence numbers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from domain.status import BAD
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import Message, PublishedTag
from simulators.servers.sparkplug_payload import (
    DataType,
    Metric,
    Payload,
    Value,
    datatype_of,
    encode,
    quality_of,
)

NAMESPACE: Final = "spBv1.0"
REBIRTH: Final = "Node Control/Rebirth"
BD_SEQ: Final = "bdSeq"
_MS_NS: Final = 1_000_000
_METRICS_MOST: Final = 500  # in one message of data
_NUMBERS: Final = 256  # sequence numbers are one byte


class EdgeNode:
    """An edge node whose devices are the plant's units and whose metrics are their tags. Not for several threads."""

    def __init__(self, tags: Sequence[PublishedTag], group: str, name: str) -> None:
        self.group = group
        self.name = name
        self.bd_seq = _NUMBERS - 1  # the first connection has 0
        self._tags = {tag.name: tag for tag in tags}
        self._aliases = {tag.name: alias for alias, tag in enumerate(tags, 1)}
        self._devices: dict[str, list[PublishedTag]] = {}
        for tag in tags:
            self._devices.setdefault(tag.owner, []).append(tag)
        self._newest: dict[str, Update] = {}
        self._seq = 0
        self._now_ms = 0

    def topic(self, kind: str, device: str = "") -> str:
        """`spBv1.0/group/KIND/node[/device]`."""
        return "/".join((NAMESPACE, self.group, kind, self.name, *([device] if device else [])))

    def connecting(self) -> Message:
        """A new connection begins: its will, with the number that its births will have."""
        self.bd_seq = (self.bd_seq + 1) % _NUMBERS
        return self.death()

    def death(self) -> Message:
        """NDEATH: the number alone, no sequence number (6.4.21)."""
        return Message(self.topic("NDEATH"), encode(Payload((self._bd_seq_metric(),), self._now_ms or None)))

    def births(self) -> list[Message]:
        """NBIRTH and a DBIRTH for each device, with every metric's name, alias, type and newest value."""
        self._seq = -1
        controls = (
            self._bd_seq_metric(),
            Metric(value=False, datatype=DataType.BOOLEAN, name=REBIRTH, time_ms=self._now_ms),  # never by alias
        )
        messages = [self._message("NBIRTH", "", controls)]
        for device, tags in self._devices.items():
            messages.append(self._message("DBIRTH", device, [self._birth(tag) for tag in tags]))
        return messages

    def remember(self, updates: Iterable[Update]) -> None:
        """New values, sent or not: births tell the newest of each tag. KeyError for a tag that is not published."""
        for update in updates:
            self._newest[self._tags[update.name].name] = update
            if update.time_ns is not None:
                self._now_ms = max(self._now_ms, update.time_ns // _MS_NS)

    def is_newest(self, update: Update) -> bool:
        """Whether a birth has told this value already."""
        return self._newest.get(update.name) is update

    def data(self, updates: Iterable[Update], *, historical: bool = False, apart: bool = False) -> Iterator[Message]:
        """DDATA for each device; `apart`: each value in a message of its own."""
        by_device: dict[str, list[Update]] = {}
        for update in updates:
            by_device.setdefault(self._tags[update.name].owner, []).append(update)
        size = 1 if apart else _METRICS_MOST
        for device, of_device in by_device.items():
            for start in range(0, len(of_device), size):
                part = of_device[start : start + size]
                metrics = [self._metric(update, historical=historical) for update in part]
                yield self._message("DDATA", device, metrics, part[0].name if len(part) == 1 else "")

    def _message(self, kind: str, device: str, metrics: Sequence[Metric], tag: str = "") -> Message:
        self._seq = (self._seq + 1) % _NUMBERS
        payload = Payload(tuple(metrics), self._now_ms, self._seq)
        return Message(self.topic(kind, device), encode(payload), tag, qos=0)

    def _bd_seq_metric(self) -> Metric:
        return Metric(self.bd_seq, DataType.INT64, BD_SEQ, time_ms=self._now_ms or None)

    def _birth(self, tag: PublishedTag) -> Metric:
        newest = self._newest.get(tag.name)
        return Metric(
            None if newest is None else _value(tag, newest),
            datatype_of(tag.kind),
            tag.role,
            self._aliases[tag.name],
            self._now_ms if newest is None or newest.time_ns is None else newest.time_ns // _MS_NS,
            quality=quality_of(BAD if newest is None else newest.status),
            unit=tag.unit,
        )

    def _metric(self, update: Update, *, historical: bool) -> Metric:
        tag = self._tags[update.name]
        return Metric(
            _value(tag, update),
            datatype_of(tag.kind),
            alias=self._aliases[update.name],
            time_ms=None if update.time_ns is None else update.time_ns // _MS_NS,
            historical=historical,
            quality=quality_of(update.status),
        )


def _value(tag: PublishedTag, update: Update) -> Value | None:
    """The value, null where it is Bad; an integer for a Double becomes one."""
    if update.status & BAD:
        return None
    value: Value = tag.kind(update.value)
    return value
