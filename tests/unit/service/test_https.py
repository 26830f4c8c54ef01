"""The page's certificate: what cannot be used is told before it is needed, and a renewed one is taken while it runs."""

import asyncio
import json
import logging
import shutil
import socket
import ssl
import sys
import time
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.serve import serve
from service.cli import main
from service.config.network import Pair
from service.https import Renewing, faults_of, usable, validity_of
from tests.certificates import Made, make
from tests.patience import LIMIT_S
from tests.unit.api.conftest import a_world
from tests.unit.deploy.reading import stages


def pair(made: Made) -> Pair:
    return Pair(made.certificate, made.key)


def checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Exit code and complaints of `thermowell check`, without the file's folder."""
    file = folder / "thermowell.yaml"
    file.write_text("site: north\nhttp:\n  tls:\n    certificate_file: plant.pem\n    key_file: plant.key\n")
    with pytest.raises(SystemExit) as ended:
        main(["check", str(file)])
    told = capsys.readouterr().err.replace(f"{folder}/", "").splitlines()
    return int(str(ended.value.code)), [line for line in told if "warning" not in line]


def test_a_pair_that_fits_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path)

    assert checked(tmp_path, capsys) == (0, [])


def broken(folder: Path, how: str) -> None:
    made = make(folder, begin=-100 if how == "expired" else 2 if how == "early" else -1)
    match how:
        case "missing":
            made.certificate.unlink()
        case "missing key":
            made.key.unlink()
        case "folder":
            made.key.unlink()
            made.key.mkdir()
        case "other key":
            shutil.copy(make(folder / "other").key, made.key)
        case "open":
            made.key.chmod(0o644)
        case "writable":
            made.key.chmod(0o660)
        case "encrypted":
            make(folder, passphrase=b"sesame")
        case "swapped":
            made.certificate.write_bytes(made.key.read_bytes())
        case "torn":
            made.key.write_bytes(made.key.read_bytes()[:80])
        case "huge":
            made.key.write_bytes(b"x" * 2_000_000)


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ("expired", "4:5: http.tls.certificate_file: CN=plant.example has expired on 20"),
        ("early", "4:5: http.tls.certificate_file: CN=plant.example is not valid before 20"),
        ("missing", "4:5: http.tls.certificate_file: 'plant.pem' cannot be read: No such file"),
        ("swapped", "4:5: http.tls.certificate_file: 'plant.pem' holds no certificate in PEM form"),
        ("missing key", "5:5: http.tls.key_file: 'plant.key' cannot be read: No such file"),
        ("folder", "5:5: http.tls.key_file: 'plant.key' cannot be read: Is a directory"),
        ("other key", "5:5: http.tls.key_file: 'plant.key' is not the key of 'plant.pem'"),
        ("open", "5:5: http.tls.key_file: 'plant.key' is open to others (mode 0644): chmod 600"),
        ("writable", "5:5: http.tls.key_file: 'plant.key' is open to others (mode 0660): chmod 600"),
        ("encrypted", "5:5: http.tls.key_file: 'plant.key' is encrypted: give a key without a passphrase"),
        ("torn", "5:5: http.tls.key_file: 'plant.key' holds no private key in PEM form"),
        ("huge", "5:5: http.tls.key_file: 'plant.key' is too large"),
    ],
)
def test_check_refuses_a_pair_that_cannot_be_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str, complaint: str
) -> None:
    broken(tmp_path, how)

    code, (line,) = checked(tmp_path, capsys)
    assert code == 2
    assert line.startswith(f"thermowell.yaml:{complaint}")


