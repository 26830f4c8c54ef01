"""The tags of a simulated plant: where each value comes from, its rhythm, and which server has it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from simulators.instruments.kinds import KINDS
from simulators.instruments.panel import Instrument
from simulators.layout import SMALL, Layout
from simulators.scenario import InstrumentChange, Scenario, Servers

Outlet = Literal["opcua", "mqtt"]

_SCAN_NS: Final = 10_000_000  # from one input of a controller to its next
_SCAN_SPREAD_S: Final = 5  # between the controllers of two units


@dataclass(frozen=True, slots=True)
class MeasuredTag:
    """A number from an instrument. `quantity` names the truth (see `quantities`) of the unit `place`.

    `sampled_before_ns`: how long before the full second its controller reads it, the inputs of a unit in turn.
    """

    instrument: Instrument
    quantity: str
    place: str
    description: str
    outlet: Outlet = "opcua"
    topic: str | None = None  # of MQTT's plain JSON; None: OPC UA
    sampled_before_ns: int = 0

    @property
    def name(self) -> str:
        """The tag's name, `UNIT.ROLE`."""
        return self.instrument.tag

    @property
    def unit(self) -> str:
        """Its plant unit."""
        return KINDS[self.instrument.kind].unit

    @property
    def role(self) -> str:
        """What it measures in its unit, such as `TT`."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class StateTag:
    """A value from the control system, sent when it changes: step, operation, batch, transfer flags."""

    name: str
    kind: type  # int, str or bool
    description: str
    outlet: Outlet = "opcua"
    topic: str | None = None  # of MQTT's plain JSON; None: OPC UA


@dataclass(frozen=True, slots=True)
class PlantTags:
    """Every tag of a plant. The order of `measured` is that of readings and of true values."""

    measured: tuple[MeasuredTag, ...]
    states: tuple[StateTag, ...]
    outlets: Mapping[str, Outlet] = field(init=False, repr=False, compare=False)
    """The server of each tag, by its name."""

    def __post_init__(self) -> None:
        tags: tuple[MeasuredTag | StateTag, ...] = (*self.measured, *self.states)
        object.__setattr__(self, "outlets", {tag.name: tag.outlet for tag in tags})

    @property
    def names(self) -> tuple[str, ...]:
        """Every tag's name."""
        return tuple(self.outlets)


@dataclass(frozen=True, slots=True)
class _Point:
    """A measuring point that every unit of a class has; `topic` is the last part of its MQTT topic, if it has one."""

    role: str
    kind: str
    quantity: str
    period_s: int
    description: str
    topic: str | None = None


_REACTOR: Final = (
    _Point("TT", "temperature", "temperature", 10, "temperature of the contents"),
    _Point("PT", "pressure", "pressure", 10, "pressure, gauge"),
    _Point("AT", "ph", "ph", 10, "pH, the recorder's own probe"),
    _Point("JT", "temperature", "jacket", 20, "temperature of the jacket"),
    _Point("LT", "level", "volume", 20, "volume of liquid"),
    _Point("FT", "flow", "feed", 20, "flow of the dosing pump"),
    _Point("JI", "power", "power", 20, "agitator power", "agitator_power"),
    _Point("TT2", "temperature", "temperature", 20, "temperature of the contents, second sensor"),
    _Point("FQ", "total", "fed", 60, "volume dosed, rolls over"),
    _Point("SI", "speed", "speed", 60, "agitator speed"),
    _Point("GV", "valve", "gas_valve", 60, "gas valve: nitrogen in above 0, vent below"),
    _Point("BV", "valve", "base_valve", 30, "base pump"),
)
_TANK: Final = (
    _Point("LT", "level", "hold_volume", 20, "volume held", "level"),
    _Point("TT", "temperature", "hold_temperature", 20, "temperature of the tank", "temperature"),
)
_CRYSTALLISER: Final = (
    _Point("TT", "temperature", "crystalliser_temperature", 20, "temperature of the slurry"),
    _Point("LT", "level", "crystalliser_volume", 60, "volume of slurry"),
    _Point("QT", "concentration", "dissolved", 30, "dissolved product"),
)
_STILL: Final = (
    _Point("TT", "temperature", "still_temperature", 20, "temperature of the pot"),
    _Point("LT", "level", "still_volume", 60, "volume in the pot"),
    _Point("FQ", "total", "distilled", 60, "solvent recovered, rolls over"),
)
_UTILITY: Final = "U1"
_FLUID: Final = _Point("TT", "temperature", "supply", 20, "temperature of the heat-transfer fluid", "heating_supply")

