"""Which plant runs, and how: units, campaign, instruments, servers."""

from collections.abc import Mapping
from typing import Final

from service.bench.complaints import Complaints
from service.bench.schema import CampaignText, InstrumentText, PlantText, ServersText
from service.config.checking import unknown
from service.config.document import PathKey
from simulators.instruments.kinds import KINDS
from simulators.layout import SMALL, Layout, Line
from simulators.recipe import Recipe
from simulators.scenario import CampaignPlan, InstrumentChange, Servers
from simulators.tags import MeasuredTag

_TAKEN: Final = ("opcua", "mqtt", "U1")
_IS_TAKEN: Final = "the name of a server, or of the utilities"
_FARTHEST: Final = 100  # times the end of an instrument's range: beyond it a number is a slip of the pen
_FIRST_BATCH: Final = 17
_APART: Final = 24  # batch numbers of two reactors
_USUAL_START_S: Final = 20 * 60
_START_EVERY_S: Final = 2 * 3600  # so that operators need not be everywhere at once


def read_layout(plant: PlantText | None, complaints: Complaints) -> Layout:
    """The units; a tank's crystalliser and still are named after it where nothing else is said."""
    if plant is None:
        return SMALL
    tanks = list(dict.fromkeys(plant.reactors.values()))
    for tank in plant.lines:
        if tank not in tanks:
            complaints.add(("plant", "lines", tank), unknown("tank of a reactor", tank, tanks))
    lines = tuple(
        Line(tank, plant.lines[tank].crystalliser, plant.lines[tank].still)
        if tank in plant.lines
        else Line(tank, *_behind(tank))
        for tank in tanks
    )
    for unit in dict.fromkeys([*plant.reactors, *tanks]):
        if unit in _TAKEN:
            complaints.add(("plant", "reactors", unit), f"{unit!r} is {_IS_TAKEN}")
    for line in lines:
        for key, unit in (("crystalliser", line.crystalliser), ("still", line.still)):
            if unit in _TAKEN:
                complaints.add(("plant", "lines", line.tank, key), f"{unit!r} is {_IS_TAKEN}")
    try:
        return Layout(tuple(plant.reactors), lines, tuple(tanks.index(tank) for tank in plant.reactors.values()))
    except ValueError as error:
        complaints.add(("plant",), str(error))
        return SMALL


def read_plan(text: CampaignText, layout: Layout, recipe: Recipe, lasts_s: int, complaints: Complaints) -> CampaignPlan:
    """When batches start and how they differ, in a run of so many seconds."""
    usual = CampaignPlan((), ())
    reactors = layout.reactors
    for key in ("starts", "first_batch"):
        for reactor in getattr(text, key):
            if reactor not in reactors:
                complaints.add(("campaign", key, reactor), unknown("reactor", reactor, reactors))
    longest_s = sum(phase.lasts_s for phase in recipe.phases)
    start_s = tuple(
        text.starts.get(reactor, _USUAL_START_S + index * _START_EVERY_S) for index, reactor in enumerate(reactors)
    )
    for reactor, second in text.starts.items():
        if second < -longest_s:
            complaints.add(("campaign", "starts", reactor), "is more than a whole cycle before the start")
        if second >= lasts_s:
            complaints.add(("campaign", "starts", reactor), "is after the end of the run")
    return CampaignPlan(
        start_s=start_s,
        first_batch=tuple(
            text.first_batch.get(reactor, _FIRST_BATCH + _APART * index) for index, reactor in enumerate(reactors)
        ),
        wait_s=usual.wait_s if text.waits is None else text.waits,
        batches=text.batches,
        strength_spread=usual.strength_spread if text.spread is None else text.spread,
        longest_delay_s=usual.longest_delay_s if text.longest_delay is None else text.longest_delay,
        fouling_per_batch=usual.fouling_per_batch if text.fouling is None else text.fouling,
        cleaned_every=usual.cleaned_every if text.cleaned_every is None else text.cleaned_every,
    )


def read_instruments(
    texts: Mapping[str, InstrumentText], measured: Mapping[str, MeasuredTag], complaints: Complaints
) -> dict[str, InstrumentChange]:
    """What differs from the usual instruments, in the units of their tags."""
    changes = {}
    for name, text in texts.items():
        path = ("instruments", name)
        if name not in measured:
            complaints.add(path, unknown("measured tag", name, measured))
            continue
        changes[name] = _instrument(path, text, measured[name], complaints)
    return changes


def furthest(tag: MeasuredTag) -> float:
    """The largest number that makes sense beside a tag, in its unit."""
    kind = KINDS[tag.instrument.kind]
    return _FARTHEST * max(abs(kind.low), abs(kind.high))


def _instrument(path: PathKey, text: InstrumentText, tag: MeasuredTag, complaints: Complaints) -> InstrumentChange:
    unit = tag.unit
    written = text.model_dump()
    amounts = {
        key: None if written[key] is None else complaints.amount((*path, key), written[key], unit)
        for key in ("bias", "noise", "wander", "resolution")
    }
    points = {
        key: None if written[key] is None else complaints.point((*path, key), written[key], unit)
        for key in ("low", "high")
    }
    for key, value in (amounts | points).items():
        if value is not None and abs(value) > furthest(tag):
            complaints.add(
                (*path, key), f"{value:g} is far beyond what {tag.name} can show (at most {furthest(tag):g})"
            )
    low, high = points["low"], points["high"]
    if low is not None and high is not None and low >= high:
        complaints.add((*path, "low"), f"{low:g} is not below {high:g}")
    for key in ("noise", "wander"):
        if (amounts[key] or 0.0) < 0:
            complaints.add((*path, key), "is negative")
    if amounts["resolution"] is not None and amounts["resolution"] <= 0:
        complaints.add((*path, "resolution"), "must be above 0")
    if text.period == 0:
        complaints.add((*path, "period"), "must be above 0")
    return InstrumentChange(period_s=text.period, lag_s=text.lag, **amounts, **points)


def read_servers(text: ServersText) -> Servers:
    """How the plant is served."""
    usual = Servers()
    publishing_ms = text.opcua.publishing if text.opcua is not None else None
    return Servers(
        opcua=text.opcua is not None,
        mqtt="" if text.mqtt.payload == "none" else text.mqtt.payload,
        protocol=text.mqtt.protocol,
        events=text.mqtt.events,
        publishing_ms=usual.publishing_ms if publishing_ms is None else publishing_ms,
        security=text.opcua is not None and text.opcua.security,
    )


def _behind(tank: str) -> tuple[str, str]:
    """The usual names of what stands behind a tank: T201 → C201, D201."""
    rest = tank[1:] if tank[:1] == "T" and len(tank) > 1 else tank
    return f"C{rest}", f"D{rest}"
