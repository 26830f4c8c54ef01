"""A shift's log through the whole service: the lead sleeps, the service is killed, the deputy wakes, two act at once."""

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from records.database import SqlRecords
from service.cli.people import at_the_console
from tests.acceptance.mqtt.broker import publishing
from tests.acceptance.service.running import MOSQUITTO, Service, broker, service, until
from tests.acceptance.telling.on_duty import heard, write_calendar
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.patience import LIMIT_S
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

CONFIG = """
site: duty
heartbeat: 1s
http: {{listen: "127.0.0.1:{http}"}}
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", topics: [plant/#]}}}}}}
units: {{R101: {{events: true, parameters: {{TT: R101.TT}}}}}}
tags: {{R101.TT: {{source: floor, topic: plant/values, value: /t, limits: {{high: 100}}}}}}
notify:
  ada_mail: {{url: "mailto://127.0.0.1:{smtp}/?from=t@plant.example&to=ada@plant.example&mode=insecure"}}
  deputy_mail: {{url: "mailto://127.0.0.1:{smtp}/?from=t@plant.example&to=deputy@plant.example&mode=insecure"}}
people: {{Ada: {{tell: [ada_mail]}}, Deputy: {{tell: [deputy_mail]}}}}
rota:
  leads:
    {{zone: Europe/Berlin, calendar: leads.ics, fallback: Deputy, priority: low, hand_over: off,
     escalate: [{{after: 2s, tell: Deputy}}], repeat: 1h, rounds: 9}}
"""
ALARM = "R101.TT~high"


def token_of(folder: Path, name: str) -> str:
    with SqlRecords.open(folder / "data" / "records.db") as records:
        return records.people.add_token(name, "operator", at_the_console())


def state_of(running: Service) -> str:
    alarms = running.get("/v1/alarms")["alarms"]
    return str(next((each["state"] for each in alarms if each["id"] == ALARM), ""))


def told(box: Mailbox) -> list[tuple[str, str]]:
    """Who got a mail of this alarm, in order, and its words: a slow machine may have alarms of its own."""
    pairs = zip(heard(box), box.texts, strict=False)  # a mail may come between the two
    return [(to, text) for to, text in pairs if f"{ALARM}.1" in text]


def waiting(running: Service) -> list[list[str]]:
    """Whom the alarm's next step tells."""
    return [each["names"] for each in running.get("/v1/duty")["waiting"] if each["transition"] == f"{ALARM}.1"]


def test_the_lead_sleeps_the_service_is_killed_the_deputy_wakes_and_of_two_who_act_one_is_told_who_was_first(
    tmp_path: Path,
) -> None:
    ports = {"http": free_port(), "mqtt": free_port(), "smtp": free_port()}
    config, box = tmp_path / "plant.yaml", Mailbox()
    config.write_text(CONFIG.format(**ports), encoding="utf-8")
    write_calendar(tmp_path, datetime.now(UTC), ("Ada", -1, 24))
    with (
        broker(tmp_path / "broker", ports["mqtt"]),
        mail_server(box, ports["smtp"]),
        service(config, ports["http"]) as running,
    ):
        running.start()
        until(running.ready)
        with publishing(ports["mqtt"]) as plant:
            until(lambda: plant.send("plant/values", json.dumps({"t": 200.0})) or state_of(running) == "UNACK")
        until(lambda: "ada" in [to for to, _ in told(box)])
        running.kill()
        running.start()
        until(lambda: "deputy" in [to for to, _ in told(box)])
        until(running.ready)

        link = re.search(r"http://\S+/ack/\S+", dict(told(box))["deputy"])
        assert link is not None
        for _ in range(5):  # a mail scanner
            with urllib.request.urlopen(link[0], timeout=LIMIT_S) as answer:
                assert answer.status == 200
        assert state_of(running) == "UNACK"
        assert running.get("/v1/duty")["rotas"][0]["on_duty"] == ["Ada"]
        assert waiting(running) == [["Ada"]]  # the next round

        tokens = {name: token_of(tmp_path, name) for name in ("Ada", "Grace")}
        token = link[0].rpartition("/")[2]

        def acts(name: str) -> tuple[int, dict]:
            return running.post(f"/v1/ack/{token}", {"comment": f"{name} looks", "shown": f"{ALARM}.1"}, tokens[name])

        with ThreadPoolExecutor(2) as people:
            answers = list(people.map(acts, tokens))
        assert state_of(running) == "ACKED"
        assert waiting(running) == []

    assert sorted(status for status, _ in answers) == [200, 409]
    first, second = sorted(answers, key=lambda answer: answer[0])
    assert f"{first[1]['transition']['person']} was first" in second[1]["detail"]
