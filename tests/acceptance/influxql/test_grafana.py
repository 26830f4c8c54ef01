"""Every query that Grafana's InfluxDB data source makes by itself: health, editor, variables, panels, annotations."""

import httpx
import numpy as np
import pytest

from domain.time import SECOND_NS
from tests.acceptance.influxql.conftest import Ask
from tests.acceptance.influxql.plant import END_NS, SITE, START_NS, batches

_SPAN = f"time >= {START_NS // 1_000_000}ms and time <= {END_NS // 1_000_000}ms"


async def test_the_health_check_finds_the_sites_measurement(client: httpx.AsyncClient) -> None:
    ping = await client.get("/influx/ping")
    health = await client.get("/influx/query", params={"db": "thermowell", "epoch": "ms", "q": "SHOW measurements"})

    assert (ping.status_code, ping.headers["x-influxdb-version"]) == (204, "thermowell-0.1.0")
    assert health.json() == {
        "results": [
            {"statement_id": 0, "series": [{"name": "measurements", "columns": ["name"], "values": [[SITE]]}]},
        ],
    }


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ('SHOW RETENTION POLICIES on "thermowell"', [["autogen", "0s", "168h0m0s", 1, True]]),
        ("SHOW MEASUREMENTS LIMIT 100", [[SITE]]),
        ("SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)PLANT/ LIMIT 100", [[SITE]]),
        ("SHOW MEASUREMENTS WHERE \"unit\" = 'R1' LIMIT 100", [[SITE]]),
        (f'SHOW FIELD KEYS FROM "{SITE}"', [["boolean", "boolean"], ["status", "integer"], ["text", "string"], ["value", "float"]]),
        (f'SHOW TAG KEYS FROM "{SITE}"', [["tag"], ["unit"]]),
        (f'SHOW TAG KEYS FROM "autogen"."{SITE}"', [["tag"], ["unit"]]),
        (f'SHOW TAG VALUES FROM "{SITE}" WITH KEY = "unit"', [["unit", "R 2"], ["unit", "R1"]]),
        (f"SHOW TAG VALUES FROM \"{SITE}\" WITH KEY = \"tag\" WHERE \"unit\" = 'R1'", [["tag", "R1.PT"], ["tag", "R1.TT"]]),
        (f'SHOW TAG VALUES FROM "{SITE}" WITH KEY = "tag" WHERE "unit"::tag =~ /^R1$/ AND time > now() - 1d', [["tag", "R1.PT"], ["tag", "R1.TT"]]),
        (f'SHOW TAG VALUES FROM /{SITE[:5]}/ WITH KEY = "unit" WHERE "tag" =~ /^(R1\\.TT|R2\\.XV=1)$/', [["unit", "R 2"], ["unit", "R1"]]),
    ],
)  # fmt: skip
async def test_the_editor_and_variables_find_names(ask: Ask, query: str, values: list[object]) -> None:
    found = await ask(query)

    assert found["series"][0]["values"] == values


async def test_a_panel_has_a_mean_per_tag_and_bucket(ask: Ask) -> None:
    query = (
        f'SELECT mean("value") FROM "{SITE}" WHERE ("tag"::tag =~ /^(R1\\.TT|R1\\.PT)$/ AND "unit" = \'R1\') AND {_SPAN} '
        'GROUP BY time(5m), "tag"::tag fill(null) ORDER BY time ASC'
    )
    found = await ask(query)

    steady = batches()[0]
    inside = (steady.time_ns >= START_NS + 300 * SECOND_NS) & (steady.time_ns < START_NS + 600 * SECOND_NS)
    assert [series["tags"] for series in found["series"]] == [{"tag": "R1.PT"}, {"tag": "R1.TT"}]
    assert found["series"][1]["columns"] == ["time", "mean"]
    when, mean = found["series"][1]["values"][1]
    assert when == (START_NS + 300 * SECOND_NS) // 1_000_000
    assert mean == pytest.approx(np.mean(steady.value[inside]))
    # The end of the span is the start of a bucket of its own, as InfluxDB has it.
    assert len(found["series"][1]["values"]) == 37


async def test_the_gap_between_two_rows_is_told_as_fill_says(ask: Ask) -> None:
    gap_ms = (START_NS + 3600 * SECOND_NS) // 1_000_000
    query = f'SELECT count("value"), max("value") FROM "{SITE}" WHERE "tag" = \'R1.TT\' AND {_SPAN} GROUP BY time(5m)'
    by_null, by_none, by_previous = [
        {row[0]: row[1:] for row in (await ask(query + fill))["series"][0]["values"]}
        for fill in (" fill(null)", " fill(none)", " fill(previous)")
    ]

    assert by_null[gap_ms] == [0, None]
    assert gap_ms not in by_none
    assert by_previous[gap_ms] == by_previous[gap_ms - 300_000]


async def test_the_value_of_a_bad_row_is_told_as_the_mirror_has_it(ask: Ask) -> None:
    pressure = batches()[1]
    finite = np.isfinite(pressure.value)
    assert np.count_nonzero(pressure.status[finite])

    found = await ask(f'SELECT count("value"), count("status"), max("value") FROM "{SITE}" WHERE "tag" = \'R1.PT\'')

    _, values, statuses, greatest = found["series"][0]["values"][0]
    assert (values, statuses) == (np.count_nonzero(finite), len(pressure))
    assert greatest == np.max(pressure.value[finite])


async def test_a_stat_panel_has_the_last_value_and_its_status(ask: Ask) -> None:
    found = await ask(f'SELECT last("value"), "status" FROM "{SITE}" GROUP BY "tag"')

    newest = {"R1.PT": batches()[1], "T7 level, raw": batches()[2], "R1.TT": batches()[4]}
    assert {series["tags"]["tag"]: series["values"][0][0] for series in found["series"]} == {
        tag: int(batch.time_ns[np.isfinite(batch.value)][-1]) // 1_000_000 for tag, batch in newest.items()
    }


async def test_an_annotation_query_has_texts_with_their_times(ask: Ask) -> None:
    query = f'SELECT "text", "tag" FROM "{SITE}" WHERE "tag" = \'R2.STEP\' AND "text" != \'hold\' AND {_SPAN} limit 2'
    found = await ask(query)

    assert found["series"][0]["values"] == [
        [START_NS // 1_000_000, "heat", "R2.STEP"],
        [(START_NS + 1400 * SECOND_NS) // 1_000_000, 'dose "B"', "R2.STEP"],
    ]


async def test_days_begin_at_midnight_of_the_time_zone_also_when_its_clocks_change(ask: Ask) -> None:
    query = (
        f"SELECT count(\"value\") FROM \"{SITE}\" WHERE \"tag\" = 'R1.TT' AND time >= '2026-03-28' AND time < '2026-03-31' "
        "GROUP BY time(1d) fill(none) tz('Europe/Berlin')"
    )
    found = await ask(query, epoch="")

    assert [row[0] for row in found["series"][0]["values"]] == [
        "2026-03-28T00:00:00+01:00",
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]


async def test_what_all_of_a_refresh_asks_comes_in_one_answer_by_post(client: httpx.AsyncClient) -> None:
    statements = "; ".join(f'SELECT {name}("value") FROM "{SITE}" WHERE {_SPAN}' for name in ("min", "max", "mean"))
    address = {"db": "thermowell", "epoch": "ms"}
    answer = await client.post("/influx/query", params=address, data={"q": statements})

    results = answer.json()["results"]
    assert [result["statement_id"] for result in results] == [0, 1, 2]
    assert [result["series"][0]["columns"][1] for result in results] == ["min", "max", "mean"]
