"""One batch over HTTP: told, walked and shown."""

import json
from dataclasses import replace

import httpx
import pytest

from api.batches import MOST_DEPTH, genealogy_shape, timeline
from api.times import TimeForm
from domain.entries import BatchEvent, EventKind, Position, RowPosition
from domain.findings import BatchTold, FindingId
from domain.genealogy import BatchLink, Kinship
from domain.ports import Person
from domain.time import HOUR_NS
from tests.fakes import RecordsInMemory
from tests.unit.api.conftest import LEAD, NOW_NS, VIEWER, World, a_client, a_world
from tests.unit.api.test_batches import BREACH, CHARGE, DOSE, put_phases

TOLD = {"id": "e1", "event": "batch_start", "time": "2026-03-02T11:00:00Z", "unit": "R101", "batch": "B1"}
AS_LEAD = {"Authorization": f"Bearer {LEAD}"}


def link(parent: str, child: str) -> BatchLink:
    return BatchLink(parent, child, Kinship.MERGE, NOW_NS, "floor", "e9")


async def test_an_event_is_asked_of_the_core_and_answered_once_it_is_taken(
    world: World, client: httpx.AsyncClient
) -> None:
    world.records.event_states["e1"] = "done"
    answer = await client.post("/v1/batches/events", json=TOLD, headers=AS_LEAD)

    assert (answer.status_code, answer.json()["state"]) == (200, "done")
    event = world.records.events["e1"]
    assert (event.kind, event.source, event.recorded_ns) == (EventKind.BATCH_START, "", NOW_NS)
    assert event.person
    assert world.woken


async def test_an_event_that_the_core_has_not_taken_yet_is_202(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.batch.TAKEN_WITHIN_S", 0.1)
    answer = await client.post("/v1/batches/events", json=TOLD, headers=AS_LEAD)

    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")


async def test_the_same_event_again_is_the_same_and_with_other_words_a_conflict(
    world: World, client: httpx.AsyncClient
) -> None:
    world.records.event_states["e1"] = "done"
    first, again, other = [
        await client.post("/v1/batches/events", json=body, headers=AS_LEAD)
        for body in (TOLD, TOLD, {**TOLD, "batch": "B2"})
    ]

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert first.json() == again.json()
    assert other.json()["detail"] == "event 'e1' was told already and said something else"
    assert len(world.records.events) == 1


async def test_an_amount_keeps_its_digits(world: World, client: httpx.AsyncClient) -> None:
    world.records.event_states["e1"] = "done"
    body = json.dumps({**TOLD, "event": "charge", "material": "SM-1", "amount_unit": "kg", "amount": 0})
    answer = await client.post("/v1/batches/events", content=body.replace(": 0}", ": 12.50}"), headers=AS_LEAD)

    assert answer.json()["event"]["amount"] == "12.50"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "body: the payload is no JSON"),
        ('{"id": "1", "id": "2"}', "body: 'id' is told twice"),
        ("[]", "body: an event is an object, not list"),
        (json.dumps({**TOLD, "event": "explode"}), "body: event 'explode' is none of batch_start"),
        (json.dumps({**TOLD, "unit": None}), "body: 'unit' is missing: batch_start needs it"),
    ],
)
async def test_what_is_no_event_is_refused(client: httpx.AsyncClient, body: str, words: str) -> None:
    answer = await client.post("/v1/batches/events", content=body, headers=AS_LEAD)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(words)


async def test_an_amount_in_a_unit_that_means_nothing_is_refused() -> None:
    world = a_world(amount_fault=lambda material, unit: "" if (material, unit) == ("SM-1", "kg") else "is odd")
    charge = {**TOLD, "event": "charge", "material": "SM-1", "amount": "1", "amount_unit": "kg"}
    world.records.event_states["e1"] = "done"
    async with a_client(world) as client:
        answers = [
            await client.post("/v1/batches/events", json=body, headers=AS_LEAD)
            for body in (charge, {**charge, "id": "e2", "amount_unit": "bag"})
        ]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["detail"] == "body: 'amount_unit' 'bag' is odd"


async def test_a_body_beyond_all_measure_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batches/events", content="x" * 70_000, headers=AS_LEAD)

    assert answer.status_code == 413


async def test_without_a_token_or_with_one_that_only_looks_nothing_is_told(
    world: World, client: httpx.AsyncClient
) -> None:
    nobody = await client.post("/v1/batches/events", json=TOLD)
    viewer = await client.post("/v1/batches/events", json=TOLD, headers={"Authorization": f"Bearer {VIEWER}"})

    assert (nobody.status_code, viewer.status_code) == (401, 403)
    assert world.records.events == {}


async def test_a_systems_token_tells_events(world: World, client: httpx.AsyncClient) -> None:
    world.records.people["mes-token"] = Person("MES", "service")
    world.records.event_states["e1"] = "done"
    answer = await client.post("/v1/batches/events", json=TOLD, headers={"Authorization": "Bearer mes-token"})

    assert answer.status_code == 200
    assert world.records.events["e1"].person == "MES"


async def test_one_batch_has_its_units_phases_events_and_findings(world: World, client: httpx.AsyncClient) -> None:
    put_phases(world, DOSE, CHARGE)
    world.records.all_findings.append(BREACH)
    event = BatchEvent("e1", "floor", EventKind.CHARGE, NOW_NS - HOUR_NS, NOW_NS, "R101", "B1", material="SM-1")
    world.records.all_told.append(BatchTold(event, RowPosition(Position(7), 0)))
    world.records.all_links += [link("A", "B1"), link("B1", "C")]

    told = (await client.get("/v1/batches/B1")).json()

    assert (told["units"], told["recipes"], told["end_ns"]) == (["R101"], ["API-1 v7"], None)
    assert [phase["phase"] for phase in told["phases"]] == ["charge", "dose"]
    assert [finding["rule"] for finding in told["findings"]] == ["hold.breach"]
    assert (told["parents"], told["children"], told["cut"]) == (["A"], ["C"], False)
    assert told["events"] == [
        {
            "id": "e1",
            "event": "charge",
            "source": "floor",
            "time_ns": NOW_NS - HOUR_NS,
            "recorded_ns": NOW_NS,
            "unit": "R101",
            "batch": "B1",
            "material": "SM-1",
            "entry": 7,
            "row": 0,
        }
    ]


