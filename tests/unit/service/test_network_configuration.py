"""The section `http`: what it says of the network, and what it cannot say."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from service.config.build import Configuration, load
from service.tellers import wording_of


def loaded(folder: Path, http: str, rest: str = "") -> Configuration:
    (folder / "thermowell.yaml").write_text(f"http: {http}\n{rest}")
    return load(folder / "thermowell.yaml")


@pytest.mark.parametrize(
    ("http", "complaint"),
    [
        ("{listen: '8087'}", "1:8: http.listen: '8087' is not HOST:PORT"),
        ("{listen: '0.0.0.0:²'}", "1:8: http.listen: '0.0.0.0:²' is not HOST:PORT"),
        ("{url: plant.example}", "1:8: http.url: 'plant.example' is no address"),
        ("{url: 'ftp://plant.example'}", "1:8: http.url: 'ftp://plant.example' is no address"),
        ("{url: 'https://plant.example:99999'}", "1:8: http.url: 'https://plant.example:99999' is no address"),
        ("{url: 'https://[::1'}", "1:8: http.url: 'https://[::1' is no address"),
        ("{url: 'https://ada:sesame@plant.example'}", "1:8: http.url: is no address"),
        ("{url: 'https://plant.example/?a=b'}", "1:8: http.url: "),
        ("{prefix: thermowell}", "1:8: http.prefix: 'thermowell' is no path such as /thermowell"),
        ("{prefix: //thermowell}", "1:8: http.prefix: '//thermowell' is no path"),
        ("{prefix: /a/../b}", "1:8: http.prefix: '/a/../b' is no path"),
        ("{prefix: '/a b'}", "1:8: http.prefix: '/a b' is no path"),
        ("{prefix: /static/x}", "1:8: http.prefix: the prefix '/static/x' begins like a path of this service"),
        ("{prefix: /a, url: 'https://plant.example/b'}", "1:8: http.prefix: '/a' is not the path of `url`, which is '/b'"),
        ("{url: 'https://plant.example/v1'}", "1:8: http.url: the prefix '/v1' begins like a path"),
        ("{names: ['plant.example:443']}", "1:16: http.names.0: 'plant.example:443' is no name of a host"),
        ("{proxies: [172.16.5.4/12]}", "1:18: http.proxies.0: '172.16.5.4/12' is no network; did you mean 172.16.0.0/12?"),
        ("{proxies: [127.0.0.1, nginx]}", "1:29: http.proxies.1: 'nginx' is no address"),
        ("{proxies: [0.0.0.0/0]}", "1:18: http.proxies.0: '0.0.0.0/0' is everybody"),
        ("{proxies: ['::/0']}", "1:18: http.proxies.0: '::/0' is everybody"),
        ("{tls: {certificate_file: a.pem}}", "1:8: http.tls.key_file: is missing"),
        ("{tls: {certificate_file: a.pem, key_file: b, passphrase: sesame}}", "1:52: http.tls.passphrase: "),
        ("{hsts: yes}", "1:8: http.hsts: "),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_its_place(tmp_path: Path, http: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, http)

    assert str(refused.value).removeprefix(f"{tmp_path}/thermowell.yaml:").startswith(complaint.removesuffix(": "))
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("http", "page"),
    [
        ("{}", "http://127.0.0.1:8087"),
        ("{listen: '[::1]:80', prefix: /thermowell/}", "http://[::1]:80/thermowell"),
        ("{listen: 'h:1', tls: {certificate_file: a, key_file: b}}", "https://h:1"),
        ("{listen: '0.0.0.0:8087'}", ""),
        ("{listen: '0.0.0.0:8087', url: 'https://plant.example/t/'}", "https://plant.example/t"),
    ],
)
def test_notices_link_to_where_people_find_the_page(tmp_path: Path, http: str, page: str) -> None:
    assert wording_of(loaded(tmp_path, http)).page_url == page


def test_the_outside_address_tells_prefix_and_name(tmp_path: Path) -> None:
    network = loaded(
        tmp_path, "{listen: '10.0.0.5:80', url: 'https://Plant.Example/floor/t', names: [thermowell]}"
    ).http

    assert network.front.prefix == "/floor/t"
    assert network.names is not None
    assert {"plant.example", "thermowell", "localhost"} <= network.names
    assert network.front.by_address


def test_on_the_loopback_only_its_names_and_those_told_are_ours(tmp_path: Path) -> None:
    network = loaded(tmp_path, "{proxies: [127.0.0.1, 'fd00::/8'], names: [plant.example]}").http

    assert network.names == {"localhost", "127.0.0.1", "[::1]", "plant.example"}
    assert not network.front.by_address
    assert [str(one) for one in network.front.proxies] == ["127.0.0.1/32", "fd00::/8"]


@pytest.mark.parametrize(
    ("http", "warned"),
    [
        ("{}", []),
        ("{listen: '0.0.0.0:1'}", ["listen", "listen", "url"]),
        ("{listen: '0.0.0.0:1', proxies: [10.0.0.1]}", ["listen", "url"]),
        ("{listen: '0.0.0.0:1', url: 'https://plant.example'}", ["listen"]),
        ("{listen: '0.0.0.0:1', url: 'https://plant.example', tls: {certificate_file: a, key_file: b}}", []),
    ],
)
def test_what_is_open_to_others_is_warned_of(tmp_path: Path, http: str, warned: list[str]) -> None:
    told = loaded(tmp_path, http, "notify: {console: {url: 'console://'}}\n").warnings

    assert [warning.path for warning in told] == [f"http.{key}" for key in warned]
