"""Alarms, phases and holds as measurements beside the site's samples."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from api.app import create_app
from api.dependencies import Dependencies
from api.influxql import decided as module
from api.influxql.conditions import pinned
from api.influxql.parsing import parse
from api.influxql.tree import Select
from domain.time import HOUR_NS, MINUTE_NS
from tests.acceptance.influxql.deciding import decided
from tests.acceptance.influxql.plant import END_NS, NOW_NS, SITE, START_NS

Rows = Callable[[str], Awaitable[list[dict[str, object]]]]
_MS = 1_000_000


@pytest.fixture
async def ask(deps: Dependencies) -> AsyncIterator[Callable[[str], Awaitable[dict[str, object]]]]:
    """The first result of a query over the plant on which something was decided."""
    transport = httpx.ASGITransport(create_app(decided(deps)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def first(q: str) -> dict[str, object]:
            answer = await client.get("/influx/query", params={"db": "thermowell", "q": q, "epoch": "ms"})
            assert answer.status_code == 200, answer.text
            return answer.json()["results"][0]

        yield first


@pytest.fixture
def rows(ask: Callable[[str], Awaitable[dict[str, object]]]) -> Rows:
    """Every row of an answer, with its series' tags."""

    async def told(q: str) -> list[dict[str, object]]:
        found = await ask(q)
        assert "error" not in found, found
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], row, strict=True))}
            for series in found.get("series", [])
            for row in series["values"]
        ]

    return told


async def test_they_stand_beside_the_sites_samples(rows: Rows) -> None:
    names = [row["name"] for row in await rows("SHOW MEASUREMENTS")]

    assert names == [SITE, *(f"{SITE}_{what}" for what in ("alarms", "standing", "phases", "holds"))]


async def test_every_change_of_an_alarm_is_a_point(rows: Rows) -> None:
    query = f'SELECT "message", "state", "person" FROM "{SITE}_alarms" WHERE "name" = \'R1.TT high\' GROUP BY "what", "priority"'
    found = await rows(query)

    told = [(row["what"], row["priority"], row["state"], row["person"]) for row in found]
    assert told == [
        ("activated", "critical", "UNACK", ""),
        ("acknowledged", "high", "ACKED", "Ada"),
        ("activated", "high", "UNACK", ""),
        ("returned", "high", "NORM", ""),
    ]


async def test_a_rate_is_a_count_of_activations_and_events_are_no_alarms(rows: Rows) -> None:
    where = "WHERE \"what\" = 'activated' AND \"priority\" != 'event'"
    counted = await rows(
        f'SELECT count("in_ten_minutes") AS n, max("in_ten_minutes") AS most FROM "{SITE}_alarms" {where}'
    )
    chatters = await rows(f'SELECT sum("chattering") AS n FROM "{SITE}_alarms" GROUP BY "name"')

    assert (counted[0]["n"], counted[0]["most"]) == (5, 4)
    assert {row["name"]: row["n"] for row in chatters} == {"R1.PT high": 1, "R1.TT high": 0}


async def test_how_long_people_took_and_how_long_it_stood(rows: Rows) -> None:
    query = f'SELECT max("responded_s") AS responded, max("stood_s") AS stood FROM "{SITE}_alarms" WHERE "name" = \'R1.TT high\''
    (found,) = await rows(query)

    assert (found["responded"], found["stood"]) == (180, 600)


async def test_what_stands_is_told_since_when(rows: Rows) -> None:
    (found,) = await rows(f'SELECT "alarm", "standing_s" FROM "{SITE}_standing" GROUP BY "state", "priority"')

    assert (found["alarm"], found["standing_s"]) == ("R1.TT/high", 1800)
    assert (found["state"], found["priority"]) == ("UNACK", "critical")
    assert found["time"] == (NOW_NS - 30 * MINUTE_NS) // _MS


async def test_phases_that_overlap_a_time_are_told_with_their_ends(rows: Rows) -> None:
    query = (
        f'SELECT "text", "end_ms" FROM "{SITE}_phases" WHERE "text" != \'\' AND "end_ms" >= {START_NS // _MS} '
        f"AND time >= {START_NS // _MS}ms - 30d AND time <= {END_NS // _MS - 1}ms"
    )
    found = await rows(query)

    assert sorted((row["text"], row["end_ms"]) for row in found) == [
        ("R 2 · dry · B-1", NOW_NS // _MS),
        ("R1 · dose · B-1", (START_NS + 2 * HOUR_NS) // _MS),
        ("R1 · heat · B-1", (START_NS + HOUR_NS) // _MS),
    ]


async def test_a_phase_ends_without_a_name_unless_the_next_begins_there(rows: Rows) -> None:
    found = await rows(f'SELECT "phase" FROM "{SITE}_phases" WHERE "unit" = \'R1\'')

    assert [row["phase"] for row in found] == ["heat", "dose", "", "heat"]


async def test_batches_are_values_of_a_tag(rows: Rows) -> None:
    found = await rows(f'SHOW TAG VALUES FROM "{SITE}_phases" WITH KEY = "batch" WHERE "unit" =~ /^R1$/')

    assert [row["value"] for row in found] == ["B-1", "B-2"]


async def test_holds_and_budgets_are_told_with_the_time_that_is_left(rows: Rows) -> None:
    found = await rows(
        f'SELECT "left_s", "elapsed_s", "limit_s", "runs_out_ms" FROM "{SITE}_holds" GROUP BY "kind", "state"'
    )

    assert [(row["kind"], row["state"], row["left_s"], row["elapsed_s"], row["limit_s"]) for row in found] == [
        ("budget", "running", 25_200, 10_800, 36_000),
        ("intermediate", "running", 3_599, 10_801, 14_400),
    ]
    assert found[1]["runs_out_ms"] == (START_NS + 4 * HOUR_NS) // _MS


async def test_more_than_can_be_told_is_refused_where_all_is_asked(
    ask: Callable[[str], Awaitable[dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DECIDED", 3)
    young = await ask(f'SELECT "message" FROM "{SITE}_alarms" WHERE time > {(NOW_NS - HOUR_NS) // _MS}ms')
    alarms = await ask(f'SELECT "message" FROM "{SITE}_alarms"')
    phases = await ask(f'SELECT "text" FROM "{SITE}_phases"')

    one_batch = await ask(f'SELECT "text" FROM "{SITE}_phases" WHERE "batch" =~ /^B\\-2$/')

    assert len(one_batch["series"][0]["values"]) == 1
    assert "more than 3 transitions of alarms; ask for a shorter time" in alarms["error"]
    assert "more than 3 phases" in phases["error"]
    assert len(young["series"][0]["values"]) == 1


@pytest.mark.parametrize(
    ("where", "batch"),
    [
        ("\"batch\" = 'B-1'", "B-1"),
        (r'"batch" =~ /^B\-1\/\(a\)$/', "B-1/(a)"),
        ('"unit" = \'R1\' AND "batch" =~ /^B-1$/ AND time > 0', "B-1"),
        ('"batch" =~ /^B-.*$/', None),
        ('"batch" =~ /^(B-1|B-2)$/', None),
        (r'"batch" =~ /^\d$/', None),
        ('"batch" =~ /B-1/', None),
        ("\"batch\" != 'B-1'", None),
        ("\"batch\" = 'B-1' OR \"batch\" = 'B-2'", None),
    ],
)
def test_one_batch_is_known_as_one(where: str, batch: str | None) -> None:
    (statement,) = parse(f"SELECT a FROM b WHERE {where}", {})
    assert isinstance(statement, Select)

    assert pinned(statement.where, "batch") == batch
