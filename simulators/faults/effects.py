"""What each fault of the process and of operators does to the plant, measured against the same plant without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from simulators.campaign import Campaign
from simulators.faults.kind import Target
from simulators.faults.spec import AtPhase, FaultSpec
from simulators.layout import Layout, Line
from simulators.plant.state import Array
from simulators.recipe import USUAL
from simulators.scenario import CampaignPlan, Scenario

VISIBLE_SIGMA: Final = 3.0
"""A true value that has moved by less of its instrument's standard deviations counts as left alone."""

_MINUTE_S: Final = 60
_AFTERWARDS_S: Final = 60 * _MINUTE_S
_STEP_S: Final = 5
_LONGEST_S: Final = 30 * 3600  # a batch has been through every unit long before
_PREFIX: Final = {Target.REACTOR: "R", Target.TANK: "T", Target.CRYSTALLISER: "C", Target.STILL: "D"}


@dataclass(frozen=True, slots=True)
class Case:
    """A fault as the table shows it: as a step, so long after the start of a phase of the unit that it befalls."""

    kind: str
    target: Target
    phase: str
    after_min: int
    lasts_min: int
    settings: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The kind and the sort of unit, with the word that tells it from others."""
        words = "".join(f", {word}" for word in self.settings.values() if isinstance(word, str))
        return f"{self.kind} of a {self.target}{words}"


def _loop(loop: str) -> Case:
    return Case("mistuned_loop", Target.REACTOR, "dose", 10, 60, {"loop": loop})


CASES: Final = (
    Case("wrong_charge", Target.REACTOR, "charge", 0, 60),
    Case("wrong_order", Target.REACTOR, "charge", 0, 60),
    Case("heating_lost", Target.REACTOR, "heat", 5, 40),
    Case("leak", Target.REACTOR, "heat", 20, 40),
    Case("fouling", Target.REACTOR, "heat", 10, 60),
    Case("cooling_lost", Target.REACTOR, "dose", 10, 40),
    Case("agitator_stop", Target.REACTOR, "dose", 10, 20),
    Case("base_pump_lost", Target.REACTOR, "dose", 10, 20),
    Case("feed_pump_lost", Target.REACTOR, "dose", 10, 30),
    _loop("temperature"),
    _loop("jacket"),
    _loop("ph"),
    _loop("pressure"),
    Case("ph_control_bias", Target.REACTOR, "dose", 10, 60),
    Case("nitrogen_lost", Target.REACTOR, "cool", 0, 60),
    Case("late_transfer", Target.REACTOR, "cool", 0, 120),
    Case("cooling_lost", Target.TANK, "fill", 0, 120),
    Case("late_transfer", Target.TANK, "wait", 0, 240),
    Case("hold_forgotten", Target.TANK, "wait", 0, 240),
    Case("seed_forgotten", Target.CRYSTALLISER, "seed", 0, 60),
    Case("cooling_lost", Target.CRYSTALLISER, "cool", 10, 60),
    Case("fouling", Target.CRYSTALLISER, "cool", 10, 90),
    Case("heating_lost", Target.STILL, "distil", 30, 60),
    Case("fouling", Target.STILL, "distil", 30, 60),
)
"""Every fault of the process and of operators, at a moment at which it matters, with its usual settings."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a case did from its start to an hour after its end, by role such as `R.TT`.

    `peak`: the largest change of the true value against the plant without the fault, in standard deviations of the
    tag's instrument. `outside`: roles that left a validated range which they would have kept.
    """

    case: Case
    peak: Mapping[str, float]
    outside: frozenset[str]

    @property
    def moved(self) -> frozenset[str]:
        """The roles that moved visibly."""
        return frozenset(role for role, peak in self.peak.items() if peak >= VISIBLE_SIGMA)


def scenario(cases: Sequence[Case]) -> Scenario:
    """A plant with a reactor and a line for each case, all starting a batch at once."""
    numbers = range(101, 101 + len(cases))
    layout = Layout(
        tuple(f"R{number}" for number in numbers),
        tuple(Line(f"T{number}", f"C{number}", f"D{number}") for number in numbers),
        tuple(range(len(cases))),
    )
    return Scenario(
        name="effects",
        teaches="What a fault moves, and what it leaves alone.",
        seed=1,
        start_ns=0,
        lasts_s=_LONGEST_S,
        layout=layout,
        recipe=USUAL,
        plan=CampaignPlan((0,) * len(cases), (1,) * len(cases), batches=1),
        step_s=_STEP_S,
        faults=tuple(_spec(case, number) for case, number in zip(cases, numbers, strict=True)),
    )


def _spec(case: Case, number: int) -> FaultSpec:
    unit = f"{_PREFIX[case.target]}{number}"
    start = AtPhase(unit, case.phase, case.after_min * _MINUTE_S)
    return FaultSpec(unit, case.kind, unit, start, case.lasts_min * _MINUTE_S, settings=case.settings)


def measure(cases: Sequence[Case] = CASES, longest_s: int = _LONGEST_S) -> list[Effect]:
    """Run the cases beside their twins until each has been seen to its end; RuntimeError where one is not in time."""
    broken = scenario(cases)
    plant, twin = Campaign(broken), Campaign(replace(broken, faults=()))
    watches = [_CaseWatch(case, number, plant) for number, case in enumerate(cases)]
    while not all(watch.over for watch in watches):
        second = plant.second + _STEP_S
        if second > longest_s:
            waiting = ", ".join(watch.case.name for watch in watches if not watch.over)
            message = f"never seen to its end within {longest_s} s: {waiting}"
            raise RuntimeError(message)
        for campaign in (plant, twin):
            for _ in campaign.advance(second):
                pass
        for watch in watches:
            watch.look(plant, twin)
    return [watch.effect() for watch in watches]


class _CaseWatch:
    """Follows one case's train in both plants from the fault's start to an hour after its end."""

    def __init__(self, case: Case, number: int, plant: Campaign) -> None:
        self.case = case
        self._reactor = plant.layout.reactors[number]
        line = plant.layout.lines[number]
        units = {self._reactor: "R", line.tank: "T", line.crystalliser: "C", line.still: "D"}
        places = [
            (index, f"{units[unit]}.{tag.role}")
            for index, tag in enumerate(plant.tags.measured)
            if (unit := tag.name.partition(".")[0]) in units
        ]
        self._at = np.array([index for index, _ in places], np.intp)
        self._roles = [role for _, role in places]
        self._sigma = plant.panel.sigma[self._at]
        self._unit = f"{_PREFIX[case.target]}{self._reactor[1:]}"
        self._peak: Array = np.zeros(len(places))
        self._outside: set[str] = set()
        self._ends_s: int | None = None

    @property
    def over(self) -> bool:
        return self._ends_s == -1

    def look(self, plant: Campaign, twin: Campaign) -> None:
        if self._ends_s is None:
            started = [each.started_s for each in plant.engine.active if each.spec.id == self._unit]
            if not started:
                return
            self._ends_s = started[0] + self.case.lasts_min * _MINUTE_S + _AFTERWARDS_S
        elif self.over:
            return
        values, usual = plant.true_values()[self._at], twin.true_values()[self._at]
        self._peak = np.maximum(self._peak, np.abs(values - usual) / self._sigma)
        for role, value, healthy in zip(self._roles, values, usual, strict=True):
            if _outside(plant, self._reactor, role, value) and not _outside(twin, self._reactor, role, healthy):
                self._outside.add(role)
        if plant.second >= self._ends_s:
            self._ends_s = -1

    def effect(self) -> Effect:
        peak = dict(zip(self._roles, self._peak.tolist(), strict=True))
        return Effect(self.case, peak, frozenset(self._outside))


def _outside(campaign: Campaign, reactor: str, role: str, value: float) -> bool:
    """Whether a true value is outside the validated range of the phase that runs."""
    unit, _, name = role.partition(".")
    now = campaign.situation(reactor)
    ranges = campaign.scenario.recipe.ranges.get((now.phase, name)) if unit == "R" else None
    if ranges is None or campaign.second < now.since_s + ranges.after_s:
        return False
    low, high = ranges.validated
    return not ((low is None or value >= low) and (high is None or value <= high))
