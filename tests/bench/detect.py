"""Row `detect`: samples per CPU-second through every detector on 1,000 tags, against river's detectors fed one by one.

The plant: 50 units of 20 tags at 1 Hz, one of them the phase; each parameter has NOR, validated and proven acceptable
ranges, fixed limits, a rate, stale and frozen rules, and CUSUM and EWMA on windows of a minute. The first
minute settles the context and is not counted. Five tags are outside NOR all the time, and a new excursion begins every ten
seconds: 60 in ten minutes, six times a flood of alarms.

The peer, per tag and one value after the other, as its interface has it: `drift.PageHinkley` for the CUSUM,
`stats.EWMean` and `stats.EWVar` for the EWMA chart, `drift.ADWIN` for a change of the mean, `anomaly.GaussianScorer`
and comparisons for what is outside, `stats.RollingPeakToPeak` over ten seconds for what is too fast and over ten minutes
for what is frozen. It has no phases, durations, rhythm, gaps, late rows or findings.
"""

import statistics
import time

import numpy as np
from river.anomaly import GaussianScorer
from river.drift import ADWIN, PageHinkley
from river.stats import EWMean, EWVar, RollingPeakToPeak

from detectors.bank import Bank
from domain.entries import Position
from domain.equipment import UnitModel
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import DriftRule, Rulebook, TagRules
from domain.samples import SampleBatch
from domain.tags import Tag, TagId

SECOND = 1_000_000_000
T0 = 1_760_000_400 * SECOND
UNITS, PER_UNIT = 50, 20
TAGS = UNITS * PER_UNIT
WARM, MEASURED = 60, 600
PEER_ENTRIES = 60
REPETITIONS = 5


def run() -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make the row."""
    entries = entries_of(UNITS, WARM + MEASURED)
    ours, peer = [], []
    for _ in range(REPETITIONS):
        ours.append(_ours(entries))
        peer.append(peer_of(entries[WARM : WARM + PEER_ENTRIES]))
    figure, other = statistics.median(ours), statistics.median(peer)
    note = (
        f"median of {REPETITIONS}, interleaved; {TAGS} tags, entries of {TAGS} rows, ranges, rate, stale, frozen, "
        f"drift and context; best {max(ours):,.0f}; peer: river PageHinkley + EWMean + EWVar + ADWIN + GaussianScorer + 2 RollingPeakToPeak + comparison, one by one"
    )
    return {
        "detect": {
            "ours": figure,
            "peer": other,
            "ratio": figure / other,
            "unit": "samples per CPU-second",
            "note": note,
        }
    }


def names_of(count: int) -> list[str]:
    """The tags of so many units."""
    return [f"U{unit:02d}.{role}" for unit in range(count) for role in ("STEP", *_roles())]


def _roles() -> list[str]:
    return [f"P{number:02d}" for number in range(PER_UNIT - 1)]


def rulebook_of(count: int) -> Rulebook:
    ranges = {
        RangeKind.NOR: Limits(56.0, 64.0),
        RangeKind.VALIDATED: Limits(53.0, 67.0),
        RangeKind.PAR: Limits(50.0, 70.0),
    }
    parameters = {role: ParameterRanges(role, "degC", "", ranges) for role in _roles()}
    recipe = Recipe("API-1", 7, "CR-1", {"dose": Phase("dose", parameters, Limits(0, 6 * 3600 * SECOND))})
    units = {
        f"U{unit:02d}": UnitModel(
            f"U{unit:02d}",
            {role: f"U{unit:02d}.{role}" for role in _roles()},
            phase_tag=f"U{unit:02d}.STEP",
            phase_map={"20": "dose"},
            settle_ns=5 * SECOND,
        )
        for unit in range(count)
    }
    tags = {
        name: TagRules(
            name, 100.0, 0.0, 600.0, 60 * SECOND, 600 * SECOND, DriftRule(60 * SECOND, target=60.0, sigma=0.22)
        )
        for name in names_of(count)
        if not name.endswith("STEP")
    }
    return Rulebook(recipes={"API-1": recipe}, units=units, tags=tags, hash="bench")


def made_bank(units: int) -> Bank:
    """The plant's detectors."""
    tags = [Tag(TagId(id_), f"{id_}", 1, name, "plant", name, unit="degC") for id_, name in enumerate(names_of(units))]
    return Bank(rulebook_of(units), tags)


def entries_of(units: int, seconds: int) -> list[SampleBatch]:
    """A row per tag and second: AR(1) noise around 60, five tags high, and a spike every ten seconds."""
    random = np.random.default_rng(7)
    count = units * PER_UNIT
    tag = np.arange(count, dtype=np.uint32)
    level = np.zeros(count)
    status = np.zeros(count, np.uint32)
    entries = []
    for second in range(seconds):
        level = 0.9 * level + random.normal(0.0, 0.15, count)
        value = 60.0 + level
        value[1 : 5 * PER_UNIT : PER_UNIT] += 5.5
        value[random.integers(count)] += 5.5 * (second % 10 == 0)
        value[::PER_UNIT] = 20.0
        time_ns = T0 + second * SECOND + random.integers(0, 10_000_000, count)
        entries.append(SampleBatch("plant", T0, tag, time_ns, None, np.round(value, 2), status))
    return entries


def _ours(entries: list[SampleBatch]) -> float:
    bank = made_bank(UNITS)
    for position, entry in enumerate(entries[:WARM], start=1):
        bank.update(Position(position), entry)
    started = time.process_time()
    for position, entry in enumerate(entries[WARM:], start=WARM + 1):
        bank.update(Position(position), entry)
    return MEASURED * TAGS / (time.process_time() - started)


def peer_of(entries: list[SampleBatch]) -> float:
    """Samples per CPU-second of river's detectors of the same kinds, one value after the other."""
    count = len(entries[0])
    cusum = [PageHinkley() for _ in range(count)]
    mean, variance = [EWMean(0.2) for _ in range(count)], [EWVar(0.2) for _ in range(count)]
    adwin = [ADWIN() for _ in range(count)]
    scorer = [GaussianScorer() for _ in range(count)]
    short, long = [RollingPeakToPeak(10) for _ in range(count)], [RollingPeakToPeak(600) for _ in range(count)]
    outside = 0
    rows = [(entry.tag.tolist(), entry.value.tolist()) for entry in entries]
    started = time.process_time()
    for tags, values in rows:
        for tag, value in zip(tags, values, strict=True):
            cusum[tag].update(value)
            mean[tag].update(value)
            variance[tag].update(value)
            adwin[tag].update(value)
            outside += scorer[tag].score_one(None, value) > 0.999 or not 56.0 <= value <= 64.0 or not 0 <= value <= 100
            scorer[tag].learn_one(None, value)
            short[tag].update(value)
            long[tag].update(value)
    return len(entries) * count / (time.process_time() - started)
