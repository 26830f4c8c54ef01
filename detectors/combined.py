"""Report two or more parameters of one phase outside NOR at once: proven ranges hold for one parameter at a time."""

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Case, Json, Origin, Run, case_from, open_case
from detectors.part import Part
from domain.findings import Finding, Stage
from domain.recipes import RangeKind

_NOR = tuple(f"excursion.{RangeKind.NOR}.{side}" for side in ("high", "low"))


class Combined(Part):
    """Which parameters of each unit are outside NOR, told by the excursions themselves."""

    name = "combined"

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._outside: dict[str, dict[str, str]] = {}  # unit -> finding id -> tag
        self._cases: dict[str, Case] = {}

    def hear(self, finding: Finding, run: Run | None) -> list[Finding]:
        """Take a version of an excursion; say so when it makes the second parameter, or leaves only one."""
        if finding.rule not in _NOR or run is None:
            return []
        outside = self._outside.setdefault(run.unit, {})
        if finding.end_ns is None:
            outside[finding.id] = finding.subject
        else:
            outside.pop(finding.id, None)
        tags = sorted(set(outside.values()))
        case = self._cases.get(run.unit)
        if case is None and len(tags) > 1:
            case = open_case(self._origin, "outside_nor", run.unit, finding.onset_ns, finding.detected, run)
            self._cases[run.unit] = case
            message = f"{' and '.join(tags)} are outside their normal ranges at once,{run.place}."
            return [case.say(Stage.OPEN, finding.at_ns, message, {"tags": ", ".join(tags)})]
        if case is not None and len(tags) < 2:
            del self._cases[run.unit]
            end_ns = finding.end_ns
            message = f"{run.unit} has no more than one parameter outside its normal range,{run.place}."
            return [case.say(Stage.CLEARED, finding.at_ns, message, {"tags": ", ".join(tags)}, end_ns)]
        return []

    def state(self) -> Json:
        """All of it."""
        return {"outside": self._outside, "cases": {unit: case.state() for unit, case in self._cases.items()}}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._outside = state["outside"]
        self._cases = {unit: case_from(case) for unit, case in state["cases"].items()}
