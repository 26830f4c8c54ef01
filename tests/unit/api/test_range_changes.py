"""Range changes over HTTP and on the page: three people with passwords, each step signed, each only by who may."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from detectors.versions import Versions
from domain.approvals import CLOSING
from domain.entries import Position
from domain.rules import Rulebook
from historian.memory import MemoryStore
from records.database import SqlRecords
from records.desk import SqlPeople
from service.acting import approval_of
from service.config.build import load
from service.ranges.desk import Ranges
from service.ranges.standing import standings_of
from service.signing import Signing, proof_by_password
from tests.fakes import JournalInMemory
from tests.unit.api.conftest import NOW_NS, World, a_client, a_world
from tests.unit.api.people import CHEAP, MAKER
from tests.unit.service.test_ranges_command import REQUIRED

WORDS = "words that {} alone knows"


@dataclass
class Plant:
    """A service that keeps ranges, with its records and its people."""

    world: World
    records: SqlRecords

    def browser(self) -> httpx.AsyncClient:
        return a_client(self.world)

    async def signed_in(self, name: str) -> httpx.AsyncClient:
        client = self.browser()
        entered = await client.post("/v1/session", json={"name": name, "password": WORDS.format(name)})
        client.headers["X-CSRF-Token"] = entered.json()["csrf"]
        return client


def core(records: SqlRecords) -> None:
    """What the core makes of waiting requests."""
    versions = Versions(Rulebook(approval="required"))
    for _, entry in records.approved_entries():
        versions.take(entry)
    for action in records.waiting_requests():
        proposal = records.proposal(action.subject)
        assert proposal is not None
        with records.unit_of_work() as work:
            if action.kind in CLOSING:
                work.audit(action, str(action.kind))
                work.request_done(action.id, versions.close(action).error or None)
            else:
                work.decided(versions.take(approval_of(proposal, action)), Position(1))


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    file = tmp_path / "thermowell.yaml"
    file.write_text(REQUIRED, encoding="utf-8")
    with SqlRecords.open(tmp_path / "records.db", wall_ns=lambda: NOW_NS) as records:
        people = SqlPeople(records._database, lambda: NOW_NS, CHEAP)
        for name, role in (("ada", "process engineer"), ("ruth", "QA"), ("grace", "QA"), ("otto", "operator")):
            people.add(name, name.title(), role, MAKER, "she works here")
            people.give_password(name, WORDS.format(name), MAKER)
        signing = Signing(records, proof_by_password(people), lambda: NOW_NS)
        desk = Ranges(load(file), records, signing, JournalInMemory(), MemoryStore())  # type: ignore[arg-type]
        world = a_world(
            people=people,
            ranges=desk,
            standings=lambda now_ns: standings_of(desk.configuration, records, now_ns),
            wake_core=lambda: core(records),
            settled=records.settled_requests,
        )
        await world.feed.start()
        yield Plant(world, records)
        world.feed.shut()


async def changes(client: httpx.AsyncClient) -> list[dict]:
    return (await client.get("/v1/ranges?time=ms")).json()["changes"]


async def proposed(plant: Plant) -> dict:
    body = {"product": "API-1", "reason": "ranges of VR-12", "secret": WORDS.format("ada")}
    made = await (await plant.signed_in("ada")).post("/v1/ranges", json=body)
    assert made.status_code == 201, made.text
    return (await changes(plant.browser()))[0]


async def take(plant: Plant, name: str, step: str, told: dict, **changed: object) -> httpx.Response:
    body = {"sha256": told["sha256"], "reason": "against VR-12, page 14", "secret": WORDS.format(name)} | changed
    return await (await plant.signed_in(name)).post(f"/v1/ranges/{told['id']}/{step}", json=body)


async def test_three_people_propose_review_and_approve_each_with_their_password(plant: Plant) -> None:
    told = await proposed(plant)
    assert (told["state"], told["in_force"], told["proposed_by"]) == ("waits for review", None, "ada")
    assert any("validated" in line for line in told["differences"])

    early = await take(plant, "grace", "approve", told)
    reviewed = await take(plant, "ruth", "review", told)
    own = await take(plant, "ruth", "approve", told)
    approved = await take(plant, "grace", "approve", told)

    assert (early.status_code, "nobody has reviewed it" in early.json()["detail"]) == (409, True)
    assert (reviewed.status_code, own.status_code) == (201, 409)
    assert (approved.status_code, approved.json()["outcome"]) == (201, "done")
    (after,) = await changes(plant.browser())
    assert (after["state"], after["reviewed_by"]) == ("approved", ["ruth"])
    assert [(one["printed"], one["meaning"], one["stands"]) for one in after["signatures"]] == [
        ("Ada", "proposed", True),
        ("Ruth", "reviewed", True),
        ("Grace", "approved", True),
    ]
    (recipe,) = (await plant.browser().get("/v1/recipes")).json()["recipes"]
    assert (recipe["in_force"]["reviewed_by"], recipe["in_force"]["approved_by"]) == (["ruth"], "grace")


@pytest.mark.parametrize(
    ("name", "may"),
    [("ada", ["withdraw"]), ("ruth", ["reject"]), ("grace", ["review", "approve", "reject"]), ("otto", [])],
)
async def test_each_person_is_shown_the_steps_that_are_theirs(plant: Plant, name: str, may: list[str]) -> None:
    assert (await take(plant, "ruth", "review", await proposed(plant))).status_code == 201

    client = await plant.signed_in(name)
    (told,) = await changes(client)
    page = (await client.get("/ranges")).text

    assert told["may"] == may
    assert re.findall(r'data-step="(\w+)"', page) == may
    assert "Ruth" in page
    assert "+ " in page


async def test_who_has_not_said_who_they_are_reads_and_is_offered_nothing(plant: Plant) -> None:
    told = await proposed(plant)
    browser = plant.browser()

    page = (await browser.get("/ranges")).text
    refused = await browser.post(f"/v1/ranges/{told['id']}/review", json={})

    assert (told["may"], "data-step" in page, "ranges of VR-12" in page) == ([], False, True)
    assert refused.status_code == 401


async def test_a_wrong_password_signs_nothing_and_is_in_the_audit_trail(plant: Plant) -> None:
    told = await proposed(plant)

    answer = await take(plant, "ruth", "review", told, secret="words of somebody else")

    assert (answer.status_code, answer.json()["parameter"]) == (401, "secret")
    assert (await changes(plant.browser()))[0]["state"] == "waits for review"
    newest = plant.records.list_audit(1)[0].entry
    assert (newest.person, newest.what.startswith("refused")) == ("ruth", True)


async def test_only_the_content_that_was_shown_is_signed(plant: Plant) -> None:
    told = await proposed(plant)

    other = await take(plant, "ruth", "review", told, sha256="0" * 64)
    nothing = await take(plant, "ruth", "review", told | {"id": "API-2.v1.0"})

    assert (other.status_code, nothing.status_code) == (409, 404)


async def test_an_operator_takes_no_step(plant: Plant) -> None:
    told = await proposed(plant)

    assert {(await take(plant, "otto", step, told)).status_code for step in ("review", "approve", "reject")} == {403}


async def test_who_proposed_withdraws_and_another_rejects(plant: Plant) -> None:
    told = await proposed(plant)
    own = await take(plant, "ada", "reject", told)
    ada = await plant.signed_in("ada")
    withdrawn = await take(plant, "ada", "withdraw", told)
    again = await proposed(plant)
    rejected = await take(plant, "grace", "reject", again)

    assert (own.status_code, withdrawn.status_code, rejected.status_code) == (409, 201, 201)
    assert [(each["state"], each["closed_by"]) for each in await changes(ada)] == [
        ("rejected", "grace"),
        ("withdrawn", "ada"),
    ]
    signed = (await changes(ada))[1]["signatures"][-1]
    assert (signed["printed"], signed["meaning"], signed["stands"]) == ("Ada", "withdrawn", True)


async def test_an_approval_waits_for_a_core_that_is_away(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    told = await proposed(plant)
    await take(plant, "ruth", "review", told)
    monkeypatch.setattr("api.routes.ranges.APPLIED_WITHIN_S", 0.0)

    waiting = await take(plant, "grace", "approve", told, valid_from="2026-03-05T00:00:00Z")
    core(plant.records)

    assert (waiting.status_code, waiting.json()["outcome"]) == (202, "waiting")
    (recipe,) = (await plant.browser().get("/v1/recipes?time=iso")).json()["recipes"]
    assert [(each["valid_from"], each["reviewed_by"]) for each in recipe["later"]] == [
        ("2026-03-05T00:00:00Z", ["ruth"])
    ]


async def test_a_proposal_is_weighed_against_recent_batches(plant: Plant) -> None:
    told = await proposed(plant)

    weighed = (await plant.browser().get(f"/v1/ranges/{told['id']}/impact?days=7")).json()

    assert weighed == {"days": 7, "runs": 0, "otherwise": []}
