"""The small plant of the seeded worlds: one OPC UA server, one broker, values that are all different."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from domain.status import BAD
from domain.time import SECOND_NS
from service.config.build import Configuration, load
from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.outlets import Update, Value
from tests.world.people import BatchNews, Deed, Proposed, happenings

BROKER_QUEUE = 12
"""Messages that the broker keeps for the service while it is away, and that the service knows it to keep."""

_FIRST_FAULT_S, _FIRST_CRASH_S = 1.0, 2.0  # who has never heard a server misses nothing of it: it is heard before
_MOST_DELAY_S = 4.0
_LATE = 0.15
LATE_NS = {"floor": round(_MOST_DELAY_S * SECOND_NS)}
"""A broker's gap begins when it was last heard: what was on its way then was sent before, by the longest
delay of a world."""

START_NS = 1_790_000_000 * SECOND_NS

_CONFIGURATION = """
site: world
data: ./data
approval: required
heartbeat: 4s
sources:
  line:
    opcua: {url: "opc.tcp://127.0.0.1:1/", publishing_interval: 1s, keep_alive: 2s, lifetime: 600s}
  floor:
    mqtt: {url: "mqtt://127.0.0.1:1", topics: ["plant/#"], events: [plant/batches], receive_maximum: 500}
tags:
  L.NUMBER: {source: line, node: "nsu=urn:thermowell:simulated-plant;s=L.NUMBER", sampling_interval: 1s, limits: {high: 1000}}
  L.COUNT: {source: line, node: "nsu=urn:thermowell:simulated-plant;s=L.COUNT", sampling_interval: 1s, stale: 20s}
  L.FLAG: {source: line, node: "nsu=urn:thermowell:simulated-plant;s=L.FLAG", kind: boolean, sampling_interval: 1s}
  L.TEXT: {source: line, node: "nsu=urn:thermowell:simulated-plant;s=L.TEXT", kind: text, sampling_interval: 1s}
  F.NUMBER: {source: floor, topic: plant/f/number, value: /v, time: /t, status: /s, limits: {high: 1000}}
  F.UNTIMED: {source: floor, topic: plant/f/untimed, value: /v}
  R1.TT:
    source: line
    node: "nsu=urn:thermowell:simulated-plant;s=R1.TT"
    unit: degC
    sampling_interval: 1s
    sensor: {calibrated: 2026-01-10, every: 3650d}
  R1.PT: {source: floor, topic: plant/r1/pt, value: /v, time: /t, status: /s, unit: bar, reference: gauge, health: [stale, frozen]}
units:
  R1: {events: true, settle: 1s, recipe: API-1, parameters: {TT: R1.TT, PT: R1.PT}}
  T1: {events: true, settle: 1s}
recipes:
  API-1:
    version: 1
    change: CR-1
    phases:
      charge: {TT: {unit: degC, nor: [0, 60], validated: [-10, 70], study: VR-12}}
      dose:
        duration: {unit: min, validated: [0.02, 0.1], study: VR-12}
        TT: {unit: degC, nor: [40, 60], validated: [30, 70], study: VR-12}
        PT: {unit: bar, reference: gauge, nor: [0, 1], validated: [null, 2], study: VR-12}
        time_at: {hot: {of: TT, within: [50, null], unit: min, validated: [0.02, 0.05], study: VR-12}}
holds:
  crude: {kind: intermediate, unit: T1, start: first_transfer_in, stop: last_transfer_out, limit: 8s, warn_before: [3s],
          mode: in_condition, condition: {tag: R1.TT, unit: degC, range: [40, 60]}, study: HT-1}
  wait: {kind: step, unit: R1, start: charge.end, stop: dose.start, limit: 2s, warn_before: [1s], study: HT-1}
  dirty: {kind: dirty, unit: R1, start: last_use_end, stop: cleaning_start, limit: 5s, warn_before: [2s], study: HT-1}
"""

PRODUCT = "API-1"
OPCUA_TAGS = ("L.NUMBER", "L.COUNT", "L.FLAG", "L.TEXT")
MQTT_TAGS = ("F.NUMBER", "F.UNTIMED")

_FAULTS = (
    ("cut", "opcua"),
    ("blackhole", "opcua"),
    ("slow", "opcua"),
    ("half_open", "opcua"),
    ("server_restart", "opcua"),
    ("cut", "mqtt"),
    ("blackhole", "mqtt"),
    ("slow", "mqtt"),
    ("half_open", "mqtt"),
    ("broker_restart", "mqtt"),
)


@cache
def configuration() -> Configuration:
    """The service's configuration, read once for all worlds of a process."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "thermowell.yaml"
        file.write_text(_CONFIGURATION)
        return load(file)


