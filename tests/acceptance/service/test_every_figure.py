"""A whole service with two sources, a mirror and a channel tells every figure of the table, and its own alarms reach people."""

import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as prometheus_text
from sqlalchemy import insert

from domain.figures import FIGURES
from domain.findings import Finding
from records.database import SqlRecords
from records.tables import leases
from tests.acceptance.service.running import MOSQUITTO, Service, broker, python_process, service, until
from tests.acceptance.service.test_database_away import Plant, plant_at
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.certificates import make
from tests.influx_server import InfluxServer
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; one of the two sources is missing"),
    pytest.mark.timeout(300),
]

START_S = 120.0
ELSEWHERE = {name for name in FIGURES if name.startswith("thermowell_rota_")} | {"thermowell_account_locked"}
"""Figures of what this site has not: rotas, and somebody who is locked out."""
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def configuration(folder: Path, ports: dict[str, int], influx: str) -> Path:
    (folder / "token").write_text("sesame")
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: north
http: {{listen: 127.0.0.1:{ports["http"]}}}
heartbeat: 500ms
log: {{format: json}}
journal: {{quota: 1 GB}}
sources:
  train1: {{opcua: {{url: "opc.tcp://127.0.0.1:{ports["opcua"]}/", publishing_interval: 200ms}}}}
  floor: {{mqtt: {{url: "mqtt://127.0.0.1:{ports["mqtt"]}", topics: [plant/#]}}}}
tags:
  C0: {{source: train1, node: "nsu=urn:example:counters;s=C0"}}
  TT: {{source: floor, topic: plant/tt, value: /v, time: /t, time_unit: ns, unit: degC, limits: {{high: 50}}}}
notify: {{leads: {{url: "mailto://127.0.0.1:{ports["smtp"]}/?from=a@example.com&to=b@example.com&mode=insecure"}}}}
mirrors: {{plant: {{influxdb: {{url: "{influx}", org: site, bucket: plant, token_file: token}}}}}}
deadman: {{file: alive, every: 1s}}
""",
    )
    return file


def held_elsewhere(folder: Path) -> None:
    """Somebody on another machine had the core's role, and does not renew it."""
    with SqlRecords.open(folder / "data" / "records.db") as records, records._database.writing() as connection:
        row = {"holder": "x", "host": "plant-b", "kernel": "another", "started": "1", "pid": 1, "renewals": 3}
        connection.execute(insert(leases), [{**row, "role": "core", "taken_ns": 0}])


@dataclass
class Site:
    """A running service, and everything that it ever told."""

    folder: Path
    service: Service
    plant: Plant
    mailbox: Mailbox
    known: set[str] = field(default_factory=set)

    def scrape(self) -> Series:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.service.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        told: Series = {}
        for family in prometheus_text(text):
            self.known.add(family.name if family.type != "counter" else f"{family.name}_total")
            told |= {(each.name, tuple(sorted(each.labels.items()))): each.value for each in family.samples}
        return told

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.service.port}/recipes", timeout=10) as answer:
            return str(answer.read().decode())

    def tells(self, name: str, at_least: float = 1.0, **labels: str) -> bool:
        return self.scrape().get((name, tuple(sorted(labels.items()))), -1.0) >= at_least

    def findings(self, rule: str) -> list[Finding]:
        with SqlRecords.open(self.folder / "data" / "records.db") as records:
            return [each for each in records.list_findings(None, None, None, 500) if each.rule == rule]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, mailbox = tmp_path_factory.mktemp("north"), Mailbox()
    ports = {name: free_port() for name in ("http", "mqtt", "smtp", "opcua")}
    trusted = folder / "data" / "certificates" / "trusted"
    trusted.mkdir(parents=True)
    held_elsewhere(folder)
    with ExitStack() as stack:
        stack.enter_context(broker(folder / "broker", ports["mqtt"]))
        stack.enter_context(mail_server(mailbox, ports["smtp"]))
        server = stack.enter_context(InfluxServer())
        counters = ("tests.acceptance.service.counter_server", str(ports["opcua"]), "1", str(folder / "truth"))
        stack.enter_context(python_process(*counters))
        plant = stack.enter_context(plant_at(ports["mqtt"]))
        make(trusted, begin=-7, days=8)
        running = stack.enter_context(service(configuration(folder, ports, server.url), ports["http"]))
        running.start()
        plant.says(20.0, retain=True)
        until(running.ready, START_S)
        yield Site(folder, running, plant, mailbox)


def core_of(running: Service) -> int:
    """The process of the core, among the supervisor's."""
    assert running._process is not None
    parent = running._process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(pid) for pid in children if b"--role\0core" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_every_figure_but_that_of_gaps_is_told_and_no_counter_falls(site: Site) -> None:
    before = site.scrape()
    site.plant.says(60.0)
    until(lambda: not site.scrape() or FIGURES.keys() - site.known - ELSEWHERE <= {"thermowell_gaps_total"}, START_S)
    until(lambda: site.tells("thermowell_outbox_attempts_total", channel="leads", outcome="sent"), START_S)
    after = site.scrape()
    counts = [key for key in before if key[0].endswith(("_total", "_bucket", "_count"))]

    assert site.known <= FIGURES.keys()
    assert {key: (before[key], after.get(key)) for key in counts if after.get(key, -1.0) < before[key]} == {}


def test_alarms_about_the_service_itself_stand_beside_those_of_the_plant(site: Site) -> None:
    until(lambda: site.findings("service.lease") and site.findings("service.certificate"), START_S)

    assert [each.subject for each in site.findings("service.lease")] == ["core"]
    assert [each.message for each in site.findings("service.certificate")] == [
        "The certificate trusted/plant.pem ends in 1.0 days."
    ]


def test_a_core_that_hangs_is_told_on_the_page_and_one_that_dies_is_counted(site: Site) -> None:
    core = core_of(site.service)
    os.kill(core, signal.SIGSTOP)
    until(lambda: "The service does not judge since" in site.page(), START_S)
    os.kill(core, signal.SIGKILL)
    until(lambda: "The service does not judge since" not in site.page(), START_S)
    until(lambda: site.tells("thermowell_process_failures_lately", process="core"), START_S)
    until(lambda: site.scrape() and FIGURES.keys() - ELSEWHERE <= site.known, START_S)

    assert site.tells("thermowell_process_restarts_total", process="core")
    assert "sesame" not in (site.folder / "service.log").read_text()
