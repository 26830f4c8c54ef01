"""The review of a batch over HTTP: dispositions, the signature, the report as a file; each by who may."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from domain.people import NotLetIn
from domain.ports import Person
from domain.review_content import checked
from service.signing import Signing
from tests.reviewed import BATCH, EXCURSION, Reviewed, excursion, reviewed
from tests.unit.api.conftest import LEAD, VIEWER, a_client, a_world

QA = "token-of-qa"
URL = f"/v1/batches/{BATCH}"


def by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def site(tmp_path: Path):
    made = reviewed(tmp_path)
    yield made
    made.records.close()


@pytest.fixture
async def client(site: Reviewed) -> AsyncIterator[httpx.AsyncClient]:
    signing = Signing(site.records, lambda person, secret, _: person.name if secret == "right" else refuse(), lambda: 5)
    world = a_world(reviews=site.reports, signing=signing)
    world.records.people[QA] = Person("Grace", "QA")
    await world.feed.start()
    async with a_client(world) as client:
        yield client
    world.feed.shut()


def refuse() -> str:
    raise NotLetIn("the password is wrong")


async def state(client: httpx.AsyncClient) -> dict:
    return (await client.get(f"{URL}/review")).json()


def said(told: dict, **changes: object) -> dict:
    items = [{"item": each["item"], "version": each["version"]} for each in told["open"] if each["needs_disposition"]]
    given = {"items": items, "class": "deviation opened", "comment": "valve stuck", "number": "DEV-2026-0042"}
    return {**given, **changes}


async def dispose_of_all(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(f"{URL}/dispositions", json=said(await state(client)), headers=by(LEAD))


async def sign(client: httpx.AsyncClient, token: str = QA, secret: str = "right") -> httpx.Response:
    body = {"sha256": (await state(client))["sha256"], "secret": secret, "reason": "everything was assessed"}
    return await client.post(f"{URL}/review", json=body, headers=by(token))


async def test_one_disposition_settles_many_points(client: httpx.AsyncClient) -> None:
    answer = await dispose_of_all(client)

    assert answer.status_code == 201
    assert not [each for each in (await state(client))["open"] if each["needs_disposition"]]


async def test_the_trail_knows_from_where_and_in_which_role_somebody_said_it(
    client: httpx.AsyncClient, site: Reviewed
) -> None:
    await dispose_of_all(client)

    entries = [each for each in site.records.list_audit(9) if each.entry.kind == "disposition"]
    assert {(each.entry.origin, each.role) for each in entries} == {("127.0.0.1", "shift_lead")}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"comment": "  "}, 400),
        ({"class": "batch is fine"}, 400),
        ({"number": ""}, 400),
        ({"number": "see mail"}, 400),
        ({"items": [{"item": "excursion.of.nothing", "version": 1}]}, 404),
        ({"items": [{"item": EXCURSION, "version": 7}]}, 409),
    ],
)
async def test_a_disposition_that_says_nothing_is_refused(
    client: httpx.AsyncClient, changes: dict[str, object], status: int
) -> None:
    answer = await client.post(f"{URL}/dispositions", json=said(await state(client), **changes), headers=by(LEAD))

    assert answer.status_code == status, answer.text


async def test_a_review_waits_for_the_dispositions(client: httpx.AsyncClient) -> None:
    answer = await sign(client)

    assert (answer.status_code, "settled first" in answer.json()["detail"]) == (409, True)


async def test_a_reviewer_signs_what_was_shown(client: httpx.AsyncClient) -> None:
    await dispose_of_all(client)

    answer = await sign(client)

    assert answer.status_code == 201, answer.text
    assert [(each["printed"], each["stands"]) for each in answer.json()["signatures"]] == [("Grace", True)]


async def test_signing_asks_for_the_password_once_more(client: httpx.AsyncClient) -> None:
    await dispose_of_all(client)

    wrong = await sign(client, secret="wrong")
    assert (wrong.status_code, wrong.json()["parameter"]) == (401, "secret")


async def test_an_actor_may_not_sign(client: httpx.AsyncClient) -> None:
    told = await state(client)
    await client.post(f"{URL}/dispositions", json=said(told), headers=by(QA))

    answer = await sign(client)

    assert (answer.status_code, "another person" in answer.json()["detail"]) == (409, True)


async def test_content_that_changed_while_it_was_read_is_not_signed(client: httpx.AsyncClient, site: Reviewed) -> None:
    await dispose_of_all(client)
    shown = (await state(client))["sha256"]
    site.said(11, excursion(2))

    body = {"sha256": shown, "secret": "right", "reason": "fine"}
    answer = await client.post(f"{URL}/review", json=body, headers=by(QA))

    assert (answer.status_code, answer.json()["parameter"]) == (409, "sha256")


async def test_a_report_is_an_export_that_the_trail_knows(client: httpx.AsyncClient, site: Reviewed) -> None:
    """Electronic records 1: it covers export."""
    answer = await client.get(f"{URL}/report.json", headers=by(QA))

    assert checked(answer.content).faults == ()
    (entry,) = [each.entry for each in site.records.list_audit(9) if each.entry.kind == "export"]
    assert (entry.person, entry.batch) == ("Grace", BATCH)


async def test_a_report_as_of_a_position_is_always_the_same(client: httpx.AsyncClient, site: Reviewed) -> None:
    first = await client.get(f"{URL}/report.json", headers=by(QA))
    as_of = json.loads(first.content)["as_of"]["text"]
    site.said(11, excursion(2))

    again = await client.get(f"{URL}/report.json", params={"as_of": as_of}, headers=by(QA))

    assert again.content == first.content


@pytest.mark.parametrize(("as_of", "status"), [("now", 400), ("1/", 400), ("999999", 404)])
async def test_a_position_that_is_none_is_refused(client: httpx.AsyncClient, as_of: str, status: int) -> None:
    answer = await client.get(f"{URL}/report.json", params={"as_of": as_of}, headers=by(QA))

    assert answer.status_code == status


async def test_a_viewer_takes_no_copy(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{URL}/report.html", headers=by(VIEWER))).status_code == 403


async def test_the_page_lists_what_is_open_and_escapes_it(client: httpx.AsyncClient, site: Reviewed) -> None:
    site.said(11, excursion(2, message="<b>R101.TT</b> was above"))

    page = (await client.get(f"/batches/{BATCH}/review")).text

    assert "&lt;b&gt;R101.TT&lt;/b&gt; was above" in page
    assert "it is not the batch record" in page


async def test_a_batch_that_nobody_knows_has_no_review(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/batches/B-99/review")).status_code == 404
    assert (await client.get("/batches/B-99/review")).status_code == 404
