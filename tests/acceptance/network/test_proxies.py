"""The example configurations of nginx and Caddy with the programs themselves: what a person and a program get through them."""

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.network.conftest import Nginx, Site
from tests.acceptance.network.plant import PREFIX
from tests.acceptance.page.plant import TOKEN
from tests.patience import LIMIT_S

BOTH = pytest.mark.parametrize("proxy", ["nginx", "caddy"])
SITES = ("root", "prefixed")


def site(request: pytest.FixtureRequest, proxy: str, which: str) -> Site:
    found = request.getfixturevalue(proxy)
    return found[which] if proxy == "caddy" else getattr(found, which)


def events(stream: httpx.Response, name: str) -> Iterator[dict]:
    """What each event of that name tells."""
    event = ""
    for line in stream.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            event = value
        elif field == "data" and event == name:
            yield json.loads(value)


@BOTH
@pytest.mark.parametrize("which", SITES)
def test_a_name_is_called_and_the_service_sees_it(request: pytest.FixtureRequest, proxy: str, which: str) -> None:
    place = site(request, proxy, which)
    spoofed = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil",
               "X-Forwarded-Host": "evil.example", "Forwarded": "for=6.6.6.6"}  # fmt: skip
    with place.client("127.0.0.9") as client:
        told = client.get("/v1/connection", headers=spoofed).json()

    assert told == {
        "client": "127.0.0.9",
        "scheme": "https",
        "host": f"{place.name}:{place.port}",
        "prefix": PREFIX if which == "prefixed" or proxy == "caddy" else "",
        "through": ["127.0.0.1"],
    }


@BOTH
@pytest.mark.parametrize("which", SITES)
def test_a_page_and_all_that_it_links_to_come_through(request: pytest.FixtureRequest, proxy: str, which: str) -> None:
    if (proxy, which) == ("caddy", "root"):
        which = "prefixed"
    place = site(request, proxy, which)
    with place.client() as client:
        page = client.get("/")
        links = {piece.split('"')[0] for piece in page.text.replace('src="', 'href="').split('href="')[1:]}
        links = {link for link in links if not link.startswith(("#", "data:"))}
        answers = {link: client.get(f"https://127.0.0.1:{place.port}{link}") for link in links}
    turned_away = {link: answer for link, answer in answers.items() if answer.status_code != 200}

    assert page.status_code == 200
    assert page.headers["strict-transport-security"] == "max-age=86400"
    assert len(page.headers.get_list("content-security-policy")) == 1
    assert links
    assert {link.rpartition("/")[2] for link in turned_away} == {"people"}  # who asks there has to be known
    assert {answer.status_code for answer in turned_away.values()} == {401}


@BOTH
@pytest.mark.parametrize("path", ["/v1/tags", "/v1/alarms/R101.TT%2Fdrift", "/openapi.json", "/v1/nothing"])
def test_an_answer_is_the_direct_one(
    request: pytest.FixtureRequest, services: dict[str, int], proxy: str, path: str
) -> None:
    direct = httpx.get(f"http://127.0.0.1:{services['prefixed']}{PREFIX}{path}", timeout=LIMIT_S)
    with site(request, proxy, "prefixed").client() as client:
        through = client.get(path)

    assert through.status_code == direct.status_code
    assert _still(through.json()) == _still(direct.json())


def _still(told: dict) -> dict:
    """Without what moves on by itself."""
    return {key: value for key, value in told.items() if not key.startswith("now")}


@BOTH
@pytest.mark.parametrize("which", SITES)
def test_events_arrive_while_they_happen(request: pytest.FixtureRequest, proxy: str, which: str) -> None:
    """Each one that is heard was sent on at once: the stream has no end at which a buffer would be emptied."""
    with site(request, proxy, which).client() as client, client.stream("GET", "/v1/stream?tags=R101.TT") as stream:
        heard = next(events(stream, "samples"))

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert heard["value"]


def test_a_stream_outlives_the_idle_time_out(nginx: Nginx) -> None:
    """Heartbeats keep it alive: it is heard for longer than the 5 s after which nginx would cut a silent one."""
    with nginx.root.client() as client, client.stream("GET", "/v1/stream?tags=") as stream:
        beats = events(stream, "heartbeat")
        heard = [next(beats) for _ in range(8)]

    assert len(heard) == 8


@BOTH
def test_a_person_acknowledges_and_hears_of_it(request: pytest.FixtureRequest, proxy: str) -> None:
    place = site(request, proxy, "prefixed")
    origin = f"https://{place.name}:{place.port}"
    with place.client() as client, client.stream("GET", "/v1/stream?tags=") as stream:
        told = events(stream, "alarm")
        alarms = client.get("/v1/alarms").json()["alarms"]
        target = next(alarm["id"] for alarm in alarms if not alarm["acknowledged"]).replace("/", "%2F")
        ask = {"comment": f"seen through {proxy}"}
        mine = {"Authorization": f"Bearer {TOKEN}"}
        foreign = client.post(
            f"/v1/alarms/{target}/acknowledge", json=ask, headers=mine | {"Origin": "https://evil.example"}
        )
        nobody = client.post(f"/v1/alarms/{target}/acknowledge", json=ask, headers={"Origin": origin})
        done = client.post(f"/v1/alarms/{target}/acknowledge", json=ask, headers=mine | {"Origin": origin})
        heard = next(one for one in told if one.get("comment") == ask["comment"])

    assert [foreign.status_code, nobody.status_code] == [403, 401]
    assert done.status_code in (200, 202), done.text
    assert heard["what"] == "acknowledged"


