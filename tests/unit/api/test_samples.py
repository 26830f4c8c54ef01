import math

import httpx
import numpy as np
import pytest

from api.dependencies import TextRow
from api.reading import Question, Reading
from domain.entries import Position
from domain.ports import Rows
from domain.status import TIME_FROM_RECEIPT
from domain.time import DAY_NS, HOUR_NS, SECOND_NS
from historian.memory import MemoryStore
from tests.unit.api.conftest import NOW_NS, TAGS, World, a_client, a_world

SPAN = {"start": str(NOW_NS - HOUR_NS), "end": str(NOW_NS)}


async def test_samples_are_columns_with_integer_nanoseconds(world: World, client: httpx.AsyncClient) -> None:
    times = [NOW_NS - 2 * SECOND_NS + 1, NOW_NS - SECOND_NS]
    world.rows(0, times, [60.25, 61.0])

    told = (await client.get("/v1/samples", params={"tag": "R101.TT", **SPAN})).json()

    assert told == {
        "tag": "R101.TT", "unit": "degC", "time_ns": times, "value": [60.25, 61.0], "status": [0, 0],
        "count": 2, "cut": False, "next": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "key", "time"),
    [("ms", "time_ms", (NOW_NS - SECOND_NS) // 1_000_000), ("iso", "time", "2026-03-02T11:59:59Z")],
)
async def test_times_come_in_the_form_asked_for(
    world: World, client: httpx.AsyncClient, form: str, key: str, time: object
) -> None:
    world.rows(0, [NOW_NS - SECOND_NS], [1.0])

    told = (await client.get("/v1/samples", params={"tag": "R101.TT", "time": form, **SPAN})).json()

    assert told[key] == [time]


async def test_what_is_no_finite_number_is_null_with_its_status(world: World, client: httpx.AsyncClient) -> None:
    times = [NOW_NS - n * SECOND_NS for n in (4, 3, 2, 1)]
    world.rows(0, times, [math.nan, math.inf, -math.inf, -0.0], [0x80310000, 0x480, 0, 0])

    told = (await client.get("/v1/samples", params={"tag": "R101.TT", **SPAN})).json()

    assert told["value"] == [None, None, None, -0.0]
    assert told["status"] == [0x80310000, 0x480, 0, 0]


async def test_our_note_of_where_a_time_came_from_is_not_part_of_the_status(
    world: World, client: httpx.AsyncClient
) -> None:
    world.rows(0, [NOW_NS - 1], [1.0], [TIME_FROM_RECEIPT])

    told = (await client.get("/v1/samples", params={"tag": "R101.TT", **SPAN})).json()

    assert told["status"] == [0]


async def test_a_limit_says_that_it_cut_and_where_to_go_on(world: World, client: httpx.AsyncClient) -> None:
    times = [NOW_NS - (10 - n) * SECOND_NS for n in range(10)]
    world.rows(0, times, list(map(float, range(10))))

    found: list[int] = []
    start: object = SPAN["start"]
    while start is not None:
        params = {"tag": "R101.TT", "limit": 3, "start": str(start), "end": SPAN["end"]}
        told = (await client.get("/v1/samples", params=params)).json()
        found += told["time_ns"]
        assert told["cut"] is (told["next"] is not None)
        start = told["next"]

    assert found == times


async def test_a_limit_that_is_just_met_cuts_nothing(world: World, client: httpx.AsyncClient) -> None:
    world.rows(0, [NOW_NS - 2, NOW_NS - 1], [1.0, 2.0])

    told = (await client.get("/v1/samples", params={"tag": "R101.TT", "limit": 2, **SPAN})).json()

    assert (told["count"], told["cut"]) == (2, False)


async def test_all_versions_and_history_as_it_was_known(world: World, client: httpx.AsyncClient) -> None:
    first = world.rows(0, [NOW_NS - 5], [1.0])
    world.rows(0, [NOW_NS - 5], [2.0])
    ask = {"tag": "R101.TT", **SPAN}

    newest = (await client.get("/v1/samples", params=ask)).json()["value"]
    both = (await client.get("/v1/samples", params={**ask, "versions": "all"})).json()["value"]
    known_then = (await client.get("/v1/samples", params={**ask, "as_of": first})).json()["value"]

    assert (newest, both, known_then) == ([2.0], [1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("params", "status", "parameter"),
    [
        ({"tag": "nobody", "start": "-1h", "end": "now"}, 404, "tag"),
        ({"tag": "R101.TT", "end": "now"}, 400, "start"),
        ({"tag": "R101.TT", "start": "yesterday", "end": "now"}, 400, "start"),
        ({"tag": "R101.TT", "start": "now", "end": "-1h"}, 400, "end"),
        ({"tag": "R101.TT", "start": "-1h", "end": "99999999999999999999"}, 400, "end"),
        ({"tag": "R101.TT", "start": "-1h", "end": "now", "limit": "0"}, 400, "limit"),
        ({"tag": "R101.TT", "start": "-1h", "end": "now", "time": "days"}, 400, "time"),
        ({"tag": "R101.BATCH", "start": "-1h", "end": "now"}, 501, "tag"),
    ],
)
async def test_a_wrong_question_names_its_parameter(
    client: httpx.AsyncClient, params: dict[str, str], status: int, parameter: str
) -> None:
    refused = await client.get("/v1/samples", params=params)

    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.status_code, refused.json()["status"], refused.json()["parameter"]) == (status, status, parameter)


async def test_a_tag_that_was_defined_a_moment_ago_is_known(world: World, client: httpx.AsyncClient) -> None:
    world.feed.tags = type(world.feed.tags)()

    answered = await client.get("/v1/samples", params={"tag": "T7.LT", **SPAN})

    assert answered.status_code == 200


async def test_text_comes_from_its_own_reader() -> None:
    class Texts:
        def read(self, tag: int, start_ns: int, end_ns: int, limit: int) -> list[TextRow]:
            return [TextRow(NOW_NS - 2, "B1", 0), TextRow(NOW_NS - 1, None, 0x80000000)][:limit]

    world = a_world(texts=Texts())
    await world.feed.start()
    async with a_client(world) as client:
        told = (await client.get("/v1/samples", params={"tag": "R101.BATCH", "limit": 1, **SPAN})).json()

    assert (told["value"], told["cut"], told["next"]) == (["B1"], True, NOW_NS - 1)


async def test_buckets_hold_first_least_greatest_last_and_mean(world: World, client: httpx.AsyncClient) -> None:
    start = NOW_NS - 4 * SECOND_NS
    world.rows(0, [start + n * SECOND_NS for n in range(4)], [3.0, 1.0, 5.0, 7.0])
    params = {"tag": "R101.TT", "start": start, "end": NOW_NS, "buckets": 2}

    told = (await client.get("/v1/aggregates", params=params)).json()

    assert told["time_ns"] == [start, start + 2 * SECOND_NS]
    assert [told[key] for key in ("first", "min", "max", "last", "mean", "count", "bad")] == [
        [3.0, 5.0], [1.0, 5.0], [3.0, 7.0], [1.0, 7.0], [2.0, 6.0], [2, 2], [0, 0],
    ]  # fmt: skip


class Regular:
    """A `HistoryReader` with one row every `every_ns`, `doubles` versions of each; remembers what it was asked."""

    def __init__(self, every_ns: int, first_ns: int, last_ns: int, doubles: int = 1) -> None:
        self.every_ns, self.first_ns, self.last_ns, self.doubles = every_ns, first_ns, last_ns, doubles
        self.asked: list[int] = []

    def read(self, tag, start_ns, end_ns, *, as_of=None, versions=False, limit=None) -> Rows:  # type: ignore[no-untyped-def]
        first = max(-(-(start_ns - self.first_ns) // self.every_ns), 0)
        past = min(-(-(end_ns - self.first_ns) // self.every_ns), (self.last_ns - self.first_ns) // self.every_ns + 1)
        self.asked.append(max(past - first, 0))
        times = self.first_ns + np.repeat(np.arange(first, max(past, first)), self.doubles) * self.every_ns
        cut = int(times[limit]) if limit is not None and limit < len(times) else None
        shown = times[:limit].astype(np.int64)
        empty = np.zeros(len(shown))
        return Rows(shown, empty, empty.astype(np.uint32), empty.astype(np.int64), empty.astype(np.int32), cut)


@pytest.mark.parametrize("every_ns", [SECOND_NS, 60 * SECOND_NS, 7 * DAY_NS])
@pytest.mark.parametrize("doubles", [1, 3, 40])
def test_pages_together_hold_every_row_once(every_ns: int, doubles: int) -> None:
    history = Regular(every_ns, 5, 5 + 2_000 * every_ns, doubles)
    reading = Reading(history, Question(TAGS[0], 0, 5 + 3_000 * every_ns, 10**9, versions=True), page_rows=32)

    times: list[int] = []
    while (rows := reading.page()) is not None:
        times += rows.time_ns.tolist()

    assert times == [5 + n * every_ns for n in range(2_001) for _ in range(doubles)]
    assert reading.cut_ns is None


def test_no_page_asks_the_record_for_much_more_than_it_takes() -> None:
    history = Regular(SECOND_NS // 100, 0, 100_000 * SECOND_NS // 100)
    reading = Reading(history, Question(TAGS[0], 0, DAY_NS, 10**9), page_rows=1_000)
    reading.page()
    while reading.page() is not None:
        pass

    assert sum(history.asked) < 12 * 100_000


def test_a_reading_that_is_stopped_says_where() -> None:
    reading = Reading(Regular(SECOND_NS, 0, DAY_NS), Question(TAGS[0], 0, DAY_NS, 10**9), page_rows=100)
    rows = reading.page()
    reading.stop()

    assert rows is not None
    assert reading.page() is None
    assert reading.cut_ns == int(rows.time_ns[-1]) + SECOND_NS


def test_a_position_limits_every_page() -> None:
    store = MemoryStore()
    reading = Reading(store, Question(TAGS[0], 0, 10, 5, as_of=Position(0)))

    assert reading.page() is None
