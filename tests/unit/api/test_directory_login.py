"""Signing in by a directory (LDAP), and what strangers try with it; the directory is OpenLDAP's, on the loopback."""

import asyncio
import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.errors import Refused
from domain.identity import NotProven, ProviderAway
from domain.people import Door, NotLetIn, Person, SessionRules, TooSoon
from domain.roles import Role
from records.desk import SqlPeople
from service.config.build import load
from service.doctor import logins
from service.login import ldap_messages as messages
from service.login.directory import Finding, Reading, Server, Told
from service.login.ldap import Directory
from service.login.ldap_connection import Connection
from service.login.ldap_names import escaped, tree_of
from service.signing import proof_by_password
from tests.certificates import make
from tests.patience import LIMIT_S
from tests.slapd import (
    GROUPS,
    LISE_PASSWORD,
    LOOKER,
    LOOKER_PASSWORD,
    OTHER_ADA,
    OTTO_PASSWORD,
    PEOPLE,
    Slapd,
    a_slapd,
    needs_slapd,
)
from tests.unit.api.people import ADA, MAKER, Peopled, peopled, sign_in

pytestmark = needs_slapd

QA, OPERATORS = f"cn=tw-qa,{GROUPS}", f"cn=tw-operators,{GROUPS}"
DESK = Door("10.0.0.1", "a browser")
TEMPLATE = f"uid={{name}},{PEOPLE}"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with a_slapd(tmp_path_factory.mktemp("slapd")) as served:
        yield served


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may be slow: what gives up after a while is told so by its own test."""
    monkeypatch.setattr("service.login.ldap.DEADLINE_S", LIMIT_S)


@pytest.fixture
def told(slapd: Slapd, tmp_path: Path) -> Told:
    """The directory in clear, with an account that looks."""
    slapd.put("tw-qa", "lise")
    password_file = tmp_path / "looker"
    password_file.write_text(f"{LOOKER_PASSWORD}\n")
    finding = Finding(LOOKER, password_file, PEOPLE, (("objectClass", "person"),))
    reading = Reading("uid", "cn", "entryUUID", "member", {QA: Role.QA, OPERATORS: Role.OPERATOR})
    return Told([Server("127.0.0.1", slapd.port, "never", timeout_s=LIMIT_S)], "the directory", finding, "", reading)


@dataclass
class Site:
    plant: Peopled
    slapd: Slapd
    told: Told

    @property
    def people(self) -> SqlPeople:
        return self.plant.people

    def enter(self, name: str = "lise", password: str = LISE_PASSWORD) -> Person:
        return self.people.enter(name, password, DESK, SessionRules()).person

    def trail(self) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self.plant.path)) as records:
            return list(records.execute("SELECT subject, what, old, new FROM audit ORDER BY sequence"))

    def names(self) -> set[str]:
        return {account.name for account in self.people.accounts()}


@pytest.fixture
def site(told: Told, slapd: Slapd, tmp_path: Path) -> Iterator[Site]:
    with peopled(tmp_path) as plant:
        plant.people._provider = Directory(told)
        yield Site(plant, slapd, told)


@contextmanager
def away(slapd: Slapd) -> Iterator[None]:
    slapd.stop()
    try:
        yield
    finally:
        slapd.start()


async def test_the_first_login_makes_the_account_with_the_role_of_the_first_group_of_the_map(site: Site) -> None:
    async with site.plant.client() as client:
        title = (await client.get("/v1/session")).json()["directory"]
        answered = await sign_in(client, "lise", LISE_PASSWORD)

    told = answered.json()["person"]
    assert (title, answered.status_code) == ("the directory", 201)
    assert (told["name"], told["full_name"], told["role"]) == ("lise", "Lise Meitner", "QA")
    assert ("lise", "added", "", "QA") in site.trail()
    assert any(what.startswith("signed in by ldap:dc=plant,dc=example, session") for _, what, _, _ in site.trail())


@pytest.mark.parametrize("tls", ["never", "by StartTLS", "at once"])
@pytest.mark.parametrize("way", ["search", "template"])
def test_people_are_proven_by_search_and_by_template_in_each_way_of_speaking(
    slapd: Slapd, told: Told, tls: str, way: str
) -> None:
    port = slapd.tls_port if tls == "at once" else slapd.port
    finding, template = (told.finding, "") if way == "search" else (None, TEMPLATE)
    server = Server("localhost", port, tls, slapd.pair.certificate, LIMIT_S)
    directory = Directory(replace(told, servers=[server], finding=finding, template=template))

    proven = directory.prove("Lise", LISE_PASSWORD)

    assert (proven.name, proven.full_name, proven.role, proven.issuer) == (
        "lise",
        "Lise Meitner",
        Role.QA,
        "ldap:dc=plant,dc=example",
    )
    assert proven == directory.prove("lise", LISE_PASSWORD, proven.subject)
    with pytest.raises(NotProven):
        directory.prove("lise", LISE_PASSWORD + " ")
    with pytest.raises(NotProven):
        directory.prove("lise", LISE_PASSWORD, "somebody else's subject")


def test_a_certificate_that_does_not_hold_gets_no_password(slapd: Slapd, told: Told, tmp_path: Path) -> None:
    foreign = make(tmp_path / "foreign").certificate
    for tls, port in (("by StartTLS", slapd.port), ("at once", slapd.tls_port)):
        for server in (
            Server("localhost", port, tls, foreign, LIMIT_S),
            Server("localhost", port, tls, None, LIMIT_S),  # the system's authorities do not know it
            Server("127.1", port, tls, slapd.pair.certificate, LIMIT_S),  # the same address by a name that it has not
        ):
            with pytest.raises(ProviderAway, match=f"{server.host}.*certificate does not hold"):
                Directory(replace(told, servers=[server])).prove("lise", LISE_PASSWORD)


@pytest.mark.parametrize(
    "name",
    ["*", "lise ", " lise", "li*", "lise)(uid=*", "*)(objectClass=*", "lise,ou=people", f"lise,{PEOPLE}", "lise\\2a", "\\6cise", "lise+cn=Lise Meitner",
     "uid=lise", "lise\0", "#lise", '"lise"', "<lise>", "lise;", "li\u034fse"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["search", "template"])
def test_a_name_is_never_a_part_of_what_is_asked(told: Told, name: str, way: str) -> None:
    """Directories take blanks around a name for nothing: another spelling would have tries of its own."""
    finding, template = (told.finding, "") if way == "search" else (None, TEMPLATE)
    with pytest.raises(NotProven):
        Directory(replace(told, finding=finding, template=template)).prove(name, LISE_PASSWORD)


def test_values_in_names_of_the_tree_are_escaped() -> None:
    assert escaped('a,b+c"d\\e<f>g;h=i') == 'a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h\\=i'
    assert [escaped(value) for value in (" a ", "#a", " ", "a\0b", "a#b c")] == [
        "\\ a\\ ",
        "\\#a",
        "\\ ",
        "a\\00b",
        "a#b c",
    ]
    assert tree_of("ou=a\\,dc=evil,DC=Plant, dc=example") == "dc=plant,dc=example"
    assert tree_of("ou=people,o=Plant") == "o=plant"


def test_an_empty_password_is_refused_although_the_directory_says_yes_to_it(slapd: Slapd, told: Told) -> None:
    dn = f"uid=lise,{PEOPLE}"
    with closing(Connection(told.servers[0], time.monotonic() + LIMIT_S)) as connection:
        connection._number = 1
        assert connection._asked(messages.bind(1, dn, ""), "bind")[1].code == 0  # RFC 4513, 5.1.2: unauthenticated
        for password in ("", "\0", "\0" + LISE_PASSWORD):
            with pytest.raises(NotProven):
                connection.bind(dn, password)
    for finding, template in ((told.finding, ""), (None, TEMPLATE)):
        with pytest.raises(NotProven):
            Directory(replace(told, finding=finding, template=template)).prove("lise", "")


async def test_while_the_directory_is_away_that_is_said_and_passwords_kept_here_go_on(site: Site) -> None:
    site.enter()
    async with site.plant.client() as client:
        with away(site.slapd):
            for _ in range(12):  # more than lock a name: nothing of it is counted
                refused = await sign_in(client, "lise", LISE_PASSWORD)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
            local = await sign_in(client)
        back = await sign_in(client, "lise", LISE_PASSWORD)

    assert refused.json()["detail"] == "the directory does not answer now; who has a password here can sign in with it"
    assert (local.status_code, back.status_code) == (201, 201)


def test_the_second_server_is_asked_where_the_first_is_away(slapd: Slapd, told: Told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = Server("127.0.0.1", taken.getsockname()[1], "never")
    directory = Directory(replace(told, servers=[nobody, *told.servers]))

    assert directory.prove("lise", LISE_PASSWORD).name == "lise"
    assert [bool(fault) for _, fault in directory.looked_at()] == [True, False]


BIND_OK = bytes.fromhex("300c02010161070a010004000400")
BROKEN = {
    "nothing": (b"", "cannot be used"),
    "no LDAP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no message of LDAP"),
    "a length of gigabytes": (bytes.fromhex("3084ffffffff") + b"\0" * 100, "too long"),
    "an endless length": (bytes.fromhex("3080") + b"\0" * 100, "without its length"),
    "rubbish of the right length": (bytes.fromhex("30050201010401"), "no message of LDAP"),
    "an answer to another request": (BIND_OK.replace(b"\x02\x01\x01", b"\x02\x01\x07"), "another request"),
    "that it ends": (BIND_OK.replace(b"\x02\x01\x01", b"\x02\x01\x00").replace(b"\x61", b"\x78"), "another request"),
    "a nest of a hundred": (bytes.fromhex("3081c8") + b"\x30\x80" * 100, "no message of LDAP"),
}


@contextmanager
def answering(content: bytes, *, keeps_silent: bool = False) -> Iterator[Server]:
    """A server that answers whatever comes with these bytes, and then ends or keeps silent."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(content)
                if keeps_silent:
                    ended.wait(LIMIT_S)

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield Server("127.0.0.1", listening.getsockname()[1], "never", timeout_s=0.2 if keeps_silent else LIMIT_S)
        finally:
            ended.set()
            serving.join()