def test_a_long_export_streams_through_and_no_file_is_made_of_it(nginx: Nginx, services: dict[str, int]) -> None:
    query = "/v1/samples?tag=R101.TT&start=0&end=300000000000000&limit=300000"
    direct = hashlib.sha256(httpx.get(f"http://127.0.0.1:{services['long']}{query}", timeout=LIMIT_S).content)
    through, size = hashlib.sha256(), 0
    with nginx.long.client() as client, client.stream("GET", query) as stream:
        for piece in stream.iter_bytes():
            through.update(piece)
            size += len(piece)

    assert through.hexdigest() == direct.hexdigest()
    assert size > 5_000_000
    assert "buffered to a temporary file" not in (nginx.folder / "error.log").read_text()


@BOTH
def test_a_body_that_is_too_long_is_refused_on_the_way(request: pytest.FixtureRequest, proxy: str) -> None:
    with site(request, proxy, "prefixed").client() as client:
        refused = client.post("/v1/alarms/a/acknowledge", content=b"x" * 100_000)

    # This Caddy calls it a bad gateway when its own limit comes first.
    assert refused.status_code in ((413,) if proxy == "nginx" else (413, 502))


@BOTH
def test_a_preflight_from_elsewhere_allows_nothing(request: pytest.FixtureRequest, proxy: str) -> None:
    ask = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    with site(request, proxy, "prefixed").client() as client:
        refused = client.options("/v1/alarms/a/acknowledge", headers=ask)
        read = client.get("/v1/tags", headers=ask)

    assert refused.status_code == 405
    assert not [name for answer in (refused, read) for name in answer.headers if name.startswith("access-control")]


@BOTH
def test_the_prefix_without_its_slash_leads_to_the_page(request: pytest.FixtureRequest, proxy: str) -> None:
    place = site(request, proxy, "prefixed")
    with place.client() as client:
        led = client.get(f"https://127.0.0.1:{place.port}{PREFIX}")
        beside = client.get(f"https://127.0.0.1:{place.port}/elsewhere")

    assert (led.status_code, led.headers["location"]) == (308, f"{PREFIX}/")
    assert beside.headers.get("content-security-policy") is None, "another path of that name is not ours"


def test_a_proxy_may_take_the_prefix_away_too(nginx: Nginx) -> None:
    with nginx.stripping.client() as client:
        page, led = client.get("/"), client.get("/recipes/")

    assert f'href="{PREFIX}/static/style.css"' in page.text
    assert led.headers["location"].endswith(f"{PREFIX}/recipes")


def test_what_comes_without_tls_is_sent_to_it_by_a_fixed_name(nginx: Nginx) -> None:
    led = httpx.get(f"http://127.0.0.1:{nginx.plain}/recipes?a=b", headers={"Host": "evil.example"})

    assert (led.status_code, led.headers["location"]) == (308, "https://thermowell.example/recipes?a=b")


def test_a_proxy_that_holds_events_back_is_told_from_one_that_does_not(nginx: Nginx) -> None:
    """Beside a stream that hears three heartbeats, the same one through it hears none."""
    with (
        nginx.holding.client() as held,
        nginx.root.client() as open_,
        socket.create_connection(("127.0.0.1", nginx.holding.port), 30) as silent,
        open_.stream("GET", "/v1/stream?tags=") as stream,
    ):
        assert held.get("/-/healthy").status_code == 200
        silent.sendall(b"GET /v1/stream?tags= HTTP/1.1\r\nHost: localhost\r\n\r\n")
        beats = events(stream, "heartbeat")
        for _ in range(3):
            next(beats)
        silent.setblocking(False)
        try:
            heard = silent.recv(1 << 20)
        except BlockingIOError:
            heard = b""

    assert b"heartbeat" not in heard


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Content-Length: 4", "Content-Length: 5"],
        ["Transfer-Encoding: xchunked"],
        ["Host: evil.example"],
        ["Content-Length : 4"],
    ],
)
@pytest.mark.parametrize("way", ["direct", "nginx"])
def test_a_request_that_two_could_read_differently_is_refused(
    nginx: Nginx, services: dict[str, int], lines: list[str], way: str
) -> None:
    raw = "\r\n".join(["POST /v1/alarms/a/acknowledge HTTP/1.1", "Host: thermowell.example", *lines, "", "0\r\n\r\n"])
    port = services["root"] if way == "direct" else nginx.root.port
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        connection: socket.socket = plain if way == "direct" else _secured(plain, nginx.root)
        connection.sendall(raw.encode())
        answer = connection.recv(4096)
        connection.close()

    assert int(answer.split()[1]) in (400, 501), answer


def _secured(plain: socket.socket, place: Site) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(place.certificate))
    return context.wrap_socket(plain, server_hostname=place.name)
