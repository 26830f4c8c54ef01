"""Signing by people of an OpenID provider: they prove themselves there for exactly what is signed, and once."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from domain.roles import Role
from domain.time import SECOND_NS
from historian.memory import MemoryStore
from records.database import SqlRecords
from records.desk import SqlPeople
from service.config.build import Configuration, load
from service.login.asking import Asking
from service.login.fresh import FreshProofs
from service.login.id_token import Naming
from service.login.oidc import Client, OpenIdLogin
from service.ranges.desk import Ranges
from service.signing import Signing, proof_by_password
from tests.fakes import JournalInMemory
from tests.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider, query
from tests.unit.api.conftest import World, a_client, a_world
from tests.unit.api.people import CHEAP, MAKER, Wall, sign_in
from tests.unit.service.test_ranges_command import REQUIRED

LISE, OTTO = "subject-of-lise", "subject-of-otto"
WORDS = "words that ada types"


@dataclass
class Site:
    world: World
    provider: OpenIdProvider
    path: Path  # of the records
    wall: Wall
    client: httpx.AsyncClient  # Lise's browser
    seen: dict[str, Any]  # a proposal that waits for its review

    async def signed_in(self) -> None:
        url = (await self.client.post("/v1/session/oidc", json={})).json()["url"]
        assert (await self.back(url)).headers["location"] == "/login?next=/"
        told = (await self.client.get("/v1/session")).json()
        assert told["proof"] == "provider"
        self.client.headers["X-CSRF-Token"] = told["csrf"]
        self.wall.goes_on(10)

    async def back(self, url: str, subject: str = LISE) -> httpx.Response:
        return await self.client.get(f"/login/oidc?{query(self.provider.approved(url, subject))}")

    async def take(self, step: str = "review", reason: str = "against VR-12") -> httpx.Response:
        body = {"sha256": self.seen["sha256"], "reason": reason, "secret": ""}
        return await self.client.post(f"/v1/ranges/{self.seen['id']}/{step}", json=body)

    async def begun(self) -> str:
        """Where the window goes, once a review was asked for."""
        assert wants_proof(await self.take())
        return str((await self.client.post("/v1/session/proof", json={})).json()["url"])

    async def proven(self, subject: str = LISE) -> str:
        """What the window is told when it comes back, a second later at least."""
        self.wall.goes_on(1)
        return query_of(await self.back(await self.begun(), subject))

    def signed(self) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self.path)) as kept:
            return list(kept.execute("SELECT meaning, printed FROM signatures ORDER BY at_ns, meaning"))


def query_of(answered: httpx.Response) -> str:
    assert answered.status_code == 303
    assert not any(one.startswith("thermowell=") for one in answered.headers.get_list("set-cookie"))
    return urlsplit(answered.headers["location"]).query


def wants_proof(answered: httpx.Response) -> bool:
    return (answered.status_code, answered.json().get("parameter")) == (401, "proof")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    file = tmp_path_factory.mktemp("plant") / "thermowell.yaml"
    file.write_text(REQUIRED, encoding="utf-8")
    return load(file)


@pytest.fixture
async def site(tmp_path: Path, configuration: Configuration) -> AsyncIterator[Site]:
    wall = Wall()
    (tmp_path / "secret").write_text(SECRET)
    with (
        openid_provider(lambda: wall.now_ns // SECOND_NS) as provider,
        SqlRecords.open(tmp_path / "records.db", wall_ns=wall) as records,
    ):
        for subject, name, printed in ((LISE, "lise", "Lise Meitner"), (OTTO, "otto", "Otto Hahn")):
            provider.people[subject] = {"preferred_username": name, "name": printed, "groups": ["tw-qa"]}
        naming = Naming("preferred_username", "name", "groups", {"tw-qa": Role.QA, "tw-leads": Role.SHIFT_LEAD})
        us = Client(
            CLIENT, tmp_path / "secret", ("openid",), "http://localhost/login/oidc", naming, "the site", fresh=False
        )
        people = SqlPeople(records._database, wall, CHEAP)
        people.add("ada", "Ada", "process engineer", MAKER, "")
        people.give_password("ada", WORDS, MAKER)
        proofs = FreshProofs(lambda: wall.now_ns / SECOND_NS)
        signing = Signing(records, proof_by_password(people, proofs), wall)
        world = a_world(
            people=people,
            provider=OpenIdLogin(us, provider.issuer, Asking(), lambda: wall.now_ns / SECOND_NS),
            proofs=proofs,
            ranges=Ranges(configuration, records, signing, JournalInMemory(), MemoryStore()),  # type: ignore[arg-type]
            settled=records.settled_requests,
        )
        await world.feed.start()
        async with a_client(world) as engineer, a_client(world) as client:
            await sign_in(engineer, "ada", WORDS)
            body = {"product": "API-1", "reason": "ranges of VR-12", "secret": WORDS}
            assert (await engineer.post("/v1/ranges", json=body)).status_code == 201
            (seen,) = (await client.get("/v1/ranges")).json()["changes"]
            made = Site(world, provider, tmp_path / "records.db", wall, client, seen)
            await made.signed_in()
            yield made
        world.feed.shut()


async def test_who_has_no_password_here_proves_themselves_at_the_provider_and_then_signs(site: Site) -> None:
    url = await site.begun()
    asked = dict(parse_qsl(urlsplit(url).query))
    came = query_of(await site.back(url))
    signed = await site.take()

    assert (asked["prompt"], asked["max_age"], came, signed.status_code) == ("login", "0", "proven=1", 201)
    assert site.signed() == [("proposed", "Ada"), ("reviewed", "Lise Meitner")]


async def test_a_proof_is_good_once_and_for_what_was_asked_alone(site: Site) -> None:
    assert await site.proven() == "proven=1"
    assert wants_proof(await site.take("reject"))  # another meaning
    assert wants_proof(await site.take())  # what took its place ended it
    assert await site.proven() == "proven=1"
    assert wants_proof(await site.take(reason="for another reason"))
    assert await site.proven() == "proven=1"
    assert (await site.take()).status_code == 201

    assert wants_proof(await site.take())
    assert [meaning for meaning, _ in site.signed()] == ["proposed", "reviewed"]


async def test_a_proof_that_came_too_late_for_the_deed_or_is_not_used_for_minutes_is_none(site: Site) -> None:
    begun = await site.begun()
    assert wants_proof(await site.take("reject"))
    assert query_of(await site.back(begun)) == "fault=not-proven"

    assert await site.proven() == "proven=1"
    site.wall.goes_on(121)
    assert wants_proof(await site.take())


async def test_somebody_else_proves_nothing_for_who_signs(site: Site) -> None:
    assert await site.proven(OTTO) == "fault=somebody-else"
    assert wants_proof(await site.take())

    with closing(sqlite3.connect(site.path)) as kept:
        noted = [what for (what,) in kept.execute("SELECT what FROM audit WHERE subject = 'lise'")]
        names = [name for (name,) in kept.execute("SELECT name FROM accounts ORDER BY name")]
    assert any("failed at signing" in what for what in noted)
    assert names == ["ada", "lise"]  # nobody came in by it


async def test_a_provider_that_did_not_ask_anew_proves_nothing(site: Site) -> None:
    now_s = site.wall.now_ns // SECOND_NS
    for at_s in (None, now_s - 10, now_s - 100):  # 10 s ago: by the login itself
        site.provider.changes = {"auth_time": at_s}
        assert await site.proven() == "fault=not-proven"
    assert wants_proof(await site.take())


async def test_nothing_is_proven_in_advance_while_the_provider_is_away_or_by_who_has_lost_the_role(site: Site) -> None:
    assert (await site.client.post("/v1/session/proof", json={})).status_code == 409
    assert wants_proof(await site.take())
    site.wall.goes_on(700)
    assert (await site.client.post("/v1/session/proof", json={})).status_code == 409
    assert wants_proof(await site.take())
    site.provider.is_away = True
    assert (await site.client.post("/v1/session/proof", json={})).status_code == 503
    site.provider.is_away = False

    begun = await site.begun()
    site.provider.people[LISE]["groups"] = []
    assert parse_qs(query_of(await site.back(begun))) == {"fault": ["no-place"]}
    assert (await site.take()).status_code == 401  # the session has ended
    assert [meaning for meaning, _ in site.signed()] == ["proposed"]
