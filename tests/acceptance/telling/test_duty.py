"""Shift logs of a rota, with a real mail server and a real web hook: who is on duty, who comes next, until somebody acts."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from alarms.wording import Reader
from domain.links import Link
from domain.time import MINUTE_NS, SECOND_NS
from service.telling.outbox import REPEATED
from service.telling.way_back import links_of
from tests.acceptance.telling.on_duty import Plant, heard, telling, telling_process, until, write_calendar, write_plant
from tests.acceptance.telling.servers import Mailbox, Webhook, mail_server, web_server
from tests.patience import LIMIT_S
from tests.ports import free_port

REPEATED_DE = Reader("de").says("repeated")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise.*"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

STEPS = """
escalate: [{after: 5min, tell: Deputy}, {after: 10min, tell: hook}]
repeat: 15min
rounds: 2
"""
HOUR = 60


class Locking(Mailbox):
    """Has another process lock the records as the first mail comes, before its sender knows."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.lock: sqlite3.Connection | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.lock is None:
            (file,) = self._folder.rglob("records.db")
            self.lock = sqlite3.connect(file, timeout=LIMIT_S, isolation_level=None, check_same_thread=False)
            self.lock.execute("BEGIN IMMEDIATE")
        return await super().handle_DATA(server, session, envelope)


@contextmanager
def servers(
    folder: Path, steps: str, hand_over: str = "off", box: Mailbox | None = None
) -> Iterator[tuple[Plant, Mailbox, Webhook]]:
    box, hook, mail, web = box or Mailbox(), Webhook(), free_port(), free_port()
    file = write_plant(folder, mail, web, f"hand_over: {hand_over}\n{steps}")
    with mail_server(box, mail), web_server(hook, web):
        plant = Plant(file)
        try:
            yield plant, box, hook
        finally:
            plant.records.close()


async def test_the_lead_does_not_answer_then_the_deputy_is_told_then_the_hook_then_all_again_until_it_is_acknowledged(
    tmp_path: Path,
) -> None:
    with servers(tmp_path, STEPS) as (plant, box, hook):
        async with telling(plant) as outbox:
            alarm = plant.comes()
            outbox.wake()
            await until(lambda: heard(box) == ["ada"])
            plant.wall.passes(5)
            await until(lambda: heard(box) == ["ada", "deputy"])
            plant.wall.passes(5)
            await until(lambda: len(hook.bodies) == 1)
            plant.wall.passes(15)
            await until(lambda: heard(box) == ["ada", "deputy", "ada"])
            plant.acknowledges(alarm, "Grace")
            plant.wall.passes(HOUR)
            await until(plant.is_settled)

    assert (len(box.mails), len(hook.bodies)) == (3, 1)
    first, second, third = box.mails
    assert first["Subject"] == "HIGH: R101.TT validated high"
    assert "You are on duty (leads)" in first.get_content()
    assert second["Subject"].startswith("Not acknowledged: ")
    assert "HOCH" in second["Subject"]
    assert "Nobody has acknowledged it" in second.get_content()
    assert third["Subject"].startswith("Not acknowledged: HIGH")
    dropped = [id_ for id_, state in plant.states().items() if state == "dropped"]
    assert dropped == [f"{alarm}.1@leads#4"]


async def test_an_alarm_that_is_acknowledged_in_time_wakes_nobody_else(tmp_path: Path) -> None:
    with servers(tmp_path, "escalate: [{after: 5min, tell: Deputy}]") as (plant, box, _):
        async with telling(plant):
            alarm = plant.comes()
            await until(lambda: heard(box) == ["ada"])
            plant.acknowledges(alarm)
            plant.wall.passes(5)
            await until(lambda: plant.states()[f"{alarm}.1@leads#1"] == "dropped")

    assert heard(box) == ["ada"]


@pytest.mark.parametrize(("more", "told"), [("", ["ada"]), ("returned: goes on", ["ada", "deputy"])])
async def test_an_alarm_that_returned_wakes_nobody_else_unless_that_is_asked_for(
    tmp_path: Path, more: str, told: list[str]
) -> None:
    with servers(tmp_path, f"escalate: [{{after: 5min, tell: Deputy}}]\n{more}") as (plant, box, _):
        async with telling(plant):
            alarm = plant.comes()
            await until(lambda: heard(box) == ["ada"])
            plant.goes()
            plant.wall.passes(5)
            await until(lambda: plant.states()[f"{alarm}.1@leads#1"] in ("dropped", "passed on"))
            await until(plant.is_settled)

    assert heard(box) == told


async def test_nobody_on_duty_means_the_fallback_and_it_is_told_why(tmp_path: Path) -> None:
    with servers(tmp_path, "") as (plant, box, _):
        write_calendar(tmp_path, plant.wall.now, ("Ada", 1, 2))
        async with telling(plant):
            plant.comes()
            await until(lambda: len(box.mails) == 1)

    assert heard(box) == ["manager"]
    assert "nobody is on duty (leads)" in box.texts[0]


