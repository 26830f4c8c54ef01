"""Say of an alarm whether the sensor or the process is likely, and why: the verdict stands in the finding itself.

Every version of an excursion, a drift, a rate or a fixed limit is told with what the unit's other instruments say at
that moment; where that changes later, a new version says so. What speaks for the sensor: a health finding of the same
tag that is open (frozen, noise, jump, range, bad, stale), a relation that is violated and whose suspect it is, a
witness that should move too and does not. What speaks for the process: a redundant instrument that agrees, a witness
that moves. Where both speak, or none, nobody can tell.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json, quantity
from detectors.late.past import MOST_FINDINGS
from detectors.late.rejudging import is_withdrawn
from detectors.part import Part
from detectors.relations.comparisons import Comparisons
from domain.entries import Heartbeat, RowPosition
from domain.findings import Finding, FindingId, Stage
from domain.rules import Rulebook
from domain.time import MINUTE_NS

SENSOR: Final = "sensor likely"
PROCESS: Final = "process likely"
UNKNOWN: Final = "cannot tell"

MOST_REVISIONS: Final = 8
"""New versions of one finding that only change its verdict."""

MOST_ENDED: Final = MOST_FINDINGS
"""Findings that are over, and had such versions: as many as late rows may bring back."""

_EXPLAINED: Final = ("excursion.", "fixed.", "drift.", "rate")
_HEALTH: Final = {
    "frozen": "it repeats one value",
    "noise.lost": "it has lost its scatter",
    "noise.high": "it scatters more than usual",
    "jump": "it jumped from one reading to the next",
    "sensor.range": "it is at the end of its instrument's range",
    "bad": "its quality is Bad",
    "stale": "it says nothing",
    "calibration.failed": "its last calibration failed",
}
_SETTLED_NS: Final = 3 * MINUTE_NS  # after the onset: by then a witness that moves has moved


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is likely, and the evidence for each side."""

    sensor: tuple[str, ...]
    process: tuple[str, ...]

    @property
    def word(self) -> str:
        """The verdict in two words."""
        if bool(self.sensor) == bool(self.process):
            return UNKNOWN
        return SENSOR if self.sensor else PROCESS

    @property
    def because(self) -> str:
        """The evidence, that of the likelier side first."""
        if not self.sensor and not self.process:
            return "no other instrument speaks for or against it"
        return "; ".join((*self.sensor, *self.process))


