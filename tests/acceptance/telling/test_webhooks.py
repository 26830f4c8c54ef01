"""Signed web hooks against a real web server: killed, slow, hanging, refusing."""

import base64
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.alarms import Notice
from domain.errors import AskedToWait, MayHaveArrived, Refused, RetryLater
from domain.rules import Priority
from records.database import SqlRecords
from service.config.build import load
from service.telling.configured import channels_of
from service.telling.webhook import WebhookChannel, secret_in
from tests.acceptance.telling.servers import TIMEOUT_S, Webhook, web_server
from tests.acceptance.telling.test_people_are_told import an_alarm, states, telling, until
from tests.ports import free_port

SECRET = b"0123456789abcdef-not-a-real-one"
NOTICE = Notice("R101.TT~high.1@hook", "hook", "HIGH: R101.TT high", "62.4 °C", "R101.TT~high.1", 10**18, Priority.HIGH)


def channel(port: int, name: str = "leads") -> WebhookChannel:
    return WebhookChannel(name, f"http://127.0.0.1:{port}/hooks?a=b", SECRET, site="demo", timeout_s=TIMEOUT_S)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(tmp_path / "records.db") as opened:
        yield opened


def is_signed(hook: Webhook, number: int, secret: bytes) -> bool:
    """As whoever takes it would find out."""
    headers, body = hook.headers[number], hook.raw[number]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(expected, headers["webhook-signature"])


def test_a_hook_gets_what_is_documented_and_signed() -> None:
    hook, port = Webhook(), free_port()
    with web_server(hook, port):
        receipt = channel(port).send(NOTICE)

    assert receipt.detail == "HTTP status 200"
    assert hook.paths == ["/hooks?a=b"]
    assert hook.bodies == [
        {
            "schema": "thermowell.notice.1",
            "site": "demo",
            "id": "R101.TT~high.1@hook",
            "transition": "R101.TT~high.1",
            "alarm": "R101.TT~high",
            "at": "2001-09-09T01:46:40Z",
            "priority": "high",
            "title": "HIGH: R101.TT high",
            "text": "62.4 °C",
            "person": "",
            "via": [],
        }
    ]
    assert is_signed(hook, 0, SECRET)
    assert not is_signed(hook, 0, SECRET + b"x")


async def test_a_hook_that_hangs_gets_the_same_id_again_with_a_newer_time(records: SqlRecords) -> None:
    hook, port = Webhook(), free_port()
    hook.answers = [0]
    with web_server(hook, port):
        async with telling(records, channel(port)) as outbox:
            an_alarm(records)
            await until(lambda: outbox.outcomes["leads", "uncertain"] == 1)
            await until(lambda: states(records) == ["sent"])

    first, second = hook.headers
    assert first["webhook-id"] == second["webhook-id"]
    assert int(first["webhook-timestamp"]) <= int(second["webhook-timestamp"])
    assert [body["id"] for body in hook.bodies] == ["R101.TT~high.1@leads"] * 2
    assert all(is_signed(hook, number, SECRET) for number in (0, 1))


async def test_a_flood_comes_one_by_one_each_under_its_own_id(records: SqlRecords) -> None:
    hook, port = Webhook(), free_port()
    with records.unit_of_work() as work:
        work.notices([Notice(f"a{n}.1@leads", "leads", "HIGH", "x", f"a{n}.1", 1) for n in range(30)])
    with web_server(hook, port):
        async with telling(records, channel(port)):
            await until(lambda: records.notice_counts()["sent"] == 30)

    assert len({headers["webhook-id"] for headers in hook.headers}) == len(hook.bodies) == 30


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, Refused), (400, Refused), (410, Refused), (429, RetryLater), (500, RetryLater), (504, MayHaveArrived)],
)
def test_what_a_hook_answers_decides(status: int, kind: type[Exception]) -> None:
    hook, port = Webhook(), free_port()
    hook.answers = [status]
    with web_server(hook, port), pytest.raises(kind) as raised:
        channel(port).send(NOTICE)

    assert type(raised.value) is kind
    assert "127.0.0.1" not in str(raised.value)


@pytest.mark.parametrize(("text", "least_s"), [("90", 90.0), ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400.0)])
def test_a_hook_that_is_busy_says_when_to_come_again(text: str, least_s: float) -> None:
    hook, port = Webhook(), free_port()
    hook.answers, hook.answer_headers = [503], {"Retry-After": text}
    with web_server(hook, port), pytest.raises(AskedToWait) as raised:
        channel(port).send(NOTICE)

    assert raised.value.after_s == least_s


def test_a_retry_after_that_cannot_be_read_is_none() -> None:
    hook, port = Webhook(), free_port()
    hook.answers, hook.answer_headers = [503], {"Retry-After": "soon"}
    with web_server(hook, port), pytest.raises(RetryLater) as raised:
        channel(port).send(NOTICE)

    assert type(raised.value) is RetryLater


def test_where_nobody_listens_it_never_left() -> None:
    with pytest.raises(RetryLater) as raised:
        channel(free_port()).send(NOTICE)

    assert type(raised.value) is RetryLater


@contextmanager
def odd_server(answer: bytes, *, slowly: bool = False) -> Iterator[int]:
    """Reads a request, answers with some bytes, all at once or one at a time, and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            connection.recv(65_536)
            try:
                for byte in answer:
                    connection.sendall(bytes([byte]))
                    if slowly and over.wait(TIMEOUT_S / 5):
                        break
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"])
def test_a_hook_that_dies_in_its_answer_may_have_taken_it(answer: bytes) -> None:
    with odd_server(answer) as port, pytest.raises(MayHaveArrived):
        channel(port).send(NOTICE)


def test_a_hook_that_answers_a_byte_now_and_then_holds_nobody() -> None:
    endless = b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000
    with odd_server(endless, slowly=True) as port, pytest.raises(MayHaveArrived):
        channel(port).send(NOTICE)


def configured(folder: Path, webhook: str, secret: str = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==") -> Path:
    (folder / "secret").write_text(secret + "\n")
    (folder / "url").write_text("http://127.0.0.1:9/hooks/tOp-secret\n")
    file = folder / "thermowell.yaml"
    file.write_text(f"notify: {{hook: {{webhook: {webhook}}}}}\n")
    return file


@pytest.mark.parametrize("url", ["url_file: url", "url: 'https://hooks.example/a'"])
def test_a_hook_is_made_of_the_configuration(tmp_path: Path, url: str) -> None:
    (made,) = channels_of(load(configured(tmp_path, f"{{{url}, secret_file: secret}}")))

    assert isinstance(made, WebhookChannel)
    assert secret_in("hook", tmp_path / "secret") == b"0123456789abcdef"


@pytest.mark.parametrize("secret", ["sesame", "whsec_!!", "whsec_MDEy", ""])
def test_a_secret_that_is_none_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(Refused, match="hook") as refused:
        channels_of(load(configured(tmp_path, "{url_file: url, secret_file: secret}", secret)))

    assert not secret or secret not in str(refused.value)
