"""Every query of every dashboard, with its variables filled, is answered by the record; and of samples by an InfluxDB."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.dependencies import Dependencies
from dashboards.board import Plant
from dashboards.build import build_dashboards, panels_of
from tests.acceptance.influxql.deciding import busy
from tests.acceptance.influxql.plant import END_NS, NOW_NS, RULEBOOK, SITE, START_NS, TAGS
from tests.acceptance.influxql.test_beside_influxdb import _BUCKET, _ORG, _TOKEN, _URL, _prepared
from tests.patience import LIMIT_S

_MS = 1_000_000
_FROM, _TO = START_NS // _MS, NOW_NS // _MS
_FILLED = {
    "${site}": SITE,
    "${unit:regex}": ".*",
    "${tag:regex}": r"(R1\.TT|R1\.PT)",
    "${batch:regex}": r"B\-1",
    "${priority:regex}": ".*",
    "${__from}": str(_FROM),
    "${__to}": str(_TO),
    "$timeFilter": f"time >= {_FROM}ms and time <= {_TO}ms",
    "$__interval": "5m",
    "now()": f"{END_NS // _MS}ms",
}
_ONE_UNIT = {"${unit:regex}": "(R1|R 2)", "${priority:regex}": "(critical|high|low)"}


def queries() -> list[tuple[str, str, str, str]]:
    """Which board, which panel, variable or annotation, which data source, and what is asked; each question once."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for board in build_dashboards(Plant(SITE, RULEBOOK, tuple(TAGS))):
        title = str(board["title"]).partition(" · ")[2]
        asked = [(str(panel["title"]), target) for panel in panels_of(board) for target in panel["targets"]]  # type: ignore[attr-defined]
        asked += [(f"annotation {one['name']}", one["target"]) for one in board["annotations"]["list"]]  # type: ignore[index]
        asked += [(f"variable {one['name']}", one) for one in board["templating"]["list"] if one["type"] == "query"]  # type: ignore[index]
        for name, target in asked:
            if "query" in target:
                found.setdefault(target["query"], (title, name, target["datasource"]["uid"], target["query"]))
    return list(found.values())


QUERIES = queries()


def filled(query: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        query = query.replace(name, value)
    assert "$" not in re.sub(r"\$/", "/", query), query
    return query


@pytest.fixture
async def record(deps: Dependencies) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(replace(busy(deps), influx_databases=("thermowell", _BUCKET)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def results(client: httpx.AsyncClient, path: str, database: str, query: str) -> dict[str, object]:
    answer = await client.post(path, params={"db": database, "epoch": "ms"}, data={"q": query})
    assert answer.status_code == 200, f"{query}: {answer.text}"
    return answer.json()["results"][0]


@pytest.mark.parametrize(("board", "name", "uid", "query"), QUERIES, ids=[f"{one[0]}: {one[1]}" for one in QUERIES])
async def test_the_record_answers_with_data(
    record: httpx.AsyncClient, board: str, name: str, uid: str, query: str
) -> None:
    for values in (_FILLED, {**_FILLED, **_ONE_UNIT}):
        told = await results(record, "/influx/query", "thermowell", filled(query, values))

        assert "error" not in told, f"{board}, {name}: {query}: {told}"
        assert told.get("series"), f"{board}, {name}: nothing for {query}"


def test_there_are_questions_to_both_data_sources() -> None:
    assert len(QUERIES) > 35
    assert {one[2] for one in QUERIES} == {"${store}", "thermowell-record"}


@pytest.mark.skipif(
    not (_URL and _TOKEN and _ORG),
    reason="THERMOWELL_TEST_INFLUX_URL, _TOKEN and _ORG are not given: no InfluxDB was asked what the panels ask",
)
async def test_a_real_influxdb_answers_what_is_asked_of_samples_alike(record: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Token {_TOKEN}"}
    async with httpx.AsyncClient(base_url=_URL, headers=headers, timeout=LIMIT_S) as influx:
        await _prepared(influx)
        for board, name, uid, query in QUERIES:
            if uid != "${store}":
                continue
            asked = filled(query, _FILLED)
            theirs = await results(influx, "/query", _BUCKET, asked)
            ours = await results(record, "/influx/query", _BUCKET, asked)

            assert "error" not in theirs, f"{board}, {name}: {asked}: {theirs}"
            assert shape(ours) == shape(theirs), f"{board}, {name}: {asked}"


def shape(told: dict[str, object]) -> list[object]:
    """What a panel is drawn of: series, columns, and how many rows."""
    series = told.get("series", [])
    assert isinstance(series, list)
    return [(one.get("name"), one.get("tags"), one["columns"], len(one["values"])) for one in series]


def test_the_span_of_the_queries_is_that_of_the_plant() -> None:
    assert _FROM * _MS == START_NS < END_NS < NOW_NS
