"""A small plant for the detectors' tests: R101 with its recipe, and a journal that feeds a detector row by row."""

from collections.abc import Iterable, Sequence

import numpy as np

from detectors.bank import Bank
from domain.entries import Entry, Heartbeat, Position, TextBatch
from domain.equipment import UnitModel
from domain.findings import Finding, PhaseRecord, Recheck, Stage
from domain.health import TagHealth
from domain.holds import Hold, HoldKind
from domain.ports import Detector
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import AlarmRule, DriftRule, Priority, Rulebook, TagRules
from domain.samples import SampleBatch
from domain.status import BAD
from domain.tags import Tag, TagId

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_760_000_400 * SECOND

NAMES = ("R101.TT", "R101.PT", "R101.STEP", "R101.BATCH", "T201.IN", "T201.OUT", "T7.LT")
TAGS = tuple(
    Tag(TagId(id_), f"uuid-{id_}", 1, name, "train1", f"s={name}", unit=unit)
    for id_, (name, unit) in enumerate(zip(NAMES, ("degC", "bar", "", "", "", "", "m3"), strict=True))
)
ID = {name: id_ for id_, name in enumerate(NAMES)}
TT, PT, STEP, BATCH, IN, OUT, LT = (ID[name] for name in NAMES)


def ranges(nor: tuple[float, float], validated: tuple[float, float], after_ns: int = 0) -> ParameterRanges:
    return ParameterRanges(
        "TT", "degC", "", {RangeKind.NOR: Limits(*nor), RangeKind.VALIDATED: Limits(*validated)}, after_ns, "VR-12"
    )


RECIPE = Recipe(
    "API-1",
    7,
    "CR-1234",
    {
        "charge": Phase("charge", {"TT": ranges((18.0, 25.0), (15.0, 30.0))}),
        "dose": Phase(
            "dose",
            {
                "TT": ranges((58.0, 62.0), (55.0, 65.0)),
                "PT": ParameterRanges("PT", "bar", "gauge", {RangeKind.NOR: Limits(None, 0.5)}),
            },
            Limits(4 * HOUR, 6 * HOUR),
            "VR-13",
        ),
        "cool": Phase("cool", {"TT": ranges((18.0, 22.0), (15.0, 25.0), after_ns=10 * MINUTE)}),
    },
)
R101 = UnitModel(
    "R101",
    {"TT": "R101.TT", "PT": "R101.PT"},
    batch_tag="R101.BATCH",
    phase_tag="R101.STEP",
    phase_map={"10": "charge", "20": "dose", "30": "cool", "90": "clean"},
    settle_ns=5 * SECOND,
)
T201 = UnitModel("T201", {}, transfer_in_tag="T201.IN", transfer_out_tag="T201.OUT")
HOLDS = {
    "crude": Hold(
        "crude",
        HoldKind.INTERMEDIATE,
        "T201",
        "first_transfer_in",
        "last_transfer_out",
        72 * HOUR,
        (8 * HOUR, 2 * HOUR),
        "HT-31",
    ),
    "R101_dirty": Hold("R101_dirty", HoldKind.DIRTY, "R101", "last_use_end", "cleaning_start", 48 * HOUR, (6 * HOUR,)),
}
EVERYTHING = TagHealth(stale=True, frozen=True, noise=True, spike=True, jump=True, sensor_range=True)
RULES = {
    "R101.TT": TagRules(
        "R101.TT",
        fixed_high=140.0,
        drift=DriftRule(MINUTE, learn=12),
        alarms=(AlarmRule("high", "excursion.nor.high", Priority.HIGH, deadband=0.5),),
    ),
    "R101.PT": TagRules("R101.PT", rate_per_min=0.5, health=EVERYTHING),
    "T7.LT": TagRules("T7.LT", fixed_high=9.0, fixed_low=1.0, stale_after_ns=MINUTE, frozen_after_ns=MINUTE),
}


