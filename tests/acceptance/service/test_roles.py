"""Each role as a process of its own: killed in turns while samples flow, nothing is lost, told twice, or judged otherwise."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from records.database import SqlRecords
from tests.acceptance.service.running import MOSQUITTO, ROOT, Api, broker, until
from tests.acceptance.service.test_database_away import plant_at, recorded
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.influx_server import InfluxServer
from tests.patience import LIMIT_S
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; nothing sends samples"),
]


def configuration(folder: Path, ports: dict[str, int], influx: str) -> Path:
    (folder / "token").write_text("sesame")
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: north
http: {{listen: 127.0.0.1:{ports["http"]}}}
heartbeat: 500ms
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{ports["mqtt"]}", topics: [plant/#]}}}}}}
tags:
  TT: {{source: floor, topic: plant/tt, value: /v, time: /t, time_unit: ns, unit: degC, limits: {{high: 50}}}}
notify: {{leads: {{url: "mailto://127.0.0.1:{ports["smtp"]}/?from=a@example.com&to=b@example.com&mode=insecure"}}}}
mirrors: {{plant: {{influxdb: {{url: "{influx}", org: site, bucket: plant, token_file: token}}}}}}
""",
    )
    return file


class Processes:
    """A process for each role, as one unit for each would start it."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = (config.parent / "service.log").open("ab")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *roles: str) -> None:
        for role in roles:
            self._running[role] = subprocess.Popen(self.command(role), stderr=self.log, cwd=ROOT)

    def command(self, role: str) -> list[str]:
        return [sys.executable, "-m", "service.cli", "run", "--config", str(self.config), "--role", role]

    def kill(self, role: str) -> None:
        self._running[role].send_signal(signal.SIGKILL)
        assert self._running.pop(role).wait(LIMIT_S) == -signal.SIGKILL

    def niceness(self) -> dict[str, int]:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        return {role: os.getpriority(os.PRIO_PROCESS, each.pid) - own for role, each in self._running.items()}

    def stop(self) -> set[int]:
        for process in self._running.values():
            process.terminate()
        codes = {process.wait(LIMIT_S) for process in self._running.values()}
        self._running.clear()
        return codes

    def close(self) -> None:
        for role in list(self._running):
            self.kill(role)
        self.log.close()


@contextmanager
def processes(config: Path) -> Iterator[Processes]:
    made = Processes(config)
    try:
        yield made
    finally:
        made.close()
        print((config.parent / "service.log").read_text(errors="replace")[-20_000:])


def said_by_alarm(folder: Path) -> list[str]:
    with SqlRecords.open(folder / "data" / "records.db") as records:
        found = records.transitions("TT~high", 1_000)[::-1]
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    return [each.what for each in found]


def still_to_tell(folder: Path) -> int:
    with SqlRecords.open(folder / "data" / "records.db") as records:
        counts = records.notice_counts()
    return counts["pending"] + counts["uncertain"]


def mirrored(server: InfluxServer) -> list[float]:
    """The values of the mirror's points, by their times."""
    points = server.points()
    return [float(str(points[key]["value"])) for key in sorted(points, key=lambda point: point[2])]


def refused(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT)
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_each_role_may_be_killed_and_nothing_is_lost_nor_told_twice(tmp_path: Path) -> None:
    mailbox = Mailbox()
    ports = {name: free_port() for name in ("http", "mqtt", "smtp")}
    api = Api(ports["http"])
    with ExitStack() as stack:
        stack.enter_context(broker(tmp_path / "broker", ports["mqtt"]))
        stack.enter_context(mail_server(mailbox, ports["smtp"]))
        server = stack.enter_context(InfluxServer())
        plant = stack.enter_context(plant_at(ports["mqtt"]))
        running = stack.enter_context(processes(configuration(tmp_path, ports, server.url)))
        running.start("core", "web")
        plant.says(20.0, retain=True)
        until(lambda: recorded(tmp_path) == plant.sent)
        until(lambda: not api.ready())
        running.start("detectors", "mirror")
        until(api.ready)
        plant.says(60.0)
        until(lambda: len(mailbox.mails) == 1)
        until(lambda: mirrored(server) == plant.sent)

        assert running.niceness() == {"core": 0, "web": 5, "detectors": 5, "mirror": 5}
        second = refused(running.command("detectors"))

        running.kill("detectors")
        running.kill("mirror")
        plant.says(40.0, 70.0)  # while both are dead, as they come back, and while the core is dead
        running.start("detectors", "mirror")
        plant.says(30.0, 80.0)
        running.kill("core")
        plant.says(20.0)
        running.start("core")
        until(lambda: recorded(tmp_path) == plant.sent)
        until(lambda: len(said_by_alarm(tmp_path)) == 6)
        until(lambda: mirrored(server) == plant.sent)
        until(lambda: still_to_tell(tmp_path) == 0)
        until(api.ready)
        assert running.stop() == {0}

    assert said_by_alarm(tmp_path) == ["activated", "returned"] * 3
    assert max(Counter(mailbox.texts).values()) == 1
    assert not any("repeat" in text for text in mailbox.texts)
    assert "runs the role 'detectors' since" in second
    command = [sys.executable, "-m", "service.cli", "replay", str(tmp_path / "thermowell.yaml"), "--format", "json"]
    replay = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT)
    told = json.loads(replay.stdout)
    assert (replay.returncode, told["differ"], told["compared"] > 0) == (0, 0, True), replay.stdout