def test_nothing_of_a_key_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(tmp_path)
    secret = made.key.read_text().splitlines()[1]
    made.key.write_text(f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n")

    assert secret[:8] not in str(checked(tmp_path, capsys))


@pytest.mark.parametrize(
    ("days", "left", "short"), [(90, 20.5, True), (90, 21.5, False), (6, 1.5, True), (6, 2.5, False)]
)
def test_an_end_is_told_before_it_comes(tmp_path: Path, days: float, left: float, short: bool) -> None:
    validity = validity_of(pair(make(tmp_path, days=days)))

    now_s = validity.end_s - left * 86_400
    assert validity.is_short(now_s) is short
    assert validity.days_left(now_s) == pytest.approx(left)


def test_a_pair_is_warned_of_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now = [time.time()]
    renewing = Renewing(pair(make(tmp_path, days=10)), lambda: now[0])
    now[0] += 7.5 * 86_400
    for _ in range(10):
        renewing.look()
        now[0] += 60
    now[0] += 86_400
    renewing.look()

    told = [record.getMessage() for record in caplog.records if "ends in" in record.getMessage()]
    assert [line.partition("ends in")[2] for line in told] == [" 1.5 days", " 0.5 days"]


async def test_the_page_waits_for_a_usable_pair_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()
    made = pair(make(tmp_path))
    key = made.key.read_bytes()
    made.key.unlink()
    waiting = asyncio.create_task(usable(made, stop, time.time, every_s=0.01))
    while not caplog.records:  # noqa: ASYNC110  a log has no event
        await asyncio.sleep(0.01)
    made.key.write_bytes(key)
    async with asyncio.timeout(LIMIT_S):
        found = await waiting

    assert isinstance(found, Renewing)
    assert len(caplog.records) < 3
    assert "cannot be read" in caplog.records[0].getMessage()


async def test_an_expired_pair_is_served_all_the_same_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = await usable(pair(make(tmp_path, begin=-100)), asyncio.Event(), time.time)

    assert isinstance(found, Renewing)
    assert "has expired" in caplog.text


async def test_who_is_told_to_stop_waits_no_longer(tmp_path: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    async with asyncio.timeout(LIMIT_S):
        found = await usable(Pair(tmp_path / "none", tmp_path / "none"), stop, time.time, every_s=60)

    assert found is None


# Served


class Served:
    def __init__(self, made: Made, renewing: Renewing, port: int) -> None:
        self.made, self.renewing, self.port = made, renewing, port

    def certificate(self, server_name: str | None = "localhost") -> bytes:
        """What a new connection is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            context.wrap_socket(plain, server_hostname=server_name) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return shown

    def client(self) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=str(self.made.certificate))
        return httpx.AsyncClient(base_url=f"https://localhost:{self.port}", verify=context, timeout=LIMIT_S)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    made = make(tmp_path)
    renewing = Renewing(pair(made), time.time)
    listening = socket.create_server(("127.0.0.1", 0))
    stop, started = asyncio.Event(), asyncio.Event()
    app = create_app(a_world().deps)
    serving = asyncio.create_task(
        serve(app, "", 0, sockets=[listening], stop=stop, started=started, tls=renewing.context)
    )
    async with asyncio.timeout(LIMIT_S):
        await started.wait()
    yield Served(made, renewing, listening.getsockname()[1])
    stop.set()
    async with asyncio.timeout(LIMIT_S):
        await serving


async def test_pages_and_events_come_by_tls(served: Served) -> None:
    async with served.client() as client:
        told = (await client.get("/v1/connection")).json()
        async with client.stream("GET", "/v1/stream") as stream:
            async with asyncio.timeout(LIMIT_S):
                lines = [line async for line in _until(stream.aiter_lines(), "event: heartbeat")]

    assert told["scheme"] == "https"
    assert lines[-1] == "event: heartbeat"


async def _until(lines: AsyncIterator[str], last: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line == last:
            return


async def test_the_images_health_check_asks_by_https_too(served: Served) -> None:
    """By its own address, whatever name the certificate has and whatever proxy the environment names."""
    (health,) = [rest for name, rest in stages()[1] if name == "HEALTHCHECK"]
    command = [sys.executable, *json.loads(health.split("CMD ", 1)[1])[1:]]
    environment = {
        "THERMOWELL_READY_URL": f"https://127.0.0.1:{served.port}/-/ready",
        "https_proxy": "http://127.0.0.1:9",
    }
    checking = await asyncio.create_subprocess_exec(*command, env=environment)
    async with asyncio.timeout(LIMIT_S):
        code = await checking.wait()

    assert code == 0


async def test_a_renewed_pair_is_shown_to_new_connections_and_old_ones_go_on(served: Served) -> None:
    before = await asyncio.to_thread(served.certificate)
    async with served.client() as client, client.stream("GET", "/v1/stream") as stream:
        lines = stream.aiter_lines()
        async with asyncio.timeout(LIMIT_S):
            await anext(lines)
        make(served.made.certificate.parent)
        served.renewing.look()
        after = [await asyncio.to_thread(served.certificate, name) for name in ("localhost", None)]
        async with asyncio.timeout(LIMIT_S):
            heard = [line async for line in _until(lines, "event: heartbeat")]

    new = ssl.PEM_cert_to_DER_cert(served.made.certificate.read_text())
    assert before != new
    assert after == [new, new]
    assert heard


async def test_a_pair_that_is_half_replaced_waits_for_its_other_half(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = await asyncio.to_thread(served.certificate)
    new = make(served.made.certificate.parent / "new")
    shutil.copy(new.certificate, served.made.certificate)
    served.renewing.look()
    served.renewing.look()
    between = await asyncio.to_thread(served.certificate)
    shutil.copy(new.key, served.made.key)
    served.renewing.look()
    after = await asyncio.to_thread(served.certificate)

    assert before == between != after
    assert caplog.text.count("is not taken") == 1
    assert "a new certificate is served" in caplog.text


async def test_older_tls_and_plain_http_are_not_answered(served: Served) -> None:
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", served.port, ssl=old)
    async with httpx.AsyncClient() as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get(f"http://localhost:{served.port}/")


def test_every_certificate_of_a_chain_counts(tmp_path: Path) -> None:
    """An authority between that has expired is as bad as the server's own certificate."""
    made, between = make(tmp_path), make(tmp_path / "between", "between.example", begin=-100)
    made.certificate.write_bytes(made.certificate.read_bytes() + between.certificate.read_bytes())

    (fault,) = faults_of(pair(made), time.time())
    assert fault.message.startswith("CN=between.example has expired")
