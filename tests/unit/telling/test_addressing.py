"""Names are looked up when a notice is due: people, and whoever a resolver knows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from alarms.recipients import QuietHours, Recipient
from alarms.wording import Wording
from domain.alarms import AlarmFacts, Notice, Transition
from domain.rules import Priority
from domain.time import MINUTE_NS, SECOND_NS, parse_time_ns
from service.telling.addressing import Addressing, Directory, Resolution, child_of
from service.telling.outbox import Outbox
from service.telling.persons import people_directory
from tests.checks.records import transition
from tests.fake_records import MemoryRecords
from tests.unit.telling.test_outbox import QUICK, ScriptedChannel, running, until

NOON, NIGHT = parse_time_ns("2026-03-01T11:00:00Z"), parse_time_ns("2026-03-01T23:00:00Z")
BERLIN = ZoneInfo("Europe/Berlin")
ADA = Recipient("ada", ("mail", "phone"), "de", BERLIN, QuietHours(time(22), time(6)))
GRACE = Recipient("grace", ("mail",))


def told(
    records: MemoryRecords, *names: str, priority: Priority = Priority.HIGH, said: Transition | None = None
) -> None:
    said = replace(said or transition(), priority=priority)
    with records.unit_of_work() as work:
        work.transitions([said])
        work.notices(
            [Notice(f"{said.id}@{name}", name, "HIGH: x", "text", said.id, said.at_ns, priority) for name in names]
        )


def states(records: MemoryRecords) -> Mapping[str, str]:
    return {notice.id: state for notice, state in records.notices(100)}


def to(*names: str, why: str = "so it is", **how: object):
    """A resolver that always names the same."""

    def resolve(notice: Notice, said: Transition | None, now_ns: int) -> Resolution:
        return Resolution([child_of(notice, name, **how) for name in names], why)  # type: ignore[arg-type]

    return resolve


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


PEOPLE = people_directory({"ada": ADA, "grace": GRACE}, Wording("demo"))


def look(records: MemoryRecords, directory: Directory, now_ns: int = NOON):
    return Addressing(records, directory).look_up(now_ns)


def test_a_person_is_told_by_each_of_their_channels_in_their_language(records: MemoryRecords) -> None:
    told(records, "ada")
    assert look(records, PEOPLE).passed == 1

    waiting = [each.notice for each in records.waiting_notices(NOON)]
    assert [(each.id, each.channel, each.person, each.via) for each in waiting] == [
        ("R101.TT~high.1@ada/mail", "mail", "ada", "ada"),
        ("R101.TT~high.1@ada/phone", "phone", "ada", "ada"),
    ]
    assert all(each.title.startswith("HOCH:") and "Übergang R101.TT~high.1" in each.text for each in waiting)
    assert states(records)["R101.TT~high.1@ada"] == "passed on"


def test_looking_again_tells_nobody_again(records: MemoryRecords) -> None:
    told(records, "ada")
    look(records, PEOPLE)
    told(records, "ada")

    assert look(records, PEOPLE).passed == 0
    assert len(records.waiting_notices(NOON)) == 2


def test_who_is_named_twice_is_told_once(records: MemoryRecords) -> None:
    told(records, "leads", "ada")
    look(records, {**PEOPLE, "leads": to("ada")})

    assert len(records.waiting_notices(NOON)) == 2


@pytest.mark.parametrize(("priority", "waits"), [(Priority.HIGH, False), (Priority.MEDIUM, True)])
def test_quiet_hours_hold_back_what_is_less_than_high(
    records: MemoryRecords, priority: Priority, *, waits: bool
) -> None:
    told(records, "ada", priority=priority)
    look(records, PEOPLE, NIGHT)

    morning_ns = parse_time_ns("2026-03-02T05:00:00Z")
    assert len(records.waiting_notices(morning_ns - 1)) == (0 if waits else 2)
    assert {each.notice.kind for each in records.waiting_notices(morning_ns)} == ({"quiet"} if waits else {""})


def test_a_step_waits_for_its_time_and_is_dropped_when_somebody_acknowledged(records: MemoryRecords) -> None:
    told(records, "leads")
    due_ns = NOON + 5 * MINUTE_NS
    later = {"leads": to("deputy", due_ns=due_ns, step="1", unless_acknowledged=True), "deputy": to("grace"), **PEOPLE}
    look(records, later)
    assert records.waiting_notices(due_ns - 1) == []
    acknowledged = AlarmFacts(active=True, acknowledged=True)
    with records.unit_of_work() as work:
        work.transitions([transition(number=2, what="acknowledged", facts=acknowledged, person="Ada")])
    look(records, later, due_ns)

    assert states(records)["R101.TT~high.1@deputy#1"] == "dropped"
    assert records.waiting_channels() == []


def test_a_step_that_nobody_acknowledged_leads_on_when_it_is_due(records: MemoryRecords) -> None:
    told(records, "leads", said=replace(transition(), facts=AlarmFacts(active=True, acknowledged=False)))
    due_ns = NOON + 5 * MINUTE_NS
    later = {"leads": to("deputy", due_ns=due_ns, step="1", unless_acknowledged=True), "deputy": to("grace"), **PEOPLE}
    look(records, later)
    look(records, later, due_ns)

    (waiting,) = records.waiting_notices(due_ns)
    assert (waiting.notice.id, waiting.notice.via) == ("R101.TT~high.1@grace/mail#1", "leads > deputy > grace")
    assert waiting.notice.unless_acknowledged


def test_a_name_that_leads_to_nobody_is_given_up_in_the_audit_trail(records: MemoryRecords) -> None:
    told(records, "leads")
    looked = look(records, {"leads": to(why="nobody is on duty")})

    assert looked.nobody == {"leads": 1}
    assert states(records) == {"R101.TT~high.1@leads": "dead"}
    assert "nobody is on duty" in records.list_audit(1)[0].entry.what


def test_names_that_lead_in_a_circle_are_told_as_that(records: MemoryRecords) -> None:
    told(records, "a")
    looked = look(records, {"a": to("b"), "b": to("a")})

    assert looked.nobody == {"b": 1}
    assert "a > b" in records.list_audit(1)[0].entry.what


async def test_from_a_name_to_every_channel_and_a_flood_of_one_person_is_not_that_of_another(
    records: MemoryRecords,
) -> None:
    mail = ScriptedChannel("mail")
    for number in range(30):
        told(records, "grace", said=replace(transition(), id=f"a{number}.1", alarm=f"a{number}"))
    told(records, "ada")
    only_mail = people_directory({"ada": replace(ADA, channels=("mail",)), "grace": GRACE}, Wording("demo"))
    async with running(Outbox(records, [mail], directory=only_mail, patience=QUICK, wall_ns=lambda: NOON + SECOND_NS)):
        await until(lambda: records.notice_counts()["sent"] == 31)

    by_person = {person: [each.title for each in mail.got if each.person == person] for person in ("ada", "grace")}
    assert [title.split()[0] for title in by_person["ada"]] == ["HOCH:"]
    assert [title.partition(";")[0] for title in by_person["grace"]] == ["30 messages in one"]


async def test_what_was_quiet_is_one_digest_in_the_morning(records: MemoryRecords) -> None:
    mail = ScriptedChannel("mail")
    now_ns = NIGHT
    for number in range(7):
        told(records, "ada", priority=Priority.LOW, said=replace(transition(), id=f"a{number}.1", alarm=f"a{number}"))
    ada = {"ada": replace(ADA, channels=("mail",))}
    outbox = Outbox(
        records, [mail], directory=people_directory(ada, Wording("demo")), patience=QUICK, wall_ns=lambda: now_ns
    )
    async with running(outbox):
        await until(lambda: records.notice_counts()["passed on"] == 7)
        assert mail.got == []
        now_ns = parse_time_ns("2026-03-02T05:00:00Z")
        await until(lambda: records.notice_counts()["sent"] == 7)

    assert len(mail.got) == 1


async def test_a_name_that_leads_to_nobody_is_counted(records: MemoryRecords) -> None:
    told(records, "leads")
    outbox = Outbox(records, [], directory={"leads": to(why="nobody")}, patience=QUICK)
    async with running(outbox):
        await until(lambda: records.notice_counts()["dead"] == 1)
        readings = {each.labels: each.value for each in outbox.figures() if each.name.endswith("given_up_total")}
        await until(lambda: {each.labels: each.value for each in outbox.figures()}[("leads",)] == 1)

    assert set(readings) == {("leads",)}
