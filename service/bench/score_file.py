"""`score.json`: the score of a run for programs; times as ISO 8601, durations in seconds."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from domain.time import format_time
from service.bench.findings import Told, as_row
from service.bench.scoring import Miss, Result, Score
from simulators.truth.labels import Label

Json = dict[str, object]


def write_score(score: Score, file: Path, more: Mapping[str, object] | None = None) -> None:
    """Write `score.json`; `more` stands beside the score: scenario, seed, versions."""
    told = json.dumps({**(more or {}), **as_json(score)}, indent=1, ensure_ascii=False)
    file.write_text(told + "\n", encoding="utf-8")


def as_json(score: Score) -> Json:
    """The score as plain values."""
    return {
        "found": {group: {**asdict(share), "value": share.value} for group, share in score.found.items()},
        "annunciated": {group: {**asdict(share), "value": share.value} for group, share in score.annunciated.items()},
        "delay_from_onset": {group: asdict(delays) for group, delays in score.from_onset.items()},
        "delay_from_visible": {group: asdict(delays) for group, delays in score.from_visible.items()},
        "false_alarms_per_batch": asdict(score.false_per_batch),
        "false_alarms_per_unit_day": asdict(score.false_per_unit_day),
        "findings": score.findings,
        "lost": score.lost,
        "doubled": score.doubled,
        "misses": [_miss(each) for each in score.misses],
        "false_alarms": [as_row(each) for each in score.false_alarms],
        "hidden": [_label(each) for each in score.hidden],
        "labels": [_result(each) for each in score.results],
    }


def _label(label: Label) -> Json:
    return {
        "kind": label.kind.value,
        "id": label.id,
        "what": label.what,
        "subject": label.subject,
        "unit": label.unit,
        "batch": label.batch,
        "phase": label.phase,
        "onset": format_time(label.onset_ns),
        "visible": None if label.visible_ns is None else format_time(label.visible_ns),
        "end": None if label.end_ns is None else format_time(label.end_ns),
        "seen_on": list(label.seen_on),
    }


def _miss(miss: Miss) -> Json:
    return {"group": miss.group, **_label(miss.label), "why": miss.why}


def _finding(told: Told | None) -> str | None:
    return None if told is None else told.id


def _result(result: Result) -> Json:
    return {
        "group": result.group,
        **_label(result.label),
        "finding": _finding(result.finding),
        "alarm": _finding(result.alarm),
        "delay_from_onset_s": result.delay_from_onset_s,
        "delay_from_visible_s": result.delay_from_visible_s,
    }
