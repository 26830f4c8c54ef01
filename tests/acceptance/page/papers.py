"""A small plant with people, whose ranges judge once three of them have approved; real broker, real service."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from domain.people import Person
from records.database import SqlRecords
from service.files import Files
from tests.acceptance.mqtt.broker import Publisher, publishing
from tests.acceptance.page.browser import Browser
from tests.acceptance.service.running import Service, broker, service, until
from tests.ports import free_port

BATCH = "API1-26-041"
MANY = tuple(f"R102.X{number:02d}" for number in range(12))
WORDS = "several words that nobody guesses"
PEOPLE = {
    "Ada": "shift lead",
    "Grace": "shift lead",
    "Pat": "process engineer",
    "Quinn": "QA",
    "Ruth": "QA",
    "Vera": "viewer",
}

CONFIGURATION = """\
site: papers
heartbeat: 1s
approval: required
shifts: {{zone: Europe/Berlin, starts: ["06:00", "14:00", "22:00"]}}
http: {{listen: 127.0.0.1:{http}}}
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", topics: [plant/#]}}}}}}
tags:
  R101.TT: {{source: floor, topic: plant/values, value: /tt, unit: degC}}
  R101.STEP: {{source: floor, topic: plant/values, value: /step}}
  R101.MODE: {{source: floor, topic: plant/values, value: /mode}}
  R101.BATCH: {{source: floor, topic: plant/values, value: /batch, kind: text}}
{many}
units:
  R101:
    parameters: {{TT: R101.TT}}
    batch: {{tag: R101.BATCH}}
    phase: {{tag: R101.STEP, map: {{0: "", 20: dose}}}}
    equipment: {{tag: R101.MODE, states: {{1: running, 9: maintenance}}}}
  R102: {{events: true, parameters: {{{parameters}}}}}
recipes:
  API-1:
    version: 7
    change: CR-1234
    phases: {{dose: {{TT: {{unit: degC, validated: [55, 65], study: VR-12}}}}}}
alarms: {{suppress: {{repair: {{alarms: [stale], equipment: [maintenance]}}}}}}
"""


@dataclass
class Site:
    """The service at work, the plant behind it, and who uses a browser."""

    service: Service
    plant: Publisher
    url: str
    values: dict[str, object] = field(
        default_factory=lambda: {"tt": 60, "step": 0, "mode": 1, "batch": "", **dict.fromkeys(MANY, 20)}
    )

    def now(self, **values: object) -> None:
        """The plant is like that from now on."""
        self.values |= values
        self.plant.send("plant/values", json.dumps(self.values))

    def open(self, browser: Browser, person: str, path: str) -> None:
        """Show a page to a person who has signed in."""
        browser.open(f"{self.url}-/healthy", 1440, 900)  # a page that goes nowhere by itself
        body = json.dumps({"name": person, "password": WORDS})
        headers = "{'Content-Type': 'application/json'}"
        entered = (
            f"fetch('/v1/session', {{method: 'POST', headers: {headers}, body: {body!r}}}).then((told) => told.ok)"
        )
        assert browser.evaluate(entered), person
        browser.open(f"{self.url}{path}", 1440, 900)
        browser.wait_for(f"document.getElementById('who').textContent.includes({person!r})")


@contextlib.contextmanager
def papers(folder: Path) -> Iterator[Site]:
    """Run it; every tag has a value when the block begins."""
    mqtt, http = free_port(), free_port()
    config = folder / "thermowell.yaml"
    many = "\n".join(
        f"  {tag}: {{source: floor, topic: plant/values, value: /{tag}, unit: degC, limits: {{high: 100}}}}"
        for tag in MANY
    )
    parameters = ", ".join(f"{tag[5:]}: {tag}" for tag in MANY)
    config.write_text(CONFIGURATION.format(mqtt=mqtt, http=http, many=many, parameters=parameters))
    by = Person("maker", "", "cli")
    with contextlib.closing(SqlRecords.open(Files(folder / "data").made().records)) as records:
        for name, role in PEOPLE.items():
            records.people.add(name, name, role, by, "")
            records.people.give_password(name, WORDS, by)
    with broker(folder / "broker", mqtt), service(config, http) as running:
        running.start()
        until(running.ready)
        with publishing(mqtt) as plant:
            site = Site(running, plant, f"http://127.0.0.1:{http}/")
            until(lambda: _is_heard(site))
            yield site


def _is_heard(site: Site) -> bool:
    """Whether every number has a value; says it again, for the service may not have subscribed yet."""
    site.now()
    return len(site.service.get("/v1/latest")["latest"]) >= 3 + len(MANY)
