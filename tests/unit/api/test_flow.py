import httpx

from domain.alarms import Notice
from domain.entries import Gap, GapCause, Heartbeat, Quarantined
from domain.ports import SourceLedger
from domain.time import HOUR_NS
from tests.unit.api.conftest import NOW_NS, World, a_client, a_world


async def gaps(client: httpx.AsyncClient, **params: str) -> list[dict[str, object]]:
    return list((await client.get("/v1/gaps", params=params)).json()["gaps"])


async def test_an_open_gap_of_a_source_counts_for_each_of_its_tags(world: World, client: httpx.AsyncClient) -> None:
    world.journal.put(Gap("g1", "train1", None, NOW_NS - HOUR_NS, None, GapCause.DISCONNECT, "cut"))

    (gap,) = await gaps(client, tag="R101.TT")

    assert (gap["tag"], gap["start_ns"], gap["end_ns"], gap["cause"]) == (
        "R101.TT",
        NOW_NS - HOUR_NS,
        None,
        "disconnect",
    )
    assert await gaps(client, tag="T7.LT") == []


async def test_a_gap_of_one_tag_is_not_another_ones(world: World, client: httpx.AsyncClient) -> None:
    world.journal.put(Gap("g1", "train1", 1, NOW_NS - HOUR_NS, NOW_NS, GapCause.OVERFLOW))

    assert await gaps(client, tag="R101.TT") == []
    assert [gap["tag"] for gap in await gaps(client, source="train1")] == ["R101.PT"]


async def test_a_gap_that_backfill_has_withdrawn_is_left_out(world: World, client: httpx.AsyncClient) -> None:
    world.journal.put(Gap("g1", "train1", None, NOW_NS, NOW_NS, GapCause.DISCONNECT))

    assert await gaps(client) == []


async def test_gaps_are_asked_for_by_time(world: World, client: httpx.AsyncClient) -> None:
    world.journal.put(Gap("g1", "train1", None, NOW_NS - 3 * HOUR_NS, NOW_NS - 2 * HOUR_NS, GapCause.STOPPED))

    assert await gaps(client, start="-1h", end="now") == []
    assert len(await gaps(client, start="-4h", end="now")) == 1


async def test_the_ledger_says_what_it_cannot_account_for(world: World, client: httpx.AsyncClient) -> None:
    world.journal.ledgers = [SourceLedger("train1", 10, 9, 1, 0), SourceLedger("floor", 10, 8, 1, 0, 1)]
    world.journal.put(Heartbeat("floor", NOW_NS, connected=False, detail="refused"))

    told = (await client.get("/v1/ledger")).json()

    assert [(source["source"], source["balanced"]) for source in told["sources"]] == [
        ("train1", True),
        ("floor", False),
    ]
    assert told["heartbeats"][0]["connected"] is False


async def test_refused_messages_come_with_the_reason() -> None:
    refused = Quarantined("floor", NOW_NS, "plant/x", "no number at /v", "{}", 3)
    world = a_world(quarantine=lambda limit: [refused] * min(limit, 2))
    async with a_client(world) as client:
        told = (await client.get("/v1/quarantine", params={"limit": 1})).json()

    assert (told["quarantine"][0]["reason"], told["cut"]) == ("no number at /v", True)


async def test_messages_to_people_say_what_became_of_them(world: World, client: httpx.AsyncClient) -> None:
    world.records.all_notices = [(Notice("n1", "leads", "title", "text", "t1", NOW_NS), "sent")]

    (notice,) = (await client.get("/v1/notices")).json()["notices"]

    assert (notice["channel"], notice["state"], notice["at_ns"]) == ("leads", "sent", NOW_NS)


async def test_tags_tell_their_unit_and_place(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/tags", params={"limit": 2})).json()

    assert [tag["name"] for tag in told["tags"]] == ["R101.TT", "R101.PT"]
    assert told["tags"][1]["unit_label"] == "bar (g)"
    assert told["tags"][0]["places"] == [{"unit": "R101", "role": "TT"}]
    assert (told["cut"], told["next"]) == (True, 1)


async def test_the_latest_row_of_each_tag(world: World, client: httpx.AsyncClient) -> None:
    world.rows(0, [NOW_NS - 2, NOW_NS - 1], [1.0, float("nan")], [0, 0x80000000])
    world.rows(3, [NOW_NS - 5], [2.5])

    everything = (await client.get("/v1/latest")).json()["latest"]
    one = (await client.get("/v1/latest", params={"tag": "T7.LT"})).json()["latest"]

    assert [(row["tag"], row["value"], row["quality"]) for row in everything] == [
        ("R101.TT", None, "Bad"),
        ("T7.LT", 2.5, "Good"),
    ]
    assert [row["tag"] for row in one] == ["T7.LT"]
