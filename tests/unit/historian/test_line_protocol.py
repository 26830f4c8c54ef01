"""Lines as InfluxDB reads them, held against a reader written from the documented grammar (`tests.line_grammar`)."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client import Point

from domain import status
from domain.errors import UnknownTag
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from historian.line_protocol import LineProtocol, Lines, TextRow, Versions, joined, stored_name
from tests.line_grammar import ReadPoint, Unsigned, lines_of, parse_line

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
every_bit = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])


def tag(id_: int, name: str, kind: str = "number") -> Tag:
    return Tag(TagId(id_), f"uuid-{id_}", 1, name, "train1", f"nsu=urn:x;s={name}", kind=kind)


def batch(
    values: list[float],
    *,
    tags: list[int] | None = None,
    times: list[int] | None = None,
    statuses: list[int] | None = None,
) -> SampleBatch:
    count = len(values)
    return SampleBatch(
        "train1",
        1,
        np.array(tags or [0] * count, np.uint32),
        np.array(times or range(1, count + 1), np.int64),
        None,
        np.array(values, np.float64),
        np.array(statuses or [0] * count, np.uint32),
    )


def read(lines: Lines) -> list[ReadPoint]:
    """Read back, and hold the ends of the lines against the newlines that the grammar sees."""
    found = lines_of(lines.text())
    assert [lines.part(row, row + 1).text() for row in range(len(lines))] == [f"{line}\n" for line in found]
    return [parse_line(line) for line in found]


def test_a_row_is_a_line_with_site_tag_and_unit():
    protocol = LineProtocol("site", [tag(0, "R101.TT"), tag(1, "T7.LT")], {"R101.TT": "R101"})

    lines = protocol.render(batch([61.25, 3.0], tags=[0, 1], times=[1_700_000_000_123_456_789, 5])).text()

    assert lines == (
        "site,tag=R101.TT,unit=R101 value=61.25,status=0i 1700000000123456789\nsite,tag=T7.LT value=3.0,status=0i 5\n"
    )


@given(st.lists(every_bit.filter(math.isfinite), min_size=1, max_size=50))
def test_every_double_reads_back_to_its_bits(values: list[float]):
    points = read(LineProtocol("site", [tag(0, "A")], {}).render(batch(values)))

    assert np.array([point.fields["value"] for point in points]).tobytes() == np.array(values).tobytes()


@given(every_bit.filter(math.isfinite))
def test_no_shorter_text_of_a_double_exists_than_the_one_that_is_written(value: float):
    text = LineProtocol("site", [tag(0, "A")], {}).render(batch([value])).text()

    written = text.split("value=")[1].split(",")[0]
    digits = written.lower().split("e")[0].replace("-", "").replace(".", "").strip("0")
    assert len(digits) == len(repr(value).lower().split("e")[0].replace("-", "").replace(".", "").strip("0"))


@given(st.lists(st.integers(-(2**63) + 2, 2**63 - 2), min_size=1, max_size=20))
def test_every_time_that_influxdb_can_hold_is_exact(times: list[int]):
    points = read(LineProtocol("site", [tag(0, "A")], {}).render(batch([1.0] * len(times), times=times)))

    assert [point.time_ns for point in points] == times


def test_times_that_influxdb_cannot_hold_are_left_out():
    times = [-(2**63), -(2**63) + 1, 2**63 - 1, 7]

    assert len(LineProtocol("site", [tag(0, "A")], {}).render(batch([1.0] * 4, times=times))) == 1


def test_a_row_without_a_value_has_its_status_alone():
    rows = batch(
        [float("nan"), float("inf"), 2.0], statuses=[status.BAD_NO_DATA, status.BAD, status.BAD], times=[1, 2, 3]
    )

    points = read(LineProtocol("site", [tag(0, "A")], {}).render(rows))

    assert {point.time_ns: point.fields for point in points} == {
        1: {"status": status.BAD_NO_DATA},
        2: {"status": status.BAD},
        3: {"value": 2.0, "status": status.BAD},
    }


def test_a_boolean_tag_has_a_field_of_its_own_type():
    protocol = LineProtocol("site", [tag(0, "A", "boolean"), tag(1, "B")], {})

    points = read(protocol.render(batch([0.0, 1.0, 1.0, 0.5], tags=[0, 0, 1, 0], times=[1, 2, 3, 4])))

    assert {point.time_ns: point.fields for point in points} == {
        1: {"boolean": False, "status": 0},
        2: {"boolean": True, "status": 0},
        3: {"value": 1.0, "status": 0},
        4: {"value": 0.5, "status": 0},  # what is no boolean is told as it is
    }


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        ("number", str(2**53 + 1), {"integer": 2**53 + 1}),
        ("number", str(-(2**63)), {"integer": -(2**63)}),
        ("number", str(2**64 - 1), {"unsigned": Unsigned(2**64 - 1)}),
        ("number", str(2**64), {"text": str(2**64)}),
        ("number", '{"a":1}', {"text": '{"a":1}'}),
        ("text", "12", {"text": "12"}),
        ("text", "", {"text": ""}),
        ("text", None, {}),
    ],
)
def test_what_is_no_double_has_a_field_of_its_own_type(kind: str, value: str | None, field: dict):
    lines = LineProtocol("site", [tag(0, "A", kind)], {}).render_texts([TextRow(0, 5, value, status.UNCERTAIN)])

    assert [point.fields for point in read(lines)] == [field | {"status": status.UNCERTAIN}]


@given(texts)
def test_every_text_reads_back_as_it_was(value: str):
    lines = LineProtocol("site", [tag(0, "A", "text")], {}).render_texts([TextRow(0, 5, value, 0)] * 2)

    assert [point.fields["text"] for point in read(lines)] == [value, value]


@given(names, names, names)
def test_every_name_reads_back_as_influxdb_can_have_it(site: str, name: str, unit: str):
    protocol = LineProtocol(site, [tag(0, name)], {name: unit})
    lines = joined([protocol.render(batch([1.5])), protocol.render_texts([TextRow(0, 2, "x", 0)])])

    marked = f"\\{site}" if site.startswith("#") else site
    expected = (stored_name(marked), {"tag": stored_name(name), "unit": stored_name(unit)})
    assert [(point.measurement, point.tags) for point in read(lines)] == [expected, expected]


@pytest.mark.parametrize(
    ("name", "stored"),
    [("line\nbreak", "line\\nbreak"), ("ends\\", "ends\\ "), ("a,b=c d", "a,b=c d"), ("höhe", "höhe")],
)
def test_what_influxdb_cannot_have_in_a_name_is_written_as_an_escape(name: str, stored: str):
    assert stored_name(name) == stored


@pytest.mark.parametrize("name", ["a b", "a,b=c", "höhe", "line\nbreak", "back\\slash"])
def test_names_are_escaped_as_the_client_library_does(name: str):
    line = LineProtocol("my, site", [tag(0, name)], {name: name}).render(batch([1.5])).text()

    point = Point("my, site").tag("tag", name).tag("unit", name).field("value", 1.5).field("status", 0).time(1)
    assert line.rsplit(" ", 2)[0] == point.to_line_protocol().rsplit(" ", 2)[0]


def test_a_site_whose_name_begins_like_a_comment_is_no_comment():
    lines = LineProtocol("#1", [tag(0, "A")], {}).render(batch([1.0]))

    assert [point.measurement for point in read(lines)] == ["\\#1"]


def test_a_correction_is_a_point_of_its_own_with_its_place_in_the_journal():
    protocol = LineProtocol("site", [tag(0, "A"), tag(1, "B", "text")], {"A": "R1"}, simulated=True)
    versions = Versions(np.array([2, 3]), np.array([7, 9]), np.array([0, 4]))

    lines = joined(
        [
            protocol.render(batch([1.0, float("nan")], times=[5, 5]), versions),
            protocol.render_texts([TextRow(1, 5, "x", 0, 2, 11, 1)]),
        ]
    )

    head = {"simulated": "yes", "tag": "A", "unit": "R1"}
    found = {(point.tags["tag"], point.tags["version"]): point for point in read(lines)}
    assert {point.measurement for point in found.values()} == {"site_corrections"}
    assert found["A", "2"].tags == head | {"version": "2"}
    assert found["A", "2"].fields == {"entry": 7, "row": 0, "value": 1.0, "status": 0}
    assert found["A", "3"].fields == {"entry": 9, "row": 4, "status": 0}
    assert found["B", "2"].fields == {"entry": 11, "row": 1, "text": "x", "status": 0}


def test_the_status_is_an_integer_without_our_note_of_the_times_origin():
    statuses = [status.BAD_NO_DATA, status.TIME_FROM_RECEIPT, status.UNCERTAIN, 0]
    lines = LineProtocol("site", [tag(0, "A")], {}).render(batch([1.0] * 4, statuses=statuses))
    text = LineProtocol("site", [tag(0, "A")], {}).render_texts([TextRow(0, 1, "x", status.TIME_FROM_SERVER)])

    assert [point.fields["status"] for point in read(lines)] == [status.BAD_NO_DATA, 0, status.UNCERTAIN, 0]
    assert read(text)[0].fields["status"] == 0


def test_a_renamed_tag_and_a_new_one_are_known_from_then_on():
    protocol = LineProtocol("site", [tag(0, "old")], {})
    protocol.render(batch([1.0]))

    protocol.define(tag(0, "new"))
    protocol.define(tag(1, "other"))

    assert [point.tags["tag"] for point in read(protocol.render(batch([1.0, 2.0], tags=[0, 1])))] == ["new", "other"]


@pytest.mark.parametrize("id_", [1, 3, 9])
def test_a_tag_that_was_never_defined_is_told(id_: int):
    protocol = LineProtocol("site", [tag(0, "A"), tag(4, "B")], {})

    with pytest.raises(UnknownTag):
        protocol.render(batch([1.0], tags=[id_]))


def test_points_of_a_simulated_plant_say_so():
    lines = LineProtocol("site", [tag(0, "A")], {}, simulated=True).render(batch([1.0]))

    assert read(lines)[0].tags == {"simulated": "yes", "tag": "A"}


def test_no_rows_are_no_lines_and_the_rows_are_not_written_to():
    rows = batch([1.0, float("nan")])
    rows.value.flags.writeable = rows.time_ns.flags.writeable = rows.tag.flags.writeable = False
    protocol = LineProtocol("site", [tag(0, "A")], {})

    assert (len(protocol.render(batch([]))), len(protocol.render(rows)), len(protocol.render_texts([]))) == (0, 2, 0)
