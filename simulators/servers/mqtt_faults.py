"""What goes wrong with messages between a device and its broker: doubled, late, malformed, retained for too long."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from simulators.faults.catalogue import CATALOGUE
from simulators.faults.spec import FaultChange, FaultSpec
from simulators.servers.mqtt_payloads import Message, malformed

SERVER: Final = "mqtt"
"""Target of a fault that hits every tag on MQTT."""
_KINDS: Final = frozenset({"duplicated", "reordered", "malformed", "retained_stale", "source_time_absent"})


def setting(spec: FaultSpec, name: str) -> float | str | None:
    """A fault's setting, or what its kind's entry in the catalogue says."""
    return spec.settings.get(name, CATALOGUE[spec.kind].settings[name].default)


def number(spec: FaultSpec, name: str) -> float:
    """A setting that is a number; ValueError if it is none."""
    value = setting(spec, name)
    if value is None:
        message = f"fault {spec.id!r}: {name!r} has to be said"
        raise ValueError(message)
    return float(value)


@dataclass(slots=True)
class _Active:
    """A fault that is there, with what it needs to go on the same way in every run of its seed."""

    spec: FaultSpec
    random: random.Random
    kept: list[tuple[int, Message]] = field(default_factory=list)  # (how many may still overtake it, message)

    def concerns(self, tag: str) -> bool:
        return self.spec.target in (SERVER, tag)

    def hits(self, message: Message) -> bool:
        return self.concerns(message.tag) and self.random.random() < number(self.spec, "probability")


class MessageFaults:
    """Applies the faults that are active to messages as they pass; `counts` by kind tell how many were hit.

    The result depends only on the seed, the faults and the messages. At most `depth` messages per reordering wait.
    """

    def __init__(self, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._active: dict[str, _Active] = {}
        self._steps: dict[str, Callable[[_Active, Message], Iterable[Message]]] = {
            "duplicated": self._doubled,
            "reordered": self._delayed,
            "malformed": self._spoiled,
        }

    def targets(self, kind: str) -> frozenset[str]:
        """What the active faults of a kind hit: tags, or `SERVER` for all of them."""
        return frozenset(fault.spec.target for fault in self._active.values() if fault.spec.kind == kind)

    def change(self, change: FaultChange) -> list[Message]:
        """Begin or end a fault; returns the messages that its end sets free. Other kinds are ignored."""
        spec = change.spec
        if spec.kind not in _KINDS:
            return []
        ended = self._active.pop(spec.id, None)
        if change.active:
            chance = random.Random(f"{self._seed}:{spec.id}:{change.second}")  # noqa: S311 - repeatable on purpose
            self._active[spec.id] = _Active(spec, chance)
        return [message for _, message in ended.kept] if ended is not None else []

    def pass_on(self, messages: Iterable[Message]) -> Iterator[Message]:
        """The messages as the broker gets them."""
        for message in messages:
            passing = [message]
            for fault in self._active.values():
                step = self._steps.get(fault.spec.kind)
                if step is not None:
                    passing = [out for each in passing for out in step(fault, each)]
            yield from passing

    def _doubled(self, fault: _Active, message: Message) -> Iterable[Message]:
        """The same message twice: published again by the application, or the same packet again (DUP), by chance."""
        if not fault.hits(message):
            return (message,)
        self.counts["duplicated"] += 1
        packet_again = message.qos > 0 and fault.random.random() < 0.5
        return (replace(message, again=True),) if packet_again else (message, message)

    def _delayed(self, fault: _Active, message: Message) -> Iterable[Message]:
        """Keep a message back until some others have overtaken it."""
        if not fault.concerns(message.tag):
            return (message,)
        due = [kept for left, kept in fault.kept if left <= 1]
        fault.kept = [(left - 1, kept) for left, kept in fault.kept if left > 1]
        if fault.hits(message):
            self.counts["reordered"] += 1
            fault.kept.append((fault.random.randint(1, round(number(fault.spec, "depth"))), message))
            return due
        return (message, *due)

    def _spoiled(self, fault: _Active, message: Message) -> Iterable[Message]:
        """Send something that cannot be read instead: the value is lost."""
        if not fault.hits(message):
            return (message,)
        self.counts["malformed"] += 1
        return (malformed(message, str(setting(fault.spec, "form"))),)