@dataclass(frozen=True, slots=True)
class Crash:
    """The service ends: `power` (the disk forgets), `kill` (it does not) or `stop` (in good order).

    After so many steps of the loop, or writes to the disk (a power cut only); it is back after `away_s`.
    """

    how: str
    steps: int
    writes: int | None
    away_s: float


Event = tuple[float, Update | FaultChange | Crash | BatchNews | Deed | Proposed]


def plan(seed: int) -> list[Event]:
    """What happens in a world, in the order of time, s from its start."""
    chance = Random(seed)
    seconds = chance.choice([8, 15, 30])
    events: list[Event] = [*_values(chance, seconds), *_faults(chance, seconds), *_crashes(chance, seconds)]
    events += happenings(seed, seconds, START_NS)
    events += _parameters(Random(f"unit {seed}"), seconds)
    return sorted(events, key=lambda event: event[0])


def _values(chance: Random, seconds: float) -> Iterator[Event]:
    """Bursts of values, each value another one."""
    at_s, number = 0.2, 0
    pace_s = chance.choice([0.2, 0.4, 1.0])
    while at_s < seconds:
        for _ in range(chance.choice([1, 1, 2, 5])):
            number += 1
            at_s += 0.0001
            tag = chance.choice((*OPCUA_TAGS, *MQTT_TAGS))
            time_ns = START_NS + round((at_s - _late_s(tag, chance)) * SECOND_NS) // 1000 * 1000
            yield at_s, Update(tag, _value(tag, number, chance), time_ns)
        at_s += chance.expovariate(1 / pace_s)


def _parameters(chance: Random, seconds: float) -> Iterator[Event]:
    """Values of the unit: they wander in and out of their ranges, turn Bad, and some are told again with an old time."""
    at_s, level = 0.3, 50.0
    while at_s < seconds:
        at_s += chance.expovariate(1 / 0.7)
        level = min(max(level + chance.gauss(0, 8), 20), 80)
        tag = chance.choice(["R1.TT", "R1.TT", "R1.PT"])
        value = level if tag == "R1.TT" else level / 40
        time_ns = START_NS + round((at_s - _late_s(tag, chance)) * SECOND_NS) // 1000 * 1000
        told = Update(tag, value, time_ns)
        yield at_s, told
        if chance.random() < 0.15:
            yield at_s + 0.2, replace(told, status=BAD, server_ns=time_ns + SECOND_NS // 5)
            if chance.random() < 0.6:
                yield at_s + 0.4, replace(told, server_ns=time_ns + 2 * SECOND_NS // 5)


def _late_s(tag: str, chance: Random) -> float:
    """Some values of the instrument that keeps its own time come when others have overtaken them."""
    is_late = tag in ("F.NUMBER", "R1.PT") and chance.random() < _LATE
    return chance.choice([1.00005, 2.00005, 5.00005]) if is_late else 0.0


def _value(tag: str, number: int, chance: Random) -> Value:
    if tag == "L.TEXT":
        return f"text {number}"
    if tag == "L.COUNT":
        return number
    if tag == "L.FLAG":
        return bool(number % 2)
    return number + (2000.5 if chance.random() < 0.1 else 0.25)  # sometimes above the limit


def _faults(chance: Random, seconds: float) -> Iterator[Event]:
    for number in range(chance.choice([0, 1, 2, 4])):
        kind, target = chance.choice(_FAULTS)
        lasts_s = chance.choice([0.5, 3, 10, 25])
        settings: dict[str, float | str] = {}
        if kind == "slow":
            settings = {"delay": chance.choice([0.2, 1.0, _MOST_DELAY_S - 1.0]), "jitter": chance.choice([0.0, 1.0])}
        elif kind == "server_restart":
            settings = {"namespace_order": chance.choice(["same", "swapped"])}
        elif kind == "broker_restart":
            settings = {"persistence": chance.choice(["kept", "lost"])}
        begins_s = chance.uniform(_FIRST_FAULT_S, seconds)
        spec = FaultSpec(f"fault {number}", kind, target, AtTime(int(begins_s)), lasts_s, settings=settings)
        yield begins_s, FaultChange(spec, active=True, second=int(begins_s))
        yield begins_s + lasts_s, FaultChange(spec, active=False, second=int(begins_s + lasts_s))


def _crashes(chance: Random, seconds: float) -> Iterator[Event]:
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        how = chance.choice(["power", "power", "power", "kill", "stop"])
        writes = chance.randrange(1, 40) if how == "power" and chance.random() < 0.5 else None
        away_s = chance.choice([0.1, 2.0, 12.0])
        yield chance.uniform(_FIRST_CRASH_S, seconds), Crash(how, chance.randrange(60), writes, away_s)
