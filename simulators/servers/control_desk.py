"""What can be asked of a running bench, as JSON in and JSON out: HTTP and OPC UA both come here."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count
from typing import Final

from domain.time import SECOND_NS, format_time
from simulators.faults.catalogue import CATALOGUE
from simulators.faults.kind import FaultKind, Setting
from simulators.live import LivePlant, NotPossible
from simulators.servers.control_faults import duration_s, fault_spec
from simulators.truth.labels import Label

Json = dict[str, object]

_TIMES: Final = ("onset_ns", "end_ns", "visible_ns", "effect_end_ns")


class Desk:
    """Answers for one plant. `labels` tells what was really so up to now; NotPossible names what is wrong."""

    def __init__(
        self, plant: LivePlant, addresses: Mapping[str, object], labels: Callable[[], tuple[Label, ...]]
    ) -> None:
        self._plant = plant
        self._addresses = addresses
        self._labels = labels

    def status(self) -> Json:
        """How the plant stands."""
        plant, campaign = self._plant, self._plant.campaign
        scaled = plant.clock.scaled
        return {
            "scenario": campaign.scenario.name,
            "seed": campaign.seed,
            "plant_time": format_time(plant.clock.now_ns()),
            "second": campaign.second,
            "speed": plant.clock.speed,
            "paused": plant.paused,
            "behind_s": plant.behind_s,
            "ended": campaign.second >= campaign.scenario.lasts_s,
            "units": [self._unit(unit) for unit in campaign.layout.units],
            "faults": [self._fault(fault_id) for fault_id in plant.faults],
            "addresses": dict(self._addresses),
            "clock": {
                "wall_origin": scaled.wall_origin_ns,
                "plant_origin": scaled.plant_origin_ns,
                "speed": scaled.speed,
            },
        }

    def catalogue(self) -> Json:
        """Every kind of fault."""
        return {"kinds": [_kind(kind) for kind in CATALOGUE.values()]}

    def truth(self) -> Json:
        """The labels so far."""
        return {"labels": [_label(label) for label in self._labels()]}

    async def inject(self, body: object) -> Json:
        """Break something; NotPossible."""
        faults = self._plant.faults
        spec = fault_spec(body, self._plant.campaign.second, _free_id(body, faults))
        await self._plant.inject(spec)
        return self._fault(spec.id)

    async def clear(self, fault_id: str) -> Json:
        """Mend it; KeyError."""
        await self._plant.clear(fault_id)
        return self._fault(fault_id)

    async def advance(self, body: object) -> Json:
        """Run ahead; NotPossible."""
        await self._plant.advance(duration_s("by", _field(body, "by")))
        return self.status()

    async def set_speed(self, body: object) -> Json:
        """Run faster or slower; NotPossible."""
        speed = _field(body, "speed")
        if isinstance(speed, bool) or not isinstance(speed, int | float):
            raise NotPossible("speed", f"{speed!r} is no number")
        await self._plant.set_speed(float(speed))
        return self.status()

    async def pause(self) -> Json:
        """Stop the plant's clock."""
        await self._plant.pause()
        return self.status()

    async def resume(self) -> Json:
        """Let it go on."""
        await self._plant.resume()
        return self.status()

    def _time(self, second: int) -> str:
        return format_time(self._plant.origin_ns + second * SECOND_NS)

    def _unit(self, unit: str) -> Json:
        now = self._plant.campaign.situation(unit)
        return {"unit": unit, "phase": now.phase, "batch": now.batch, "since": self._time(now.since_s)}

    def _fault(self, fault_id: str) -> Json:
        spec = self._plant.faults[fault_id]
        state, since_s = self._plant.state_of(fault_id)
        return {
            "id": spec.id,
            "kind": spec.kind,
            "target": spec.target,
            "settings": dict(spec.settings),
            "lasts": spec.lasts_s,
            "shape": spec.shape.value,
            "ramp": spec.ramp_s,
            "power": spec.power,
            "period": spec.period_s,
            "on": spec.on_s,
            "state": state,
            "since": None if since_s is None else self._time(since_s),
        }


def _field(body: object, name: str) -> object:
    if not isinstance(body, dict) or name not in body:
        raise NotPossible(name, "it has to be said")
    found: object = body[name]
    return found


def _free_id(body: object, taken: Mapping[str, object]) -> str:
    """A name for a fault that was given none: its kind and a number."""
    kind = body.get("kind", "fault") if isinstance(body, dict) else "fault"
    return next(name for number in count(1) if (name := f"{kind}-{number}") not in taken)


def _kind(kind: FaultKind) -> Json:
    return {
        "kind": kind.kind,
        "domain": kind.domain.value,
        "targets": [target.value for target in kind.targets],
        "does": kind.does,
        "gradual": kind.gradual,
        "settings": {name: _setting(setting) for name, setting in kind.settings.items()},
    }


def _setting(setting: Setting) -> Json:
    """A setting; an end that is infinite is none."""
    told = asdict(setting)
    return {**told, "choices": list(setting.choices), **{end: _finite(told[end]) for end in ("low", "high")}}


def _finite(number: float) -> float | None:
    return number if abs(number) != float("inf") else None


def _label(label: Label) -> Json:
    told = asdict(label)
    times = {name.removesuffix("_ns"): told.pop(name) for name in _TIMES if name in told}
    return {**told, **{name: None if time_ns is None else format_time(time_ns) for name, time_ns in times.items()}}
