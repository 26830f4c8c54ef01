"""The log of the night to summer time with the real service, whose machine has its clock set again and again.

An alarm is suppressed by its phase, then told; the clock is set back and ahead while its escalation waits; its shelf
ends while the service is down; a shift begins by the new time. What is waited for comes with the next setting of the
clock, hours later, and never by the machine's speed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.alarms import Transition
from domain.time import HOUR_NS, parse_time_ns
from records.database import SqlRecords
from service.cli.people import at_the_console
from tests.acceptance.mqtt.broker import Publisher, publishing
from tests.acceptance.service.running import MOSQUITTO, Service, broker, service, until
from tests.acceptance.telling.machine_clock import MachineClock
from tests.acceptance.telling.on_duty import heard, write_events
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; nothing sends samples"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

ALARM = "R101.PT~high"
DAILY = "\nRRULE:FREQ=DAILY"
CONFIG = """
site: night
heartbeat: 500ms
http: {{listen: "127.0.0.1:{http}"}}
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", topics: [plant/#]}}}}}}
units: {{R101: {{phase: {{tag: R101.STEP, map: {{20: dose, 40: clean}}}}, batch: {{tag: R101.BATCH}}, parameters: {{PT: R101.PT}}}}}}
tags:
  R101.PT: {{source: floor, topic: plant/values, value: /pressure, unit: bar(g), limits: {{high: 4}}}}
  R101.STEP: {{source: floor, topic: plant/values, value: /step}}
  R101.BATCH: {{source: floor, topic: plant/values, value: /batch, kind: text}}
alarms: {{suppress: {{cleaning: {{alarms: [fixed], phases: [clean]}}}}}}
notify:
  ada_mail: {{url: "mailto://127.0.0.1:{smtp}/?from=t@plant.example&to=ada@plant.example&mode=insecure", pictures: false}}
  grace_mail: {{url: "mailto://127.0.0.1:{smtp}/?from=t@plant.example&to=grace@plant.example&mode=insecure", pictures: false}}
  deputy_mail: {{url: "mailto://127.0.0.1:{smtp}/?from=t@plant.example&to=deputy@plant.example&mode=insecure", pictures: false}}
people: {{Ada: {{tell: [ada_mail]}}, Grace: {{tell: [grace_mail]}}, Deputy: {{tell: [deputy_mail]}}}}
rota:
  leads: {{zone: Europe/Berlin, calendar: leads.ics, fallback: Deputy, priority: low, escalate: [{{after: 2h, tell: Deputy}}]}}
"""


@dataclass
class Night:
    """The service, its machine's clock, its plant, and the mails of its people."""

    folder: Path
    clock: MachineClock
    service: Service
    plant: Publisher
    box: Mailbox

    def says(self, **values: float | str) -> None:
        """What the reactor says."""
        self.plant.send("plant/values", json.dumps(values))

    def transitions(self) -> list[Transition]:
        """Of the pressure's alarm, oldest first."""
        with SqlRecords.open(self.folder / "data" / "records.db") as records:
            return list(records.transitions(ALARM, 100))[::-1]

    def state(self) -> str:
        """How the alarm stands."""
        return "".join(each.facts.state.value for each in self.transitions()[-1:])

    def told(self) -> Counter[tuple[str, str]]:
        """How often each person was told of each transition of the alarm, alone or in a digest; a hand-over has none."""
        pairs = zip(heard(self.box), self.box.texts, strict=False)  # a mail may come between the two
        return Counter((to, id_) for to, text in pairs for id_ in set(re.findall(rf"{ALARM}\.\d+", text)))

    def states(self) -> dict[str, str]:
        """How the alarm's notices stand; a slow machine may have alarms of its own."""
        with SqlRecords.open(self.folder / "data" / "records.db") as records:
            return {notice.id: state for notice, state in records.notices(1000) if notice.id.startswith(ALARM)}

    def due_ns(self) -> int:
        """When the next step of the newest telling is due; 0: none waits."""
        with SqlRecords.open(self.folder / "data" / "records.db") as records:
            return max((each.due_ns for each in self.steps(records)), default=0)

    def steps(self, records: SqlRecords) -> list:
        """The alarm's steps that wait."""
        return [each for each in records.planned_notices(["leads"], 100) if each.notice.transition.startswith(ALARM)]