@pytest.mark.parametrize(("content", "why"), BROKEN.values(), ids=BROKEN)
def test_a_server_that_speaks_nonsense_lets_nobody_in(told: Told, content: bytes, why: str) -> None:
    with answering(content) as server, pytest.raises(ProviderAway, match=why):
        Directory(replace(told, servers=[server])).prove("lise", LISE_PASSWORD)


@pytest.mark.parametrize("begun", [b"", BIND_OK[:5]])
def test_a_server_that_keeps_silent_is_waited_for_no_longer_than_told(told: Told, begun: bytes) -> None:
    with answering(begun, keeps_silent=True) as server, pytest.raises(ProviderAway, match="no answer in time"):
        Directory(replace(told, servers=[server])).prove("lise", LISE_PASSWORD)


def test_what_follows_the_answer_to_starttls_in_clear_is_not_taken_for_an_answer(told: Told) -> None:
    yes = bytes.fromhex("300c02010178070a010004000400")
    with answering(yes + BIND_OK) as server, pytest.raises(ProviderAway, match="cannot be used"):
        Directory(replace(told, servers=[replace(server, tls="by StartTLS")])).prove("lise", LISE_PASSWORD)


def test_messages_with_long_lengths_are_read_as_those_with_short_ones() -> None:
    long = bytes.fromhex("30840000001202010161840000000a0a01000400040000"[:44])
    assert messages.length_of(long) == 6 + 0x12
    assert messages.answer_of(bytes.fromhex("3084000000100201016184000000070a010004000400")).told == messages.Ended(
        "bind", 0
    )
    assert [messages.length_of(head) for head in (b"", b"\x30", b"\x30\x82\x01", b"\x30\x05")] == [None, None, None, 7]


