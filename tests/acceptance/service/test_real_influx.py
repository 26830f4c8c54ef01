"""A real InfluxDB 2 against the mirror: what is written reads back, and what is changed there is found and put right.

Runs where THERMOWELL_TEST_INFLUX_URL, _TOKEN (of an operator) and _ORG are given; each run makes a bucket and removes it.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from historian.influx import InfluxWriter
from historian.line_protocol import LineProtocol, TextRow, joined
from tests.acceptance.service.mirrored_plant import MirroredPlant, real_plant, without_a_real_one
from tests.unit.historian.test_influx import lines_from
from tests.unit.historian.test_line_protocol import batch, tag
from tests.unit.service.mirrored_site import NAMES, START_NS

pytestmark = without_a_real_one


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[MirroredPlant]:
    async for plant in real_plant(tmp_path):
        yield plant


def test_every_kind_of_row_reads_back_through_influxql(plant: MirroredPlant):
    plant.init()
    plant.run("rebuild")

    [rows] = plant.ask('SELECT "integer", "unsigned", "value", "status" FROM north WHERE "tag" = \'R101.COUNT\'')
    [steps] = plant.ask('SELECT "text", "status" FROM north WHERE "tag" = \'R101.STEP\'')
    [corrected] = plant.ask("SELECT * FROM north_corrections WHERE \"tag\" = 'R101.TT'")
    [names] = plant.ask('SHOW TAG VALUES FROM north WITH KEY = "tag"')

    assert [row[1:] for row in rows["series"][0]["values"]] == [
        [None, None, 2**53, 0],
        [None, None, 0, 0],
        [2**53 + 1, None, None, 0],
        [None, 2**64 - 1, None, 0],
    ]
    assert [row[1:] for row in steps["series"][0]["values"]] == [["heat", 0], ['say "no\nmore\\', 0], [None, 0]]
    columns = corrected["series"][0]["columns"]
    versions = [dict(zip(columns, row, strict=True)) for row in corrected["series"][0]["values"]]
    assert [(each["version"], each["value"], each["status"]) for each in versions] == [("2", 99, 0), ("3", None, 2**31)]
    expected = {f"{name} " if name.endswith("\\") else name for name in NAMES}
    assert {value for _, value in names["series"][0]["values"]} == expected


def test_odd_names_texts_and_numbers_are_taken_as_the_grammar_says(plant: MirroredPlant):
    plant.init()
    names = ["a b", "a,b=c", "höhe ☃", "line\nbreak", "back\\slash", "\\,", '"quoted"', "'single'", "end\\"]
    protocol = LineProtocol("#my, si=te", [tag(id_, name) for id_, name in enumerate(names)], {})
    values = [5e-324, 1.7976931348623157e308, -0.0, 0.1, 1e16, 123456789.123456789, 1e-7, 2.0**63, 1 / 3]
    strings = ["", "\\", '"', '\\"', "\n\r\t", "a=b,c d", "☃", "\x00x", "ends\\\\"]
    lines = joined(
        [
            protocol.render(batch(values, tags=list(range(len(names))), times=[-5, *range(1, len(names))])),
            protocol.render_texts([TextRow(0, 100 + row, text, 0) for row, text in enumerate(strings)]),
        ]
    )
    with InfluxWriter(plant.target) as writer:
        answer = writer.write(lines)

    [read] = plant.ask('SELECT "value" FROM "\\\\#my, si=te" WHERE time < 100 GROUP BY "tag"')
    [texts] = plant.ask('SELECT "text" FROM "\\\\#my, si=te" WHERE time >= 100')
    assert answer.refused == []
    assert {series["tags"]["tag"]: float(series["values"][0][1]) for series in read["series"]} == {
        {"line\nbreak": "line\\nbreak", "end\\": "end\\ "}.get(name, name): value
        for name, value in zip(names, values, strict=True)
    }
    assert [row[1] for row in texts["series"][0]["values"]] == strings


def test_a_field_of_another_type_is_the_only_line_that_is_refused(plant: MirroredPlant):
    plant.init()
    plant.write(f"north,tag=A value=1 {START_NS}")
    good = [f"north,tag=A value={row},status=0i {START_NS + row}" for row in range(1, 1000)]
    guilty = f"north,tag=A value=7i {START_NS + 5000}"
    with InfluxWriter(plant.target) as writer:
        answer = writer.write(lines_from([*good[:500], guilty, *good[500:], "torn"]))

    assert [refusal.lines.text() for refusal in answer.refused] == [f"{guilty}\n", "torn\n"]
    assert plant.ask('SELECT count("value") FROM north')[0]["series"][0]["values"][0][1] == 1000


def test_rows_older_than_the_bucket_keeps_are_no_fault(plant: MirroredPlant):
    plant.keeps("2h")
    plant.init()
    with InfluxWriter(plant.target) as writer:
        answer = writer.write(lines_from([f"north,tag=A value=1 {START_NS + row}" for row in range(100)]))

    assert (answer.too_old, answer.refused) == (100, [])