def rulebook(**changed: object) -> Rulebook:
    made: dict[str, object] = {
        "recipes": {"API-1": RECIPE},
        "units": {"R101": R101, "T201": T201},
        "holds": HOLDS,
        "tags": RULES,
        "hash": "0123456789abcdef",
    }
    return Rulebook(**{**made, **changed})  # type: ignore[arg-type]  # a test names what it changes


def batch(
    rows: Sequence[tuple[int, float, float]] | Sequence[tuple[int, float, float, int]], source: str = "train1"
) -> SampleBatch:
    """Rows as (tag, seconds after T0, value[, status])."""
    return SampleBatch(
        source,
        T0,
        np.array([row[0] for row in rows], np.uint32),
        np.array([at(row[1]) for row in rows], np.int64),
        None,
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] if len(row) > 3 else 0 for row in rows], np.uint32),
    )


def texts(rows: Sequence[tuple[int, float, str | None]], source: str = "train1") -> TextBatch:
    return TextBatch(
        source,
        T0,
        tuple(row[0] for row in rows),
        tuple(at(row[1]) for row in rows),
        None,
        tuple(row[2] for row in rows),
        tuple(0 for _ in rows),
    )


def at(seconds: float) -> int:
    """Seconds after T0 as ns."""
    return T0 + round(seconds * SECOND)


class Plant:
    """Feeds a detector, and keeps what it says."""

    def __init__(self, rules: Rulebook | None = None, detector: Detector | None = None) -> None:
        self.rules = rulebook() if rules is None else rules
        self.detector = Bank(self.rules, TAGS) if detector is None else detector
        self.position = 0
        self.said: list[Finding | Recheck | PhaseRecord] = []

    def feed(self, *entries: Entry) -> list[Finding | Recheck | PhaseRecord]:
        """Feed entries; return what is said about them."""
        before = len(self.said)
        for entry in entries:
            self.position += 1
            self.said += self.detector.update(Position(self.position), entry)
        return self.said[before:]

    def samples(self, *rows: tuple[int, float, float]) -> list[Finding]:
        """Feed rows of (tag, seconds, value), each as an entry of its own; return the findings."""
        return findings(self.feed(*(batch([row]) for row in rows)))

    def series(self, tag: int, start: float, step: float, values: Iterable[float]) -> list[Finding]:
        return self.samples(*((tag, start + number * step, value) for number, value in enumerate(values)))

    def beat(self, seconds: float, *, connected: bool = True, skew_ns: int | None = None) -> list[Finding]:
        return findings(self.feed(Heartbeat("train1", at(seconds), connected, skew_ns=skew_ns)))

    def in_phase(self, step: int = 20, name: str = "B-17", seconds: float = 0.0) -> "Plant":
        """Bring R101 into a phase of a batch at a time; it is settled six seconds later."""
        self.feed(texts([(BATCH, seconds, name)]), batch([(STEP, seconds, step)]), batch([(PT, seconds + 6, 0.1)]))
        return self

    def idle(self, seconds: float = -10.0) -> "Plant":
        """Show R101 idle, so that the start of the phase that follows is seen."""
        self.feed(batch([(STEP, seconds, 0)]))
        return self

    def restarted(self) -> "Plant":
        """The same plant with a new detector that took over its state."""
        detector = Bank(self.rules, TAGS)
        detector.restore(self.detector.snapshot())
        other = Plant(self.rules, detector)
        other.position = self.position
        return other


def findings(said: Iterable[object]) -> list[Finding]:
    return [each for each in said if isinstance(each, Finding)]


def of_rule(said: Iterable[object], rule: str) -> list[Finding]:
    return [each for each in findings(said) if each.rule == rule]


def stages(said: Iterable[object], rule: str) -> list[Stage]:
    return [each.stage for each in of_rule(said, rule)]


__all__ = ["BAD", "BATCH", "HOUR", "IN", "LT", "MINUTE", "OUT", "PT", "SECOND", "STEP", "T0", "TAGS", "TT", "Plant"]