def test_tries_count_by_name_however_it_is_written_and_lock(site: Site) -> None:
    site.enter()
    for _ in range(10):
        with pytest.raises(NotLetIn, match="name or password is wrong"):
            site.enter("LISE", "guessed")
        site.plant.wall.goes_on(31)
    with pytest.raises(TooSoon):
        site.enter()
    locked = [account.name for account in site.people.accounts() if account.locked_until_ns]
    site.plant.wall.goes_on(15 * 60)

    assert (locked, site.enter().name) == (["lise"], "lise")
    assert ("lise", "locked for a time", "", "") in site.trail()


def test_a_name_that_is_somebodys_here_is_never_asked_of_the_directory(site: Site) -> None:
    with pytest.raises(NotLetIn):
        site.enter("ada", OTHER_ADA)
    with away(site.slapd):
        assert site.enter("ada", ADA).full_name == "Ada Lovelace"


def test_role_follows_the_groups_and_who_is_in_none_of_the_map_stays_out(site: Site) -> None:
    with pytest.raises(NotLetIn, match="gives no role here"):
        site.enter("otto", OTTO_PASSWORD)
    site.enter()
    site.slapd.put("tw-qa", "otto")
    assert site.enter("otto", OTTO_PASSWORD).role == Role.QA
    with pytest.raises(NotLetIn, match="gives no role here"):
        site.enter()

    assert [session.name for session in site.people.sessions(None)] == ["otto"]
    assert "lise" in site.names()


