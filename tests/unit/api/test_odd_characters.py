"""Characters that no database, file or screen holds alike: refused at the door, with the place, on either database."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.stream import Feed
from records.address import Address
from records.database import SqlRecords
from tests.unit.api.conftest import a_client, a_world

ALARM = "/v1/alarms/R101.TT%2Fhigh"
WRITES = [
    (f"{ALARM}/acknowledge", '{"comment": "so ODD so"}', "comment"),
    (f"{ALARM}/comment", '{"comment": "so ODD so"}', "comment"),
    (f"{ALARM}/shelve", '{"comment": "so ODD so", "until": "2026-03-02T13:00:00Z"}', "comment"),
    (
        "/v1/tags/R101.TT/calibrations",
        '{"result": "good", "time": "2026-03-02T11:00:00Z", "comment": "so ODD so"}',
        "comment",
    ),
    ("/v1/holds/crude/correct", '{"stop": "2026-03-02T11:00:00Z", "comment": "so ODD so"}', "comment"),
    ("/v1/holds/crude/correct", '{"stop": "2026-03-02T11:00:00Z", "comment": "so", "batch": "B ODD"}', "batch"),
    (
        "/v1/batches/events",
        '{"id": "e ODD", "event": "batch_start", "time": "2026-03-02T11:00:00Z", "unit": "R101", "batch": "B1"}',
        "body",
    ),
]
READS = [
    ("/v1/alarms/a%00b", 404),
    ("/v1/findings?subject=a%00b", 200),
    ("/v1/findings?subject=%ed%a0%80", 200),
    ("/v1/batches?unit=a%00b", 200),
    ("/v1/batches/B%00", 404),
    ("/v1/batches/B%00/genealogy?direction=back", 200),
    ("/v1/tags/a%00b/calibrations", 404),
]


@pytest.fixture
async def client(address: Address) -> AsyncIterator[httpx.AsyncClient]:
    """A person's, who may act; what he reads and asks for lies in a real database."""
    world = a_world()
    transition = world.alarm()
    with SqlRecords.open(address) as records:
        token = records.add_person("Ada", "shift lead")
        with records.unit_of_work() as work:
            work.transitions([transition])
        feed = Feed(world.journal, records, world.clock, poll_s=0.05)
        world.deps = replace(world.deps, records=records, feed=feed)
        await feed.start()
        async with a_client(world) as client:
            client.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
            yield client
        feed.shut()


async def test_what_is_written_is_refused_with_the_place_and_asked_of_nobody(client: httpx.AsyncClient) -> None:
    answers = [
        ((await client.post(path, content=body.replace("ODD", odd))), where, odd)
        for odd in ("\\u0000", "\\u001a", "\\ud800", "\\u202e")
        for path, body, where in WRITES
    ]

    assert {answer.status_code for answer, _, _ in answers} == {400}
    assert [answer.json()["parameter"] for answer, _, _ in answers] == [where for _, where, _ in answers]
    places = [answer.json()["detail"] for answer, where, odd in answers if where == "comment" and odd == "\\u0000"]
    assert set(places) == {"comment: has U+0000, which no text may have, at character 4"}


async def test_asking_for_what_cannot_be_finds_nothing_and_fails_nowhere(client: httpx.AsyncClient) -> None:
    assert [(path, (await client.get(path)).status_code) for path, _ in READS] == READS


async def test_a_comment_of_several_lines_in_any_script_is_taken(client: httpx.AsyncClient) -> None:
    words = '{"comment": "ventil hängt:\\n\\tñ 阀 😀"}'
    answer = await client.post(f"{ALARM}/comment", content=words)

    assert answer.status_code in (200, 202)


@pytest.mark.parametrize("path", ["/v1/batches/B%0D%0AX", "/v1/batches/B%0AX/review", "/v1/tags/a%0Ab/calibrations"])
async def test_a_name_of_several_lines_is_asked_for_as_any_other(client: httpx.AsyncClient, path: str) -> None:
    answered = await client.get(path)

    # Not that there is no such route: a plant may give such names.
    assert (answered.status_code, answered.json().get("parameter")) in [(404, "batch"), (404, "tag"), (200, None)]
