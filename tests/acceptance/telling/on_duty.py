"""A plant whose leads are told by a rota: its configuration, its servers, and a telling side that can be killed.

The clock on the wall stands until the test sets it: what is told, and in which order, hangs on no machine's speed.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alarms.book import AlarmBook
from alarms.routing import notices_for_all
from domain.alarms import Transition
from domain.entries import ActionKind, PersonAction
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.time import SECOND_NS, parse_time_ns
from records.database import SqlRecords
from service.config.build import Configuration, load
from service.files import Files
from service.tellers import audiences_of, directory_of, readers_of, wording_of
from service.telling.configured import channels_of
from service.telling.duty import HandOver
from service.telling.outbox import Outbox
from service.telling.patience import Patience
from service.telling.rotas import Rotas, rotas_of
from service.telling.way_back import way_back
from tests.acceptance.telling.servers import Mailbox
from tests.patience import LIMIT_S
from tests.unit.alarms.shift import finding

EVENING = "2026-03-28T20:00:00Z"

_CONFIG = """
site: demo
http: {{url: "https://plant.example"}}
notify:
{channels}
  hook: {{url: "json://127.0.0.1:{hook}/"}}
people:
  Ada: {{tell: [Ada_mail]}}
  Grace: {{tell: [Grace_mail]}}
  Deputy: {{tell: [Deputy_mail], language: de}}
  Manager: {{tell: [Manager_mail]}}
rota:
  leads:
    zone: Europe/Berlin
    calendar: leads.ics
    fallback: Manager
    {steps}
"""


class Wall:
    """The clock on the wall: it stands until it is set."""

    def __init__(self, time: str = EVENING) -> None:
        self._now_ns = parse_time_ns(time)

    def __call__(self) -> int:
        """UTC ns."""
        return self._now_ns

    def shows(self, time: str) -> None:
        """Set it to a time."""
        self._now_ns = parse_time_ns(time)

    def passes(self, minutes: float) -> None:
        """Set it ahead, or back."""
        self._now_ns += round(minutes * 60 * SECOND_NS)

    @property
    def now(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(self._now_ns // SECOND_NS, UTC)


def write_plant(folder: Path, mail: int, hook: int, steps: str, now: datetime | None = None) -> Path:
    """The configuration file; `steps` are further keys of the rota, one a line. Ada is on duty now and for a day."""
    query = "from=thermowell@plant.example&to={name}@plant.example&mode=insecure"
    channels = "\n".join(
        f'  {name}_mail: {{url: "mailto://127.0.0.1:{mail}/?{query.format(name=name.lower())}"}}'
        for name in ("Ada", "Grace", "Deputy", "Manager")
    )
    file = folder / "plant.yaml"
    indented = steps.strip().replace("\n", "\n    ")
    file.write_text(_CONFIG.format(channels=channels, hook=hook, steps=indented), encoding="utf-8")
    write_calendar(folder, now or Wall().now, ("Ada", -1, 24))
    return file


def write_calendar(folder: Path, now: datetime, *duties: tuple[str, float, float]) -> None:
    """Duties of people, in hours from now."""
    write_events(folder, *((name, _stamp(now, first_h), _stamp(now, last_h)) for name, first_h, last_h in duties))


def write_events(folder: Path, *duties: tuple[str, str, str]) -> None:
    """Duties of people, by first and last time as iCal writes them, with whatever else belongs to the event."""
    events = [
        f"BEGIN:VEVENT\nUID:{number}\nDTSTAMP:20260101T000000Z\nDTSTART:{first}\n"
        f"DTEND:{last}\nSUMMARY:{name}\nEND:VEVENT"
        for number, (name, first, last) in enumerate(duties)
    ]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *events, "END:VCALENDAR", ""]
    new = folder / "leads.new"
    new.write_text("\n".join(lines).replace("\n", "\r\n"), encoding="utf-8")
    new.replace(folder / "leads.ics")


def _stamp(now: datetime, hours: float) -> str:
    return (now + timedelta(hours=hours)).strftime("%Y%m%dT%H%M%SZ")


class Plant:
    """The judge's side: alarms come, people acknowledge; all of it is written as the judge writes it."""

    def __init__(self, file: Path, wall: Wall | None = None) -> None:
        self.configuration: Configuration = load(file)
        self.wall = wall or Wall()
        self.files = Files(self.configuration.data).made()
        self.records = SqlRecords.open(self.files.records, wall_ns=self.wall)
        self.book = AlarmBook(Rulebook())

    def comes(
        self, subject: str = "R101.TT", rule: str = "excursion.validated.high", at_s: float = 1_772_359_200
    ) -> str:
        """An excursion begins; return its alarm's id."""
        found = finding(rule, Stage.OPEN, at_s, subject=subject)
        return self._write(self.book.apply(found), found)[0].alarm

    def goes(
        self, subject: str = "R101.TT", rule: str = "excursion.validated.high", at_s: float = 1_772_359_300
    ) -> None:
        """It is over."""
        found = finding(rule, Stage.CLEARED, at_s, subject=subject, version=2, end_s=at_s)
        self._write(self.book.apply(found), found)

    def acknowledges(self, alarm: str, person: str = "Ada", at_s: float = 1_772_359_400) -> None:
        """Somebody acknowledges."""
        action = PersonAction(f"{person} {alarm}", round(at_s * 1e9), person, ActionKind.ACKNOWLEDGE, alarm, "I look")
        self._write(self.book.act(action))

    def _write(self, transitions: list[Transition], *findings: Finding) -> list[Transition]:
        told = notices_for_all(transitions, audiences_of(self.configuration), wording_of(self.configuration))
        with self.records.unit_of_work() as work:
            work.findings(findings)
            work.transitions(transitions)
            work.notices(told)
        return transitions

    def is_settled(self) -> bool:
        """Whether nothing waits, and nothing is under way."""
        return not {"pending", "uncertain"}.intersection(self.states().values())

    def due_ns(self, id_: str) -> int:
        """When a step is due, by the wall."""
        return {each.notice.id: each.due_ns for each in self.records.planned_notices(["leads"], 100)}[id_]

    def states(self) -> dict[str, str]:
        """Every notice that is in the outbox, and how it stands."""
        return {notice.id: state for notice, state in self.records.notices(1000)}


