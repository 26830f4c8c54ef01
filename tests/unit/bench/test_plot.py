import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import DamagedFile, Refused
from domain.time import MINUTE_NS
from service.bench.findings import write_findings
from service.bench.outputs import FINDINGS_JSON
from service.bench.plot import draw
from simulators.truth.files import write_truth
from simulators.truth.truth import PhaseSpan, RangeRow, Truth, Values
from tests.unit.bench.told import HEADER, fault, minute, outside, told

PHASES = (
    PhaseSpan("R101", "b-1", "dose", 0, minute(60)),
    PhaseSpan("R101", "b-1", "react", minute(60), minute(120)),
    PhaseSpan("R101", "", "idle", minute(120), minute(150)),
    PhaseSpan("R102", "b-2", "dose", minute(10), None),
)
RANGES = (RangeRow("dose", "TT", "validated", None, 65.0), RangeRow("dose", "TT", "nor", 58.0, 62.0, 300))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder: two batches, one of them with a fault."""
    minutes = np.arange(0, 150)
    labels = (
        replace(fault("cooling_lost", "R101", 20, 40, 25), batch="b-1", phase="dose", seen_on=("R101.AT",)),
        replace(outside("validated.high", "R101.TT", 30, 45), batch="b-1", phase="dose"),
    )
    truth = Truth(
        replace(HEADER, lasts_s=150 * 60, phases=PHASES, ranges=RANGES),
        labels,
        ("R101.TT", "R101.AT"),
        Values(
            np.repeat(minutes * MINUTE_NS, 2),
            np.tile(np.array([0, 1], np.int32), len(minutes)),
            np.column_stack((60.0 + minutes / 20, 7.5 + minutes * 0.0)).ravel(),
        ),
    )
    folder = tmp_path / "run"
    folder.mkdir()
    write_truth(truth, folder)
    write_findings(
        [told("excursion.validated.high", "R101.TT", 32, end=46), told("source.skew", "opcua", 50, alarm=False)],
        folder / FINDINGS_JSON,
    )
    return folder


def texts(run: Path, tmp_path: Path, **chosen: object) -> str:
    """The picture as SVG, whose texts are texts."""
    file = tmp_path / "picture.svg"
    draw(run, file, **chosen)  # type: ignore[arg-type]
    return file.read_text(encoding="utf-8")


def test_a_picture_shows_the_batch_with_the_fault_its_truth_and_what_was_told(run: Path, tmp_path: Path) -> None:
    svg = texts(run, tmp_path)

    for text in (
        "R101, batch b-1",
        ">dose<",
        ">react<",
        "R101.TT",
        "R101.AT",
        "cooling_lost · R101",
        "validated.high · TT",
        "excursion.validated.high · TT",
        "source.skew · opcua",
    ):
        assert text in svg


def test_unit_batch_and_tags_may_be_chosen(run: Path, tmp_path: Path) -> None:
    assert "R102, batch b-2" in texts(run, tmp_path, unit="R102")
    assert "R102, batch b-2" in texts(run, tmp_path, batch="b-2")
    assert "R101.AT" not in texts(run, tmp_path, tags=["R101.TT"])


def test_the_same_run_gives_the_same_picture(run: Path, tmp_path: Path) -> None:
    assert texts(run, tmp_path) == texts(run, tmp_path)


def test_a_png_is_a_png(run: Path, tmp_path: Path) -> None:
    draw(run, tmp_path / "picture.PNG")

    assert (tmp_path / "picture.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_findings_is_drawn(run: Path, tmp_path: Path) -> None:
    (run / FINDINGS_JSON).unlink()

    assert "told: nothing" in texts(run, tmp_path)


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"unit": "R109"}, "there is no batch on unit R109"),
        ({"batch": "b-9"}, r"there is no batch b-9 on unit \(any\)"),
        ({"tags": ["R101.XX"]}, "there is no measured tag R101.XX"),
    ],
)
def test_what_is_not_there_is_named(run: Path, tmp_path: Path, chosen: dict[str, object], complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        texts(run, tmp_path, **chosen)


def test_another_ending_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"picture\.pdf: a picture ends in \.png or \.svg"):
        draw(run, tmp_path / "picture.pdf")


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="there is no such file"):
        draw(tmp_path, tmp_path / "picture.png")


def test_without_matplotlib_it_says_how_to_get_it(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(Refused, match=r"pip install 'thermowell\[bench\]'"):
        draw(run, tmp_path / "picture.png")
