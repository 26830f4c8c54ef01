"""The section `login`: what would let people in unsafely, or not at all, is complained of with its place."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.roles import Role
from service.config.build import load
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
