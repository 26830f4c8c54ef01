"""The log of a night with the real service: what is put away by phase, a picture, a shelf that ends while the service is down, a clock that is set."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns

import pytest

from domain.alarms import Transition
from domain.time import MINUTE_NS, format_time, parse_time_ns
from records.database import SqlRecords
from service.cli.people import at_the_console
from tests.acceptance.mqtt.broker import Publisher, publishing
from tests.acceptance.service.running import MOSQUITTO, Service, broker, service, until
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; nothing sends samples"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

EVENING_NS = parse_time_ns("2026-03-28T22:00:00Z")
PHASES = {"clean": 40, "dose": 20}
ALARM = "R101.PT~high"
CONFIG = """
site: night
clock: {{file: clock.json}}
heartbeat: 500ms
http: {{listen: "127.0.0.1:{http}"}}
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", topics: [plant/#]}}}}}}
units: {{R101: {{phase: {{tag: R101.STEP, map: {{20: dose, 40: clean}}}}, batch: {{tag: R101.BATCH}}, parameters: {{PT: R101.PT}}}}}}
tags:
  R101.PT: {{source: floor, topic: plant/pressure, value: /v, unit: bar(g), limits: {{high: 4}}}}
  R101.STEP: {{source: floor, topic: plant/step, value: /v}}
  R101.BATCH: {{source: floor, topic: plant/batch, value: /v, kind: text}}
alarms: {{suppress: {{cleaning: {{alarms: [fixed], phases: [clean]}}}}}}
notify:
  lead: {{url: "mailto://127.0.0.1:{smtp}/?from=t@plant.example&to=lead@plant.example&mode=insecure", priority: low}}
"""


def between(first: float, last: float) -> tuple[int, int]:
    """Minutes of the night, as the plant's time."""
    return EVENING_NS + round(first * MINUTE_NS), EVENING_NS + round(last * MINUTE_NS)


@dataclass
class Plant:
    """What the reactor says, and what its clock shows: it goes on at the pace of the wall's from where it is set."""

    clock: Path
    publisher: Publisher

    def at(self, minute: float) -> "Plant":
        """Set the clock."""
        new = self.clock.with_suffix(".new")
        set_to_ns, _ = between(minute, minute)
        new.write_text(json.dumps({"wall_origin": time_ns(), "plant_origin": set_to_ns, "speed": 1.0}))
        new.replace(self.clock)
        return self

    def phase(self, name: str) -> "Plant":
        return self._says("step", PHASES[name])

    def pressure(self, bar: float) -> "Plant":
        return self._says("pressure", bar)

    def batch(self, name: str) -> "Plant":
        return self._says("batch", name)

    def _says(self, what: str, value: float | str) -> "Plant":
        self.publisher.send(f"plant/{what}", json.dumps({"v": value}))
        return self


@dataclass
class Book:
    """What became of the pressure's alarm, by the records."""

    file: Path

    def transitions(self) -> list[Transition]:
        """Oldest first."""
        with SqlRecords.open(self.file) as records:
            return list(records.transitions(ALARM, 100))[::-1]

    def says(self, state: str) -> None:
        """Wait until the alarm is in this state."""
        until(lambda: [each.facts.state.value for each in self.transitions()][-1:] == [state])

    def person(self, name: str) -> str:
        """A new token of a shift lead."""
        with SqlRecords.open(self.file) as records:
            return records.people.add_token(name, "shift lead", at_the_console())


@dataclass
class Lead:
    """Who reads the mails about the pressure, each once."""

    box: Mailbox
    book: Book
    heard: list[str] = field(default_factory=list)

    def mails(self) -> list[tuple[str, str, str]]:
        """Of each text its title, the transition that it names, and all of it."""
        texts = [(str(mail["Subject"]), mail.get_content()) for mail in self.box.mails if not mail.is_multipart()]
        named = [(title, re.search(rf"{ALARM}\.\d+", text), text) for title, text in texts]
        return [(title, id_[0], text) for title, id_, text in named if id_]

    def pictures(self) -> list[str]:
        """The titles of what came with a picture."""
        return [str(mail["Subject"]) for mail in self.box.mails if mail.is_multipart() and "R101.PT" in mail["Subject"]]

    def hears(self, when: tuple[int, int], title: str) -> None:
        """One more mail, of what happened then, and as news."""
        until(lambda: len(self.mails()) > len(self.heard))
        said, id_, text = self.mails()[len(self.heard)]
        (told,) = [each for each in self.book.transitions() if each.id == id_]
        assert title in said
        assert when[0] <= told.at_ns <= when[1], format_time(told.at_ns)
        assert "may repeat" not in text
        self.heard.append(id_)


@contextmanager
def night(folder: Path) -> Iterator[tuple[Service, Plant, Book, Lead]]:
    ports = {name: free_port() for name in ("http", "mqtt", "smtp")}
    config, box = folder / "plant.yaml", Mailbox()
    config.write_text(CONFIG.format(**ports), encoding="utf-8")
    book = Book(folder / "data" / "records.db")
    with (
        broker(folder / "broker", ports["mqtt"]),
        mail_server(box, ports["smtp"]),
        publishing(ports["mqtt"]) as publisher,
        service(config, ports["http"]) as running,
    ):
        lead = Lead(box, book)
        try:
            yield running, Plant(folder / "clock.json", publisher), book, lead
        finally:
            print([(each.what, format_time(each.at_ns), each.announces) for each in book.transitions()])
            print([str(mail["Subject"]) for mail in box.mails], lead.heard)


def test_a_night_with_a_phase_that_puts_away_a_shelf_that_ends_while_all_is_down_and_a_clock_that_is_set(
    tmp_path: Path,
) -> None:
    with night(tmp_path) as (running, plant, book, lead):
        plant.at(0)
        running.start()
        until(running.ready)
        until(lambda: plant.batch("B-1").phase("clean").pressure(1.0) and len(running.get("/v1/latest")["latest"]) == 2)

        plant.at(2).pressure(4.1)
        book.says("DSUPR")
        plant.at(10).phase("dose")
        lead.hears(between(10, 11), "HIGH")
        until_ns, _ = between(60, 60)
        said = {"comment": "the valve is looked at", "until": format_time(until_ns)}
        assert running.post(f"/v1/alarms/{ALARM}/shelve", said, book.person("Ada"))[0] == 200
        running.kill()
        plant.at(90)
        running.start()
        lead.hears(between(60, 61), "HIGH")
        until(lambda: len(lead.pictures()) == 1)

        until(lambda: plant.pressure(1.0) and book.transitions()[-1].what == "returned")
        plant.at(30).pressure(4.5)  # the clock is set back by an hour
        lead.hears(between(30, 91), "HIGH")

        news = [each.id for each in book.transitions() if each.announces]
        assert lead.heard == news
        assert [id_ for _, id_, _ in lead.mails()] == news
        assert running.stop() == 0
