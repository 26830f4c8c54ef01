"""Second opinions on a drift by online models of river: advisory, beside what judges and never in its place.

Where a tag asks for it (`drift: {advisory: true}`) and its charts open a finding, the windows that the charts remember
at the next heartbeat are replayed through fresh models (what was taken by then does not depend on how rows were cut
into frames): Page-Hinkley and ADWIN over the tag's own, and half-space trees and a one-class SVM
over those of all charted tags of its unit, learnt on what was before the drift began. Nothing of river is kept between
two findings, so a snapshot holds no model, and a restart gives the same answer.

The finding is of a rule of its own, `advice.drift`, which is an event: it is recorded and alarms nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case
from detectors.drift.learning import Column
from detectors.part import Part
from domain.entries import Heartbeat, RowPosition
from domain.findings import Finding, Stage

LEAST_BEFORE = 12
"""Windows before the drift without which no model is asked for a score."""

_DELTA = 0.5  # sigma: Page-Hinkley lets a mean wander by as much
_THRESHOLD = 10.0  # sigma
_SEED = 1
_TREES, _HEIGHT = 25, 6
_NU = 0.1


@dataclass(frozen=True, slots=True)
class Remembered:
    """What charts remember of one tag's unit, oldest first, in sigma from the baselines.

    `own` are the tag's windows, `unit` those of all charted tags at the same times, shape (windows, tags); `before` of
    the latter lie before the drift.
    """

    own: Column
    unit: Column
    before: int


class _Detector(Protocol):
    """river's detectors of changes, which have no types."""

    @property
    def drift_detected(self) -> bool: ...

    def update(self, x: float) -> None: ...


class _Scorer(Protocol):
    """river's detectors of anomalies."""

    def learn_one(self, x: dict[int, float]) -> None: ...

    def score_one(self, x: dict[int, float]) -> float: ...


Remember = Callable[[str, int], Remembered | None]
"""What is remembered of a tag by name, and since when its drift lasts."""


class Advice(Part):
    """Second opinions on drifts of the tags that ask for them."""

    name = "advice"

    def __init__(self, origin: Origin, asked: frozenset[str], remember: Remember) -> None:
        self._origin = origin
        self._asked = asked
        self._remember = remember
        self._open: dict[str, Case] = {}  # by the tag's name
        self._asking: dict[str, str] = {}  # of those, the drifts without an opinion yet

    def hear(self, finding: Finding, run: Run | None) -> list[Finding]:
        """Ask when a drift is found, and close the opinion when that is over."""
        name = finding.subject
        if name not in self._asked or not finding.rule.startswith("drift."):
            return []
        case = self._open.get(name)
        if case is None and finding.version == 1 and finding.stage is Stage.OPEN:
            self._open[name] = open_case(self._origin, "advice.drift", name, finding.onset_ns, finding.detected, run)
            self._asking[name] = finding.id
        elif case is not None and finding.stage is Stage.CLEARED:
            del self._open[name]
            if self._asking.pop(name, None) is None:
                message = f"Advisory: the drift of {name} is over."
                return [case.say(Stage.CLEARED, finding.at_ns, message, {"advisory": "yes"}, finding.at_ns)]
        return []

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Give the opinions that are asked for."""
        found: list[Finding] = []
        for name, of in self._asking.items():
            case = self._open[name]
            remembered = self._remember(name, case.onset_ns)
            if remembered is None:
                del self._open[name]
                continue
            told = opinions(remembered)
            message = f"Advisory: {told['opinion']} on the drift of {name}."
            found.append(case.say(Stage.OPEN, heartbeat.now_ns, message, {"of": of, **told}))
        self._asking = {}
        return found

    def state(self) -> Json:
        """What is open, and what is asked; models are never kept."""
        return [[name, case.state(), self._asking.get(name)] for name, case in self._open.items()]

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        if isinstance(state, dict):  # an older program answered at once
            state = [[name, case, None] for name, case in state.items()]
        self._open = {name: case_from(case) for name, case, _ in state}
        self._asking = {name: of for name, _, of in state if of is not None}


def opinions(remembered: Remembered) -> Evidence:
    """What each of river's models says; `advisory` is always `yes`."""
    found = {"Page-Hinkley": _page_hinkley(remembered.own), "ADWIN": _adwin(remembered.own)}
    agree = [name for name, agrees in found.items() if agrees]
    opinion = f"{' and '.join(agree)} agree{'s' if len(agree) == 1 else ''}" if agree else "no second detector agrees"
    told: dict[str, float | int | str | None] = {
        "advisory": "yes",
        "opinion": opinion,
        "page_hinkley": "change" if found["Page-Hinkley"] else "no change",
        "adwin": "change" if found["ADWIN"] else "no change",
        "windows": len(remembered.own),
    }
    if remembered.before >= LEAST_BEFORE and remembered.before < len(remembered.unit):
        told |= {"half_space_trees": _half_space_trees(remembered), "one_class_svm": _one_class_svm(remembered)}
    return told


def _page_hinkley(own: Column) -> bool:
    from river.drift import PageHinkley  # noqa: PLC0415  two seconds of CPU that only who asks for advice pays

    return _finds(PageHinkley(min_instances=5, delta=_DELTA, threshold=_THRESHOLD), own)


def _adwin(own: Column) -> bool:
    from river.drift import ADWIN  # noqa: PLC0415  as above

    return _finds(ADWIN(clock=1, grace_period=5), own)  # type: ignore[no-untyped-call]  # river has no types


def _finds(detector: _Detector, own: Column) -> bool:
    found = False
    for value in own.tolist():
        detector.update(value)
        found |= detector.drift_detected
    return found


def _features(rows: Column) -> list[dict[int, float]]:
    """Rows as river takes them."""
    return [dict(enumerate(row)) for row in rows.tolist()]


def _half_space_trees(remembered: Remembered) -> float:
    """The newest window's score, 0 to 1, the higher the stranger."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415  as above

    # Between 0 and 1, as the trees want them; five sigma are at 0.92.
    rows = _features(0.5 + np.arctan(remembered.unit / 1.25) / np.pi)
    window = max(remembered.before // 2, 2)
    model: _Scorer = HalfSpaceTrees(n_trees=_TREES, height=_HEIGHT, window_size=window, seed=_SEED)
    for row in rows[: remembered.before]:
        model.learn_one(row)
    return round(float(model.score_one(rows[-1])), 4)


def _one_class_svm(remembered: Remembered) -> float:
    """How much stranger the newest window is than those before the drift, in their standard deviations.

    river's is linear, so it is given how near each tag is to its baseline: else a drift up would look usual. Its own
    score rises with what is usual, against its convention for detectors of anomalies; here it is turned.
    """
    from river.anomaly import OneClassSVM  # noqa: PLC0415  as above

    rows = _features(np.exp(-np.square(remembered.unit) / 8.0))
    model: _Scorer = OneClassSVM(nu=_NU)
    for row in rows[: remembered.before]:
        model.learn_one(row)
    usual = np.array([float(model.score_one(row)) for row in rows[: remembered.before]])
    return round(float((usual.mean() - float(model.score_one(rows[-1]))) / max(float(usual.std()), 1e-9)), 2)
