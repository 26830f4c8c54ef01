"""A person records when a hold really started or stopped; bounds, what is left and when it runs out are told."""

import httpx
import pytest

from api.dependencies import BudgetRun, HoldRun
from api.holds import budget_shapes, hold_shapes
from api.times import TimeForm
from domain.entries import ActionKind
from domain.holds import Budget
from domain.rules import Rulebook
from domain.time import HOUR_NS
from tests.unit.api.conftest import LEAD, NOW_NS, RULEBOOK, VIEWER, World

AS_LEAD = {"Authorization": f"Bearer {LEAD}"}
SAID = {"batch": "B1", "start": str(NOW_NS - HOUR_NS), "comment": "the log says so"}


async def test_a_corrected_start_is_asked_of_the_core(world: World, client: httpx.AsyncClient) -> None:
    told = await client.post("/v1/holds/crude/correct", json=SAID, headers=AS_LEAD)

    (action,) = world.records.requests
    assert told.status_code == 202
    assert (action.kind, action.subject, action.until_ns) == (ActionKind.HOLD_START, "crude/B1", NOW_NS - HOUR_NS)


@pytest.mark.parametrize(
    ("hold", "body", "headers", "status"),
    [
        ("none", SAID, AS_LEAD, 404),
        ("crude", {**SAID, "stop": str(NOW_NS)}, AS_LEAD, 400),
        ("crude", {**SAID, "start": str(NOW_NS + 1)}, AS_LEAD, 400),
        ("crude", {**SAID, "comment": "  "}, AS_LEAD, 400),
        ("crude", SAID, {}, 401),
        ("crude", SAID, {"Authorization": f"Bearer {VIEWER}"}, 403),
    ],
)
async def test_a_correction_needs_a_hold_one_past_time_a_reason_and_somebody(
    client: httpx.AsyncClient, hold: str, body: dict[str, str], headers: dict[str, str], status: int
) -> None:
    assert (await client.post(f"/v1/holds/{hold}/correct", json=body, headers=headers)).status_code == status


def test_a_running_hold_tells_its_bounds_what_is_left_and_when_it_runs_out() -> None:
    run = HoldRun(
        "crude", "R101", "B1", NOW_NS - HOUR_NS, None, NOW_NS, HOUR_NS, 2 * HOUR_NS, HOUR_NS, 2 * HOUR_NS,
        left_ns=70 * HOUR_NS, runs_out_ns=NOW_NS + 70 * HOUR_NS,
    )  # fmt: skip

    (shape,) = hold_shapes(RULEBOOK, [run], [], NOW_NS, TimeForm.NS)

    assert (shape["elapsed_min_ns"], shape["elapsed_max_ns"]) == (HOUR_NS, 2 * HOUR_NS)
    assert (shape["left_ns"], shape["runs_out_ns"]) == (70 * HOUR_NS, NOW_NS + 70 * HOUR_NS)


@pytest.mark.parametrize(
    ("least", "most", "state"),
    [(1, 1, "running"), (10, 10, "running"), (9, 11, "breached"), (11, None, "breached"), (1, None, "indeterminate")],
)
def test_a_budget_tells_what_is_used_what_is_left_and_by_which_holds(least: int, most: int | None, state: str) -> None:
    rulebook = Rulebook(budgets={"all": Budget("all", 10 * HOUR_NS, (), "HT-40")})
    most_ns = None if most is None else most * HOUR_NS
    left_ns = None if most_ns is None else 10 * HOUR_NS - most_ns
    run = BudgetRun(
        "all", "T201", "B1", NOW_NS, least * HOUR_NS, most_ns, 0, 0, 10 * HOUR_NS, left_ns,
        (("crude", least * HOUR_NS, most_ns, True),),
    )  # fmt: skip

    (shape,) = budget_shapes(rulebook, [run], [], TimeForm.NS)

    assert (shape["state"], shape["left_ns"], shape["study"]) == (state, left_ns, "HT-40")
    assert shape["of"] == [
        {"hold": "crude", "used_min_ns": least * HOUR_NS, "used_max_ns": most_ns, "runs": True},
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"start": "-99999999999999999999d"}, "start: '-99999999999999999999d' is beyond what 64-bit nanoseconds can tell"),
        ({"start": "1740909600"}, "start: '1740909600' is 1970-01-01T00:00:01.740909600Z, before 1971: are its last digits"),
        ({"start": "9" * 5000}, "start: '99999999999999999999'… is too long for a time"),
        ({"start": 5}, "start: must be text"),
        ({"start": "now", "batch": "B\n1"}, "batch: 'B\\n1' has characters that no name of a batch has"),
        ({"start": "now", "startt": "now"}, "startt: is no member of this request"),
    ],
)  # fmt: skip
async def test_a_correction_that_cannot_be_names_what_is_wrong(world: World, client, body, said) -> None:
    told = await client.post(
        "/v1/holds/crude/correct", json={"comment": "seen"} | body, headers={"Authorization": f"Bearer {LEAD}"}
    )

    assert told.status_code == 400
    assert said in told.json()["detail"]
    assert not world.records.requests


async def test_a_body_that_is_no_json_says_so(client) -> None:
    told = await client.post("/v1/holds/crude/correct", content=b"[", headers={"Authorization": f"Bearer {LEAD}"})

    assert told.json()["detail"] == "body: must be a JSON object, sent as application/json"
