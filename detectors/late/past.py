"""What was said of excursions and phases that are over: the newest of it, for rows that come late."""

from collections import deque
from dataclasses import asdict
from typing import NamedTuple

from detectors.cases import Json, Run
from detectors.context.units import run_from, run_state
from detectors.versions import Versions
from domain.entries import Position, RowPosition
from domain.findings import Finding, FindingId, Stage

MOST_FINDINGS = 4096
"""Excursions that are remembered, of all tags together; the oldest is forgotten first."""

MOST_RUNS = 64
"""Runs of phases that are remembered, of one unit."""


class Ended(NamedTuple):
    """A run of a phase that is over."""

    run: Run
    end_ns: int


class Past:
    """The excursions that are over, by what they were last said to be, and the runs that are over."""

    def __init__(self) -> None:
        self._findings: dict[str, dict[str, Finding]] = {}  # by subject, by id
        self._order: deque[tuple[str, str]] = deque()
        self._runs: dict[str, deque[Ended]] = {}
        self._unknown_until_ns: dict[str, int] = {}

    def remember(self, finding: Finding) -> None:
        """Take what was said of an excursion that is over; the newest version stands."""
        known = self._findings.setdefault(finding.subject, {})
        if finding.id not in known:
            self._order.append((finding.subject, finding.id))
        known[finding.id] = finding
        if len(self._order) > MOST_FINDINGS:
            subject, id_ = self._order.popleft()
            forgotten = self._findings[subject].pop(id_)
            self.begin_after(subject, forgotten.at_ns)

    def begin_after(self, subject: str, at_ns: int) -> None:
        """Know nothing of a subject up to a time."""
        self._unknown_until_ns[subject] = max(at_ns, self.unknown_until_ns(subject) or at_ns)

    def unknown_until_ns(self, subject: str) -> int | None:
        """The time up to which not everything is known; None: everything is."""
        return self._unknown_until_ns.get(subject)

    def excursions(self, subject: str) -> list[Finding]:
        """What is remembered of a tag, in the order in which it was over."""
        return list(self._findings.get(subject, {}).values())

    def ended(self, run: Run, end_ns: int) -> None:
        """Take a run that is over; the same one again changes nothing."""
        runs = self._runs.setdefault(run.unit, deque(maxlen=MOST_RUNS))
        if not runs or runs[-1].run.instance != run.instance:
            runs.append(Ended(run, end_ns))

    def runs(self, unit: str) -> list[Ended]:
        """The runs of a unit that are over, in order."""
        return list(self._runs.get(unit, ()))

    def known_from_ns(self, unit: str) -> int | None:
        """Since when every run of a unit is remembered; None: since its first."""
        runs = self.runs(unit)
        return next(iter(runs)).run.start_ns if len(runs) == MOST_RUNS else None

    def state(self) -> Json:
        """All of it."""
        return {
            "findings": [finding_state(self._findings[subject][id_]) for subject, id_ in self._order],
            "runs": [[run_state(each.run), each.end_ns] for runs in self._runs.values() for each in runs],
            "unknown_until_ns": self._unknown_until_ns,
        }

    def load(self, state: Json, versions: Versions) -> None:
        """Take back what `state` told."""
        self._findings, self._order, self._runs = {}, deque(), {}
        for each in state["findings"]:
            self.remember(finding_from(each))
        for run, end_ns in state["runs"]:
            self.ended(run_from(run, versions), end_ns)
        self._unknown_until_ns = dict(state["unknown_until_ns"])


def finding_state(finding: Finding) -> Json:
    """All of a finding, for a snapshot."""
    return {**asdict(finding), "evidence": dict(finding.evidence), "stage": str(finding.stage)}


def finding_from(state: Json) -> Finding:
    """The finding that `finding_state` told."""
    entry, row = state["detected"]
    return Finding(
        **{
            **state,
            "id": FindingId(state["id"]),
            "stage": Stage(state["stage"]),
            "detected": RowPosition(Position(entry), row),
        }
    )
