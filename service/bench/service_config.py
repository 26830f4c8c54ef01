"""The configuration of a service that watches a scenario's plant: its tags, units, recipe, holds and alarms.

What is watched on a reactor's tags, and the texts of its alarms, are those of the demo's configuration: one source of
truth. Ranges, phases and hold limits are the scenario's own.
"""

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ruamel.yaml import YAML

from domain.errors import Complaint, ConfigError
from domain.time import ScaledTime
from service.config.document import Plain
from simulators.demo.configuration import NOWHERE, demo_config
from simulators.faults.catalogue import CATALOGUE
from simulators.instruments.kinds import KINDS
from simulators.recipe import HOLDING, USUAL, Recipe, RecipePhase, TrueRanges, phases_of
from simulators.scenario import Scenario
from simulators.servers.mqtt_events import EVENT_TOPIC
from simulators.servers.mqtt_payloads import JsonFormat, PublishedTag, UnsFormat
from simulators.tags import MeasuredTag, PlantTags, StateTag, scenario_tags
from simulators.truth.holds import BUDGET

Section = dict[str, Plain]

NAMESPACE: Final = "urn:thermowell:simulated-plant"
OPCUA_SOURCE: Final = "train"
MQTT_SOURCE: Final = "floor"
_WATCHED: Final = ("unit", "reference", "sensor", "limits", "rate", "drift", "alarms")
_RESTLESS: Final[list[Plain]] = ["stale", "frozen"]  # a counter starts again
_AT_REST: Final[list[Plain]] = ["stale"]  # a valve jumps, and stands for as long as nothing is to be done
_SUDDEN: Final[list[Plain]] = [
    "stale",
    "frozen",
    "noise",
    "spike",
    "range",
]  # what a drive does from one second to the next
_HEALTH: Final[Section] = {
    "valve": _AT_REST,
    "total": _RESTLESS,
    "flow": _SUDDEN,
    "power": _SUDDEN,
    "speed": _SUDDEN,
}
"""What is watched on an instrument by its own habits, by its kind; everything where it says nothing."""

_CHECKS: Final[Section] = {
    "pairs": [{"roles": ["TT", "TT2"], "limit": "0.6 delta_degC"}],  # two of class A at 65 degC, IEC 60751
    "jacket": {"temperature": "JT", "contents": "TT", "volume": "LT", "phases": ["heat", "cool"]},
    "balances": {
        "dosing": {
            "level": "LT",
            "terms": {"FQ": {"factor": 0.001, "rollover": 1000}},
            "phases": ["dose"],
            "over": "15min",
        }
    },
    "witnesses": {"TT": ["JT"], "PT": ["GV"], "AT": ["BV"]},
}
"""What the instruments of a reactor tell of each other."""

_SPEED: Final[Section] = {"SI": {"above": 86, "after": "2min"}}  # nine tenths of what the recipe asks for
_EXPECTS: Final[Section] = {
    "charge": {**_SPEED, "FT": {"below": 5, "after": "2min"}},
    "heat": {
        **_SPEED,
        "LT": {"above": 1.4, "after": "2min"},
        "TT": {"rises": "0.8 delta_degC/min", "after": "8min", "until": 50},  # seven tenths of the ramp
    },
    "dose": {
        **_SPEED,
        "FT": {"above": 90, "after": "3min"},
        # The loop's integral time is 40 min; from then on the jacket follows the growing batch, by .05 a minute.
        "JT": {"steady": "0.1 delta_degC/min", "after": "40min"},
    },
    "react": {**_SPEED, "FT": {"below": 5, "after": "3min"}},
    "cool": _SPEED,
}
"""What each phase of a reactor is expected to do."""

_BEHIND: Final[Section] = {
    "wait": {"TT": {"falls": "0.02 delta_degC/min", "after": "6min", "until": 13, "for": "5min"}},
    "cool": {"QT": {"falls": "2", "after": "8min", "until": 300, "for": "3min"}},
}
"""What each phase behind a reactor is expected to do.

A tank cools what it holds towards 5 degC with a time constant of 2.5 h: at 13 degC still by 0.05 degC/min, more than
twice what is asked; nearer to its end the fall is lost in the noise.

On the ramp of the crystalliser's jacket (0.5 degC/min) the solubility falls by 2 % a minute, about 20 mol/m3; a batch
that was seeded follows it, slowly at first, until little is dissolved. One that does not is ever more supersaturated.
"""

