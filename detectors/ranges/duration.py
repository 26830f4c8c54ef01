"""Report a phase that lasts longer than its ranges allow, though no sample arrives, and one that ended too soon."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from detectors.cases import IN_WORDS, Case, Evidence, Json, Origin, Run, case_from, open_case
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.recipes import Limits, RangeKind
from domain.time import format_duration


@dataclass(slots=True, eq=False)
class Clocked:
    """A run whose duration has ranges. `skew_ns` is the worst measured difference of the clocks since it began."""

    run: Run
    ranges: Mapping[RangeKind, Limits]  # ns, from the inside out
    source: str
    study: str
    skew_ns: int = 0
    cases: dict[RangeKind, Case] = field(default_factory=dict)  # too long


@dataclass(frozen=True, slots=True)
class Lasted:
    """How long a run lasted as it was seen, at least (a gap may hide that it ended sooner) and at most.

    `most_ns` None: it was running already when it was first seen.
    """

    seen_ns: int
    least_ns: int
    most_ns: int | None

    def proves(self, limits: Limits) -> bool:
        """Whether it was inside however long it really was."""
        may_be_long = limits.high is not None and (self.most_ns is None or limits.is_above(self.most_ns))
        return not may_be_long and not limits.is_below(self.least_ns)

    @property
    def words(self) -> str:
        """How long, with what is not known of it."""
        if self.most_ns is None:
            return f"at least {format_duration(self.least_ns)}: it was running when it was first seen"
        how_long = f"{format_duration(self.least_ns)} to {format_duration(self.most_ns)}"
        return f"{how_long}: a gap hides when it began or ended"


class Durations:
    """Running phases against the ranges of their duration.

    A phase that has ended is judged by its tags' source times alone. One that runs is judged by the heartbeat, less the
    worst measured skew of the source's clock: what is announced then is certain. While a change of the unit settles, it
    is known to run until that change only. A phase is called too short only where its start was seen, or the gap that
    hides it is too short to make it long enough.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._running: dict[str, Clocked] = {}

    def phase_starts(self, run: Run, source: str, skew_ns: int) -> None:
        """Begin to time a run, if its phase has ranges of its duration."""
        phase = None if run.recipe is None else run.recipe.phases.get(run.phase)
        if phase is not None and phase.durations:
            self._running[run.unit] = Clocked(run, phase.durations, source, phase.duration_study, skew_ns)

    def beat(
        self, now_ns: int, skew_of: Mapping[str, int], settles_from_ns: Mapping[str, int], position: RowPosition
    ) -> list[Finding]:
        """Announce what has become too long by now, or by the first change that is yet to settle, by unit."""
        found: list[Finding] = []
        for clocked in self._running.values():
            clocked.skew_ns = max(clocked.skew_ns, skew_of.get(clocked.source, 0))
            until_ns = min(now_ns - clocked.skew_ns, settles_from_ns.get(clocked.run.unit, now_ns))
            found += self._too_long(clocked, until_ns - clocked.run.start_ns, now_ns, position, None)
        return found

    def _too_long(
        self, clocked: Clocked, lasted_ns: int, at_ns: int, position: RowPosition, ended: Lasted | None
    ) -> list[Finding]:
        """What a run that has lasted so long is beyond, each said once."""
        found: list[Finding] = []
        run = clocked.run
        for kind, limits in clocked.ranges.items():
            if kind in clocked.cases or limits.high is None or not limits.is_above(lasted_ns):
                continue
            onset_ns = run.start_ns + int(limits.high)
            case = clocked.cases[kind] = open_case(
                self._origin, rule_of(kind, "long"), run.unit, onset_ns, position, run
            )
            beyond = "has lasted no less than" if limits.high_open else "lasts longer than"
            message = f"{run.unit} {beyond} the {_limit(kind, limits.high)},{run.place}."
            found.append(case.say(Stage.OPEN, at_ns, message, _evidence(clocked, kind, ended)))
        return found

    def phase_ends(self, run: Run, end_ns: int, position: RowPosition, unseen_ns: int | None = 0) -> list[Finding]:
        """Judge a run that has ended, by its own times; `unseen_ns`: how much sooner it may have, None if unknown."""
        clocked = self._running.pop(run.unit, None)
        if clocked is None:
            return []
        seen_ns = end_ns - run.start_ns
        least_ns = 0 if unseen_ns is None else max(0, seen_ns - unseen_ns)
        lasted = Lasted(seen_ns, least_ns, None if run.unseen_ns is None else seen_ns + run.unseen_ns)
        found = self._too_long(clocked, seen_ns, end_ns, position, lasted)
        for kind, case in clocked.cases.items():
            message = f"{run.unit} lasted {format_duration(seen_ns)}{run.place}."
            found.append(case.say(Stage.CLEARED, end_ns, message, _evidence(clocked, kind, lasted), end_ns))
        return found + list(self._too_short(clocked, lasted, end_ns, position))

    def _too_short(self, clocked: Clocked, lasted: Lasted, end_ns: int, position: RowPosition) -> Iterator[Finding]:
        """What is proven to be too short, and at last what is proven to be neither inside nor outside."""
        run, unproven = clocked.run, []
        for kind, limits in clocked.ranges.items():
            if limits.low is not None and lasted.most_ns is not None and limits.is_below(lasted.most_ns):
                case = open_case(self._origin, rule_of(kind, "short"), run.unit, run.start_ns, position, run)
                side = "not above" if limits.low_open else "below"
                after = format_duration(lasted.seen_ns)
                message = f"{run.unit} ended after {after}, {side} the {_limit(kind, limits.low)},{run.place}."
                yield case.say(Stage.CLEARED, end_ns, message, _evidence(clocked, kind, lasted), end_ns)
            elif kind not in clocked.cases and not lasted.proves(limits):
                unproven.append(kind)
        if unproven:
            case = open_case(self._origin, "duration.indeterminate", run.unit, run.start_ns, position, run)
            kinds = " and ".join(IN_WORDS[kind] for kind in unproven)
            message = f"{run.unit} lasted {lasted.words}; it is not proven inside its {kinds} duration,{run.place}."
            yield case.say(Stage.CLEARED, end_ns, message, _evidence(clocked, unproven[-1], lasted), end_ns)

    def state(self) -> Json:
        """Cases and skews; the runs are the context's."""
        return {
            unit: [clocked.source, clocked.skew_ns, {kind: case.state() for kind, case in clocked.cases.items()}]
            for unit, clocked in self._running.items()
        }

    def load(self, state: Json, runs: dict[str, Run]) -> None:
        """Take back what `state` told."""
        self._running = {}
        for unit, (source, skew_ns, told) in state.items():
            cases = told or {}
            if "rule" in cases:  # an older program knew the validated duration alone
                cases = {RangeKind.VALIDATED: cases}
            self.phase_starts(runs[unit], source, skew_ns)
            self._running[unit].cases = {RangeKind(kind): case_from(case) for kind, case in cases.items()}

    def carry_over(self, state: Json, run: Run, source: str, skew_ns: int) -> None:
        """Time a run by other rules than before; of the state only the worst skew is taken."""
        known = state.get(run.unit)
        self.phase_starts(run, source, skew_ns if known is None else max(skew_ns, known[1]))


def rule_of(kind: RangeKind, side: str) -> str:
    """`duration.long` of the validated range, `duration.nor.long` of another one."""
    return f"duration.{side}" if kind is RangeKind.VALIDATED else f"duration.{kind}.{side}"


def _limit(kind: RangeKind, limit_ns: float) -> str:
    return f"{IN_WORDS[kind]} {format_duration(int(limit_ns))}"


def _evidence(clocked: Clocked, kind: RangeKind, ended: Lasted | None) -> Evidence:
    limits = clocked.ranges[kind]
    return {
        "started_ns": clocked.run.start_ns,
        "lasted_ns": None if ended is None else ended.seen_ns,
        "dur_min_ns": None if ended is None else ended.least_ns,
        "dur_max_ns": None if ended is None else ended.most_ns,
        "skew_ns": clocked.skew_ns,
        "range": str(kind),
        "limit_low_ns": limits.low,
        "limit_high_ns": limits.high,
        "ends": limits.ends,
        "study": clocked.study or None,
    }
