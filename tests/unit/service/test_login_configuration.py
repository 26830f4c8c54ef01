"""The section `login`: what would let people in unsafely, or not at all, is complained of with its place."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.roles import Role
from service.backup.contents import secret_files
from service.config.build import load
from service.login.directory import Told
from service.login.oidc import Client

GOOD = {
    "issuer": "https://login.example/realms/plant",
    "client_id": "thermowell",
    "roles": "{claim: groups, map: {tw-qa: QA, tw-leads: shift lead}}",
}


def loaded(tmp_path: Path, url: str = "https://plant.example/tw", **changes: str) -> Client:
    file = tmp_path / "thermowell.yaml"
    told = "\n".join(f"    {key}: {value}" for key, value in (GOOD | changes).items() if value)
    file.write_text(f"http: {{url: '{url}', listen: '0.0.0.0:8443'}}\nlogin:\n  oidc:\n{told}\n")
    configuration = load(file)
    assert configuration.openid is not None
    return configuration.openid.client


def test_a_provider_is_built_with_the_address_to_come_back_to(tmp_path: Path) -> None:
    client = loaded(tmp_path)

    assert client.back == "https://plant.example/tw/login/oidc"
    assert client.naming.roles == {"tw-qa": Role.QA, "tw-leads": Role.SHIFT_LEAD}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"issuer": "http://login.example"}, "login.oidc.issuer: is no address"),
        ({"issuer": "https://a:b@login.example"}, "login.oidc.issuer: is no address"),
        ({"url": "http://plant.example"}, "login.oidc.issuer: needs `http.url`, by HTTPS"),
        ({"client_secret_file": "nowhere"}, "login.oidc.client_secret_file: no file 'nowhere'"),
        ({"scopes": "[profile]"}, "login.oidc.scopes: are words"),
        ({"roles": "{map: {tw: service}}"}, "login.oidc.roles.map.tw"),
        ({"roles": "{map: {}}"}, "login.oidc.roles.map"),
        ({"roles": ""}, "login.oidc"),
    ],
)
def test_what_cannot_be_meant_is_complained_of(tmp_path: Path, changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, **changes)

    assert complaint in str(refused.value)


DIRECTORY = {
    "servers": "[ldaps://dc1.example, 'ldap://dc2.example:1389']",
    "search": "{account: 'cn=thermowell,dc=x', password_file: looker, base: 'ou=people,dc=x', among: {objectClass: person}}",
    "roles": "{map: {'cn=qa,ou=groups,dc=x': QA}}",
}


def directory(tmp_path: Path, **changes: str) -> Told:
    file = tmp_path / "thermowell.yaml"
    (tmp_path / "looker").write_text("secret")
    told = "\n".join(f"    {key}: {value}" for key, value in (DIRECTORY | changes).items() if value)
    file.write_text(f"login:\n  ldap:\n{told}\n")
    configuration = load(file)
    assert configuration.ldap is not None
    assert ("login.ldap.search.password_file" in dict(secret_files(configuration))) is bool(configuration.ldap.finding)
    return configuration.ldap


def test_a_directory_is_built_with_each_of_its_servers(tmp_path: Path) -> None:
    told = directory(tmp_path)

    assert [(one.shown, one.tls) for one in told.servers] == [
        ("ldaps://dc1.example:636", "at once"),
        ("ldap://dc2.example:1389", "by StartTLS"),
    ]
    assert (told.issuer, told.reading.roles) == ("ldap:dc=x", {"cn=qa,ou=groups,dc=x": Role.QA})


def test_passwords_go_in_clear_on_this_machine_alone(tmp_path: Path) -> None:
    assert directory(tmp_path, servers="['ldap://127.0.0.1']", starttls="false").servers[0].tls == "never"
    with pytest.raises(ConfigError, match="would send passwords in clear"):
        directory(tmp_path, starttls="false")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"servers": "['http://dc1.example']"}, "login.ldap.servers.0: is no address"),
        ({"servers": "['ldaps://a:b@dc1.example']"}, "login.ldap.servers.0: is no address"),
        ({"servers": "['ldaps://dc1.example:70000']"}, "login.ldap.servers.0: is no address"),
        ({"servers": "[]"}, "login.ldap.servers"),
        ({"ca_file": "nowhere"}, "login.ldap.ca_file: no file 'nowhere'"),
        ({"search": ""}, "login.ldap: needs either `search` or `template`"),
        ({"template": "'uid={name},dc=x'"}, "login.ldap: needs either `search` or `template`"),
        ({"search": "", "template": "'uid=name,dc=x'"}, "login.ldap.template: is no name in the tree with {name} once"),
        ({"search": "", "template": "'{name}@plant.example'"}, "login.ldap.template: is no name in the tree"),
        (
            {"search": "{account: thermowell, password_file: looker, base: 'dc=x'}"},
            "login.ldap.search.account: is no name",
        ),
        ({"search": "{account: 'cn=t', password_file: no, base: 'dc=x'}"}, "login.ldap.search.password_file"),
        ({"name": "'uid)(cn=*'"}, "login.ldap.name: 'uid)(cn=*' is no attribute"),
        ({"roles": "{map: {tw-qa: QA}}"}, "login.ldap.roles.map.tw-qa: is no name in the tree"),
        ({"roles": "{map: {'cn=qa,dc=x': service}}"}, "login.ldap.roles.map"),
    ],
)
def test_what_cannot_be_meant_of_a_directory_is_complained_of(
    tmp_path: Path, changes: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        directory(tmp_path, **changes)

    assert complaint in str(refused.value)
