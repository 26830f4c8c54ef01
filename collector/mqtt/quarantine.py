"""Messages that could not become samples: each is told, and a flood of them is told as a count."""

from dataclasses import dataclass, field

from collector.mqtt.payloads import Refusal
from domain.entries import Quarantined

PERIOD_S = 60.0
_KEPT_PAYLOAD_BYTES = 4096
_MOST_GROUPS = 500
_THE_REST = ("(other topics)", "many")


@dataclass(slots=True)
class _Group:
    """Refusals of one sort on one topic: how many entries this minute had, and what waits for the next."""

    since_s: float
    told: int = 0
    waiting: int = 0
    reason: str = ""
    payload: str = ""


@dataclass(slots=True)
class QuarantineBook:
    """Decides which refusals become an entry now, and which are counted into one entry a minute.

    What is counted but not yet told travels in the source's durable state, so a crash cannot drop it.
    """

    source: str
    burst: int = 20  # entries of one sort, topic and minute before counting begins
    _groups: dict[tuple[str, str], _Group] = field(default_factory=dict)
    _waiting: int = 0

    @property
    def waiting(self) -> int:
        """Samples that are counted and not yet told."""
        return self._waiting

    def take(self, refusal: Refusal, received_ns: int, now_s: float, *, burst: int | None = None) -> Quarantined | None:
        """The entry to journal now, or None if the refusal waits for the minute's count."""
        key = (refusal.topic, refusal.kind)
        if key not in self._groups and len(self._groups) >= _MOST_GROUPS:
            key = _THE_REST
        group = self._groups.setdefault(key, _Group(now_s))
        group.reason, group.payload = refusal.reason, _as_text(refusal.payload)
        if group.told < (self.burst if burst is None else burst) and not group.waiting:
            group.told += 1
            return Quarantined(self.source, received_ns, refusal.topic, refusal.reason, group.payload, refusal.samples)
        group.waiting += refusal.samples
        self._waiting += refusal.samples
        return None

    def due(self, received_ns: int, now_s: float) -> list[Quarantined]:
        """The counts whose minute is over."""
        entries = []
        for (topic, kind), group in list(self._groups.items()):
            if now_s - group.since_s < PERIOD_S:
                continue
            if not group.waiting:
                del self._groups[topic, kind]
                continue
            reason = f"{group.reason} ({group.waiting} like it, counted)"
            entries.append(Quarantined(self.source, received_ns, topic, reason, group.payload, group.waiting))
            self._waiting -= group.waiting
            # The next minute of the same flood is counted from its first message on.
            group.since_s, group.waiting, group.told = now_s, 0, self.burst
        return entries

    def dump(self) -> list[list[str | int]]:
        """What waits, for the durable state: topic, kind, count, reason."""
        return [
            [topic, kind, group.waiting, group.reason] for (topic, kind), group in self._groups.items() if group.waiting
        ]

    def load(self, dumped: list[list[str | int]], now_s: float) -> None:
        """Go on counting where the last process ended; its payloads are gone, its counts are not."""
        for topic, kind, count, reason in dumped:
            self._groups[str(topic), str(kind)] = _Group(now_s, self.burst, int(count), str(reason))
            self._waiting += int(count)


def _as_text(payload: bytes) -> str:
    return payload[:_KEPT_PAYLOAD_BYTES].decode("utf-8", "backslashreplace")