@contextmanager
def night(folder: Path) -> Iterator[Night]:
    """Ada has the nights, 22:00 to 06:00, Grace the days. It is 23:30 in Berlin, before the change."""
    ports = {name: free_port() for name in ("http", "mqtt", "smtp")}
    config, box, clock = folder / "plant.yaml", Mailbox(), MachineClock(folder, "2026-03-28T22:30:00Z")
    config.write_text(CONFIG.format(**ports), encoding="utf-8")
    write_events(
        folder,
        ("Ada", "20260101T220000", f"20260102T060000{DAILY}"),
        ("Grace", "20260101T060000", f"20260101T220000{DAILY}"),
    )
    with (
        broker(folder / "broker", ports["mqtt"]),
        mail_server(box, ports["smtp"]),
        publishing(ports["mqtt"]) as plant,
        service(config, ports["http"], clock.environment) as running,
    ):
        try:
            yield Night(folder, clock, running, plant, box)
        finally:
            print(*(f"{mail['To']}: {mail['Subject']}" for mail in box.mails), sep="\n")


def test_a_night_with_a_phase_that_suppresses_clocks_that_are_set_and_a_shelf_that_ends_while_all_is_down(
    tmp_path: Path,
) -> None:
    with night(tmp_path) as it:
        it.service.start()
        until(it.service.ready)

        def is_cleaned() -> bool:
            it.says(batch="B-1", step=40, pressure=1.0)
            return len(it.service.get("/v1/latest")["latest"]) == 2

        until(is_cleaned)
        it.says(pressure=4.1)
        until(lambda: it.state() == "DSUPR")
        it.says(step=20)
        until(lambda: it.state() == "UNACK")
        first = it.transitions()[-1].id
        until(lambda: it.states().get(f"{first}@Ada/ada_mail") == "sent")

        # The clock is set back and ahead while the deputy's step waits.
        due_ns = until(it.due_ns)
        it.clock.jumps(-HOUR_NS)
        until(lambda: due_ns - it.due_ns() > HOUR_NS // 2)
        it.clock.jumps(HOUR_NS)
        it.clock.shows("2026-03-29T00:40:00Z")
        until(lambda: it.states().get(f"{first}@Deputy/deputy_mail#1") == "sent")

        # The shelf ends while the service is down, and so does winter.
        with SqlRecords.open(tmp_path / "data" / "records.db", wall_ns=it.clock) as records:
            ada = records.people.add_token("Ada", "shift lead", at_the_console())
        shelf = {"comment": "the valve is looked at", "until": "2026-03-29T01:30:00Z"}
        assert it.service.post(f"/v1/alarms/{ALARM}/shelve", shelf, ada)[0] == 200
        it.service.kill()
        it.clock.shows("2026-03-29T03:00:00Z")
        it.service.start()
        until(lambda: it.state() == "UNACK")
        second = it.transitions()[-1]
        until(lambda: it.states().get(f"{second.id}@Ada/ada_mail") == "sent")

        # Six o'clock of summer time.
        it.clock.shows("2026-03-29T04:00:01Z")
        until(lambda: any("Hand-over" in str(mail["Subject"]) for mail in it.box.mails if "grace" in str(mail["To"])))
        until(it.service.ready)
        assert it.service.post(f"/v1/alarms/{ALARM}/acknowledge", {"comment": "I look"}, ada)[0] == 200
        assert it.service.stop() == 0

        told, news = it.told(), [each.id for each in it.transitions() if each.announces]
        texts, states = [text for text in it.box.texts if ALARM in text], it.states()

    assert news == [first, second.id]
    assert second.at_ns >= parse_time_ns("2026-03-29T01:30:00Z")
    assert told == Counter({("ada", first): 1, ("deputy", first): 1, ("ada", second.id): 1})
    assert not {"dead", "uncertain"}.intersection(states.values())
    assert not any(f"{first}@" in id_ and state == "pending" for id_, state in states.items())
    assert not any("may repeat" in text for text in texts)
