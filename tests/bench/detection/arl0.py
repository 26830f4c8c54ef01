"""ARL₀: windows between false alarms of the drift charts, as the real bank runs them on quiet tags that remember.

Each tag is an AR(1) of unit variance, one value per window; its baseline is learnt from the first windows of the phase
and frozen then, thresholds come from the stated run length. What is counted is the share of charts that alarm within
a fifth of that run length, which for a constant rate is 1 - exp(-1/5): a longer look would weigh the charts with a
good baseline more than those with a bad one.
"""

import math
import re

import numpy as np

from detectors.bank import Bank
from domain.entries import Heartbeat, Position
from domain.equipment import UnitModel
from domain.findings import Finding
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import DriftRule, Rulebook, TagRules
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from service.bench.bounds import share
from tests.bench.detection.section import Figure, Goal, Run, Section

STATED = 1000.0
LEARN, HORIZON = 100, 200  # windows
PHIS = (0.0, 0.5, 0.9)
CHARTS = ("drift.cusum", "drift.ewma")
UNITS, PER_UNIT, WHOLE_TIMES = 12, 50, 4
SEED = 9
WINDOW_NS = 60_000_000_000
T0_NS = 1_772_427_600_000_000_000
SOURCE = "train"
_EDGE = 10.0  # of NOR, in standard deviations: nothing reaches it, and it asks for no sigma above the tag's own
_LONGEST_LEARNING = 4  # times LEARN: a tag that remembers long needs more windows


def measure(run: Run) -> list[Section]:
    """Every autocorrelation; the long form has more tags."""
    units = UNITS * (WHOLE_TIMES if run.whole else 1)
    found = {phi: signals(phi, units) for phi in PHIS}
    return [section(found)]


def section(found: dict[float, dict[str, tuple[int, int]]]) -> Section:
    """The ratio of measured to stated run length of each chart; `found`: (charts that alarmed, charts) by chart."""
    figures = {
        f"{chart.partition('.')[2]}_phi_{phi:g}": _ratio(*own[chart]) for phi, own in found.items() for chart in CHARTS
    }
    tags = max(trials for own in found.values() for _, trials in own.values())
    return Section(
        "arl0",
        "Run length of the drift charts between false alarms, over the stated one",
        f"{tags} tags at each autocorrelation, stated {STATED:g} windows, learnt from {LEARN} or more, watched for {HORIZON}",
        dict.fromkeys(figures, "ratio"),
        figures,
        {"never": dict.fromkeys(figures)},
        dict.fromkeys(figures, Goal(at_least=0.5, at_most=2.0)),
        notes=("below 1: more false alarms than stated; phi: autocorrelation from window to window",),
    )


def _ratio(hits: int, trials: int) -> Figure:
    """From the share that alarmed within HORIZON, at a constant rate; with Clopper and Pearson's bounds."""
    proven = share(hits, trials)
    if not trials or not hits:
        return Figure(None)

    def ratio(of: float) -> float:
        return -HORIZON / STATED / math.log1p(-of) if 0.0 < of < 1.0 else math.inf if of == 0.0 else 0.0

    return Figure(ratio(hits / trials), ratio(proven.at_most), ratio(proven.at_least))


def signals(phi: float, units: int) -> dict[str, tuple[int, int]]:
    """How many charts alarm within HORIZON windows of the end of their learning, of how many that learnt enough."""
    tags = units * PER_UNIT
    bank = Bank(_rulebook(units), _tags(units))
    random = np.random.default_rng([SEED, round(100 * phi)])
    value = random.standard_normal(tags)
    number = np.concatenate([np.arange(tags), tags + np.arange(units)]).astype(np.uint32)
    status = np.zeros(len(number), np.uint32)
    learnt = np.full(tags, -1)
    first = {chart: np.full(tags, -1) for chart in CHARTS}
    for window in range(LEARN * _LONGEST_LEARNING + HORIZON):
        at_ns = T0_NS + window * WINDOW_NS + WINDOW_NS // 2
        rows = np.concatenate([value, np.full(units, 20.0)])
        batch = SampleBatch(SOURCE, at_ns, number, np.full(len(number), at_ns), None, rows, status)
        beat = Heartbeat(SOURCE, at_ns, connected=True, heard_ns=at_ns, skew_ns=0)
        for entry in (batch, beat):
            for told in bank.update(Position(2 * window + 1 + (entry is beat)), entry):
                if isinstance(told, Finding) and told.rule in first:
                    tag = int(told.subject[1:])
                    first[told.rule][tag] = window if first[told.rule][tag] < 0 else first[told.rule][tag]
                    learnt[tag] = _learnt_from(told) if learnt[tag] < 0 else learnt[tag]
        value = phi * value + math.sqrt(1.0 - phi * phi) * random.standard_normal(tags)
    begins = np.where(learnt >= 0, learnt, LEARN)
    return {chart: (int(((at >= 0) & (at - begins <= HORIZON)).sum()), tags) for chart, at in first.items()}


def _learnt_from(finding: Finding) -> int:
    """After how many windows of the phase the chart began."""
    told = re.search(r"\d+", str(finding.evidence.get("learnt", "")))
    return int(told.group()) if told else LEARN


def _rulebook(units: int) -> Rulebook:
    roles = [f"P{place}" for place in range(PER_UNIT)]
    wide = {RangeKind.NOR: Limits(-_EDGE, _EDGE)}
    parameters = {role: ParameterRanges(role, "", "", wide) for role in roles}
    recipe = Recipe("API-1", 1, "CR-1", {"dose": Phase("dose", parameters)})
    models = {
        f"U{unit}": UnitModel(
            f"U{unit}",
            {role: f"T{unit * PER_UNIT + place}" for place, role in enumerate(roles)},
            phase_tag=f"STEP{unit}",
            phase_map={"20": "dose"},
        )
        for unit in range(units)
    }
    rule = DriftRule(WINDOW_NS, arl0=STATED, k=(0.5,), learn=LEARN)
    tags = {f"T{number}": TagRules(f"T{number}", drift=rule) for number in range(units * PER_UNIT)}
    return Rulebook({"API-1": recipe}, models, {}, tags=tags, hash="arl0")


def _tags(units: int) -> list[Tag]:
    names = [f"T{number}" for number in range(units * PER_UNIT)] + [f"STEP{unit}" for unit in range(units)]
    return [Tag(TagId(number), name, 1, name, SOURCE, f"s={name}") for number, name in enumerate(names)]
