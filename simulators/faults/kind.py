"""What a kind of fault is: what it may befall, and what it can be told."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.layout import Layout


class Domain(enum.StrEnum):
    """Where a fault sits."""

    PROCESS = "process"
    OPERATOR = "operator"
    INSTRUMENT = "instrument"
    NETWORK = "network"
    OPCUA = "opcua"
    MQTT = "mqtt"


class Target(enum.StrEnum):
    """What a fault may befall: a sort of unit, a tag, or a server by its name."""

    REACTOR = "reactor"
    TANK = "tank"
    CRYSTALLISER = "crystalliser"
    STILL = "still"
    TAG = "tag"
    OPCUA = "opcua"
    MQTT = "mqtt"


SERVERS = frozenset({Target.OPCUA, Target.MQTT})

POINT = "tag"
"""Unit of a setting that is a point on the scale of the tag: 60 degC."""

DIFFERENCE = "delta tag"
"""Unit of a setting that is a difference on the scale of the tag: 2 delta_degC."""

RATE = "delta tag/h"
"""Unit of a setting that is such a difference per hour."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that a kind of fault can be told: a number within limits, or one word of `choices`.

    `unit` is spelled as pint reads it; empty: a share or a factor. `default` None: as `does` says, unless `required`.
    """

    does: str
    unit: str = ""
    default: float | str | None = None
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    required: bool = False

    def problem(self, value: float | str) -> str | None:
        """What is wrong with a value, in words; None: nothing."""
        if self.choices:
            return None if value in self.choices else f"{value!r} is none of {', '.join(self.choices)}"
        if isinstance(value, (str, bool)) or not math.isfinite(value):
            return f"{value!r} is no number"
        if not self.low <= value <= self.high:
            return f"{value:g} is not within {self.low:g} … {self.high:g}{f' {self.unit}' if self.unit else ''}"
        return None


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault. One that is not `gradual` is there or not: it has no ramp."""

    kind: str
    domain: Domain
    targets: tuple[Target, ...]
    does: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    gradual: bool = False

    def value(self, settings: Mapping[str, float | str], name: str) -> float | str | None:
        """What a fault of this kind has for a setting: its own, or the default; KeyError."""
        return settings.get(name, self.settings[name].default)


def sort_of_unit(unit: str, layout: Layout) -> Target:
    """What sort of unit a unit is; KeyError: there is no such unit."""
    if unit in layout.reactors:
        return Target.REACTOR
    line = layout.lines[layout.line_of(unit)]
    return {line.tank: Target.TANK, line.crystalliser: Target.CRYSTALLISER, line.still: Target.STILL}[unit]
