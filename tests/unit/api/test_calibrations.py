"""A person records how a calibration ended."""

import httpx
import pytest

from domain.entries import ActionKind, PersonAction
from domain.time import HOUR_NS
from tests.unit.api.conftest import LEAD, NOW_NS, VIEWER, World

AS_LEAD = {"Authorization": f"Bearer {LEAD}"}
SAID = {"result": "failed", "time": str(NOW_NS - HOUR_NS), "comment": "off by 0.9 degC at 60 degC"}


async def name_of(client: httpx.AsyncClient) -> str:
    return str((await client.get("/v1/tags", headers=AS_LEAD)).json()["tags"][0]["name"])


async def test_a_failed_calibration_is_told_to_the_core(world: World, client: httpx.AsyncClient) -> None:
    name = await name_of(client)
    told = await client.post(f"/v1/tags/{name}/calibrations", json=SAID, headers=AS_LEAD)

    (action,) = world.records.requests
    assert told.status_code == 202
    assert (action.kind, action.subject, action.until_ns) == (ActionKind.CALIBRATION_FAILED, name, NOW_NS - HOUR_NS)


@pytest.mark.parametrize(
    ("changed", "token"),
    [
        ({"comment": " "}, LEAD),
        ({"result": "so-so"}, LEAD),
        ({"time": str(NOW_NS + HOUR_NS)}, LEAD),
        ({}, VIEWER),
    ],
)
async def test_what_cannot_be_recorded_is_refused(world: World, client, changed, token) -> None:
    name = await name_of(client)
    headers = {"Authorization": f"Bearer {token}"}
    told = await client.post(f"/v1/tags/{name}/calibrations", json=SAID | changed, headers=headers)

    assert 400 <= told.status_code < 500
    assert not world.records.requests


async def test_what_was_said_is_listed_beside_what_the_file_says(world: World, client: httpx.AsyncClient) -> None:
    name = await name_of(client)
    kinds = (ActionKind.CALIBRATED, ActionKind.CALIBRATION_FAILED, ActionKind.COMMENT)
    for number, (kind, tag) in enumerate([(kind, tag) for tag in (name, "R101.PT") for kind in kinds]):
        made_ns = NOW_NS - HOUR_NS + number
        world.journal.put(PersonAction(f"a{number}", NOW_NS, "Ada", kind, tag, "checked", made_ns))

    told = (await client.get(f"/v1/tags/{name}/calibrations")).json()
    newest = (await client.get(f"/v1/tags/{name}/calibrations", params={"limit": 1})).json()

    assert told["file"] == {"calibrated_ns": None, "due_ns": None, "failed_ns": None}
    assert [(each["id"], each["result"], each["time_ns"]) for each in told["calibrations"]] == [
        ("a1", "failed", NOW_NS - HOUR_NS + 1),
        ("a0", "good", NOW_NS - HOUR_NS),
    ]
    assert (told["cut"], newest["cut"], len(newest["calibrations"])) == (False, True, 1)


async def test_the_calibrations_of_a_tag_that_is_none_are_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/tags/R1/TT/calibrations")).status_code == 404