class Verdicts(Part):
    """The verdicts of all open findings of units whose instruments are compared, or of tags that are ill."""

    name = "verdicts"

    def __init__(self, rulebook: Rulebook, comparisons: Comparisons) -> None:
        self._rulebook = rulebook
        self._comparisons = comparisons
        self._open: dict[str, Finding] = {}
        self._plain: dict[str, str] = {}  # by id: the newest message without its verdict
        self._extra: dict[str, int] = {}  # by id: versions that only changed the verdict
        self._ill: dict[str, dict[str, str]] = {}  # by tag: what is open of its health, rule by finding's id
        self._uncertain: dict[str, str] = {}  # by tag: the finding's id
        self._resting: dict[str, None] = {}  # open findings that rest on Uncertain values

    def explained(self, finding: Finding) -> Finding:
        """A finding with its verdict. What is told of a tag's health is taken note of."""
        self.note(finding)
        if not finding.rule.startswith(_EXPLAINED):
            return finding
        finding = self._doubted(finding)
        extra = self._extra.get(finding.id, 0)
        told = replace(finding, version=finding.version + extra)
        verdict = self._verdict(finding)
        if verdict is not None and not is_withdrawn(finding):
            told = _with(told, finding.message, verdict)
        if finding.stage is Stage.OPEN:
            if verdict is not None:
                self._open[finding.id], self._plain[finding.id] = told, finding.message
        else:
            self._open.pop(finding.id, None)
            self._plain.pop(finding.id, None)
            if finding.stage is Stage.CLEARED:
                self._over(finding.id)
        return told

    def _doubted(self, finding: Finding) -> Finding:
        """A finding that says so where Uncertain values are among those that it rests on."""
        if finding.subject not in self._uncertain and finding.id not in self._resting:
            return finding
        self._resting[finding.id] = None
        if finding.stage is Stage.CLEARED:
            del self._resting[finding.id]
        return replace(finding, evidence={**finding.evidence, "quality": "uncertain"})

    def _over(self, id_: str) -> None:
        """Keep by how much the versions of a finding that is over are ahead: late rows may go on with them."""
        extra = self._extra.pop(id_, 0)
        if not extra:
            return
        self._extra[id_] = extra
        if len(self._extra) > MOST_ENDED + len(self._open):
            del self._extra[next(each for each in self._extra if each not in self._open)]

    def note(self, finding: Finding) -> None:
        """Take note of what is told of a tag's health."""
        if finding.rule == "uncertain":
            if finding.stage is Stage.OPEN:
                self._uncertain[finding.subject] = finding.id
            else:
                self._uncertain.pop(finding.subject, None)
        if finding.rule not in _HEALTH:
            return
        ill = self._ill.setdefault(finding.subject, {})
        if finding.stage is Stage.OPEN:
            ill[finding.id] = finding.rule
        else:
            ill.pop(finding.id, None)
        if not ill:
            del self._ill[finding.subject]

    def revised(self, heartbeat: Heartbeat) -> list[Finding]:
        """The open findings whose verdict has changed since they were told."""
        found: list[Finding] = []
        for id_, before in list(self._open.items()):
            verdict = self._verdict(before)
            if verdict is None or verdict.word == before.evidence.get("verdict"):
                continue
            if self._extra.get(id_, 0) >= MOST_REVISIONS:
                continue
            self._extra[id_] = self._extra.get(id_, 0) + 1
            again = replace(before, version=before.version + 1, at_ns=max(before.at_ns, heartbeat.now_ns))
            self._open[id_] = again = _with(again, self._plain[id_], verdict)
            found.append(again)
        return found

    def _verdict(self, finding: Finding) -> Verdict | None:
        """What speaks for either side; None where nothing could: the unit compares nothing, and the tag is well."""
        sensor = [_HEALTH[rule] for rule in sorted(set(self._ill.get(finding.subject, {}).values()))]
        process: list[str] = []
        compared = self._comparisons.units.get(finding.unit)
        roles = [] if compared is None else [role for role, tag in compared.tags.items() if tag.name == finding.subject]
        for role in roles:
            own_sensor, own_process = self._relations(finding, role)
            sensor += own_sensor
            process += own_process
            own_sensor, own_process = self._witnesses(finding, role)
            sensor += own_sensor
            process += own_process
        if not sensor and not process and not roles:
            return None
        return Verdict(tuple(sensor), tuple(process))

    def _relations(self, finding: Finding, role: str) -> tuple[list[str], list[str]]:
        """What the relations say that this parameter is part of."""
        compared = self._comparisons.units[finding.unit]
        sensor: list[str] = []
        process: list[str] = []
        if not compared.history.windows:
            return sensor, process
        newest, newest_ns = compared.history.windows[-1].mean, compared.history.windows[-1].at_ns
        for relation in compared.relations:
            judged = compared.judged.get(relation.key)
            if judged is None or role not in relation.roles or judged.agrees is None:
                continue
            if judged.case is None and newest_ns - MINUTE_NS < finding.onset_ns:
                continue  # the newest window lies before it, or holds only a part of it
            others = [compared.tags[each].name for each in relation.roles if each != role and each in compared.tags]
            names = " and ".join(others)
            if judged.agrees:
                if relation.rule == "pair.split":
                    process.append(f"{names} agrees")
                continue
            suspected = judged.suspect == role or (not judged.suspect and relation.rule != "volume.balance")
            if judged.case is None:
                suspected = relation.rule == "pair.split" and self._moved_alone(finding, role, relation.roles)
            if suspected:
                value = next((newest[each] for each in relation.roles if each != role and each in newest), None)
                unit = compared.tags[role].unit
                told = "" if value is None or relation.rule != "pair.split" else f" ({quantity(value, unit)})"
                sensor.append(f"{names}{told} does not agree")
        return sensor, process

    def _moved_alone(self, finding: Finding, role: str, roles: tuple[str, ...]) -> bool:
        """Whether this instrument has moved since the onset and the redundant one has not."""
        other = next((each for each in roles if each != role), role)
        moved = self._comparisons.has_moved(finding.unit, other, finding.onset_ns)
        return moved == 0.0

    def _witnesses(self, finding: Finding, role: str) -> tuple[list[str], list[str]]:
        """What moves too where the process does."""
        compared = self._comparisons.units[finding.unit]
        sensor: list[str] = []
        process: list[str] = []
        # A witness that rests says something only where the parameter itself moved by the same measure.
        own = self._comparisons.has_moved(finding.unit, role, finding.onset_ns)
        for witness in self._rulebook.units[finding.unit].checks.witnesses.get(role, ()):
            moved = self._comparisons.has_moved(finding.unit, witness, finding.onset_ns)
            tag = compared.tags.get(witness)
            if moved is None or tag is None:
                continue
            if moved:
                process.append(f"{tag.name} moved too, by {quantity(moved, tag.unit, digits=3)}")
            elif own and compared.history.windows[-1].at_ns - finding.onset_ns >= _SETTLED_NS:
                sensor.append(f"{tag.name} did not move")
        return sensor, process

    def state(self) -> Json:
        """The verdicts that stand, and what is known of the tags' health."""
        return {
            "open": {id_: _finding_state(each) for id_, each in self._open.items()},
            "plain": self._plain,
            "extra": self._extra,
            "ill": self._ill,
            "uncertain": self._uncertain,
            "resting": list(self._resting),
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._open = {id_: _finding_from(each) for id_, each in state["open"].items()}
        self._plain, self._extra, self._ill = dict(state["plain"]), dict(state["extra"]), dict(state["ill"])
        # A state of the time before has neither.
        self._uncertain, self._resting = dict(state.get("uncertain", {})), dict.fromkeys(state.get("resting", ()))


def _with(finding: Finding, message: str, verdict: Verdict) -> Finding:
    """A finding with a verdict in its evidence and at the end of its message."""
    word = verdict.word[0].upper() + verdict.word[1:]
    evidence = {**finding.evidence, "verdict": verdict.word, "verdict_because": verdict.because}
    return replace(finding, message=f"{message} {word}: {verdict.because}.", evidence=evidence)


def _finding_state(finding: Finding) -> Json:
    values = {name: getattr(finding, name) for name in finding.__slots__}
    return {**values, "detected": list(finding.detected), "evidence": dict(finding.evidence)}


def _finding_from(state: Json) -> Finding:
    entry, row = state["detected"]
    changed = {"id": FindingId(state["id"]), "stage": Stage(state["stage"]), "detected": RowPosition(entry, row)}
    return Finding(**{**state, **changed})
