"""How a request is made and refused: errors by name, tokens, bound values, chunks, limits."""

import asyncio
import base64
import json

import httpx
import pytest

from api.dependencies import Dependencies
from api.influxql import budget
from api.influxql.budget import Budget
from api.influxql.faults import Unanswered
from domain.time import HOUR_NS
from tests.acceptance.influxql.conftest import Ask
from tests.acceptance.influxql.plant import SITE, START_NS, TOKEN
from tests.patience import LIMIT_S

_ALL = f'SELECT "value" FROM "{SITE}" WHERE "tag" = \'R1.TT\''


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("DROP DATABASE plant", "DROP DATABASE"),
        ("CREATE RETENTION POLICY x ON y", "CREATE RETENTION"),
        (f'DELETE FROM "{SITE}"', "DELETE FROM"),
        ("SHOW QUERIES", "SHOW QUERIES"),
        ("SHOW SERIES CARDINALITY", "SHOW SERIES CARDINALITY"),
        ("EXPLAIN SELECT a FROM b", "EXPLAIN"),
        ("SELECT a INTO b FROM c", "SELECT INTO"),
        ("SELECT a FROM (SELECT b FROM c)", "a subquery"),
        ("SELECT a & 2 FROM b", "operator &"),
        ("SELECT a FROM b WHERE", "found EOF, expected"),
        ("SELEC a", "found SELEC, expected ;, EOF, SELECT, SHOW at line 1, char 1"),
        ("SELECT a FROM tag", "found tag"),
        ("SELECT a FROM b ORDER BY c", "only ORDER BY time"),
        ("SELECT a FROM b WHERE c = $nobody", "missing parameter: nobody"),
        ("", "missing required parameter"),
        ("SELECT a FROM b WHERE " + "(" * 400 + "a = 1" + ")" * 400 + " OR a = 1" * 400, "more than"),
        ("SELECT a FROM b WHERE a = '" + "x" * 40_000 + "'", "characters are more than"),
    ],
)
async def test_what_is_not_answered_is_refused_by_name(client: httpx.AsyncClient, query: str, word: str) -> None:
    answer = await client.post("/influx/query", data={"db": "thermowell", "q": query})

    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert "thermowell" in answer.headers["x-influxdb-version"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        (
            f'SELECT holt_winters(mean(value), 2, 2) FROM "{SITE}" GROUP BY time(1m)',
            "undefined function holt_winters()",
        ),
        (f'SELECT top(value, 3) FROM "{SITE}"', "undefined function top()"),
        (f'SELECT derivative(mean(value)) FROM "{SITE}"', "requires a GROUP BY interval"),
        (f'SELECT mean(value), value FROM "{SITE}"', "mixing aggregate and non-aggregate"),
        (f'SELECT value FROM "{SITE}" GROUP BY time(1m)', "at least one aggregate function"),
        (f"SELECT mean(value) FROM \"{SITE}\" WHERE time > 'yesterday'", "time and text are not compatible"),
        (f'SELECT mean(value) FROM "{SITE}" WHERE "tag" =~ /(/', "error parsing regexp"),
        (f"SELECT mean(value) FROM \"{SITE}\" tz('Nowhere/Else')", "unable to find time zone"),
        (f'SELECT mean(value) FROM "{SITE}" WHERE time > 0 GROUP BY time(1ns)', "max-select-buckets limit exceeded"),
        (f'SELECT mean(text) FROM "{SITE}"', "unsupported mean of a string"),
        (f'SELECT value FROM "else".."{SITE}"', "database not found: else"),
        (f'SELECT value FROM "week"."{SITE}"', "retention policy not found: week"),
    ],
)
async def test_a_statement_that_cannot_be_answered_says_so_in_its_result(ask: Ask, query: str, word: str) -> None:
    found = await ask(query)

    assert word in found["error"]


