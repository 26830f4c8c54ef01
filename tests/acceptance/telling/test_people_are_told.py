"""From an alarm in the book to a message on a real mail server and a real web server."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alarms.book import AlarmBook
from alarms.routing import Audience, notices_for_all
from alarms.wording import Wording
from domain.errors import Refused
from domain.findings import Stage
from domain.ports import Channel
from domain.rules import Priority, Rulebook
from records.database import SqlRecords
from service.telling.channels import AppriseChannel
from service.telling.outbox import REPEATED, Outbox
from service.telling.patience import Patience, Persistence
from tests.acceptance.telling.servers import (
    TIMEOUT_S,
    Mailbox,
    Webhook,
    mail_server,
    only,
    web_server,
)
from tests.patience import LIMIT_S
from tests.ports import free_port
from tests.unit.alarms.shift import finding

# apprise loads all of its plugins at once, and some import modules that Python will drop.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise.*"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),  # the test's own server, on loopback
]

SOON = dict.fromkeys(Priority, Persistence(longest_s=0.5, give_up_s=LIMIT_S))
QUICK = Patience(first_s=0.2, deadline_s=10, poll_s=0.05, persistence=SOON)
PASSWORD = "tOp-secret-4711"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(tmp_path / "records.db") as opened:
        yield opened


def mail(port: int, user: str = "") -> AppriseChannel:
    query = "from=thermowell@plant.example&to=lead@plant.example&mode=insecure"
    return AppriseChannel("leads", f"mailto://{user}127.0.0.1:{port}/?{query}", timeout_s=TIMEOUT_S)


def webhook(port: int) -> AppriseChannel:
    return AppriseChannel("leads", f"json://user:{PASSWORD}@127.0.0.1:{port}/hooks/{PASSWORD}", timeout_s=TIMEOUT_S)


@asynccontextmanager
async def telling(records: SqlRecords, channel: Channel):
    outbox = Outbox(records, [channel], patience=QUICK)
    task = asyncio.create_task(outbox.run())
    await asyncio.sleep(0)
    try:
        yield outbox
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def an_alarm(records: SqlRecords) -> None:
    """A validated excursion, committed with the notice that follows from it."""
    found = finding("excursion.validated.high", Stage.OPEN, 1_772_359_200)
    transitions = AlarmBook(Rulebook()).apply(found)
    with records.unit_of_work() as work:
        work.findings([found])
        work.transitions(transitions)
        work.notices(notices_for_all(transitions, [Audience("leads")], Wording("demo", simulated=True)))


def states(records: SqlRecords) -> list[str]:
    return [state for _, state in records.notices(10)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - what is waited for lies in a database
            await asyncio.sleep(0.02)


# E-mail


async def test_a_shift_lead_gets_one_mail_as_plain_text(records: SqlRecords) -> None:
    box, port = Mailbox(), free_port()
    with mail_server(box, port):
        async with telling(records, mail(port)) as outbox:
            an_alarm(records)
            outbox.wake()
            await until(lambda: states(records) == ["sent"])
            await asyncio.sleep(0.3)

    (letter,) = box.mails
    assert letter["Subject"] == "SIMULATED HIGH: R101.TT validated high"
    assert letter["To"] == "lead@plant.example"
    assert letter.get_content_type() == "text/plain"
    assert "Transition R101.TT~high.1" in box.texts[0]
    assert "batch B-1" in box.texts[0]


async def test_a_mail_server_that_comes_up_later_gets_it_once(records: SqlRecords) -> None:
    box, port = Mailbox(), free_port()
    async with telling(records, mail(port)) as outbox:
        an_alarm(records)
        await until(lambda: outbox.outcomes["leads", "retry"] >= 2)
        await until(lambda: states(records) == ["pending"])  # not while a further attempt is under way
        with mail_server(box, port):
            await until(lambda: states(records) == ["sent"])

    assert len(box.mails) == 1
    assert REPEATED not in box.texts[0]


async def test_a_mail_server_that_takes_it_and_never_answers_leaves_it_uncertain_and_the_copy_says_so(
    records: SqlRecords,
) -> None:
    box, port = Mailbox(), free_port()
    box.answers = ["hang"]
    with mail_server(box, port):
        async with telling(records, mail(port)) as outbox:
            an_alarm(records)
            await until(lambda: outbox.outcomes["leads", "uncertain"] == 1)
            await until(lambda: states(records) == ["sent"])

    assert len(box.mails) == 2
    assert REPEATED not in box.texts[0]
    assert REPEATED in box.texts[1]


async def test_a_mail_server_that_is_busy_is_asked_again(records: SqlRecords) -> None:
    box, port = Mailbox(), free_port()
    box.answers = ["451 try again later"]
    with mail_server(box, port):
        async with telling(records, mail(port)) as outbox:
            an_alarm(records)
            await until(lambda: states(records) == ["sent"])
            assert outbox.outcomes["leads", "retry"] == 1

    assert REPEATED not in box.texts[0]


@pytest.mark.parametrize("refusing", ["message", "recipient"])
async def test_a_mail_that_is_refused_is_recorded_with_the_answer(records: SqlRecords, refusing: str) -> None:
    box, port = Mailbox(), free_port()
    if refusing == "message":
        box.answers = ["554 we take no mail"]
    else:
        box.recipient_answers = ["550 nobody of that name"]
    with mail_server(box, port):
        async with telling(records, mail(port)):
            an_alarm(records)
            await until(lambda: states(records) == ["dead"])

    what = records.list_audit(1)[0].entry.what
    assert ("554" if refusing == "message" else "550") in what
    assert box.mails == []


async def test_a_wrong_password_is_refused_and_stands_in_no_log(
    records: SqlRecords, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    box, port = Mailbox(), free_port()
    with mail_server(box, port, only("lead", "another one")):
        async with telling(records, mail(port, f"lead:{PASSWORD}@")):
            an_alarm(records)
            await until(lambda: states(records) == ["dead"])

    assert "535" in records.list_audit(1)[0].entry.what
    ours = [record for record in caplog.records if not record.name.startswith("mail.")]  # the test's own server
    assert PASSWORD not in "".join(record.getMessage() for record in ours)
    assert PASSWORD not in capfd.readouterr().err


async def test_the_right_password_is_let_in(records: SqlRecords) -> None:
    box, port = Mailbox(), free_port()
    with mail_server(box, port, only("lead", PASSWORD)):
        async with telling(records, mail(port, f"lead:{PASSWORD}@")):
            an_alarm(records)
            await until(lambda: states(records) == ["sent"])

    assert len(box.mails) == 1


# Webhook


async def test_a_webhook_gets_one_post(records: SqlRecords) -> None:
    hook, port = Webhook(), free_port()
    with web_server(hook, port):
        async with telling(records, webhook(port)):
            an_alarm(records)
            await until(lambda: states(records) == ["sent"])
            await asyncio.sleep(0.3)

    (body,) = hook.bodies
    assert body["title"] == "SIMULATED HIGH: R101.TT validated high"
    assert "Transition R101.TT~high.1" in body["message"]


async def test_a_webhook_that_comes_up_later_gets_it_once(records: SqlRecords) -> None:
    hook, port = Webhook(), free_port()
    async with telling(records, webhook(port)) as outbox:
        an_alarm(records)
        await until(lambda: outbox.outcomes["leads", "retry"] >= 2)
        with web_server(hook, port):
            await until(lambda: states(records) == ["sent"])

    assert len(hook.bodies) == 1
    assert REPEATED not in hook.bodies[0]["message"]


async def test_a_webhook_that_hangs_leaves_it_uncertain_and_the_copy_says_so(records: SqlRecords) -> None:
    hook, port = Webhook(), free_port()
    hook.answers = [0]
    with web_server(hook, port):
        async with telling(records, webhook(port)) as outbox:
            an_alarm(records)
            await until(lambda: outbox.outcomes["leads", "uncertain"] == 1)
            await until(lambda: states(records) == ["sent"])

    assert [REPEATED in body["message"] for body in hook.bodies] == [False, True]


@pytest.mark.parametrize(("status", "end"), [(404, "dead"), (401, "dead"), (503, "sent"), (429, "sent")])
async def test_what_a_webhook_answers_decides(records: SqlRecords, status: int, end: str) -> None:
    hook, port = Webhook(), free_port()
    hook.answers = [status]
    with web_server(hook, port):
        async with telling(records, webhook(port)):
            an_alarm(records)
            await until(lambda: states(records) == [end])

    assert len(hook.bodies) == (end == "sent")


async def test_no_log_and_no_record_holds_a_secret(
    records: SqlRecords, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    hook, port = Webhook(), free_port()
    hook.answers = [503]
    async with telling(records, webhook(port)) as outbox:
        an_alarm(records)
        await until(lambda: outbox.outcomes["leads", "retry"] >= 2)
        with web_server(hook, port):
            await until(lambda: states(records) == ["sent"])
    records.close()

    written = b"".join(file.read_bytes() for file in tmp_path.glob("records.db*"))  # noqa: ASYNC240 - nothing else runs
    assert caplog.records
    assert not [record for record in caplog.records if record.name.startswith("apprise")]
    assert PASSWORD not in caplog.text
    assert PASSWORD not in "".join(capfd.readouterr())
    assert PASSWORD.encode() not in written


# URLs


def test_a_url_that_cannot_be_used_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "mail"
    file.write_text(f"nosuch://user:{PASSWORD}@host\n", encoding="utf-8")

    with pytest.raises(Refused, match="leads") as refused:
        AppriseChannel.from_file("leads", file)
    assert PASSWORD not in str(refused.value)


def test_a_url_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mail"
    file.write_text("mailto://127.0.0.1:25/?from=a@b.example&to=c@d.example&mode=insecure\n", encoding="utf-8")

    assert AppriseChannel.from_file("leads", file).name == "leads"


def test_a_file_without_a_url_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "nowhere"):
        with pytest.raises(Refused, match=name):
            AppriseChannel.from_file("leads", tmp_path / name)
