"""Report a calibration that is overdue, and after one that failed the batches made since the last good one.

Due dates are judged by the heartbeats of the tag's source. The batches of each unit that is calibrated are remembered,
the newest `MOST_BATCHES`; where more were made since the last good calibration, the finding says that they are not all.
"""

from dataclasses import replace
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Index
from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case
from detectors.part import Part
from domain.entries import ActionKind, Heartbeat, PersonAction, RowPosition
from domain.findings import Finding, Stage
from domain.health import NOTHING, TagHealth
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import format_duration, format_time

MOST_BATCHES: Final = 1_000
_NAMED: Final = 20  # batches in a sentence

Made = tuple[str, int, int]
"""A batch, and the beginning and the end of the time in which it was on the unit (ns); the end grows."""


class Calibrations(Part):
    """The calibrations of all tags that say when they were."""

    name = "calibrations"

    def __init__(self, rulebook: Rulebook, origin: Origin) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._tags: dict[int, tuple[Tag, str, TagHealth]] = {}
        self._every: dict[int, tuple[Tag, str, TagHealth]] = {}  # tag, also those of which no calibration is known
        self._said: dict[str, tuple[int | None, int | None]] = {}  # by tag: the last good one and one that failed since
        self._made: dict[str, list[Made]] = {}
        self._dates: dict[str, tuple[Index, NDArray[np.int64]]] = {}  # by source: its tags, and the first date of each
        self._cases: dict[tuple[int, str], Case] = {}
        self._told: dict[int, int] = {}  # by tag: batches that its failed calibration was said of

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        health = NOTHING if rules is None else rules.health
        self._every[tag.id] = (tag, unit, health)
        self._know(tag.id)

    def _know(self, id_: int) -> None:
        """Put what people said of a tag's calibrations beside what the file says; what is newer counts."""
        tag, unit, health = self._every[id_]
        good_ns, failed_ns = self._said.get(tag.name, (None, None))
        if good_ns is not None and good_ns >= (health.calibrated_ns or 0):
            due_ns = health.calibration_due_ns
            if due_ns is not None:
                # The next one is due as long after this one as the file says; where it says no more than a date, then.
                spaced_ns = None if health.calibrated_ns is None else due_ns - health.calibrated_ns
                due_ns = good_ns + spaced_ns if spaced_ns is not None else due_ns if due_ns > good_ns else None
            file_ns = health.calibration_failed_ns
            health = replace(health, calibrated_ns=good_ns, calibration_due_ns=due_ns)
            if file_ns is not None and file_ns <= good_ns:
                health = replace(health, calibration_failed_ns=None)
        if failed_ns is not None and failed_ns > (health.calibrated_ns or 0):
            health = replace(health, calibration_failed_ns=failed_ns)
        self._dates.clear()
        self._tags.pop(id_, None)
        if health.calibration_due_ns is not None or health.calibration_failed_ns is not None:
            self._tags[id_] = (tag, unit, health)

    def take(self, action: PersonAction, position: RowPosition) -> list[Finding]:
        """Take a calibration that a person tells, good or failed, as of the time that it was made."""
        id_ = next((id_ for id_, (tag, _, _) in self._every.items() if tag.name == action.subject), None)
        if id_ is None or action.until_ns is None:
            return []
        tag, unit, _ = self._every[id_]
        good_ns, failed_ns = self._said.get(tag.name, (None, None))
        if action.kind is ActionKind.CALIBRATED:
            good_ns = max(action.until_ns, good_ns or 0)
            failed_ns = failed_ns if failed_ns is not None and failed_ns > good_ns else None
        else:
            failed_ns = max(action.until_ns, failed_ns or 0)
        self._said[tag.name] = (good_ns, failed_ns)
        self._know(id_)
        health = self._tags.get(id_, (tag, unit, NOTHING))[2]
        if action.kind is ActionKind.CALIBRATION_FAILED:
            return self._failed(id_, tag, unit, health, action.at_ns, position)
        found: list[Finding] = []
        for key, since_ns in (("overdue", health.calibration_due_ns), ("failed", health.calibration_failed_ns)):
            case = self._cases.get((id_, key))
            if case is not None and (since_ns is None or since_ns > action.at_ns):
                del self._cases[id_, key]
                if key == "failed":
                    self._told.pop(id_, None)
                message = f"{tag.name} was calibrated on {format_time(good_ns or 0)}, as {action.person} says."
                evidence: Evidence = {"calibrated_ns": good_ns, "person": action.person, "comment": action.comment}
                found.append(case.say(Stage.CLEARED, action.at_ns, message, evidence, action.at_ns))
        return found

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Remember which batch is on which unit."""
        self._note(run, run.start_ns)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Remember until when."""
        self._note(run, at_ns)
        return []

    def _note(self, run: Run, at_ns: int) -> None:
        if not run.batch:
            return
        made = self._made.setdefault(run.unit, [])
        if made and made[-1][0] == run.batch:
            made[-1] = (run.batch, made[-1][1], max(made[-1][2], at_ns))
        else:
            made.append((run.batch, run.start_ns, max(run.start_ns, at_ns)))
            del made[:-MOST_BATCHES]

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Say what is overdue by now, and which batches a failed calibration concerns."""
        found: list[Finding] = []
        if heartbeat.source not in self._dates:
            self._dates[heartbeat.source] = self._dates_of(heartbeat.source)
        ids, first_ns = self._dates[heartbeat.source]
        for id_ in ids[first_ns <= heartbeat.now_ns].tolist():
            tag, unit, health = self._tags[id_]
            found += self._overdue(id_, tag, unit, health, heartbeat.now_ns, position)
            found += self._failed(id_, tag, unit, health, heartbeat.now_ns, position)
        return found

    def _dates_of(self, source: str) -> tuple[Index, NDArray[np.int64]]:
        """A source's tags, in the order of their ids, and before when nothing is to be said of each."""
        first_ns = {
            id_: min(each for each in (health.calibration_due_ns, health.calibration_failed_ns) if each is not None)
            for id_, (tag, _, health) in sorted(self._tags.items(), key=itemgetter(0))
            if tag.source == source
        }
        return np.array(list(first_ns), dtype=np.intp), np.array(list(first_ns.values()), dtype=np.int64)

    def _overdue(
        self, id_: int, tag: Tag, unit: str, health: TagHealth, now_ns: int, position: RowPosition
    ) -> list[Finding]:
        due_ns = health.calibration_due_ns
        if due_ns is None or now_ns < due_ns or (id_, "overdue") in self._cases:
            return []
        case = open_case(self._origin, "calibration.overdue", tag.name, due_ns, position, None, unit)
        self._cases[id_, "overdue"] = case
        evidence = {"due_ns": due_ns, "calibrated_ns": health.calibrated_ns}
        late = format_duration(now_ns - due_ns)
        message = f"The calibration of {tag.name} was due on {format_time(due_ns)}, {late} ago."
        return [case.say(Stage.OPEN, now_ns, message, evidence)]

    def _failed(
        self, id_: int, tag: Tag, unit: str, health: TagHealth, now_ns: int, position: RowPosition
    ) -> list[Finding]:
        failed_ns = health.calibration_failed_ns
        if failed_ns is None or now_ns < failed_ns:
            return []
        since_ns = health.calibrated_ns
        made = self._made.get(unit, [])
        batches = [name for name, _, end_ns in made if since_ns is None or end_ns > since_ns]
        case = self._cases.get((id_, "failed"))
        if case is not None and self._told.get(id_) == len(batches):
            return []
        if case is None:
            onset_ns = failed_ns if since_ns is None else since_ns
            case = open_case(self._origin, "calibration.failed", tag.name, onset_ns, position, None, unit)
            self._cases[id_, "failed"] = case
        self._told[id_] = len(batches)
        since = (
            "ever since it is watched" if since_ns is None else f"since the last good one on {format_time(since_ns)}"
        )
        named = ", ".join(batches[:_NAMED]) + (f" and {len(batches) - _NAMED} more" if len(batches) > _NAMED else "")
        what = f"{len(batches)} batches were made with it: {named}" if batches else "no batch was made with it"
        message = f"The calibration of {tag.name} on {format_time(failed_ns)} failed; {since}, {what}."
        evidence: dict[str, float | int | str | None] = {
            "failed_ns": failed_ns,
            "calibrated_ns": since_ns,
            "batches": ", ".join(batches),
            "count": len(batches),
            "complete": "no" if len(made) == MOST_BATCHES and len(batches) == len(made) else "yes",
        }
        return [case.say(Stage.OPEN, now_ns, message, evidence)]

    def state(self) -> Json:
        """Open findings, and the batches."""
        return {
            "made": {unit: [list(each) for each in made] for unit, made in self._made.items()},
            "cases": [[tag, key, case.state()] for (tag, key), case in self._cases.items()],
            "told": sorted(self._told.items()),
            "said": {name: list(each) for name, each in self._said.items()},
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self.carry_over(state, arrays)
        self._cases = {(tag, key): case_from(case) for tag, key, case in state["cases"]}
        self._told = dict(state["told"])

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep the batches: a calibration that failed is told by another configuration."""
        self._made = {
            unit: [(name, start_ns, end_ns) for name, start_ns, end_ns in made] for unit, made in state["made"].items()
        }
        self._said = {name: (good_ns, failed_ns) for name, (good_ns, failed_ns) in state.get("said", {}).items()}
        for id_ in self._every:
            self._know(id_)