QUICK = Patience(deadline_s=LIMIT_S, poll_s=0.2)


def telling(plant: Plant) -> AbstractAsyncContextManager[Outbox]:
    """The telling side, in this process."""
    return _telling(plant)


@asynccontextmanager
async def _telling(plant: Plant):
    works, outbox = _works(plant)
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield outbox
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _works(plant: Plant):
    configuration, records = plant.configuration, plant.records
    rotas = Rotas(rotas_of(configuration, plant.files.duty), plant.wall)
    rotas.look()
    outbox = Outbox(
        records,
        channels_of(configuration),
        directory=directory_of(configuration, rotas, records),
        readers=readers_of(configuration),
        way_back=way_back(configuration, plant.files, plant.wall),
        patience=QUICK,
        wall_ns=plant.wall,
    )
    hand_over = HandOver(rotas, records, wake=outbox.wake, wall_ns=plant.wall)
    return [rotas.run(), hand_over.run(), outbox.run()], outbox


@contextmanager
def telling_process(plant: Plant) -> Iterator[subprocess.Popen[bytes]]:
    """The telling side as a process of its own, to be killed."""
    file, now = str(plant.configuration.file), plant.wall.now.isoformat()
    command = [sys.executable, "-W", "ignore", "-m", "tests.acceptance.telling.on_duty", file, now]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT_S)


async def until(true: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - what is waited for lies in a database, or in a mailbox
            await asyncio.sleep(0.1)


def heard(box: Mailbox) -> list[str]:
    """Who got mail, in order."""
    return [str(mail["To"]).partition("@")[0] for mail in box.mails]


async def _main(file: Path, now: str) -> None:
    works, _ = _works(Plant(file, Wall(now)))
    await asyncio.gather(*works)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
