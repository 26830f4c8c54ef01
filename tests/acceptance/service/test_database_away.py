"""The whole service with its records on a real PostgreSQL that is killed: nothing is lost, nothing is told twice."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from domain.errors import RetryLater
from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.address import Server
from records.database import SqlRecords
from tests.acceptance.service.running import MOSQUITTO, ROOT, broker, service, until
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.patience import LIMIT_S
from tests.ports import free_port
from tests.postgres_server import PASSWORD, PostgresForTests

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; nothing sends samples"),
]


def configuration(folder: Path, server: Server, ports: dict[str, int]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "password").write_text(PASSWORD)
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: north
http: {{listen: 127.0.0.1:{ports["http"]}}}
heartbeat: 500ms
records:
  postgresql: {{host: {server.host}, port: {server.port}, database: {server.database}, password_file: password}}
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{ports["mqtt"]}", topics: [plant/#]}}}}}}
tags:
  TT: {{source: floor, topic: plant/tt, value: /v, time: /t, time_unit: ns, unit: degC, limits: {{high: 50}}}}
notify: {{leads: {{url: "mailto://127.0.0.1:{ports["smtp"]}/?from=a@example.com&to=b@example.com&mode=insecure"}}}}
""",
    )
    return file


class Plant:
    """Publishes values, each acknowledged by the broker."""

    def __init__(self, port: int) -> None:
        self.sent: list[float] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="plant", protocol=mqtt.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def says(self, *values: float, retain: bool = False) -> None:
        """Say them in this order; `retain`: also to who subscribes later."""
        for value in values:
            told = json.dumps({"v": value, "t": time.time_ns()})
            self._client.publish("plant/tt", told, qos=1, retain=retain).wait_for_publish(10)
            self.sent.append(value)

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


@contextmanager
def plant_at(port: int) -> Iterator[Plant]:
    plant = Plant(port)
    try:
        yield plant
    finally:
        plant.close()


def recorded(folder: Path) -> list[float]:
    """Every value that is durable: in the journal, or in the record that follows it."""
    try:
        journal = ReadOnlyJournal(folder / "data" / "journal.db")
    except RetryLater:  # it is being made
        return []
    history = HistoryView(folder / "data" / "history", journal)
    history.refresh()
    tag = TagTable(journal.tags()).find("TT")
    values = [] if tag is None else history.read(tag.id, 0, 2**62, versions=True).value.tolist()
    history.close()
    journal.close()
    return values


def why_not_ready(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError:
        return ""


def said_of(server: Server) -> list[str]:
    """What became of the alarm, oldest first; each transition has the number after the one before."""
    with SqlRecords.open(server) as records:
        found = records.transitions("TT~high", 1_000)[::-1]
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    return [each.what for each in found]


def still_to_tell(server: Server) -> int:
    with SqlRecords.open(server) as records:
        counts = records.notice_counts()
    return counts["pending"] + counts["uncertain"]


def run_to_its_end(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "run", "--role", "core", "--config", str(config)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT)


def test_a_database_that_is_killed_costs_neither_samples_nor_alarms(tmp_path: Path, postgres: PostgresForTests) -> None:
    mailbox = Mailbox()
    ports = {name: free_port() for name in ("http", "mqtt", "smtp")}
    folder = tmp_path / "first"
    with (
        postgres.databases() as give,
        broker(tmp_path / "broker", ports["mqtt"]),
        mail_server(mailbox, ports["smtp"]),
        plant_at(ports["mqtt"]) as plant,
    ):
        server = give()
        config = configuration(folder, server, ports)
        with service(config, ports["http"]) as running:
            with postgres.away():
                running.start()
                plant.says(20.0, retain=True)
                until(lambda: recorded(folder) == plant.sent)
                until(lambda: "nothing is judged yet" in why_not_ready(ports["http"]))
            until(running.ready)
            plant.says(60.0)
            until(lambda: len(mailbox.mails) == 1)

            second = run_to_its_end(configuration(tmp_path / "second", server, ports | {"http": free_port()}))

            with postgres.away():
                plant.says(40.0, 70.0)
                until(lambda: "cannot be written" in why_not_ready(ports["http"]))
                plant.says(30.0, 80.0)
                until(lambda: recorded(folder) == plant.sent)
            until(running.ready)
            until(lambda: len(said_of(server)) == 5)
            until(lambda: still_to_tell(server) == 0)  # what is being told at a kill is told again, as a copy
            running.kill()
            running.start()
            plant.says(10.0)
            until(lambda: len(said_of(server)) == 6)
            until(lambda: still_to_tell(server) == 0)
            assert running.stop() == 0

        assert said_of(server) == ["activated", "returned"] * 3
        assert recorded(folder) == plant.sent
        assert max(Counter(mailbox.texts).values()) == 1
        assert not any("repeat" in text for text in mailbox.texts)
        with SqlRecords.open(server) as records:
            records.verify_audit()
    said = (folder / "service.log").read_text()
    assert "what is judged waits, samples are taken on" in said
    assert PASSWORD not in said + second.stderr
    assert second.returncode == 2
    assert f"{server}: process " in second.stderr
    assert "runs the role 'core' since" in second.stderr
