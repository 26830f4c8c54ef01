"""Our own plant: what of the faults that somebody could see was found, how soon, and what was told for nothing.

Results of `thermowell bench run --all --direct --out DIR` are read from the folder in BENCH_RESULTS. Without one a
chosen set is run here, the detectors alone; the long form runs every scenario. A quiet campaign is one in which nothing breaks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.bench.detection.intervals import rated, shared
from tests.bench.detection.section import Absent, Figure, Goal, Run, Section

CHOSEN = (
    "cooling-lost-while-dosing",
    "cooling-weak-while-dosing",
    "feed-pump-lost",
    "base-pump-weak",
    "leak-large",
    "hold-forgotten",
    "ph-drifts-slowly",
    "pressure-biased",
    "temperature-spikes",
    "temperature-stuck",
    "thermowell-without-contact",
    "wrong-charge",
    "normal-day",
    "normal-day-with-other-luck",
)
ASKED = ("fault", "validated", "par", "hold")
WEEK_DAYS = 7.0
_LONGEST_S = 3600
_DRAWS, _SEED = 2000, 5

Scored = Mapping[str, object]
Label = Mapping[str, object]


def measure(run: Run) -> list[Section]:
    """Read the results, or make them; a folder without any is refused."""
    told = os.environ.get("BENCH_RESULTS")
    folder = Path(told) if told else _results(run)
    scores = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("**/score.json"))]
    if not scores:
        raise Absent(f"no score.json in {folder}; make it with `thermowell bench run --all --direct --out {folder}`")
    return [section(scores)]


def _results(run: Run) -> Path:
    folder = run.out / "bench"
    which = ["--all"] if run.whole else list(CHOSEN)
    command = [sys.executable, "-m", "service.cli", "bench", "run", *which, "--direct", "--out", str(folder)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=_LONGEST_S, check=False)
    if done.returncode not in (0, 1):  # 1: something did not hold, which is what is measured here
        raise Absent(f"the bench did not run (exit code {done.returncode})")
    return folder


def section(scores: Sequence[Scored]) -> Section:
    """The score of many runs, together."""
    labels = [each for score in scores for each in _labels(score) if each["group"] in ASKED]
    found = [each for each in labels if each["finding"] is not None]
    quiet = [score for score in scores if not _has_faults(score)]
    false, unit_days = _false(quiet), _unit_days(quiet)
    delays = [_number(each["delay_from_visible_s"]) / 60 for each in found if each["group"] == "fault"]
    leads = [lead for score in scores for lead in _leads_min(_labels(score))]
    always = {"found": 100.0, "false_per_unit_week": _always(unit_days)}
    return Section(
        "bench",
        "Our own plant, the detectors alone",
        f"{len(scores)} runs, {len(labels)} labels that could be seen, {unit_days / WEEK_DAYS:.1f} quiet unit-weeks",
        {"found": "%", "delay_min": "min, median", "lead_min": "min, median", "false_per_unit_week": "1"},
        {
            "found": shared(len(found), len(labels), 100.0),
            "delay_min": _median(delays),
            "lead_min": _median(leads),
            "false_per_unit_week": rated(false, unit_days / WEEK_DAYS),
        },
        {"never": {"found": 0.0, "false_per_unit_week": 0.0}, "always (an alarm a minute)": always},
        {"found": Goal(at_least=100.0), "false_per_unit_week": Goal(at_most=1.0)},
        {group: _of_group(labels, group) for group in ASKED},
        {"missed": [_described(score, each) for score in scores for each in _labels(score) if _is_miss(each)]},
        (
            "delay: from when a perfect observer could have seen the fault; below 0: told before",
            "lead: from the first finding of a fault to the first time its unit leaves a validated range or PAR",
            "a rate of at most 1 is proven by 3 quiet unit-weeks without a false alarm, 5 with one",
            *(f"missed: {_described(score, each)}" for score in scores for each in _labels(score) if _is_miss(each)),
        ),
    )


def _labels(score: Scored) -> list[Label]:
    labels = score["labels"]
    assert isinstance(labels, list)
    return labels


def _has_faults(score: Scored) -> bool:
    hidden = score["hidden"]
    assert isinstance(hidden, list)
    return any(each["kind"] == "fault" for each in [*_labels(score), *hidden])


def _is_miss(label: Label) -> bool:
    return label["group"] in ASKED and label["finding"] is None


def _described(score: Scored, label: Label) -> str:
    return f"{score['scenario']} (seed {score['seed']}): {label['what']} on {label['subject']}"


def _of_group(labels: Iterable[Label], group: str) -> dict[str, float | None]:
    own = [each for each in labels if each["group"] == group]
    return {"found": shared(sum(each["finding"] is not None for each in own), len(own), 100.0).value}


def _false(scores: Iterable[Scored]) -> int:
    return sum(int(_number(_rate(score)["count"])) for score in scores)


def _unit_days(scores: Iterable[Scored]) -> float:
    return sum(_number(_rate(score)["exposure"]) for score in scores)


def _rate(score: Scored) -> Mapping[str, object]:
    rate = score["false_alarms_per_unit_day"]
    assert isinstance(rate, dict)
    return rate


def _always(unit_days: float) -> float | None:
    return WEEK_DAYS * 24 * 60 if unit_days else None


def _leads_min(labels: Sequence[Label]) -> list[float]:
    """Of each fault that was found and led out of a validated range: how long before that it was told."""
    leads = []
    for fault in labels:
        if fault["group"] != "fault" or fault["finding"] is None:
            continue
        after = [
            _ns(each) - _ns(fault)
            for each in labels
            if each["group"] in ("validated", "par") and each["unit"] == fault["unit"] and _ns(each) >= _ns(fault)
        ]
        if after:
            leads.append((min(after) / 1e9 - _number(fault["delay_from_onset_s"])) / 60)
    return leads


def _ns(label: Label) -> int:
    return int(np.datetime64(str(label["onset"]).removesuffix("Z"), "ns").astype(np.int64))


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _median(values: Sequence[float]) -> Figure:
    """The median, with the bootstrap's interval."""
    if not values:
        return Figure(None)
    drawn = np.random.default_rng(_SEED).choice(values, (_DRAWS, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    return Figure(float(np.median(values)), float(low), float(high))