def test_the_password_stands_nowhere(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    guess = "a guess that nobody should read"
    with caplog.at_level(logging.DEBUG):
        site.enter()
        for name in ("lise", "nobody at all"):
            with pytest.raises(NotLetIn) as refused:
                site.enter(name, guess)
            assert guess not in "".join(map(str, (refused.value, refused.value.__cause__)))
    kept = b"".join(file.read_bytes() for file in site.plant.path.parent.glob("records.db*"))
    for secret in (LISE_PASSWORD, guess, LOOKER_PASSWORD):
        assert secret not in caplog.text
        assert secret.encode() not in kept
    assert "nobody at all" not in caplog.text
    assert b"nobody at all" not in kept  # somebody may type a password there


def test_who_signs_binds_once_more(site: Site) -> None:
    lise, proof = replace(site.enter(), origin="10.0.0.1"), proof_by_password(site.people)

    assert proof(lise, LISE_PASSWORD, "a digest") == "Lise Meitner"
    for wrong in ("", "guessed"):
        with pytest.raises(NotLetIn, match="name or password is wrong"):
            proof(lise, wrong, "a digest")
    with away(site.slapd), pytest.raises(ProviderAway):
        proof(lise, LISE_PASSWORD, "a digest")
    with pytest.raises(Refused, match="another role by now"):
        proof(replace(lise, role="shift lead"), LISE_PASSWORD, "a digest")
    site.slapd.put("tw-qa", "otto")
    with pytest.raises(NotLetIn, match="gives no role here"):
        proof(lise, LISE_PASSWORD, "a digest")


def test_who_is_disabled_here_stays_out_whatever_the_directory_says(site: Site) -> None:
    site.enter()
    site.people.disable("lise", MAKER, "left")

    with pytest.raises(NotLetIn, match="the account is disabled"):
        site.enter()


def test_nobody_of_the_directory_gets_a_password_here(site: Site) -> None:
    site.enter()

    with pytest.raises(Refused, match="has no password here"):
        site.people.change_password("lise", LISE_PASSWORD, "quite another set of words", DESK)
    with pytest.raises(Refused, match="has no password here"):
        site.people.reset("lise", MAKER, "")


async def test_who_waits_for_the_directory_holds_up_nobody_whose_password_is_here(
    site: Site, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.login.ldap.DEADLINE_S", 3600.0)
    with answering(b"", keeps_silent=True) as server:
        site.people._provider = Directory(replace(told, servers=[replace(server, timeout_s=3600.0)]))
        async with site.plant.client() as waiting, site.plant.client() as client:
            asked = [asyncio.create_task(sign_in(waiting, f"nobody {number}", "x")) for number in range(3)]
            local = await sign_in(client)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    assert local.status_code == 201


def faults(told: Told, **changes: Any) -> str:
    return next(fault for _, fault in Directory(replace(told, **changes)).looked_at())


def test_what_hinders_is_named_without_a_person(slapd: Slapd, told: Told, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("another")
    assert told.finding is not None
    where = f"the directory ldap://127.0.0.1:{slapd.port} cannot be used"

    assert faults(told) == ""
    assert faults(told, finding=replace(told.finding, password_file=wrong)) == (
        f"{where}: it does not take the password of {LOOKER!r}, by which people are sought"
    )
    assert "cannot be read" in faults(told, finding=replace(told.finding, password_file=tmp_path / "nowhere"))
    assert f"does not see 'ou=nobody,{PEOPLE}'" in faults(
        told, finding=replace(told.finding, base=f"ou=nobody,{PEOPLE}")
    )
    gone = replace(told.reading, roles={f"cn=gone,{GROUPS}": Role.QA})
    assert f"does not see 'cn=gone,{GROUPS}'" in faults(told, reading=gone)
    assert "Connection refused" in faults(told, servers=[replace(told.servers[0], host="127.0.0.1", port=1)])


async def test_without_a_directory_nothing_of_it_is_there(tmp_path: Path) -> None:
    with peopled(tmp_path) as plant:
        async with plant.client() as client:
            answered: httpx.Response = await client.get("/v1/session")
            assert answered.json()["directory"] is None
        assert not plant.people.asks_elsewhere("nobody")


def test_the_doctor_asks_the_directory_and_the_identity_provider(slapd: Slapd, told: Told, tmp_path: Path) -> None:
    assert told.finding is not None
    file = tmp_path / "thermowell.yaml"
    file.write_text(f"""
http: {{url: "http://localhost:8087"}}
login:
  oidc: {{issuer: "http://127.0.0.1:1", client_id: thermowell, roles: {{map: {{qa: QA}}}}}}
  ldap:
    servers: ["ldap://127.0.0.1:{slapd.port}", "ldap://127.0.0.1:1"]
    starttls: false
    search: {{account: "{LOOKER}", password_file: "{told.finding.password_file}", base: "{PEOPLE}"}}
    roles: {{map: {{"{QA}": QA}}}}
""")
    configuration = load(file)
    rows = [*logins.directory(configuration), *logins.openid(configuration)]

    assert [(row.check, str(row.state)) for row in rows] == [
        (f"directory ldap://127.0.0.1:{slapd.port}", "ok"),
        ("directory ldap://127.0.0.1:1", "wrong"),
        ("identity provider", "wrong"),
    ]
    assert "Connection refused" in rows[1].seen
    assert "no usable answer from the identity provider 127.0.0.1" in rows[2].seen
