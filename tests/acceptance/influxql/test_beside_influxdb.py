"""The same queries to the record and to a real InfluxDB that has the mirror of it, where one is given."""

import json
import os
import random
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.dependencies import Dependencies
from historian.line_protocol import LineProtocol, TextRow, joined
from tests.acceptance.influxql.plant import RULEBOOK, SITE, TAGS, batches, texts
from tests.acceptance.influxql.queries import SHOWN, difference, random_query
from tests.patience import LIMIT_S

_URL, _TOKEN, _ORG = (os.environ.get(f"THERMOWELL_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG"))
_BUCKET = "thermowell-influxql-test"
_QUERIES = 300


def _lines() -> bytes:
    unit_of = {tag: unit.name for unit in RULEBOOK.units.values() for tag in unit.parameters.values()}
    protocol = LineProtocol(SITE, TAGS, unit_of)
    every = [protocol.render(batch) for batch in batches()]
    rows = [TextRow(4, row.time_ns, row.value, row.status) for row in texts()]
    return joined([*every, protocol.render_texts(rows)]).body


async def _prepared(influx: httpx.AsyncClient) -> None:
    """A bucket of this test alone, with the plant's rows."""
    orgs = (await influx.get("/api/v2/orgs", params={"org": _ORG})).json()["orgs"]
    buckets = (await influx.get("/api/v2/buckets", params={"name": _BUCKET, "org": _ORG})).json().get("buckets", [])
    for bucket in buckets:
        await influx.delete(f"/api/v2/buckets/{bucket['id']}")
    made = await influx.post("/api/v2/buckets", json={"orgID": orgs[0]["id"], "name": _BUCKET, "retentionRules": []})
    assert made.status_code == 201, made.text
    where = {"org": _ORG, "bucket": _BUCKET, "precision": "ns"}
    written = await influx.post("/api/v2/write", params=where, content=_lines())
    assert written.status_code == 204, written.text


@pytest.mark.skipif(
    not (_URL and _TOKEN and _ORG),
    reason="THERMOWELL_TEST_INFLUX_URL, _TOKEN and _ORG are not given: nothing was compared with a real InfluxDB",
)
async def test_the_answers_are_those_of_a_real_influxdb(deps: Dependencies) -> None:
    rng = random.Random(int(os.environ.get("THERMOWELL_TEST_SEED", "20260301")))
    asked = [*SHOWN, *(random_query(rng) for _ in range(_QUERIES))]
    app = create_app(replace(deps, influx_databases=(_BUCKET,)))
    found = []
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as ours,
        httpx.AsyncClient(base_url=_URL, headers={"Authorization": f"Token {_TOKEN}"}, timeout=LIMIT_S) as influx,
    ):
        await _prepared(influx)
        for number, query in enumerate(asked):
            parameters = {"db": _BUCKET, "q": query.replace('"thermowell"', f'"{_BUCKET}"')}
            parameters |= {"epoch": "ns"} if number % 5 else {}
            answer = await ours.get("/influx/query", params=parameters)
            theirs = await influx.get("/query", params=parameters)
            differs = difference(answer.json(), theirs.json())
            if differs is not None:
                found.append(f"{query}\n  {differs}")

    assert not found, "\n".join([f"{len(found)} of {len(asked)} answers differ", *found[:20]])


def test_a_difference_is_found() -> None:
    told = {"results": [{"statement_id": 0, "series": [{"values": [[1, 2.0], [2, None]]}]}]}
    other = json.loads(json.dumps(told))
    other["results"][0]["series"][0]["values"][1][1] = 0

    assert difference(told, json.loads(json.dumps(told))) is None
    assert difference(told, other) is not None
