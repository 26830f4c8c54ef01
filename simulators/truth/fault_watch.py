"""Follows every fault of a run: when it was there, when it could be seen, and on what."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulators.campaign import Campaign
from simulators.faults.catalogue import CATALOGUE, Domain
from simulators.faults.engine import ActiveFault
from simulators.faults.spec import FaultSpec
from simulators.truth.visibility import Beyond, Mask, Watch
from simulators.truth.withheld import shows_after_s

_AFTERMATH_S: Final = 3600
"""How long after the end of a fault its traces are looked for, where there is no batch that carries them on."""


@dataclass(slots=True, eq=False)
class Followed:
    """One occasion of a fault; `end_s` None: it is still there."""

    spec: FaultSpec
    onset_s: int
    unit: str
    batch: str
    phase: str
    watch: Watch
    end_s: int | None = None
    because: str = ""

    @property
    def shows_in_truth(self) -> bool:
        """Whether it is looked for in true values; else in what its tag reports, or by its kind alone."""
        return _domain(self) in (Domain.PROCESS, Domain.OPERATOR)


class FaultWatch:
    """Every fault of a run. The columns are the measured tags, then each unit's phase (`UNIT.STEP`)."""

    def __init__(self, names: Sequence[str], units: Sequence[str], speed: float) -> None:
        self.faults: list[Followed] = []
        self._names = tuple(names)
        self._units = frozenset(units)
        self._speed = speed
        self._true, self._reported = Beyond(len(names)), Beyond(len(names))
        self._running: dict[tuple[str, int], Followed] = {}
        self._ended: list[Followed] = []

    @property
    def needs_reports(self) -> bool:
        """Whether an instrument is broken, so that it matters what is reported."""
        return any(_domain(each) is Domain.INSTRUMENT for each in self._running.values())

    def advance(self, campaign: Campaign, beyond: Mask, reported_beyond: Mask | None) -> list[tuple[Followed, int]]:
        """Look at a step; answers with the faults that are seen now for the first time, and the column of each.

        `reported_beyond` may be None as long as nobody needs it: healthy instruments report what is true.
        """
        second = campaign.second
        self._true.advance(second, beyond)
        if reported_beyond is None:
            self._reported.since_s = self._true.since_s
        else:
            self._reported.advance(second, reported_beyond)
        self._follow(campaign)
        self._ended = [each for each in self._ended if _leaves_traces(each, campaign)]
        seen = []
        for each in (*self._running.values(), *self._ended):
            fresh = self._look(each, second)
            if fresh and not each.because:
                seen.append((each, fresh[0]))
        return seen

    def _look(self, fault: Followed, second: int) -> list[int]:
        if fault.shows_in_truth:
            return fault.watch.advance(second, self._true.since_s)
        if _domain(fault) is Domain.INSTRUMENT:
            return fault.watch.advance(second, self._reported.since_s)
        shows_s = fault.onset_s + shows_after_s(fault.spec, self._speed)
        if fault.watch.visible_s is None and second >= shows_s:
            fault.watch.visible_s = math.ceil(shows_s)
            fault.because = f"{fault.spec.target} withheld its values, or gave them late, for 60 s"
        return []

    def _follow(self, campaign: Campaign) -> None:
        """Take up what has begun, and note what has ended."""
        now = {each.key: each for each in campaign.engine.active}
        for key in [key for key in self._running if key not in now]:
            fault = self._running.pop(key)
            lasts_s = fault.spec.lasts_s
            fault.end_s = campaign.second if lasts_s is None else min(campaign.second, fault.onset_s + lasts_s)
            if fault.shows_in_truth:
                self._ended.append(fault)
        for key in [key for key in now if key not in self._running]:
            self._running[key] = fault = self._begun(now[key], campaign)
            self.faults.append(fault)

    def _begun(self, active: ActiveFault, campaign: Campaign) -> Followed:
        target = active.spec.target
        unit = target if target in self._units else target.rpartition(".")[0]
        unit = unit if unit in self._units else ""
        columns = np.array([_concerns(name, target, unit) for name in self._names])
        watch = Watch(active.started_s, columns)
        if not unit:
            return Followed(active.spec, active.started_s, "", "", "", watch)
        now = campaign.situation(unit)
        return Followed(active.spec, active.started_s, unit, now.batch, now.phase, watch)


def _domain(fault: Followed) -> Domain:
    return CATALOGUE[fault.spec.kind].domain


def _concerns(name: str, target: str, unit: str) -> bool:
    return name == target if "." in target else name.rpartition(".")[0] == unit


def _leaves_traces(fault: Followed, campaign: Campaign) -> bool:
    """A fault that is over is looked for as long as its batch is in the unit, and an hour where there is none."""
    if fault.end_s is not None and campaign.second <= fault.end_s + _AFTERMATH_S:
        return True
    return bool(fault.batch) and campaign.situation(fault.unit).batch == fault.batch
