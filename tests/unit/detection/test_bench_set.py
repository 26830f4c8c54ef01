import json
from pathlib import Path

import pytest

from tests.bench.detection import bench
from tests.bench.detection.section import Absent, Run


def label(
    group: str, onset: str, *, found: bool = True, delay_s: float | None = 60.0, unit: str = "R101"
) -> dict[str, object]:
    return {
        "group": group,
        "kind": "fault" if group == "fault" else "outside",
        "what": "cooling_lost",
        "subject": unit,
        "unit": unit,
        "onset": onset,
        "finding": "a" if found else None,
        "delay_from_onset_s": delay_s if found else None,
        "delay_from_visible_s": delay_s if found else None,
    }


def scored(
    *labels: dict[str, object], hidden: tuple[object, ...] = (), false: int = 0, unit_days: float = 7.0
) -> dict[str, object]:
    return {
        "scenario": "some",
        "seed": 1,
        "labels": list(labels),
        "hidden": list(hidden),
        "false_alarms_per_unit_day": {"count": false, "exposure": unit_days},
    }


def test_every_visible_label_counts_and_each_miss_is_named() -> None:
    found = label("fault", "2026-03-02T05:00:00Z")
    missed = label("validated", "2026-03-02T05:10:00Z", found=False)
    of_nor = label("nor", "2026-03-02T05:10:00Z", found=False)

    section = bench.section([scored(found, missed, of_nor)])

    assert section.figures["found"].value == 50
    assert section.more["missed"] == ["some (seed 1): cooling_lost on R101"]


def test_delay_is_from_when_it_could_be_seen() -> None:
    section = bench.section([scored(label("fault", "2026-03-02T05:00:00Z", delay_s=120.0))])

    assert section.figures["delay_min"].value == 2


def test_lead_is_from_the_finding_to_the_first_excursion_of_that_unit() -> None:
    fault = label("fault", "2026-03-02T05:00:00Z", delay_s=60.0)
    elsewhere = label("validated", "2026-03-02T05:02:00Z", unit="R102")
    later, first = label("par", "2026-03-02T05:30:00Z"), label("validated", "2026-03-02T05:21:00Z")

    section = bench.section([scored(fault, elsewhere, later, first)])

    assert section.figures["lead_min"].value == pytest.approx(20)


def test_only_quiet_campaigns_tell_the_rate_of_false_alarms() -> None:
    quiet, broken = scored(false=1, unit_days=14.0), scored(label("fault", "2026-03-02T05:00:00Z"), false=9)
    hidden = scored(hidden=({"kind": "fault"},), false=9)

    section = bench.section([quiet, broken, hidden])

    rate = section.figures["false_per_unit_week"]
    assert rate.value == pytest.approx(0.5)
    assert rate.high == pytest.approx(4.7439 / 2, abs=1e-3)  # Poisson, one event


def test_results_are_read_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all" / "some").mkdir(parents=True)
    (tmp_path / "all" / "some" / "score.json").write_text(json.dumps(scored(label("hold", "2026-03-02T05:00:00Z"))))
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "all"))

    (section,) = bench.measure(Run(None, tmp_path))

    assert section.figures["found"].value == 100


def test_a_folder_without_results_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))

    with pytest.raises(Absent, match="no score"):
        bench.measure(Run(None, tmp_path))
