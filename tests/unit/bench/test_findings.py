import json
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import DamagedFile
from service.bench.findings import Told, read_findings, write_findings

ROW: dict[str, object] = {
    "id": "1",
    "rule": "excursion.high",
    "subject": "R101.TT",
    "detected": "2026-03-02T05:46:20Z",
}
DETECTED_NS = 1_772_430_380 * 10**9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "findings.json"


def test_findings_are_read_as_they_were_written(file: Path) -> None:
    told = (
        Told(
            "1",
            "bad",
            "R101.TT",
            DETECTED_NS + 1,
            "R101",
            DETECTED_NS,
            DETECTED_NS + 9,
            "It is bad: 20 °C.",
            alarm=False,
        ),
        Told("2", "stale", "R102.TT", DETECTED_NS, onset_ns=DETECTED_NS),
    )
    write_findings(told, file)

    assert read_findings(file) == told


def test_an_onset_that_nobody_told_is_written_as_the_detection(file: Path) -> None:
    write_findings([Told("1", "bad", "R101.TT", DETECTED_NS)], file)

    assert read_findings(file)[0].onset_ns == DETECTED_NS


def test_what_may_be_left_out_may_be_left_out(file: Path) -> None:
    file.write_text(json.dumps([ROW]))

    assert read_findings(file) == (Told("1", "excursion.high", "R101.TT", DETECTED_NS),)


@pytest.mark.parametrize(
    "time",
    ["2026-03-02T05:46:20", "2026-03-02T06:46:20+01:00", DETECTED_NS, str(DETECTED_NS), "2026-03-02 05:46:20.0Z"],
)
def test_times_are_iso_or_nanoseconds(file: Path, time: object) -> None:
    file.write_text(json.dumps([ROW | {"detected": time}]))

    assert read_findings(file)[0].detected_ns == DETECTED_NS


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"findings": []}, r"findings\.json: findings are a list, this is dict"),
        (["loud"], r"findings\.json: finding 1: a finding is an object, this is str"),
        ([ROW, ROW], "two findings have the id '1'"),
        ([ROW, ROW | {"id": "2", "colour": "red"}], "finding 2: there is no field 'colour'"),
        ([ROW | {"detected": None}], "finding 1: detected is missing"),
        ([ROW | {"detected": "noon"}], r"finding 1 \('1'\): detected: 'noon' is neither ISO 8601"),
        ([ROW | {"end": True}], r"finding 1 \('1'\): end is True, not a text"),
        ([ROW | {"rule": 7}], r"finding 1 \('1'\): rule is 7, not a text"),
        ([ROW | {"alarm": "yes"}], r"finding 1 \('1'\): alarm is 'yes', neither true nor false"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(file: Path, rows: object, complaint: str) -> None:
    file.write_text(json.dumps(rows))

    with pytest.raises(DamagedFile, match=complaint):
        read_findings(file)


@pytest.mark.parametrize("content", [b"[{", b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_named(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(DamagedFile, match=r"findings\.json: these are no findings that can be read"):
        read_findings(file)


def test_two_told_things_of_one_system_keep_their_order(file: Path) -> None:
    first = Told("a", "bad", "R101.TT", DETECTED_NS, onset_ns=DETECTED_NS)
    write_findings([replace(first, id="b"), first], file)

    assert [each.id for each in read_findings(file)] == ["b", "a"]