async def test_one_wrong_statement_leaves_the_others_answered(client: httpx.AsyncClient) -> None:
    asked = {"db": "thermowell", "q": f'SELECT top(value, 1) FROM a; {_ALL} LIMIT 1; SELECT foo(value) FROM "{SITE}"'}
    first, second, third = (await client.get("/influx/query", params=asked)).json()["results"]

    assert first == {"statement_id": 0}  # nobody has that measurement
    assert len(second["series"][0]["values"]) == 1
    assert "undefined function foo()" in third["error"]


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({"Authorization": f"Token {TOKEN}"}, {}),
        ({"Authorization": f"Token ada:{TOKEN}"}, {}),
        ({"Authorization": f"Bearer {TOKEN}"}, {}),
        ({"Authorization": "Basic " + base64.b64encode(f"ada:{TOKEN}".encode()).decode()}, {}),
        ({}, {"u": "ada", "p": TOKEN}),
        ({}, {}),
    ],
)
async def test_a_token_is_taken_as_clients_send_it(
    client: httpx.AsyncClient, headers: dict[str, str], more: dict[str, str]
) -> None:
    answer = await client.get("/influx/query", params={"q": "SHOW DATABASES", **more}, headers=headers)

    assert answer.json()["results"][0]["series"][0]["values"] == [["thermowell"]]


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({"Authorization": "Token of-nobody"}, {}),
        ({"Authorization": "Bearer of-nobody"}, {}),
        ({"Authorization": "Basic of-nobody"}, {}),
        ({}, {"u": "ada", "p": "of-nobody"}),
    ],
)
async def test_a_token_of_nobody_is_refused_and_not_repeated(
    client: httpx.AsyncClient, headers: dict[str, str], more: dict[str, str]
) -> None:
    answer = await client.get("/influx/query", params={"q": "SHOW DATABASES", **more}, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"].startswith("authorization failed")
    assert "of-nobody" not in answer.text


async def test_values_are_bound_to_names(ask: Ask) -> None:
    query = f'SELECT count(value) FROM "{SITE}" WHERE "tag" = $tag AND value > $low AND time < $end AND "unit" =~ $unit'
    values = {"tag": "R1.TT", "low": 50, "end": f"{2100}-01-01", "unit": {"regex": "^R1$"}}
    bound = await ask(query, params=json.dumps(values))
    written = await ask(f'SELECT count(value) FROM "{SITE}" WHERE "tag" = \'R1.TT\' AND value > 50')

    assert bound["series"] == written["series"]


async def test_chunks_together_are_the_whole(client: httpx.AsyncClient) -> None:
    asked = {"db": "thermowell", "q": f"{_ALL}; SHOW MEASUREMENTS", "epoch": "ns"}
    whole = (await client.get("/influx/query", params=asked)).json()["results"]
    chunks = await client.get("/influx/query", params={**asked, "chunked": "true", "chunk_size": "100"})

    told = [json.loads(line)["results"][0] for line in chunks.text.splitlines()]
    rows = [row for chunk in told[:-1] for row in chunk["series"][0]["values"]]
    assert rows == whole[0]["series"][0]["values"]
    assert {len(chunk["series"][0]["values"]) for chunk in told[:-2]} == {100}
    assert [chunk.get("partial", False) for chunk in told[:-1]] == [True] * (len(told) - 2) + [False]
    assert told[-1] == whole[1]


@pytest.mark.parametrize(
    ("epoch", "divisor"), [("ns", 1), ("u", 1_000), ("ms", 10**6), ("s", 10**9), ("h", 3600 * 10**9)]
)
async def test_times_come_in_the_asked_precision(ask: Ask, epoch: str, divisor: int) -> None:
    found = await ask(f"{_ALL} LIMIT 1", epoch=epoch)

    assert found["series"][0]["values"][0][0] == START_NS // divisor


async def test_a_pretty_answer_says_the_same(client: httpx.AsyncClient) -> None:
    asked = {"db": "thermowell", "q": f"{_ALL} LIMIT 2"}
    plain = await client.get("/influx/query", params=asked)
    pretty = await client.get("/influx/query", params={**asked, "pretty": "true"})

    assert pretty.json() == plain.json()
    assert pretty.text.startswith("{\n    ")


async def test_too_many_rows_are_refused_in_words(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MOST_TOLD", 500)
    found = await ask(_ALL)
    less = await ask(f"{_ALL} LIMIT 500")

    assert "more than 500 rows; group by time, or use LIMIT" in found["error"]
    assert len(less["series"][0]["values"]) == 500


async def test_too_much_to_read_is_refused_in_words(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MOST_READ", 500)
    found = await ask(_ALL.replace('"value"', 'median("value")'))

    assert "max-select-point limit exceeded" in found["error"]


async def test_who_goes_away_stops_what_was_begun_for_them() -> None:
    spent = Budget(longest_s=0)
    gone = Budget()
    gone.stop()

    for over in (spent, gone):
        with pytest.raises(Unanswered, match="query interrupted"):
            over.look()


async def test_a_disconnect_ends_the_reading(deps: Dependencies) -> None:
    """The client closes while the first series is read; the next one is not."""
    from api.app import create_app

    read, waiting = [], asyncio.Event()
    loop = asyncio.get_running_loop()
    inner = deps.history

    class Slow:
        def __getattr__(self, name):  # type: ignore[no-untyped-def]
            return getattr(inner, name)

        def read(self, tag, *args, **more):  # type: ignore[no-untyped-def]
            read.append(tag)
            loop.call_soon_threadsafe(waiting.set)
            assert asyncio.run_coroutine_threadsafe(gone.wait(), loop).result(10)
            return inner.read(tag, *args, **more)

    from dataclasses import replace

    gone = asyncio.Event()
    app = create_app(replace(deps, history=Slow()))
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():  # type: ignore[no-untyped-def]
        for message in messages:
            return message
        await waiting.wait()
        gone.set()
        return {"type": "http.disconnect"}

    sent = []

    async def send(message):  # type: ignore[no-untyped-def]
        sent.append(message)

    query = f'q=SELECT median(value) FROM "{SITE}" GROUP BY "tag"&db=thermowell'.replace(" ", "%20").encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/influx/query",
        "raw_path": b"/influx/query", "query_string": query, "headers": [(b"host", b"localhost")], "root_path": "",
    }  # fmt: skip
    async with asyncio.timeout(LIMIT_S):
        await app(scope, receive, send)

    assert len(read) == 1
    assert b"query interrupted" in b"".join(message.get("body", b"") for message in sent)


async def test_a_function_with_the_type_of_a_field_that_is_not_there_is_filled_with_nothing(ask: Ask) -> None:
    """As InfluxDB 2.7 answers; `mean` has a type of its own."""
    span = f"time >= {START_NS} AND time < {START_NS + HOUR_NS} GROUP BY time(1h) fill(-1.5)"
    found = await ask(f'SELECT first(absent), spread(absent), mean(absent), count(value) FROM "{SITE}" WHERE {span}')

    assert found["series"][0]["values"][0][1:4] == [None, None, -1.5]
