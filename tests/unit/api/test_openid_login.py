"""Signing in by an OpenID provider, and what strangers try with it; the provider is real, on the loopback."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from domain.people import NotLetIn, Person
from domain.roles import Role
from domain.time import SECOND_NS
from service.login.asking import Asking
from service.login.id_token import Naming
from service.login.oidc import Client, OpenIdLogin
from service.signing import proof_by_password
from tests.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider, query, rsa_key
from tests.unit.api.people import MAKER, WALL_NS, Peopled, Wall, peopled, sign_in

LISE = "subject-of-lise"
ROLES = {"tw-qa": Role.QA, "tw-operators": Role.OPERATOR}


@dataclass
class Site:
    """A plant, and the provider by which its people sign in."""

    plant: Peopled
    provider: OpenIdProvider
    secret_file: Path

    async def begin(self, client: httpx.AsyncClient, onward: str = "/alarms") -> str:
        """Where the browser is sent."""
        answered = await client.post("/v1/session/oidc", json={"next": onward})
        assert answered.status_code == 200, answered.text
        return str(answered.json()["url"])

    async def sign_in(self, client: httpx.AsyncClient, subject: str = LISE, onward: str = "/alarms") -> httpx.Response:
        """All of a login; the answer to the browser that came back."""
        return await self.back(client, self.provider.approved(await self.begin(client, onward), subject))

    async def back(self, client: httpx.AsyncClient, returned: dict[str, str]) -> httpx.Response:
        return await client.get(f"/login/oidc?{query(returned)}")

    def trail(self) -> list[tuple[str, ...]]:
        """Of the audit trail: subject, what, old and new."""
        with closing(sqlite3.connect(self.plant.path)) as records:
            return list(records.execute("SELECT subject, what, old, new FROM audit ORDER BY sequence"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    wall = Wall()
    secret_file = tmp_path / "client-secret"
    secret_file.write_text(f"{SECRET}\n")
    with openid_provider(lambda: wall.now_ns // SECOND_NS) as provider:
        naming = Naming("preferred_username", "name", "groups", ROLES)
        client = Client(CLIENT, secret_file, ("openid",), "http://localhost/login/oidc", naming, "the site", fresh=True)
        login = OpenIdLogin(client, provider.issuer, Asking(), lambda: wall.now_ns / SECOND_NS)
        with peopled(tmp_path, provider=login) as plant:
            plant.people._wall_ns = wall  # one wall for all three
            plant.wall = wall
            provider.people[LISE] = {
                "preferred_username": "lise",
                "name": "Lise Meitner",
                "groups": ["others", "tw-operators"],
            }
            yield Site(plant, provider, secret_file)


def fault_of(answered: httpx.Response) -> str:
    """The word for what went wrong, on the way back to the login; nobody was let in."""
    assert answered.status_code == 303
    there = urlsplit(answered.headers["location"])
    assert there.path == "/login"
    assert not any(cookie.startswith("thermowell=") for cookie in answered.headers.get_list("set-cookie"))
    return parse_qs(there.query)["fault"][0]


async def who(client: httpx.AsyncClient) -> Any:
    return (await client.get("/v1/session")).json()["person"]


async def test_the_first_login_makes_the_account_with_the_role_of_the_group(site: Site) -> None:
    async with site.plant.client() as client:
        answered = await site.sign_in(client)
        told = await who(client)

    assert (answered.status_code, answered.headers["location"]) == (303, "/login?next=/alarms")
    assert (told["name"], told["full_name"], told["role"]) == ("lise", "Lise Meitner", "operator")
    assert ("lise", "added", "", "operator") in site.trail()


async def test_what_the_browser_is_sent_with_has_pkce_state_nonce_and_asks_for_proof(site: Site) -> None:
    async with site.plant.client() as client:
        asked = [dict(parse_qsl(urlsplit(await site.begin(client)).query)) for _ in range(2)]

    assert {
        "response_type": "code",
        "prompt": "login",
        "max_age": "0",
        "code_challenge_method": "S256",
    }.items() <= asked[0].items()
    assert all(asked[0][name] != asked[1][name] for name in ("state", "nonce", "code_challenge"))


async def test_logging_out_ends_the_session_and_a_new_login_ends_the_one_before(site: Site) -> None:
    async with site.plant.client() as client:
        await sign_in(client)
        await site.sign_in(client)
        running = [session.name for session in site.plant.people.sessions(None)]
        csrf = (await client.get("/v1/session")).json()["csrf"]
        await client.delete("/v1/session", headers={"X-CSRF-Token": csrf})
        told = await who(client)

    assert (running, told) == (["lise"], None)
    assert site.plant.people.sessions(None) == []


async def test_another_role_at_the_provider_is_the_role_at_the_next_login_and_stands_in_the_trail(site: Site) -> None:
    async with site.plant.client() as client:
        await site.sign_in(client)
        site.provider.people[LISE] |= {"groups": ["tw-operators", "tw-qa"], "name": "Prof. Lise Meitner"}
        await site.sign_in(client)
        told = await who(client)

    assert (told["role"], told["full_name"]) == ("QA", "Prof. Lise Meitner")
    assert ("lise", "role", "operator", "QA") in site.trail()
    assert ("lise", "printed name", "Lise Meitner", "Prof. Lise Meitner") in site.trail()


async def test_another_name_or_mail_at_the_provider_leaves_the_account_what_it_is(site: Site) -> None:
    async with site.plant.client() as client:
        await site.sign_in(client)
        site.provider.people[LISE] |= {"preferred_username": "grace", "email": "grace@plant.example"}
        await site.sign_in(client)
        told = await who(client)

    assert (told["name"], told["role"]) == ("lise", "operator")


async def test_a_name_that_is_somebodys_here_is_not_taken_over(site: Site) -> None:
    site.provider.people["mallory"] = {"preferred_username": "GRACE", "groups": ["tw-qa"]}
    async with site.plant.client() as client:
        answered = await site.sign_in(client, "mallory")

    assert fault_of(answered) == "no-place"
    assert [account.role for account in site.plant.people.accounts() if account.name == "grace"] == ["admin"]


@pytest.mark.parametrize("groups", [[], ["admin"], None, 7, [["tw-qa"]], {"tw-qa": True}, "tw-qa-not"])
async def test_who_has_no_group_of_the_map_is_not_let_in(site: Site, groups: object) -> None:
    site.provider.people[LISE]["groups"] = groups
    async with site.plant.client() as client:
        answered = await site.sign_in(client)

    assert fault_of(answered) == "no-place"
    assert [account.name for account in site.plant.people.accounts()] == ["ada", "grace"]


async def test_who_loses_their_group_loses_the_sessions_that_run(site: Site) -> None:
    async with site.plant.client() as client, site.plant.client() as elsewhere:
        await site.sign_in(elsewhere)
        site.provider.people[LISE]["groups"] = []
        answered = await site.sign_in(client)

    assert fault_of(answered) == "no-place"
    assert site.plant.people.sessions("lise") == []


async def test_a_disabled_account_stays_out_whatever_the_provider_says(site: Site) -> None:
    async with site.plant.client() as client:
        await site.sign_in(client)
        site.plant.people.disable("lise", MAKER, "left")
        site.provider.people[LISE]["groups"] = ["tw-qa"]
        answered = await site.sign_in(client)

    assert fault_of(answered) == "no-place"
    assert [account.role for account in site.plant.people.accounts() if account.name == "lise"] == ["operator"]


async def test_a_state_is_good_once(site: Site) -> None:
    async with site.plant.client() as client:
        returned = site.provider.approved(await site.begin(client), LISE)
        cookies = dict(client.cookies)
        first = await site.back(client, returned)
        client.cookies.update(cookies)
        again = await site.back(client, returned)

    assert (first.status_code, fault_of(again)) == (303, "not-proven")


async def test_a_login_that_somebody_else_began_lets_nobody_in(site: Site) -> None:
    async with site.plant.client() as mallory, site.plant.client() as victim:
        returned = site.provider.approved(await site.begin(mallory), LISE)
        without = await site.back(victim, returned)
        await site.begin(victim)  # the victim has begun one of their own, with another secret
        with_another = await site.back(victim, returned)

    assert (fault_of(without), fault_of(with_another)) == ("not-proven", "not-proven")


async def test_a_code_of_another_login_is_worth_nothing(site: Site) -> None:
    async with site.plant.client() as mallory, site.plant.client() as victim:
        stolen = site.provider.approved(await site.begin(victim), LISE)
        own = site.provider.approved(await site.begin(mallory), "nobody")
        answered = await site.back(mallory, {**own, "code": stolen["code"]})
        invented = await site.sign_in(mallory)
        nothing = await site.back(mallory, {"state": own["state"]})

    assert (fault_of(answered), invented.status_code, fault_of(nothing)) == ("not-proven", 303, "not-proven")


async def test_a_login_that_takes_too_long_is_over(site: Site) -> None:
    async with site.plant.client() as client:
        returned = site.provider.approved(await site.begin(client), LISE)
        site.plant.wall.goes_on(601)
        assert fault_of(await site.back(client, returned)) == "not-proven"


NOW_S = WALL_NS // SECOND_NS
BAD_CLAIMS = {
    "nonce of another login": {"nonce": "swapped"},
    "no nonce": {"nonce": None},
    "nonce that is no text": {"nonce": 7},
    "wrong issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "wrong audience": {"aud": "another client"},
    "no audience": {"aud": None},
    "two audiences without a party": {"aud": [CLIENT, "another client"]},
    "party that is another": {"azp": "another client"},
    "expired": {"exp": NOW_S - 61},
    "without an end": {"exp": None},
    "end that is no number": {"exp": "never"},
    "issued in the future": {"iat": NOW_S + 61},
    "issued long ago": {"iat": NOW_S - 700, "exp": NOW_S + 60},
    "not yet good": {"nbf": NOW_S + 61},
    "without a subject": {"sub": None},
    "empty subject": {"sub": ""},
    "long subject": {"sub": "s" * 256},
    "no proof of late": {"auth_time": NOW_S - 3600},
    "no word of proof": {"auth_time": None},
    "name with a break": {"preferred_username": "lise\r\nX: y"},
    "no name": {"preferred_username": None},
}


@pytest.mark.parametrize("what", BAD_CLAIMS)
async def test_a_token_that_does_not_hold_lets_nobody_in(site: Site, what: str) -> None:
    site.provider.changes = BAD_CLAIMS[what]
    async with site.plant.client() as client:
        assert fault_of(await site.sign_in(client)) == "not-proven"
    assert [account.name for account in site.plant.people.accounts()] == ["ada", "grace"]


async def test_clocks_may_be_a_minute_apart(site: Site) -> None:
    site.provider.changes = {"iat": NOW_S + 59, "exp": NOW_S - 59, "auth_time": NOW_S - 59}
    async with site.plant.client() as client:
        await site.sign_in(client)
        assert (await who(client))["name"] == "lise"


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "none", "kid": "first"}, claims, rsa_key("first"), algorithms=["none"])


def with_our_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def with_the_public_key(claims: dict[str, Any]) -> str:
    public = OctKey.import_key(orjson.dumps(rsa_key("first").as_dict(private=False)))
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, public, algorithms=["HS256"])


def with_another_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, rsa_key("second"), algorithms=["RS256"])


def with_a_key_that_it_brings(claims: dict[str, Any]) -> str:
    own = rsa_key("second")
    header = {"alg": "RS256", "jwk": own.as_dict(private=False)}
    return jwt.encode(header, claims, own, algorithms=["RS256"])


def changed_after_signing(claims: dict[str, Any]) -> str:
    head, _, rest = jwt.encode(
        {"alg": "RS256", "kid": "first"}, claims, rsa_key("first"), algorithms=["RS256"]
    ).partition(".")
    return f"{head}.{rest[:20]}{'A' if rest[20] != 'A' else 'B'}{rest[21:]}"


@pytest.mark.parametrize(
    "sign",
    [
        unsigned,
        with_our_secret,
        with_the_public_key,
        with_another_key,
        with_a_key_that_it_brings,
        changed_after_signing,
        lambda _: "",
        lambda _: "no token",
        lambda _: "x" * 60_000,
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(site: Site, sign: Any) -> None:
    site.provider.sign = sign
    async with site.plant.client() as client:
        assert fault_of(await site.sign_in(client)) == "not-proven"


async def test_a_key_that_is_new_is_found_and_one_that_is_gone_is_believed_for_ten_minutes_at_most(site: Site) -> None:
    async with site.plant.client() as client:
        await site.sign_in(client)
        site.plant.wall.goes_on(30)
        site.provider.keys = [rsa_key("second")]
        await site.sign_in(client)
        assert (await who(client))["name"] == "lise"
        site.plant.wall.goes_on(601)
        site.provider.keys = [rsa_key("third")]
        site.provider.sign = lambda claims: jwt.encode(
            {"alg": "RS256", "kid": "second"}, claims, rsa_key("second"), algorithms=["RS256"]
        )
        assert fault_of(await site.sign_in(client)) == "not-proven"


async def test_invented_key_names_do_not_flood_the_provider(site: Site) -> None:
    site.provider.sign = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "invented"}, claims, rsa_key("first"), algorithms=["RS256"]
    )
    async with site.plant.client() as client:
        for _ in range(8):
            assert fault_of(await site.sign_in(client)) == "not-proven"

    assert (site.provider.asked.count("/keys"), site.provider.asked.count("/.well-known/openid-configuration")) == (
        1,
        1,
    )


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
    ],
)
async def test_a_login_leads_to_no_other_site(site: Site, onward: str) -> None:
    async with site.plant.client() as client:
        answered = await site.sign_in(client, onward=onward)

    assert answered.headers["location"] == "/login?next=/"


async def test_another_site_can_begin_no_login(site: Site) -> None:
    async with site.plant.client() as client:
        answered = await client.post("/v1/session/oidc", json={}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answered.status_code == 403


async def test_an_answer_of_another_issuer_is_not_taken(site: Site) -> None:
    site.provider.documents = {"authorization_response_iss_parameter_supported": True}
    async with site.plant.client() as client:
        told = []
        for issuer in ("https://evil.example", None, site.provider.issuer):
            returned = site.provider.approved(await site.begin(client), LISE)
            answered = await site.back(client, returned if issuer is None else {**returned, "iss": issuer})
            told.append(answered.headers["location"])

    assert told == ["/login?fault=not-proven", "/login?fault=not-proven", "/login?next=/alarms"]


async def test_while_the_provider_is_away_the_login_says_so_and_all_else_goes_on(site: Site) -> None:
    async with site.plant.client() as signed, site.plant.client() as client:
        await site.sign_in(signed)
        site.plant.wall.goes_on(601)
        returned = site.provider.approved(await site.begin(client), LISE)
        site.provider.is_away = True
        came_back = await site.back(client, returned)
        site.plant.wall.goes_on(601)
        begun = await client.post("/v1/session/oidc", json={})
        by_password = await sign_in(client)
        told = await who(signed)

    assert (fault_of(came_back), begun.status_code) == ("away", 503)
    assert "password" in begun.json()["detail"]
    assert (by_password.status_code, told["name"]) == (201, "lise")


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_provider_that_names_unsafe_addresses_is_as_away(site: Site, told: dict[str, Any]) -> None:
    site.provider.documents = told
    async with site.plant.client() as client:
        assert (await client.post("/v1/session/oidc", json={})).status_code == 503


async def test_no_log_has_a_secret_a_code_or_a_token(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with site.plant.client() as client:
        returned = site.provider.approved(await site.begin(client), LISE)
        site.provider.changes = {"nonce": "swapped"}
        await site.back(client, returned)
        site.secret_file.write_text("a wrong secret")
        await site.sign_in(client)
    # What httpx notes is the browser's side of this test.
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    )

    assert "nonce" in ours
    assert not any(word in ours for word in (SECRET, "a wrong secret", "code-0", returned["state"], "eyJ"))


async def test_who_signs_in_by_a_provider_signs_nothing_by_a_password(site: Site) -> None:
    async with site.plant.client() as client:
        await site.sign_in(client)
    proof = proof_by_password(site.plant.people)

    for secret in ("", "anything at all"):
        with pytest.raises(NotLetIn, match="lise signs in by an identity provider that is not there any more"):
            await asyncio.to_thread(proof, Person("lise", "operator"), secret, "a digest")
    with pytest.raises(Exception, match="has no password here"):
        site.plant.people.reset("lise", MAKER, "")


async def test_without_a_provider_nothing_of_it_is_there(tmp_path: Path) -> None:
    with peopled(tmp_path) as plant:
        async with plant.client() as client:
            told = [
                (await client.post("/v1/session/oidc", json={})).status_code,
                (await client.get("/login/oidc")).status_code,
            ]
            session = (await client.get("/v1/session")).json()

    assert (told, session["provider"]) == ([404, 404], None)