_STEP: Final = ("STEP", int, "code of the phase that runs")
_BATCH: Final = ("BATCH", str, "batch number, empty between batches")
_REACTOR_STATES: Final = (_STEP, _BATCH, ("OPERATION", str, "operation that runs, empty between batches"))
_TANK_STATES: Final = (
    ("XFER_IN", bool, "material comes in"),
    ("XFER_OUT", bool, "material goes out"),
    _STEP,
    _BATCH,
)


def plant_tags(
    layout: Layout = SMALL,
    servers: Servers = Servers(),  # noqa: B008 - frozen
    instruments: Mapping[str, InstrumentChange] | None = None,
) -> PlantTags:
    """The tags of a layout; ValueError where `instruments` names no tag of it, or what no instrument can be."""
    measured = tuple(_measured(layout, servers, instruments or {}))
    unknown = sorted(set(instruments or {}) - {tag.name for tag in measured})
    if unknown:
        message = f"instruments: {', '.join(unknown)}: the plant has no such measured tag"
        raise ValueError(message)
    return PlantTags(measured, tuple(_states(layout, servers)))


def scenario_tags(scenario: Scenario) -> PlantTags:
    """The tags of a scenario's plant."""
    return plant_tags(scenario.layout, scenario.servers, scenario.instruments)


def state_roles(layout: Layout, unit: str) -> tuple[str, ...]:
    """The state tags that a unit has."""
    return tuple(role for role, _, _ in _units(layout)[unit][1])


_Roles = tuple[tuple[str, type, str], ...]


def _units(layout: Layout) -> dict[str, tuple[tuple[_Point, ...], _Roles]]:
    """What each unit measures and tells, in the order of the layout."""
    units: dict[str, tuple[tuple[_Point, ...], _Roles]] = {}
    for unit in layout.reactors:
        units[unit] = (_REACTOR, _REACTOR_STATES)
    for line in layout.lines:
        units[line.tank] = (_TANK, _TANK_STATES)
        units[line.crystalliser] = (_CRYSTALLISER, (_STEP, _BATCH))
        units[line.still] = (_STILL, (_STEP, _BATCH))
    return units


def _states(layout: Layout, servers: Servers) -> Iterator[StateTag]:
    """Every state tag; on MQTT only where there is nothing else."""
    outlet: Outlet = "opcua" if servers.opcua else "mqtt"
    for unit, (_, roles) in _units(layout).items():
        for role, kind, text in roles:
            topic = None if outlet == "opcua" else _topic(unit, role)
            yield StateTag(f"{unit}.{role}", kind, text, outlet, topic)


def _measured(layout: Layout, servers: Servers, changes: Mapping[str, InstrumentChange]) -> Iterator[MeasuredTag]:
    """Every measured tag. Each reactor and tank has its own controller and scan; the units behind share one."""
    for number, (unit, (points, _)) in enumerate(_units(layout).items()):
        scan_s = _SCAN_SPREAD_S * min(number, len(layout.reactors) + 1)
        for place, point in enumerate(points):
            yield _tag(unit, unit, point, (scan_s, place), servers, changes)
    yield _tag(_UTILITY, layout.reactors[0], _FLUID, (3 * _SCAN_SPREAD_S, 0), servers, changes)


def _tag(
    unit: str,
    place: str,
    point: _Point,
    scan: tuple[int, int],
    servers: Servers,
    changes: Mapping[str, InstrumentChange],
) -> MeasuredTag:
    """A point's tag; `scan` is its controller's offset in s, and its place among that controller's inputs."""
    name = f"{unit}.{point.role}"
    change = changes.get(name)
    usual = Instrument(name, point.kind, point.period_s, scan[0] % point.period_s)
    over_mqtt = (bool(servers.mqtt) and point.topic is not None) or not servers.opcua
    return MeasuredTag(
        usual if change is None else usual.changed(change),
        point.quantity,
        place,
        point.description,
        "mqtt" if over_mqtt else "opcua",
        _topic(unit, point.topic or point.role) if over_mqtt else None,
        scan[1] * _SCAN_NS,
    )


def _topic(unit: str, leaf: str) -> str:
    if unit == _UTILITY:
        return "plant/utility/heating_supply"
    return f"plant/{unit.lower()}/{leaf.lower()}"