async def test_a_telling_side_that_is_killed_between_steps_and_within_one_loses_none_and_repeats_none_as_new(
    tmp_path: Path,
) -> None:
    with servers(tmp_path, "escalate: [{after: 5min, tell: Deputy}, {after: 10min, tell: hook}]") as (plant, box, hook):
        alarm = plant.comes()
        with telling_process(plant):
            await until(lambda: plant.states().get(f"{alarm}.1@Ada/Ada_mail") == "sent")
        plant.wall.passes(-HOUR)  # the clock is set back while nothing runs
        async with telling(plant):
            await until(lambda: plant.due_ns(f"{alarm}.1@leads#1") == plant.wall() + 5 * MINUTE_NS)
            plant.wall.passes(5)
            await until(lambda: "deputy" in heard(box))
        plant.wall.passes(5)
        async with telling(plant):
            await until(plant.is_settled)

    copies = [mail for mail in box.mails if REPEATED in mail.get_content() or REPEATED_DE in mail.get_content()]
    assert [to for to in heard(box) if to == "ada"] == ["ada"]
    assert len([to for to in heard(box) if to == "deputy"]) - len(copies) == 1
    assert len(hook.bodies) == 1


async def test_a_clock_that_is_set_back_or_ahead_delays_no_step_and_tells_none_twice(tmp_path: Path) -> None:
    with servers(tmp_path, STEPS) as (plant, box, hook):
        async with telling(plant) as outbox:
            alarm = plant.comes()
            outbox.wake()
            await until(lambda: heard(box) == ["ada"])
            before_ns = plant.wall()
            plant.wall.passes(-HOUR)
            await until(lambda: plant.due_ns(f"{alarm}.1@leads#1") == before_ns - 55 * MINUTE_NS)
            plant.wall.passes(5)
            await until(lambda: heard(box) == ["ada", "deputy"])
            plant.wall.passes(HOUR)
            await until(lambda: len(hook.bodies) == 1)
            waits_ns = plant.due_ns(f"{alarm}.1@leads#3") - plant.wall()
            plant.acknowledges(alarm)
            plant.wall.passes(HOUR)
            await until(plant.is_settled)

    assert waits_ns == 15 * MINUTE_NS
    assert (heard(box), len(hook.bodies)) == (["ada", "deputy"], 1)


async def test_records_that_are_locked_for_long_while_a_mail_is_on_its_way_make_no_second_mail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locking = Locking(tmp_path)
    with servers(tmp_path, "escalate: [{after: 5min, tell: Deputy}]", box=locking) as (plant, box, _):
        async with telling(plant):
            plant.comes()
            await until(lambda: "the outbox waits" in caplog.text)
            plant.wall.passes(5)
            assert locking.lock is not None
            locking.lock.close()
            await until(lambda: heard(box) == ["ada", "deputy"])
            await until(plant.is_settled)

    assert not any(said in text for text in box.texts for said in (REPEATED, REPEATED_DE))


async def test_a_new_shift_is_told_once_what_stands(tmp_path: Path) -> None:
    with servers(tmp_path, "", hand_over="duty") as (plant, box, _):
        plant.comes("R101.PT", at_s=plant.wall() / SECOND_NS - 600)
        write_calendar(tmp_path, plant.wall.now, ("Ada", -1, 2), ("Grace", 2, 12))
        async with telling(plant):
            await until(lambda: len(box.mails) == 2 and plant.is_settled())  # the alarm, and the duty that had begun
            plant.wall.passes(2 * HOUR)
            await until(lambda: "grace" in heard(box) and plant.is_settled())
        async with telling(plant):
            await until(plant.is_settled)

    (told,) = [mail for mail in box.mails if str(mail["To"]).startswith("grace")]
    assert told["Subject"] == "Hand-over (leads): 1 alarm not acknowledged, 0 standing"
    assert "The duty before had 1 alarm and 0 acknowledgements." in told.get_content()
    assert "R101.PT" in told.get_content()


async def test_a_message_has_a_link_for_whom_it_is(tmp_path: Path) -> None:
    with servers(tmp_path, "") as (plant, box, _):
        async with telling(plant):
            alarm = plant.comes()
            await until(lambda: len(box.mails) == 1)

        found = re.search(r"https://plant\.example/ack/(\S+)", box.texts[0])
        links = links_of(plant.configuration, plant.files)
        assert found is not None
        assert links is not None
        read = links.read(found[1])
        assert (read.transition, read.recipient) == (f"{alarm}.1", "Ada")
        assert isinstance(read, Link)
        stored = plant.files.records.read_bytes()
        assert found[1].encode() not in stored
