"""What a request is taken for, whoever sent it: names, paths, clients, and what a page from elsewhere may do."""

from collections.abc import AsyncIterator
from ipaddress import ip_network

import httpx
import pytest

from api.app import create_app
from api.front import Front
from api.guard import LINES_A_MINUTE, Notes
from tests.unit.api.conftest import LEAD, World, a_world

PROXIES = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/8", "fd00::/8")))
BY_NAME = frozenset({"localhost", "plant.example"})


def calling(world: World, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(world.deps), raise_app_exceptions=False, client=(peer, 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def behind(*, prefix: str = "", **more: object) -> World:
    return a_world(front=Front(proxies=PROXIES, prefix=prefix, **more), allowed_hosts=BY_NAME)


async def seen(headers: object, peer: str = "127.0.0.1", *, prefix: str = "", path: str = "/v1/connection") -> dict:
    async with calling(behind(prefix=prefix), peer) as client:
        return (await client.get(path, headers=headers)).json()


OUTSIDE = {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "plant.example:8443",
    "X-Forwarded-Prefix": "/floor/thermowell/",
}


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1", "10.9.8.7", "fd00::1", "fd00::1%eth0"])
async def test_a_named_proxy_is_believed(peer: str) -> None:
    assert await seen(OUTSIDE, peer) == {
        "client": "192.0.2.7",
        "scheme": "https",
        "host": "plant.example:8443",
        "prefix": "/floor/thermowell",
        "through": [peer.removeprefix("::ffff:").partition("%")[0]],
    }


@pytest.mark.parametrize("peer", ["192.0.2.9", "11.0.0.1", "::1", "fe80::1", "::ffff:11.0.0.1"])
async def test_nobody_else_is_believed(peer: str) -> None:
    assert await seen(OUTSIDE, peer) == {
        "client": peer.removeprefix("::ffff:"),
        "scheme": "http",
        "host": "localhost",
        "prefix": "",
        "through": [],
    }


@pytest.mark.parametrize(
    ("forwarded", "client", "through"),
    [
        ([], "127.0.0.1", []),
        (["192.0.2.7"], "192.0.2.7", ["127.0.0.1"]),
        (["6.6.6.6, 192.0.2.7"], "192.0.2.7", ["127.0.0.1"]),  # the client sent the header itself
        (["6.6.6.6", "192.0.2.7"], "192.0.2.7", ["127.0.0.1"]),  # the same in two lines
        (["6.6.6.6, 192.0.2.7, 10.0.0.5"], "192.0.2.7", ["10.0.0.5", "127.0.0.1"]),
        (["192.0.2.7, 10.0.0.5", "10.0.0.6"], "192.0.2.7", ["10.0.0.5", "10.0.0.6", "127.0.0.1"]),
        (["10.1.1.1, 10.0.0.5"], "10.1.1.1", ["10.0.0.5", "127.0.0.1"]),  # a person in the proxies' network
        (["192.0.2.7:4711"], "192.0.2.7", ["127.0.0.1"]),
        (["[2001:db8::7]:4711"], "2001:db8::7", ["127.0.0.1"]),
        (["2001:DB8::7"], "2001:db8::7", ["127.0.0.1"]),
        (["fd00::5, ::ffff:10.0.0.6"], "fd00::5", ["10.0.0.6", "127.0.0.1"]),
        (["6.6.6.6, unknown"], "127.0.0.1", []),  # what stands before no address is hearsay
        (["6.6.6.6, 10.0.0.5\t, <script>, 10.0.0.6"], "10.0.0.6", ["127.0.0.1"]),
        ([" , ,"], "127.0.0.1", []),
        ([", ".join(["6.6.6.6"] + ["10.0.0.1"] * 40)], "10.0.0.1", ["10.0.0.1"] * 19 + ["127.0.0.1"]),
    ],
)
async def test_the_client_is_the_nearest_that_is_no_named_proxy(
    forwarded: list[str], client: str, through: list[str]
) -> None:
    told = await seen([("X-Forwarded-For", value) for value in forwarded])

    assert (told["client"], told["through"]) == (client, through)


async def test_of_several_values_the_one_that_the_nearest_proxy_wrote_counts() -> None:
    told = await seen(
        [
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Host", "other.example, plant.example"),
            ("X-Forwarded-Proto", "http, https"),
        ],
    )

    assert (told["host"], told["scheme"]) == ("plant.example", "https")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Prefix", "//evil.example"),
        ("X-Forwarded-Prefix", "/a/../b"),
        ("X-Forwarded-Prefix", '/"><script>'),
        ("X-Forwarded-Prefix", "thermowell"),
        ("X-Forwarded-Host", "plant.example/path"),
        ("X-Forwarded-Host", "ada@plant.example"),
        ("Host", "plant.example:99999999"),
        ("Host", 'plant.example"><script>'),
        ("Host", "plant.example, evil.example"),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_name(header: str, value: str) -> None:
    async with calling(behind()) as client:
        refused = await client.get("/v1/tags", headers={header: value})

    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    assert refused.json()["parameter"] in (header, "Host")
    assert "script-src 'self'" in refused.headers["content-security-policy"]


async def test_a_name_that_is_not_ours_is_turned_away_behind_a_proxy_too() -> None:
    async with calling(behind()) as client:
        forwarded = await client.get("/v1/tags", headers={"X-Forwarded-Host": "evil.example"})
    async with calling(behind(by_address=True), "192.0.2.9") as client:
        by_address = await client.get("/-/healthy", headers={"Host": "10.0.0.9:8087"})
        by_name = await client.get("/-/healthy", headers={"Host": "10.0.0.9.evil.example"})

    assert [forwarded.status_code, by_address.status_code, by_name.status_code] == [421, 200, 421]


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://plant.example/v1/connection", "plant.example", 200),
        (b"HTTP://plant.example:80/v1/connection", "plant.example:80", 200),
        (b"http://evil.example/v1/connection", None, 421),
        (b"http://ada@plant.example/v1/connection", None, 400),
        (b"plant.example:443", None, 400),
        (b"*", None, 400),
    ],
)
async def test_a_target_in_absolute_form_says_the_host(target: bytes, host: str | None, status: int) -> None:
    answered: list[dict] = []
    scope = {
        "type": "http", "method": "GET", "path": target.decode(), "raw_path": target, "query_string": b"", "root_path": "",
        "scheme": "http", "server": ("127.0.0.1", 1), "client": ("192.0.2.9", 1), "headers": [(b"host", b"localhost")],
        "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        answered.append(message)

    await create_app(behind().deps)(scope, receive, send)  # type: ignore[arg-type]

    assert answered[0]["status"] == status
    assert host is None or f'"host":"{host}"'.encode() in answered[1]["body"].replace(b" ", b"")


# The path before ours


@pytest.fixture
async def prefixed() -> AsyncIterator[httpx.AsyncClient]:
    world = behind(prefix="/thermowell")
    world.alarm()
    await world.feed.start()
    async with calling(world) as client:
        yield client
    world.feed.shut()


@pytest.mark.parametrize("path", ["/", "/recipes", "/alarms/R101.TT%2Fhigh", "/batches/nothing"])
async def test_every_link_of_a_page_begins_with_the_prefix(prefixed: httpx.AsyncClient, path: str) -> None:
    stripped = (await prefixed.get(path)).text
    whole = (await prefixed.get("/thermowell" + path)).text
    links = [piece.split('"')[0] for piece in whole.replace('src="', 'href="').split('href="')[1:]]
    links = [link for link in links if not link.startswith(("#", "data:"))]

    assert stripped == whole
    assert links
    assert all(link.startswith("/thermowell/") for link in links)


async def test_what_the_pages_link_to_is_there(prefixed: httpx.AsyncClient) -> None:
    for path in ("/static/style.css", "/static/js/here.js", "/v1/alarms", "/-/ready", "/openapi.json"):
        assert (await prefixed.get("/thermowell" + path)).status_code == 200, path
        assert (await prefixed.get(path)).status_code == 200, path


async def test_the_prefix_without_its_slash_leads_to_the_page(prefixed: httpx.AsyncClient) -> None:
    led = await prefixed.get("/thermowell", headers={"X-Forwarded-Host": "plant.example"})

    assert (led.status_code, led.headers["location"]) == (308, "/thermowell/")


async def test_a_redirect_keeps_the_prefix_and_names_no_host(prefixed: httpx.AsyncClient) -> None:
    led = await prefixed.get("/thermowell/recipes/?a=b")

    assert (led.status_code, led.headers["location"]) == (307, "/thermowell/recipes?a=b")


@pytest.mark.parametrize("path", ["/thermowell/thermowell/", "/thermowellx/", "/THERMOWELL/"])
async def test_only_the_prefix_itself_is_taken_away_and_once(prefixed: httpx.AsyncClient, path: str) -> None:
    assert (await prefixed.get(path)).status_code == 404


async def test_a_prefix_that_is_configured_cannot_be_changed_by_a_request(prefixed: httpx.AsyncClient) -> None:
    page = await prefixed.get("/", headers={"X-Forwarded-Prefix": "/elsewhere"})

    assert "/thermowell/static/" in page.text
    assert "/elsewhere" not in page.text


async def test_openapi_tells_each_caller_its_own_prefix() -> None:
    async with calling(behind()) as client:
        first = (await client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/a"})).json()
        second = (await client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/b"})).json()
        third = (await client.get("/openapi.json")).json()

    assert [first["servers"], second["servers"], third.get("servers")] == [[{"url": "/a"}], [{"url": "/b"}], None]


async def test_a_problem_names_the_path_that_was_asked_for(prefixed: httpx.AsyncClient) -> None:
    assert (await prefixed.get("/thermowell/v1/nothing")).json()["instance"] == "/thermowell/v1/nothing"


# Pages from elsewhere

ACKNOWLEDGE = "/v1/alarms/R101.TT%2Fhigh/acknowledge"
MINE = {"Authorization": f"Bearer {LEAD}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),  # no browser
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://plant.example"}, 202),  # the proxy hides the name
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.plant.example"}, 403),
        ({"Origin": "http://localhost"}, 202),
        ({"Origin": "https://plant.example:8443", "X-Forwarded-Host": "plant.example:8443"}, 202),
        ({"Origin": "https://plant.example:9", "X-Forwarded-Host": "plant.example:8443"}, 403),
        ({"Origin": "https://evil.example", "X-Forwarded-Host": "plant.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_page_from_elsewhere_may_not_write(headers: dict[str, str], status: int) -> None:
    world = behind()
    world.alarm()
    async with calling(world) as client:
        answered = await client.post(ACKNOWLEDGE, json={"comment": "seen"}, headers=MINE | headers)

    assert (answered.status_code == 403) == (status == 403), answered.text
    assert len(world.records.requests) == (0 if status == 403 else 1)


async def test_a_preflight_allows_nothing() -> None:
    ask = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    async with calling(behind()) as client:
        refused = [await client.options(path, headers=ask) for path in (ACKNOWLEDGE, "/v1/tags", "/influx/query", "/")]

    assert all(answer.status_code == 405 for answer in refused)
    assert not [name for answer in refused for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(("scheme", "expected"), [("https", "max-age=3600"), ("http", None)])
async def test_a_browser_is_told_to_insist_on_https_by_https_alone(scheme: str, expected: str | None) -> None:
    async with calling(behind(hsts_s=3600)) as client:
        answered = await client.get("/", headers={"X-Forwarded-Proto": scheme})

    assert answered.headers.get("strict-transport-security") == expected


async def test_a_body_with_two_lengths_is_refused_and_the_connection_ends() -> None:
    """A proxy that believes one of them and we the other would disagree where the next request begins."""
    async with calling(behind()) as client:
        headers = MINE | {"Transfer-Encoding": "chunked", "Content-Length": "4"}
        refused = await client.post(ACKNOWLEDGE, content=b"{}", headers=headers)

    assert (refused.status_code, refused.headers["connection"]) == (400, "close")


async def test_the_log_says_who_was_refused_and_cannot_be_written_by_a_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = behind()
    async with calling(world) as client:
        headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": "192.0.2.7"}
        await client.post("/v1/alarms/a%0DERROR%1B[31m/acknowledge", json={"comment": "x"}, headers=headers)

    (line,) = [record.getMessage() for record in caplog.records if record.name == "api.guard"]
    assert "from 192.0.2.7 was refused with 401" in line
    assert line.isprintable()
    assert "wrong" not in line


def test_a_flood_of_refusals_is_counted_instead_of_told(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    notes = Notes(lambda: now[0])
    scope = {"method": "GET", "path": "/", "client": ("192.0.2.7", 1)}
    for _ in range(LINES_A_MINUTE + 5):
        notes.refused(scope, 401)
    now[0] = 61
    notes.refused(scope, 401)

    told = [record.getMessage() for record in caplog.records]
    assert len(told) == LINES_A_MINUTE + 2
    assert told[-2].startswith("5 more requests")
