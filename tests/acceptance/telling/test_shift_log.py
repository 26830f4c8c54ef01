"""A shift with the real service: killed while it tells, a hook that hangs, a mail server that is away."""

import json
from pathlib import Path

import pytest

from records.database import SqlRecords
from tests.acceptance.service.running import MOSQUITTO, Service, broker, service, until
from tests.acceptance.service.test_database_away import plant_at
from tests.acceptance.telling.servers import Mailbox, Webhook, mail_server, web_server
from tests.acceptance.telling.test_displays import screen
from tests.acceptance.telling.test_webhooks import is_signed
from tests.ports import free_port

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; nothing sends samples")

SECRET = "a-secret-of-a-test-and-of-nothing-else"


def configuration(folder: Path, ports: dict[str, int]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "key").write_text(SECRET)
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: north
http: {{listen: 127.0.0.1:{ports["http"]}}}
heartbeat: 500ms
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{ports["mqtt"]}", topics: [plant/#]}}}}}}
tags:
  TT: {{source: floor, topic: plant/tt, value: /v, time: /t, time_unit: ns, unit: degC, limits: {{high: 50}}}}
notify:
  mail: {{url: "mailto://127.0.0.1:{ports["smtp"]}/?from=a@example.com&to=b@example.com&mode=insecure", pictures: false}}
  dispatch: {{webhook: {{url: "http://127.0.0.1:{ports["hook"]}/hook", secret_file: key}}}}
people: {{ada: {{tell: [mail], language: de, zone: Europe/Berlin}}}}
displays: {{mqtt: {{url: "mqtt://127.0.0.1:{ports["mqtt"]}"}}}}
""",
    )
    return file


def state_of(folder: Path, id_: str) -> str:
    with SqlRecords.open(folder / "data" / "records.db") as records:
        return {notice.id: state for notice, state in records.notices(100)}.get(id_, "")


def transitions(folder: Path) -> list[str]:
    if not (folder / "data" / "records.db").exists():
        return []
    with SqlRecords.open(folder / "data" / "records.db") as records:
        return [each.what for each in records.transitions("TT~high", 100)][::-1]


def texts(box: Mailbox) -> list[str]:
    """The mails about the tag: a slow machine's source may be silent for long, which is an alarm too."""
    return [mail["Subject"] for mail in box.mails if "TT" in mail["Subject"]]


def hooked(hook: Webhook) -> list[dict[str, str]]:
    return [body for body in hook.bodies if body["alarm"] == "TT~high"]


def started(running: Service) -> None:
    running.start()
    until(running.ready)


def test_a_service_that_is_killed_between_an_alarm_and_its_message_tells_it_once_as_new(tmp_path: Path) -> None:
    folder, ports = tmp_path / "plant", {name: free_port() for name in ("http", "mqtt", "smtp", "hook")}
    hook, box = Webhook(), Mailbox()
    hook.answers = [0]  # it takes the first message, and never says so
    with (
        broker(tmp_path / "broker", ports["mqtt"]),
        plant_at(ports["mqtt"]) as plant,
        web_server(hook, ports["hook"]),
        service(configuration(folder, ports), ports["http"]) as running,
        screen(ports["mqtt"]) as looking,
    ):
        started(running)
        plant.says(60.0, retain=True)
        until(lambda: len(hook.bodies) == 1)
        until(lambda: state_of(folder, "TT~high.1@ada/mail") == "pending")  # nobody listens there
        running.kill()
        until(lambda: looking.shows.get("thermowell/north/status") == b"offline")

        with mail_server(box, ports["smtp"]):
            started(running)
            until(lambda: len(hooked(hook)) == 2)
            until(lambda: len(texts(box)) == 1)
            until(lambda: looking.shows.get("thermowell/north/status") == b"online")
            until(lambda: "TT~high" in looking.alarms)
            until(lambda: state_of(folder, "TT~high.1@dispatch") == "sent")
            until(lambda: state_of(folder, "TT~high.1@ada/mail") == "sent")
            plant.says(20.0)
            until(lambda: "returned" in transitions(folder))
            plant.says(70.0)
            until(lambda: len(texts(box)) == 2)
            until(lambda: len(hooked(hook)) == 3)
            assert running.stop() == 0  # before the servers: they wait for nobody

    ids = [body["id"] for body in hooked(hook)]
    assert ids == ["TT~high.1@dispatch", "TT~high.1@dispatch", "TT~high.3@dispatch"]
    assert ["may repeat" in body["text"] for body in hooked(hook)] == [False, True, False]
    assert all(is_signed(hook, number, SECRET.encode()) for number in range(len(hook.bodies)))
    assert [subject.split(":")[0] for subject in texts(box)] == ["HOCH", "HOCH"]
    assert not any("vielleicht schon" in text for text in (mail.as_string() for mail in box.mails))
    assert json.loads(looking.shows["thermowell/north/alarms/TT~high"])["transition"].startswith("TT~high.")
