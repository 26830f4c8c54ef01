"""What is wrong with an OPC UA server right now: faults as facts that its parts look at."""

from dataclasses import dataclass, field
from typing import Final

from domain.time import HOUR_NS, SECOND_NS
from simulators.faults.catalogue import CATALOGUE
from simulators.faults.kind import Domain
from simulators.faults.spec import FaultChange, FaultSpec

SERVER: Final = "opcua"
"""The target of a fault that befalls the whole server."""

KINDS: Final = frozenset(kind.kind for kind in CATALOGUE.values() if kind.domain is Domain.OPCUA)
"""The kinds of fault that this server knows."""

NEED_SECURITY: Final = frozenset({"certificate_expired", "certificate_refused"})
"""Kinds that nobody can see without secured channels."""

_PER_HOUR: Final = SECOND_NS / HOUR_NS  # of a rate in s/h


def setting(spec: FaultSpec, name: str) -> float | str | None:
    """A setting of a fault, or its kind's default."""
    return CATALOGUE[spec.kind].value(spec.settings, name)


def number(spec: FaultSpec, name: str) -> float:
    """A setting that is a number."""
    value = setting(spec, name)
    if not isinstance(value, int | float):
        message = f"fault {spec.id}: {name} is {value!r}, no number"
        raise TypeError(message)
    return float(value)


@dataclass(slots=True)
class Conditions:
    """The active faults of a server by id, with the plant's time of their onset; `names` are the server's tags."""

    names: tuple[str, ...]
    active: dict[str, tuple[FaultSpec, int]] = field(default_factory=dict)

    def take(self, change: FaultChange, origin_ns: int) -> bool:
        """Note a change; False: it is none of this server's, or nothing new."""
        spec = change.spec
        if spec.kind not in KINDS or change.active == (spec.id in self.active):
            return False
        if spec.target != SERVER and spec.target not in self.names:
            return False
        if change.active:
            self.active[spec.id] = (spec, origin_ns + change.second * SECOND_NS)
        else:
            del self.active[spec.id]
        return True

    def any_of(self, kind: str) -> bool:
        """Tell whether a fault of a kind is active."""
        return any(spec.kind == kind for spec, _ in self.active.values())

    def tags(self, spec: FaultSpec) -> tuple[str, ...]:
        """The tags that a fault befalls; of a share of the nodes every so manieth."""
        if spec.target != SERVER:
            return (spec.target,)
        if "share" not in CATALOGUE[spec.kind].settings:
            return self.names
        count = round(number(spec, "share") * len(self.names))
        return tuple(self.names[index * len(self.names) // count] for index in range(count))

    def befallen(self, kind: str) -> frozenset[str]:
        """The tags that faults of a kind befall now."""
        return frozenset(name for spec, _ in self.active.values() if spec.kind == kind for name in self.tags(spec))

    def clock_error_ns(self, time_ns: int) -> int:
        """How far the server's clock is ahead of the plant's (negative: behind) at a time of the plant."""
        error_ns = 0.0
        for spec, since_ns in self.active.values():
            if spec.kind == "clock_jump":
                error_ns += number(spec, "step") * SECOND_NS
            elif spec.kind == "clock_drift":
                error_ns += number(spec, "rate") * _PER_HOUR * max(time_ns - since_ns, 0)
        return round(error_ns)