_SECOND: Final = {"TT2": "TT"}
"""Which instrument of a reactor is the second one of a parameter: it has the same validated ranges and alarms.

Not NOR: what two instruments say of one parameter is not two parameters outside it at once.
"""

_POINTERS: Final = {
    "json": {"value": "/v", "time": "/t", "status": "/s"},
    "uns": {"value": "/value", "time": "/timestamp", "status": "/quality"},
}
_SHORTEST_PUBLISHING_MS: Final = 100
_WARMEST: Final = 25  # degC, that a crude in its tank becomes
_KINDS: Final = {int: "number", float: "number", bool: "boolean", str: "text"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the plant's servers are, where the service keeps its data, and where it answers."""

    opcua_url: str = "opc.tcp://127.0.0.1:4840/"
    mqtt_url: str = "mqtt://127.0.0.1:1883"
    data: str = "./data"
    listen: str = "127.0.0.1:8087"


def service_config(
    scenario: Scenario,
    addresses: Addresses = Addresses(),
    clock: ScaledTime | str | None = None,
) -> str:
    """The text of a `thermowell.yaml` for the service under test.

    `clock`: the plant's scaled time, or the file that has it; None: the wall's. ConfigError where the service cannot
    read what the plant publishes.
    """
    if scenario.servers.mqtt == "sparkplug":
        message = "the service cannot read Sparkplug B yet: `bench serve` serves it to others, `bench run` cannot"
        raise ConfigError((Complaint(scenario.file, 1, 1, "servers.mqtt", message),))
    tags = scenario_tags(scenario)
    demo = _demo()
    sections: Section = {
        "site": scenario.name,
        "data": addresses.data,
        "approval": "off",
        "heartbeat": "30s",
        "http": {"listen": addresses.listen},
        "journal": {"flush_interval": "1s" if clock is None else "100ms"},  # virtual time has no one who waits
        **_clock(clock),
        "sources": _sources(scenario, tags, addresses, scaled=clock is not None),
        "tags": _tags(scenario, tags, demo),
        "units": _units(scenario, tags),
        "recipes": {
            scenario.recipe.product: _recipe(scenario, tags, demo),
            _work_up(scenario): _work_up_recipe(scenario),
        },
        "holds": _holds(scenario),
        "budgets": _budgets(scenario),
        "notify": {"console": {"url": "console://", "priority": "low"}},
    }
    return f"# What watches the plant of the scenario {scenario.name}. {scenario.teaches}\n{_yaml(sections)}"


def _demo() -> Section:
    """The demo's configuration as plain values."""
    text = demo_config(NOWHERE, ".", ScaledTime(0, 0, 1.0))
    values: Section = YAML(typ="safe", pure=True).load(text)
    return values


def _yaml(sections: Section) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel types its default, None
    told = io.StringIO()
    yaml.dump(copy.deepcopy(sections), told)
    return told.getvalue()


def _clock(clock: ScaledTime | str | None) -> Section:
    if clock is None:
        return {}
    if isinstance(clock, str):
        return {"clock": {"file": clock}}
    return {"clock": {"speed": clock.speed, "wall_origin": clock.wall_origin_ns, "plant_origin": clock.plant_origin_ns}}


def _sources(scenario: Scenario, tags: PlantTags, addresses: Addresses, *, scaled: bool) -> Section:
    """The servers that have any tag. Where plant time runs faster, publishing does too, as far as a server can."""
    servers = scenario.servers
    publishing_ms = servers.publishing_ms
    if scaled:
        publishing_ms = max(_SHORTEST_PUBLISHING_MS, round(publishing_ms / scenario.speed))
    found: Section = {}
    used = set(tags.outlets.values())
    if "opcua" in used:
        opcua: Section = {"url": addresses.opcua_url, "publishing_interval": f"{publishing_ms}ms"}
        found[OPCUA_SOURCE] = {"opcua": opcua}
    if "mqtt" in used:
        filters: list[Plain] = [
            f"{root}/#" for root in sorted({topic.split("/")[0] for topic in _topics(scenario, tags).values()})
        ]
        section: Section = {"url": addresses.mqtt_url, "topics": filters, "protocol": servers.protocol}
        if servers.events:
            section["topics"] = list(dict.fromkeys([*filters, f"{EVENT_TOPIC.split('/')[0]}/#"]))
            section["events"] = [EVENT_TOPIC]
        found[MQTT_SOURCE] = {"mqtt": section | _broker_queue(scenario)}
    return found


def _broker_queue(scenario: Scenario) -> Section:
    """What the broker keeps for a client that is away, where a scenario makes that less: who runs a broker knows it."""
    kind = "broker_queue_overflow"
    usual = CATALOGUE[kind].settings["limit"].default
    told = [each.settings.get("limit", usual) for each in scenario.faults if each.kind == kind]
    limits = [float(limit) for limit in told if limit is not None]
    return {"broker_queue": max(1, round(min(limits)))} if limits else {}


def _topics(scenario: Scenario, tags: PlantTags) -> dict[str, str]:
    """The topic of every tag that is published over MQTT; by name."""
    uns = scenario.servers.mqtt == "uns"
    own = {tag.name: tag.topic or "" for tag in tags.measured if not uns}
    published = [
        PublishedTag(name, topic=own.get(name, "")) for name, outlet in tags.outlets.items() if outlet == "mqtt"
    ]
    return dict((UnsFormat if uns else JsonFormat)(published).topics)


def _tags(scenario: Scenario, tags: PlantTags, demo: Section) -> Section:
    topics = _topics(scenario, tags)
    found: Section = {}
    for tag in tags.measured:
        of_reactor = tag.name == f"{tag.place}.{tag.role}" and tag.place in scenario.layout.reactors
        watched = _watched(tag, demo) if of_reactor else _watched_behind(tag)
        address = _address(scenario, tag, topics)
        found[tag.name] = {
            **address,
            "description": tag.description,
            **_instrument(tag),
            **watched,
            "health": _HEALTH.get(tag.instrument.kind, "auto"),
        }
    for state in tags.states:
        address = _address(scenario, state, topics)
        found[state.name] = {**address, "description": state.description, "kind": _KINDS[state.kind]}
    return found


def _address(scenario: Scenario, tag: MeasuredTag | StateTag, topics: dict[str, str]) -> Section:
    if tag.outlet == "opcua":
        return {"source": OPCUA_SOURCE, "node": f"nsu={NAMESPACE};s={tag.name}"}
    return {"source": MQTT_SOURCE, "topic": topics[tag.name], **_POINTERS[scenario.servers.mqtt or "json"]}


def _instrument(tag: MeasuredTag) -> Section:
    kind = KINDS[tag.instrument.kind]
    found: Section = {"unit": kind.unit, "sensor": {"range": [kind.low, kind.high]}}
    if kind.unit == "bar":
        found["reference"] = "gauge"
    return found


def _watched(tag: MeasuredTag, demo: Section) -> Section:
    """What the demo watches on a reactor's tag of that role; on a second instrument only its alarms of a range."""
    if tag.role in _SECOND:
        return {"alarms": _at(demo, "templates", "reactor", "tags", f"{{unit}}.{_SECOND[tag.role]}", "alarms")}
    text = _at(demo, "templates", "reactor", "tags").get(f"{{unit}}.{tag.role}", {})
    assert isinstance(text, dict)
    watched = {key: value for key, value in text.items() if key in _WATCHED}
    alarms = watched.get("alarms")
    return watched | {"alarms": _with_normal(alarms)} if isinstance(alarms, dict) else watched


def _with_normal(alarms: Section) -> Section:
    """The alarms, and for the normal range the same as for the validated one, at low priority."""
    normal: Section = {
        f"{name}_nor": {**alarm, "limit": "nor", "severity": "minor"}
        for name, alarm in alarms.items()
        if isinstance(alarm, dict) and alarm["limit"] == "validated"
    }
    return alarms | normal


def _watched_behind(tag: MeasuredTag) -> Section:
    """What is watched behind the reactors: that a crude does not become warm."""
    return {"limits": {"high": _WARMEST}} if tag.quantity == "hold_temperature" else {}


def _units(scenario: Scenario, tags: PlantTags) -> Section:
    names = set(tags.names)
    found: Section = {}
    for unit in scenario.layout.units:
        phases = phases_of(scenario.layout, scenario.recipe, unit)
        reacts = unit in scenario.layout.reactors
        section: Section = {"recipe": scenario.recipe.product if reacts else _work_up(scenario)}
        if scenario.servers.events and unit in {line.tank for line in scenario.layout.lines}:
            found[unit] = {**section, "events": True, "settle": "10s"}  # what it collects is a lot of its own
            continue
        if f"{unit}.BATCH" in names:
            section["batch"] = {"tag": f"{unit}.BATCH", "idle": ["", "0"], "settle": "2min"}
        if f"{unit}.STEP" in names:
            named: Section = {str(phase.code): phase.name if phase.code else "" for phase in phases}
            section["phase"] = {"tag": f"{unit}.STEP", "map": named}
        for key, role in (("transfer_in", "XFER_IN"), ("transfer_out", "XFER_OUT")):
            if f"{unit}.{role}" in names:
                section[key] = f"{unit}.{role}"
        if reacts:
            section["checks"] = copy.deepcopy(_CHECKS)
        found[unit] = section
    return found


def _work_up(scenario: Scenario) -> str:
    """What is done behind the reactors: its phases have names as theirs, and nobody has validated ranges for them."""
    return f"{scenario.recipe.product} work-up"


def _work_up_recipe(scenario: Scenario) -> Section:
    """The order of things behind the reactors, where a batch is on two units while it is pumped."""
    lines, recipe = scenario.layout.lines, scenario.recipe
    procedure: list[Plain] = [
        _unit_procedure("hold", [line.tank for line in lines], HOLDING),
        _unit_procedure("crystallise", [line.crystalliser for line in lines], recipe.crystallisation),
        _unit_procedure("distil", [line.still for line in lines], recipe.distillation),
    ]
    names = [phase.name for phase in (*HOLDING, *recipe.crystallisation, *recipe.distillation) if phase.code]
    phases: Section = {name: {"expects": copy.deepcopy(_BEHIND[name])} if name in _BEHIND else {} for name in names}
    return {"version": 1, "change": "CR-1234", "procedure": procedure, "phases": phases}


def _unit_procedure(name: str, units: Sequence[str], phases: Sequence[RecipePhase]) -> Section:
    """What runs on a unit, in its order; a phase without an operation is of the one named as the procedure."""
    operations: dict[str, list[Plain]] = {}
    for phase in phases:
        if phase.code:
            operations.setdefault(phase.operation.lower() or name, []).append(phase.name)
    found: list[Plain] = [{"operation": each, "phases": own} for each, own in operations.items()]
    return {"unit_procedure": name, "units": list(units), "operations": found}


def _recipe(scenario: Scenario, tags: PlantTags, demo: Section) -> Section:
    """The master recipe: durations as the demo's, in proportion; ranges as the plant's own."""
    recipe = scenario.recipe
    units = {tag.role: tag.unit for tag in tags.measured}
    phases: Section = {}
    for phase in recipe.phases:
        section: Section = {}
        limits = _duration(recipe, phase.name, demo)
        if limits:
            section["duration"] = limits
        if phase.name in _EXPECTS:
            section["expects"] = copy.deepcopy(_EXPECTS[phase.name])
        for (name, role), ranges in recipe.ranges.items():
            if name == phase.name:
                section[role] = _ranges(ranges, units[role])
                second = replace(ranges, nor=(None, None))
                section |= {twin: _ranges(second, units[twin]) for twin, first in _SECOND.items() if first == role}
        if phase.code:
            phases[phase.name] = section
    procedure: list[Plain] = [_unit_procedure("synthesis", scenario.layout.reactors, recipe.phases)]
    return {"version": 7, "change": "CR-1234", "procedure": procedure, "phases": phases}


def _duration(recipe: Recipe, name: str, demo: Section) -> Section:
    (product,) = _at(demo, "recipes").values()
    assert isinstance(product, dict)
    text = _at(product, "phases").get(name, {})
    assert isinstance(text, dict)
    given = text.get("duration")
    if not isinstance(given, dict):
        return {}
    lasts_s = {each.name: each.lasts_s for each in recipe.phases}
    usual_s = {each.name: each.lasts_s for each in USUAL.phases}
    limits = given["validated"]
    assert isinstance(limits, list)
    times = lasts_s[name] / usual_s[name]
    return {"unit": given["unit"], "validated": [_scaled(limit, times) for limit in limits]}


def _scaled(limit: Plain, times: float) -> Plain:
    return round(limit * times, 4) if isinstance(limit, int | float) else limit


def _ranges(ranges: TrueRanges, unit: str) -> Section:
    found: Section = {"unit": unit}
    if unit == "bar":
        found["reference"] = "gauge"
    if ranges.after_s:
        found["after"] = f"{ranges.after_s}s"
    for kind in ("nor", "validated", "par"):
        low, high = getattr(ranges, kind)
        if low is not None or high is not None:
            found[kind] = [low, high]
    return {**found, "study": "VR-12"}


def _holds(scenario: Scenario) -> Section:
    """What waits in a plant, in every mode.

    A crude waits in each tank, below what a fixed limit allows, and not for long above where it is stable; its slurry
    waits in the crystalliser; each reactor's reaction goes to its end point, and each reactor is dirty between its use
    and its cleaning.
    """
    recipe = scenario.recipe
    found: Section = {}
    for line in scenario.layout.lines:
        stored: Section = {
            "kind": "intermediate",
            "unit": line.tank,
            "start": "fill.start" if scenario.servers.events else "first_transfer_in",
            "stop": "empty.end" if scenario.servers.events else "last_transfer_out",
            "study": "HT-31",
        }
        found[f"{line.tank}_crude"] = {
            **stored,
            "limit": f"{recipe.hold_limit_s}s",
            "warn_before": [f"{recipe.hold_limit_s // 4}s"],
            "mode": "in_condition",
            "condition": {"tag": f"{line.tank}.TT", "unit": "degC", "range": [None, _WARMEST]},
            "budget": BUDGET,
        }
        found[f"{line.tank}_warm"] = {
            **stored,
            "limit": f"{recipe.warm_limit_s}s",
            "warn_before": [f"{recipe.warm_limit_s // 4}s"],
            "mode": "over_temperature",
            "condition": {"tag": f"{line.tank}.TT", "unit": "degC", "above": recipe.warm_above_c},
        }
        found[f"{line.crystalliser}_slurry"] = {
            "kind": "step",
            "unit": line.crystalliser,
            "start": "seed.start",
            "stop": "isolate.start",
            "budget": BUDGET,
        }
    for reactor in scenario.layout.reactors:
        found[f"{reactor}_reaction"] = {
            "kind": "step",
            "unit": reactor,
            "start": "react.start",
            "stop": "react.end",
            "mode": "endpoint",
        }
        found[f"{reactor}_dirty"] = {
            "kind": "dirty",
            "unit": reactor,
            "start": "last_use_end",
            "stop": "cleaning_start",
            "limit": "2h",
            "warn_before": ["30min"],
            "study": "CV-9",
        }
    return found


def _budgets(scenario: Scenario) -> Section:
    """What a batch may wait altogether, in its tank and in the crystalliser."""
    recipe = scenario.recipe
    warn_s = recipe.slurry_limit_s // 6
    return {BUDGET: {"limit": f"{recipe.waiting_limit_s}s", "warn_before": [f"{warn_s}s"], "study": "HT-40"}}


def _at(section: Section, *keys: str) -> Section:
    """A section within a section; it is there, or the demo's configuration is not what it was."""
    for key in keys:
        inner = section[key]
        assert isinstance(inner, dict)
        section = inner
    return section
