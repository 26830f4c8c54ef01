"""Which version of the ranges judges, and what waits: as the page and the API tell it."""

from dataclasses import replace

from domain.approvals import Proposal, standings
from domain.entries import ActionKind, PersonAction
from domain.recipe_content import canonical, hash_of
from domain.rules import Rulebook
from tests.unit.api.conftest import NOW_NS, RULEBOOK, World, a_client, a_world
from tests.unit.detectors.approvals import approval

RECIPE = RULEBOOK.recipes["API-1"]
NEXT = replace(RECIPE, version=8)


def world(*, required: bool = True) -> World:
    content = canonical(NEXT)
    waiting = Proposal("p8", NOW_NS - 5, "API-1", 8, "CR-1", "VR-12", "Ada <b>", "tighter", content, hash_of(content))
    approved = [replace(approval(RECIPE), at_ns=NOW_NS - 9, valid_from_ns=NOW_NS - 9)]
    rules = Rulebook(recipes={"API-1": NEXT}, units=RULEBOOK.units, approval="required" if required else "off")
    return a_world(
        rulebook=rules,
        standings=lambda now_ns: standings(rules.recipes, approved, [waiting], now_ns, required=required),
        judging=lambda: [RECIPE],
    )


async def test_the_api_tells_what_is_in_force_and_what_waits() -> None:
    async with a_client(world()) as client:
        (told,) = (await client.get("/v1/recipes")).json()["recipes"]

    assert (told["product"], told["approval"], told["judges"]) == ("API-1", "required", "version")
    assert (told["in_force"]["version"], told["in_force"]["approved_by"]) == (7, "Grace")
    assert [(each["id"], each["version"], each["proposed_by"]) for each in told["waiting"]] == [("p8", 8, "Ada <b>")]
    assert told["file"] == {"version": 8, "state": "waits for approval"}


async def test_the_page_says_it_in_words() -> None:
    async with a_client(world()) as client:
        page = (await client.get("/recipes")).text
        overview = (await client.get("/")).text

    assert "in force" in page
    assert "waits for a second person" in page
    assert "Ada &lt;b&gt;" in page
    assert 'href="/recipes"' in overview
    assert "ranges not approved" not in overview


async def test_the_page_says_that_a_file_judges_without_approval() -> None:
    async with a_client(world(required=False)) as client:
        page = (await client.get("/recipes")).text

    assert "The file judges" in page
    assert "ranges not approved" in page


async def test_the_page_says_that_nothing_judges() -> None:
    rules = Rulebook(recipes={"API-1": NEXT}, approval="required")
    nothing = a_world(rulebook=rules, standings=lambda now_ns: standings(rules.recipes, [], [], now_ns, required=True))
    async with a_client(nothing) as client:
        page = (await client.get("/recipes")).text
        (told,) = (await client.get("/v1/recipes")).json()["recipes"]

    assert "Nothing judges" in page
    assert told["judges"] is None


async def test_a_rejected_proposal_is_told_with_who_when_and_why() -> None:
    content = canonical(NEXT)
    asked = Proposal("p8", NOW_NS - 5, "API-1", 8, "CR-1", "VR-12", "Ada", "tighter", content, hash_of(content))
    no = PersonAction("c8", NOW_NS - 3, "Grace", ActionKind.REJECT_RANGES, "p8", "page <14> says otherwise")
    rules = Rulebook(recipes={"API-1": NEXT}, approval="required")
    told_to = a_world(
        rulebook=rules,
        standings=lambda now_ns: standings(rules.recipes, [], [asked], now_ns, required=True, closings=[no]),
    )
    async with a_client(told_to) as client:
        (told,) = (await client.get("/v1/recipes")).json()["recipes"]
        page = (await client.get("/recipes")).text

    (closed,) = told["closed"]
    assert told["waiting"] == []
    assert (closed["state"], closed["closed_by"], closed["closed_ns"]) == ("rejected", "Grace", NOW_NS - 3)
    assert closed["closed_because"] == "page <14> says otherwise"
    assert told["file"]["state"] == "rejected"
    assert "page &lt;14&gt; says otherwise" in page
