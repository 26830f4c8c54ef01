"""Report a phase that lasts longer than validated, though no sample arrives, and one that ended too soon."""

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.recipes import Limits
from domain.time import format_duration


@dataclass(slots=True, eq=False)
class Clocked:
    """A run whose duration has limits. `skew_ns` is the worst measured difference of the clocks since it began."""

    run: Run
    limits: Limits
    source: str
    study: str
    skew_ns: int = 0
    case: Case | None = None


class Durations:
    """Running phases against their validated duration.

    A phase that has ended is judged by its tags' source times alone. One that runs is judged by the heartbeat, less the
    worst measured skew of the source's clock: what is announced then is certain. While a change of the unit settles, it
    is known to run until that change only.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._running: dict[str, Clocked] = {}

    def phase_starts(self, run: Run, source: str, skew_ns: int) -> None:
        """Begin to time a run, if its phase has a validated duration."""
        phase = None if run.recipe is None else run.recipe.phases.get(run.phase)
        if phase is not None and phase.duration is not None:
            self._running[run.unit] = Clocked(run, phase.duration, source, phase.duration_study, skew_ns)

    def beat(
        self, now_ns: int, skew_of: Mapping[str, int], settles_from_ns: Mapping[str, int], position: RowPosition
    ) -> list[Finding]:
        """Announce what has become too long by now, or by the first change that is yet to settle, by unit."""
        found: list[Finding] = []
        for clocked in self._running.values():
            clocked.skew_ns = max(clocked.skew_ns, skew_of.get(clocked.source, 0))
            until_ns = min(now_ns - clocked.skew_ns, settles_from_ns.get(clocked.run.unit, now_ns))
            lasted_ns = until_ns - clocked.run.start_ns
            high = clocked.limits.high
            if clocked.case is None and high is not None and lasted_ns > high:
                clocked.case = open_case(
                    self._origin,
                    "duration.long",
                    clocked.run.unit,
                    clocked.run.start_ns + int(high),
                    position,
                    clocked.run,
                )
                found.append(clocked.case.say(Stage.OPEN, now_ns, self._too_long(clocked), _evidence(clocked, None)))
        return found

    def phase_ends(self, run: Run, end_ns: int, position: RowPosition) -> list[Finding]:
        """Judge a run that has ended, by its own times."""
        clocked = self._running.pop(run.unit, None)
        if clocked is None:
            return []
        low, high = clocked.limits.low, clocked.limits.high
        lasted_ns = end_ns - run.start_ns
        evidence = _evidence(clocked, lasted_ns)
        found: list[Finding] = []
        if high is not None and lasted_ns > high and clocked.case is None:
            clocked.case = open_case(self._origin, "duration.long", run.unit, run.start_ns + int(high), position, run)
            found.append(clocked.case.say(Stage.OPEN, end_ns, self._too_long(clocked), evidence))
        if clocked.case is not None:
            message = f"{run.unit} lasted {format_duration(lasted_ns)}{run.place}."
            found.append(clocked.case.say(Stage.CLEARED, end_ns, message, evidence, end_ns))
        if low is not None and lasted_ns < low:
            case = open_case(self._origin, "duration.short", run.unit, run.start_ns, position, run)
            limit = format_duration(int(low))
            message = f"{run.unit} ended after {format_duration(lasted_ns)}, below the validated {limit},{run.place}."
            found.append(case.say(Stage.CLEARED, end_ns, message, evidence, end_ns))
        return found

    def _too_long(self, clocked: Clocked) -> str:
        limit = format_duration(int(clocked.limits.high or 0))
        return f"{clocked.run.unit} lasts longer than the validated {limit},{clocked.run.place}."

    def state(self) -> Json:
        """Cases and skews; the runs are the context's."""
        return {
            unit: [clocked.source, clocked.skew_ns, None if clocked.case is None else clocked.case.state()]
            for unit, clocked in self._running.items()
        }

    def load(self, state: Json, runs: dict[str, Run]) -> None:
        """Take back what `state` told."""
        self._running = {}
        for unit, (source, skew_ns, case) in state.items():
            self.phase_starts(runs[unit], source, skew_ns)
            self._running[unit].case = None if case is None else case_from(case)

    def carry_over(self, state: Json, run: Run, source: str, skew_ns: int) -> None:
        """Time a run by other rules than before; of the state only the worst skew is taken."""
        known = state.get(run.unit)
        self.phase_starts(run, source, skew_ns if known is None else max(skew_ns, known[1]))


def _evidence(clocked: Clocked, lasted_ns: int | None) -> Evidence:
    return {
        "started_ns": clocked.run.start_ns,
        "lasted_ns": lasted_ns,
        "skew_ns": clocked.skew_ns,
        "limit_low_ns": clocked.limits.low,
        "limit_high_ns": clocked.limits.high,
        "study": clocked.study or None,
    }