async def test_a_batch_of_which_nothing_is_known_is_404(client: httpx.AsyncClient) -> None:
    api, page = await client.get("/v1/batches/B9"), await client.get("/batches/B9")

    assert (api.status_code, page.status_code) == (404, 404)


async def test_a_batch_may_have_a_slash_in_its_name(world: World, client: httpx.AsyncClient) -> None:
    put_phases(world, replace(DOSE, batch="26/17"))

    assert (await client.get("/v1/batches/26/17")).json()["batch"] == "26/17"
    assert (await client.get("/v1/batches/26/17/genealogy?direction=back")).json()["batch"] == "26/17"


async def test_a_genealogy_is_walked_both_ways(world: World, client: httpx.AsyncClient) -> None:
    world.records.all_links += [link("A", "C"), link("B", "C"), link("C", "D"), link("D", "E")]

    back = (await client.get("/v1/batches/E/genealogy", params={"direction": "back"})).json()
    forward = (await client.get("/v1/batches/A/genealogy", params={"direction": "forward"})).json()

    assert (back["batches"], forward["batches"]) == (["D", "C", "A", "B"], ["C", "D", "E"])
    assert [(each["parent"], each["child"], each["depth"]) for each in back["links"]] == [
        ("D", "E", 1),
        ("C", "D", 2),
        ("A", "C", 3),
        ("B", "C", 3),
    ]


def test_a_circle_in_the_records_ends() -> None:
    records = RecordsInMemory()
    records.all_links += [link("A", "B"), link("B", "A")]

    told = genealogy_shape(records, "A", back=True, limit=10, form=TimeForm.NS)
    assert told["batches"] == ["B", "A"]
    assert told["cut"] is False


@pytest.mark.parametrize(("limit", "links"), [(2, 2), (500, MOST_DEPTH)])
def test_a_long_genealogy_is_cut_and_says_so(limit: int, links: int) -> None:
    records = RecordsInMemory()
    records.all_links += [link(f"B{number}", f"B{number + 1}") for number in range(100)]

    told = genealogy_shape(records, "B100", back=True, limit=limit, form=TimeForm.NS)
    assert (len(told["links"]), told["cut"]) == (links, True)  # type: ignore[arg-type]


def test_the_bars_of_a_timeline_are_parts_of_the_whole_time() -> None:
    (lane,) = timeline([CHARGE, DOSE], NOW_NS)

    assert lane["unit"] == "R101"
    assert [(bar["phase"], bar["left"], bar["width"], bar["open"]) for bar in lane["bars"]] == [  # type: ignore[attr-defined]
        ("charge", 0.0, 50.0, False),
        ("dose", 50.0, 50.0, True),
    ]


async def test_the_page_of_a_batch_shows_it(world: World, client: httpx.AsyncClient) -> None:
    put_phases(world, DOSE, CHARGE)
    world.records.all_findings.append(BREACH)
    world.records.all_links += [link("A<b>", "B1")]

    page = await client.get("/batches/B1")

    assert page.status_code == 200
    for words in ("Batch B1", "API-1 v7", 'data-width="50.0"', "crude waits too long", "A&lt;b&gt;"):
        assert words in page.text
    assert " style=" not in page.text


async def test_who_releases_a_batch_sees_versions_numbers_and_what_people_said(
    world: World, client: httpx.AsyncClient
) -> None:
    put_phases(world, DOSE)
    outside = replace(
        BREACH,
        id=FindingId("outside"),
        rule="excursion.validated.high",
        subject="R101.TT",
        batch="B1",
        ranges_version="API-1 v7",
        version=3,
        evidence={
            "limit": 65.0,
            "peak": 66.5,
            "area": 2.25,
            "unit": "degC",
            "dur_min_ns": HOUR_NS,
            "dur_max_ns": HOUR_NS,
        },
    )
    world.records.all_findings.append(outside)
    world.alarm(person="Ada", comment="<i>seen</i>")

    page = (await client.get("/batches/B1")).text

    for words in (
        "<strong>1</strong> outside the action, validated or proven ranges, <strong>1 not over</strong>",
        "limit 65 degC · peak 66.5 degC · area 2.25 degC·min · outside for 1 h",
        "version 3 of what was said",
        "nobody&#39;s approval of it is known",
        "<strong>Ada</strong> “&lt;i&gt;seen&lt;/i&gt;”",
    ):
        assert words in page


async def test_an_event_of_tomorrow_is_refused_and_one_of_a_fast_clock_is_not(
    world: World, client: httpx.AsyncClient
) -> None:
    """NOW is 12:00: a local time without its zone lies an hour ahead."""
    for number in (1, 2):
        world.records.event_states[f"e{number}"] = "done"
    fast, ahead = [
        await client.post("/v1/batches/events", json={**TOLD, "id": id_, "time": time}, headers=AS_LEAD)
        for id_, time in (("e1", "2026-03-02T12:05:00Z"), ("e2", "2026-03-02T13:00:00"))
    ]

    assert (fast.status_code, ahead.status_code) == (200, 400)
    assert ahead.json()["detail"] == (
        "time: 2026-03-02T13:00:00Z is ahead of our clock by more than 5 min: is its zone missing?"
    )
