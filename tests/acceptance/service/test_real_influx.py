"""A real InfluxDB 2 against the mirror: what is written reads back, and what is changed there is found and put right.

Runs where THERMOWELL_TEST_INFLUX_URL, _TOKEN (of an operator) and _ORG are given; each run makes a bucket and removes it.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.time import HOUR_NS
from historian.influx import InfluxBucket, InfluxWriter
from historian.line_protocol import LineProtocol, TextRow, joined
from service.cli import main
from tests.unit.historian.test_influx import lines_from
from tests.unit.historian.test_line_protocol import batch, tag
from tests.unit.service.mirrored_site import END_NS, NAMES, START_NS, make_site

URL, TOKEN, ORG = (os.environ.get(f"THERMOWELL_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG"))

pytestmark = pytest.mark.skipif(
    not (URL and TOKEN and ORG),
    reason="no real InfluxDB: THERMOWELL_TEST_INFLUX_URL, _TOKEN and _ORG are not given",
)


@dataclass
class Plant:
    """A configured mirror of a bucket that is made for one test."""

    config: Path
    bucket: str

    def ask(self, question: str) -> list[dict]:
        return request(f"/query?{urllib.parse.urlencode({'db': self.bucket, 'epoch': 'ns', 'q': question})}")["results"]

    def write(self, *lines: str) -> None:
        with InfluxWriter(InfluxBucket(URL, ORG, self.bucket, TOKEN)) as writer:
            assert not writer.write(lines_from(list(lines))).refused

    def run(self, verb: str, *more: str) -> int:
        period = ("--start", str(START_NS), "--end", str(END_NS))
        return run("mirror", verb, "--config", str(self.config), "--name", "plant", *period, *more)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def request(path: str, method: str = "GET", body: object = None) -> dict:
    asked = urllib.request.Request(
        URL + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Token {TOKEN}"},
        method=method,
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return {}
        raise
    return json.loads(text) if text else {}


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    bucket = f"test, {uuid.uuid4().hex}"
    plant = Plant(await make_site(tmp_path, URL, ORG, bucket, TOKEN), bucket)
    yield plant
    for found in request(f"/api/v2/buckets?name={urllib.parse.quote(bucket)}").get("buckets", []):
        request(f"/api/v2/buckets/{found['id']}", "DELETE")


def test_a_bucket_is_made_once_with_its_name_for_influxql(plant: Plant, capsys: pytest.CaptureFixture[str]):
    first, second = (run("influx", "init", "--config", str(plant.config)) for _ in range(2))
    told = capsys.readouterr().out.splitlines()
    plant.config.write_text(plant.config.read_text().replace("token_file: token", "token_file: token, retention: 30d"))
    third = run("influx", "init", "--config", str(plant.config))

    assert (first, second, third) == (0, 0, 0)
    assert told == [
        f"made bucket {plant.bucket}, which keeps points for ever",
        f"made database {plant.bucket} with policy autogen for InfluxQL",
        f"bucket {plant.bucket} is ready: nothing to do",
    ]
    assert capsys.readouterr().out == f"changed bucket {plant.bucket}, which keeps points for 2592000 s now\n"
    assert plant.ask("SHOW MEASUREMENTS")[0] == {"statement_id": 0}


def test_without_a_bucket_what_to_do_is_told(plant: Plant, capsys: pytest.CaptureFixture[str]):
    assert plant.run("check") == 2
    assert "thermowell influx init" in capsys.readouterr().err


def test_an_empty_mirror_is_filled_and_every_change_in_it_is_found_and_put_right(
    plant: Plant, capsys: pytest.CaptureFixture[str]
):
    run("influx", "init", "--config", str(plant.config))
    assert (plant.run("check"), plant.run("rebuild"), plant.run("check")) == (1, 0, 0)

    minute, hour = START_NS + 7 * 60 * 10**9, START_NS + HOUR_NS
    changes = {
        "another value": f"north,tag=R101.TT,unit=R101 value=1.5 {START_NS}",
        "another status": f"north,tag=R101.XV,unit=R101 status=5i {START_NS}",
        "a point too many": f"north,tag=R101.TT,unit=other value=1.5,status=0i {hour}",
        "another correction": f"north_corrections,tag=R101.TT,unit=R101,version=2 value=1.25 {minute}",
        "a text too many": f'north,tag=R101.STEP text="x",status=0i {hour}',
    }
    found = {}
    for name, line in changes.items():
        plant.write(line)
        found[name] = (plant.run("check"), plant.run("rebuild"), plant.run("check"))

    assert found == dict.fromkeys(changes, (1, 0, 0))


def test_every_kind_of_row_reads_back_through_influxql(plant: Plant):
    run("influx", "init", "--config", str(plant.config))
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


def test_odd_names_texts_and_numbers_are_taken_as_the_grammar_says(plant: Plant):
    run("influx", "init", "--config", str(plant.config))
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
    with InfluxWriter(InfluxBucket(URL, ORG, plant.bucket, TOKEN)) as writer:
        answer = writer.write(lines)

    [read] = plant.ask('SELECT "value" FROM "\\\\#my, si=te" WHERE time < 100 GROUP BY "tag"')
    [texts] = plant.ask('SELECT "text" FROM "\\\\#my, si=te" WHERE time >= 100')
    assert answer.refused == []
    assert {series["tags"]["tag"]: float(series["values"][0][1]) for series in read["series"]} == {
        {"line\nbreak": "line\\nbreak", "end\\": "end\\ "}.get(name, name): value
        for name, value in zip(names, values, strict=True)
    }
    assert [row[1] for row in texts["series"][0]["values"]] == strings


def test_a_field_of_another_type_is_the_only_line_that_is_refused(plant: Plant):
    run("influx", "init", "--config", str(plant.config))
    plant.write(f"north,tag=A value=1 {START_NS}")
    good = [f"north,tag=A value={row},status=0i {START_NS + row}" for row in range(1, 1000)]
    guilty = f"north,tag=A value=7i {START_NS + 5000}"
    with InfluxWriter(InfluxBucket(URL, ORG, plant.bucket, TOKEN)) as writer:
        answer = writer.write(lines_from([*good[:500], guilty, *good[500:], "torn"]))

    assert [refusal.lines.text() for refusal in answer.refused] == [f"{guilty}\n", "torn\n"]
    assert plant.ask('SELECT count("value") FROM north')[0]["series"][0]["values"][0][1] == 1000


def test_rows_older_than_the_bucket_keeps_are_no_fault(plant: Plant):
    plant.config.write_text(plant.config.read_text().replace("token_file: token", "token_file: token, retention: 2h"))
    run("influx", "init", "--config", str(plant.config))
    with InfluxWriter(InfluxBucket(URL, ORG, plant.bucket, TOKEN)) as writer:
        answer = writer.write(lines_from([f"north,tag=A value=1 {START_NS + row}" for row in range(100)]))

    assert (answer.too_old, answer.refused) == (100, [])
