"""Metal etch, 127 wafers: a wafer is judged by wafers before it only.

What is judged is a wafer's features at its end, against those of the normal wafers before it in its campaign. The spreads
and the limit come from normal wafers before it too, of any campaign. A campaign's first wafers are not judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detectors.models.batch import (
    References,
    deviation,
    deviations_from_before,
    feature_floor,
    feature_limit,
    features,
    largest,
)
from detectors.models.multivariate import Numbers
from tests.bench.detection.intervals import shared
from tests.bench.detection.rows import Told, write_rows
from tests.bench.detection.section import Goal, Run, Section

SOURCE = "github.com/ML-PSE/Machine_Learning_for_PSE (Apache-2.0)"

ALPHA = 0.002
"""Of one wafer: the probability of a false alarm that the limit is made for."""

REFERENCES = References(least=5, most=10)
LEAST_SPREADS = 5
LEAST_ROWS = 60
UNITS = {"found": "wafers", "far": "%", "far_unseen_campaign": "%"}


@dataclass(frozen=True, slots=True, eq=False)
class Wafer:
    """One wafer: rows by the machine's variables; `fault` is empty where it is normal."""

    campaign: int
    number: int
    fault: str
    rows: Numbers


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of a wafer: its score in the limit; NaN where it is not judged."""

    wafer: Wafer
    score: float

    @property
    def is_judged(self) -> bool:
        """Whether there was enough before it."""
        return not np.isnan(self.score)

    @property
    def is_out(self) -> bool:
        """Whether it was called faulty."""
        return self.score > 1.0


def measure(run: Run) -> list[Section]:
    """Every wafer, in the order in which they were run."""
    run_order = wafers(run.folder("etch", SOURCE))
    verdicts = etch_verdicts(run_order)
    unseen = [each for each in etch_verdicts(run_order, unseen=True) if each.is_judged and not each.wafer.fault]
    for campaign in sorted({each.wafer.campaign for each in verdicts}):
        own = [each for each in verdicts if each.wafer.campaign == campaign]
        write_rows(_told(own), run.out / "etch" / f"campaign{campaign}.csv")
    return [_section(verdicts, unseen)]


def wafers(folder: Path) -> list[Wafer]:
    """All wafers of the file in the order in which they were run; those too short to judge are left out."""
    found = []
    with np.load(folder / "etch.npz", allow_pickle=False) as data:
        for kind in ("cal", "test"):
            ends = np.cumsum(data[f"{kind}_len"])
            for index, rows in enumerate(np.split(data[f"{kind}_data"], ends[:-1])):
                fault = str(data["fault_name"][index]) if kind == "test" else ""
                campaign, number = int(data[f"{kind}_campaign"][index]), int(data[f"{kind}_wafer"][index])
                found.append(Wafer(campaign, number, fault, rows[:, 2:].astype(np.float64)))
    long_enough = [wafer for wafer in found if len(wafer.rows) >= LEAST_ROWS]
    return sorted(long_enough, key=lambda wafer: (wafer.campaign, wafer.number))


def etch_verdicts(run_order: Sequence[Wafer], *, unseen: bool = False) -> list[Verdict]:
    """Judge wafers in their order; references are the wafers before that are known to be normal.

    `unseen`: spreads and limit come from the other campaigns alone, later ones too, as if a model frozen on them met this
    campaign as its first.
    """
    return [Verdict(wafer, _score(wafer, run_order, at, unseen=unseen)) for at, wafer in enumerate(run_order)]


def _score(wafer: Wafer, run_order: Sequence[Wafer], at: int, *, unseen: bool) -> float:
    before = [each for each in run_order[:at] if not each.fault]
    own = [each for each in before if each.campaign == wafer.campaign]
    others = [each for each in run_order if not each.fault and each.campaign != wafer.campaign]
    fitted = others if unseen else before
    if len(own) < REFERENCES.least or not fitted:
        return np.nan
    resolution = _resolution(each.rows for each in fitted)
    spreads = _spreads(fitted, resolution)
    if len(spreads) < LEAST_SPREADS:
        return np.nan
    scale = np.sqrt(np.square(spreads).mean(axis=0) + feature_floor(resolution) ** 2)
    references = np.stack([_features(each, resolution) for each in own[-REFERENCES.most :]])
    off = deviation(_features(wafer, resolution), references) / scale
    return largest(off) / feature_limit(ALPHA, len(scale), len(spreads))


def _features(wafer: Wafer, resolution: Numbers) -> Numbers:
    return features(wafer.rows, np.isfinite(wafer.rows), resolution)


def _spreads(fitted: Sequence[Wafer], resolution: Numbers) -> list[Numbers]:
    """How far each normal wafer was from those before it in its campaign."""
    campaigns: dict[int, list[Numbers]] = {}
    for each in fitted:
        campaigns.setdefault(each.campaign, []).append(_features(each, resolution))
    return [
        each
        for campaign in campaigns.values()
        for each in deviations_from_before(campaign, REFERENCES, REFERENCES.least)
    ]


def _resolution(rows: Iterable[Numbers]) -> Numbers:
    """The smallest step between values of each variable."""
    steps = [np.diff(np.unique(column)) for column in np.concatenate(list(rows)).T]
    return np.array([each.min() if len(each) else 0.0 for each in steps])


def _told(verdicts: Sequence[Verdict]) -> Told:
    """By the place of a wafer among those of its campaign."""
    score = np.nan_to_num(np.array([each.score for each in verdicts]))
    return Told(0, score, score > 1.0, np.zeros(len(score), dtype=np.bool_))


def _section(verdicts: Sequence[Verdict], unseen: Sequence[Verdict]) -> Section:
    normal = [each for each in verdicts if each.is_judged and not each.wafer.fault]
    faulty = [each for each in verdicts if each.wafer.fault]
    found = sum(each.is_out for each in faulty)
    campaigns = sorted({each.wafer.campaign for each in verdicts})
    return Section(
        "etch",
        "Metal etch",
        f"{len(faulty)} faulty wafers, {len(normal)} normal ones judged of {sum(not each.wafer.fault for each in verdicts)}",
        UNITS,
        {
            "found": shared(found, len(faulty), float(len(faulty))),
            "far": shared(sum(each.is_out for each in normal), len(normal), 100.0),
            "far_unseen_campaign": shared(sum(each.is_out for each in unseen), len(unseen), 100.0),
        },
        {
            "always": {"found": float(len(faulty)), "far": 100.0, "far_unseen_campaign": 100.0},
            "random, 1 of 20": {"found": len(faulty) / 20, "far": 5.0, "far_unseen_campaign": 5.0},
        },
        {
            "found": Goal(at_least=0.95 * len(faulty)),
            "far": Goal(at_most=1.0),
            "far_unseen_campaign": Goal(at_most=5.0),
        },
        {f"campaign {campaign}": _campaign(campaign, normal, faulty, unseen) for campaign in campaigns},
        {"missed": [each.wafer.fault for each in faulty if not each.is_out], "judged": len(normal)},
        (
            f"not found: {', '.join(each.wafer.fault for each in faulty if not each.is_out) or 'none'}",
            f"the first {REFERENCES.least} normal wafers of a campaign are not judged, and {2 * REFERENCES.least} of the very first",
        ),
    )


def _campaign(
    campaign: int, normal: Sequence[Verdict], faulty: Sequence[Verdict], unseen: Sequence[Verdict]
) -> dict[str, float | None]:
    def false(verdicts: Sequence[Verdict]) -> float | None:
        own = [each.is_out for each in verdicts if each.wafer.campaign == campaign]
        return 100 * sum(own) / len(own) if own else None

    return {
        "found": float(sum(each.is_out for each in faulty if each.wafer.campaign == campaign)),
        "far": false(normal),
        "far_unseen_campaign": false(unseen),
    }
