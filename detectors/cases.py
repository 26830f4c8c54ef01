"""Open findings: their identity, their versions, and the words that people read."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.entries import Position, RowPosition
from domain.findings import Finding, FindingId, Stage
from domain.recipes import RangeKind, Recipe, before_gmp

Json = Any
"""What a detector's state is made of, apart from arrays: whatever `json.loads` gives back."""

Evidence = Mapping[str, float | int | str | None]

IN_WORDS = {
    RangeKind.NOR: "normal",
    RangeKind.ALERT: "alert",
    RangeKind.ACTION: "action",
    RangeKind.VALIDATED: "validated",
    RangeKind.PAR: "proven acceptable",
}


_WRITTEN = {"delta_degC": "°C", "degC": "°C", "delta_degF": "°F", "degF": "°F", "m3": "m³", "m2": "m²"}
_UNITS = re.compile(r"(?<![A-Za-z_])(" + "|".join(_WRITTEN) + r")(?![A-Za-z0-9_])")
_ALL_DIGITS = 17  # tell any two floats apart


@dataclass(frozen=True, slots=True)
class Origin:
    """What judges: it stands in every finding."""

    rules_hash: str
    detector_hash: str
    approved: bool

    def ranges_version(self, recipe: Recipe | None) -> str:
        """The version in force, and that nobody approved it where that is so."""
        version = recipe_version(recipe) or f"rules {self.rules_hash[:8]}".strip()
        return version if self.approved else f"{version} (not approved)"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a phase on a unit, as the detectors carry it."""

    instance: str  # R101/B-17/dose-2
    label: str  # dose-2
    unit: str
    batch: str
    phase: str
    recipe: Recipe | None  # pinned at the batch's start
    start_ns: int
    start_position: RowPosition
    unseen_ns: int | None = 0
    """How long it may have run before `start_ns`, unseen: a gap hid its start. None: it ran when first seen."""

    @property
    def place(self) -> str:
        """Where it happened, for a sentence."""
        return f" in phase {self.phase} of batch {self.batch}" if self.batch else f" in phase {self.phase}"

    @property
    def gmp(self) -> str:
        """Whether its phase lies `before` the GMP start point or `since`; empty where its recipe does not tell."""
        if self.recipe is None or not self.recipe.gmp_start or self.phase not in self.recipe.phases:
            return ""
        return "before" if self.phase in before_gmp(self.recipe) else "since"


def recipe_version(recipe: Recipe | None) -> str:
    """Product and version, as it stands in every verdict: `API-1 v7`."""
    return "" if recipe is None else f"{recipe.product} v{recipe.version}"


@dataclass(slots=True)
class Case:
    """A finding that is being followed; each statement about it is its next version."""

    id: str
    rule: str
    subject: str
    onset_ns: int
    detected: RowPosition
    unit: str
    batch: str
    phase: str
    phase_instance: str
    ranges_version: str
    rules_hash: str
    detector_hash: str
    version: int = 0
    gmp: str = ""  # where the recipe tells its GMP start point: whether its phase lies `before` it, or `since` it

    def say(self, stage: Stage, at_ns: int, message: str, evidence: Evidence, end_ns: int | None = None) -> Finding:
        """The next version. Where clocks stepped or differ, the end is never before the onset."""
        self.version += 1
        end_ns = None if end_ns is None else max(end_ns, self.onset_ns)
        gmp = {"gmp": self.gmp} if self.gmp else {}
        return Finding(
            FindingId(self.id),
            self.version,
            self.rule,
            self.subject,
            stage,
            self.onset_ns,
            end_ns,
            at_ns,
            self.detected,
            message,
            self.unit,
            self.batch,
            self.phase,
            self.phase_instance,
            self.ranges_version,
            self.rules_hash,
            {**evidence, **gmp, "detector": self.detector_hash},
        )

    def state(self) -> Json:
        """All of it, for a snapshot."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "detected": [int(self.detected.entry), self.detected.row]}


def case_from(state: Json) -> Case:
    """The case that `Case.state` told."""
    entry, row = state["detected"]
    return Case(**{**state, "detected": RowPosition(Position(entry), row)})


def case_of(finding: Finding) -> Case:
    """The case whose newest version this finding is: what is said of it next follows on."""
    return Case(
        id=finding.id,
        rule=finding.rule,
        subject=finding.subject,
        onset_ns=finding.onset_ns,
        detected=finding.detected,
        unit=finding.unit,
        batch=finding.batch,
        phase=finding.phase,
        phase_instance=finding.phase_instance,
        ranges_version=finding.ranges_version,
        rules_hash=finding.rules_hash,
        detector_hash=str(finding.evidence.get("detector", "")),
        version=finding.version,
        gmp=str(finding.evidence.get("gmp", "")),
    )


def open_case(
    origin: Origin, rule: str, subject: str, onset_ns: int, detected: RowPosition, run: Run | None, unit: str = ""
) -> Case:
    """Begin a finding. Its id is rule, subject, batch, phase run and first detecting row, never the onset."""
    batch, label = ("", "") if run is None else (run.batch, run.label)
    return Case(
        id=f"{rule}/{subject}/{batch}/{label}/{detected.entry}.{detected.row}",
        rule=rule,
        subject=subject,
        onset_ns=onset_ns,
        detected=detected,
        unit=run.unit if run is not None else unit,
        batch=batch,
        phase="" if run is None else run.phase,
        phase_instance="" if run is None else run.instance,
        ranges_version=origin.ranges_version(None if run is None else run.recipe),
        rules_hash=origin.rules_hash,
        detector_hash=origin.detector_hash,
        gmp="" if run is None else run.gmp,
    )


def quantity(
    value: float, unit: str, *, signed: bool = False, digits: int = 6, known: float = 0.0, against: float | None = None
) -> str:
    """A value as people write it: `65.4 °C`, as a difference `+2 °C`; pH has no unit.

    It has so many significant `digits`, and no decimals beyond what is `known` (its standard deviation, in its unit),
    but as many as it needs not to look like the different value that it is told `against`.
    """
    sign = "+" if signed else ""
    if 0.0 < known < math.inf and math.isfinite(value):
        value_told = round(value, min(max(math.ceil(-math.log10(known / 2.0)), 0), 15))
        text = f"{value_told + 0.0:{sign}.{digits}g}"
    else:
        text = f"{value:{sign}.{digits}g}"
    if against is not None and against != value:
        other = f"{against:{sign}.6g}"
        more = digits
        while float(text) == float(other) and more < _ALL_DIGITS:
            more += 1
            text, other = f"{value:{sign}.{more}g}", f"{against:{sign}.{more}g}"
    return f"{text} {unit_in_words(unit)}".rstrip()


def unit_in_words(unit: str) -> str:
    """A unit as people write it: `°C` for `degC` and for the difference `delta_degC`, `m³`."""
    return _UNITS.sub(lambda found: _WRITTEN[found[0]], unit)
