"""Lines as InfluxDB reads them: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/."""

import numpy as np
import pytest
from influxdb_client import Point

from domain import status
from domain.errors import UnknownTag
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from historian.line_protocol import LineProtocol


def tag(id_: int, name: str) -> Tag:
    return Tag(TagId(id_), f"uuid-{id_}", 1, name, "train1", f"nsu=urn:x;s={name}")


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


def test_a_row_is_a_line_with_site_tag_and_unit() -> None:
    protocol = LineProtocol("site", [tag(0, "R101.TT"), tag(1, "T7.LT")], {"R101.TT": "R101"})

    lines = protocol.render(batch([61.25, 3.0], tags=[0, 1], times=[1_700_000_000_123_456_789, 5])).lines

    assert lines == [
        "site,tag=R101.TT,unit=R101 value=61.25,status=0i 1700000000123456789",
        "site,tag=T7.LT value=3.0,status=0i 5",
    ]


def test_every_double_keeps_its_bits() -> None:
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 123456789.123456789, 2.0**53]
    lines = LineProtocol("site", [tag(0, "A")], {}).render(batch(values)).lines

    read = [float(line.split("value=")[1].split(",")[0]) for line in lines]

    assert np.array(read).tobytes() == np.array(values).tobytes()


def test_rows_that_influxdb_cannot_hold_are_left_out_and_counted() -> None:
    values = [1.0, float("nan"), float("inf"), -float("inf"), 2.0]
    rendered = LineProtocol("site", [tag(0, "A")], {}).render(batch(values, times=[1, 2, -3, 4, -5]))

    assert (len(rendered.lines), rendered.not_finite, rendered.before_1970) == (1, 3, 1)


def test_the_status_is_an_unsigned_integer_without_our_note_of_the_times_origin() -> None:
    statuses = [status.BAD_NO_DATA, status.TIME_FROM_RECEIPT]
    lines = LineProtocol("site", [tag(0, "A")], {}).render(batch([1.0, 2.0], statuses=statuses)).lines

    assert [line.split("status=")[1] for line in lines] == [f"{status.BAD_NO_DATA}i 1", "0i 2"]


@pytest.mark.parametrize("name", ["a b", "a,b=c", "höhe", "line\nbreak", "back\\slash"])
def test_names_are_escaped_as_the_client_library_does(name: str) -> None:
    line = LineProtocol("my, site", [tag(0, name)], {name: name}).render(batch([1.5])).lines[0]

    point = Point("my, site").tag("tag", name).tag("unit", name).field("value", 1.5).field("status", 0).time(1)
    assert sorted(line.removesuffix(" 1").rsplit(" ", 1)[1].split(",")) == ["status=0i", "value=1.5"]
    assert line.rsplit(" ", 2)[0] == point.to_line_protocol().rsplit(" ", 2)[0]


def test_a_backslash_at_a_names_end_does_not_escape_what_follows() -> None:
    line = LineProtocol("site", [tag(0, "ends\\")], {}).render(batch([1.5])).lines[0]

    assert line == "site,tag=ends\\\\  value=1.5,status=0i 1"


def test_a_renamed_tag_and_a_new_one_are_known_from_then_on() -> None:
    protocol = LineProtocol("site", [tag(0, "old")], {})
    protocol.render(batch([1.0]))

    protocol.define(tag(0, "new"))
    protocol.define(tag(1, "other"))

    assert [line.split(" ")[0] for line in protocol.render(batch([1.0, 2.0], tags=[0, 1])).lines] == [
        "site,tag=new",
        "site,tag=other",
    ]


def test_a_simulated_plants_points_say_so() -> None:
    lines = LineProtocol("site", [tag(0, "A")], {}, simulated=True).render(batch([1.0])).lines

    assert lines == ["site,simulated=yes,tag=A value=1.0,status=0i 1"]


def test_an_unknown_tag_is_named() -> None:
    with pytest.raises(UnknownTag, match="7"):
        LineProtocol("site", [tag(0, "A")], {}).render(batch([1.0], tags=[7]))


def test_an_empty_batch_is_no_lines() -> None:
    assert LineProtocol("site", [], {}).render(batch([])).lines == []
