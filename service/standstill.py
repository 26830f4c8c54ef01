"""Whether the core judges, as the web process sees it, and since when it does not: what every page says at its top."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from api.stream import Standstill
from domain.figures import Reading
from domain.ports import Clock
from domain.troubles import TROUBLES
from service.gauges import age_s, figures_of, read_report

_BEHIND_S = next(trouble.on for trouble in TROUBLES if trouble.rule == "service.judge.behind")


@dataclass(slots=True)
class StandstillWatch:
    """Looks at the core's report; its methods block for a moment. One thread calls.

    `now_ns` of a standstill's start is by the plant's clock, as everything on the pages is.
    """

    run: Path
    clock: Clock
    _known: Standstill | None = None

    def look(self) -> Standstill | None:
        """Why nothing is judged, and since when; None while it is."""
        report = read_report(self.run)
        found = _hindrance(report, lambda: age_s(self.run))
        if found is None:
            self._known = None
        else:
            why, since_s = found
            begun_ns = self.clock.now_ns() - round(since_s * self.clock.speed * 1e9)
            self._known = Standstill(begun_ns if self._known is None else self._known.since_ns, why)
        return self._known


def _hindrance(report: Mapping[str, object] | None, age: Callable[[], float]) -> tuple[str, float] | None:
    """Why, and for how many seconds of the wall at least."""
    if report is None:
        return "its core process does not report", age()
    if not report["healthy"]:
        return str(report["why"]), 0.0
    behind_s = _behind_s(figures_of(report))
    return ("detectors and alarms are behind the journal", behind_s) if behind_s >= _BEHIND_S else None


def _behind_s(readings: list[Reading]) -> float:
    found = (
        each for each in readings if each.name == "thermowell_follower_behind_seconds" and each.labels == ("judge",)
    )
    return next((float(each.value) for each in found if isinstance(each.value, int | float)), 0.0)
