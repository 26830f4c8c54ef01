"""A plant of 200 tags on four units behind a real broker, whose alarms are told by mail."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.mqtt.broker import Publisher, publishing
from tests.acceptance.service.running import Service, broker, service, until
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.ports import free_port

UNITS = ("R101", "R102", "R103", "R104")
TAGS = tuple(f"{unit}.T{number:02d}" for unit in UNITS for number in range(50))
FIRST = TAGS[0]
QUIET, HIGH = 20.0, 200.0


def alarm_of(tag: str) -> str:
    """The alarm that a tag raises above its limit."""
    return f"{tag}~high"


@dataclass(frozen=True, slots=True)
class Flooded:
    """The service at work, and what surrounds it."""

    service: Service
    plant: Publisher
    box: Mailbox

    def set(self, tags: Sequence[str], value: float) -> None:
        """One message with a value for each of these tags: they are judged together."""
        self.plant.send("plant/values", json.dumps(dict.fromkeys(tags, value)))

    def active(self) -> list[dict]:
        """The alarms that the list has."""
        return self.service.get("/v1/alarms?limit=1000")["alarms"]


def configuration(folder: Path, mqtt_port: int, http_port: int, smtp_port: int, channels: int) -> Path:
    """One topic feeds every tag; each has a limit that always holds."""
    (folder / "mail").write_text(
        f"mailto://127.0.0.1:{smtp_port}/?from=thermowell@plant.example&to=lead@plant.example&mode=insecure\n"
    )
    lines = [
        "site: flooded",
        "heartbeat: 1s",
        f"http: {{listen: 127.0.0.1:{http_port}}}",
        f'sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{mqtt_port}", topics: [plant/#]}}}}}}',
        "notify:",
        *(f"  leads{number or ''}: {{url_file: mail, priority: low, pictures: false}}" for number in range(channels)),
        "units:",
        *(f"  {unit}: {{events: true, parameters: {_parameters(unit)}}}" for unit in UNITS),
        "tags:",
        *(f"  {tag}: {{source: floor, topic: plant/values, value: /{tag}, limits: {{high: 100}}}}" for tag in TAGS),
    ]
    file = folder / "thermowell.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def _parameters(unit: str) -> str:
    return "{" + ", ".join(f"{tag.partition('.')[2]}: {tag}" for tag in TAGS if tag.startswith(unit)) + "}"


@contextmanager
def flooded(folder: Path, box: Mailbox | None = None, channels: int = 1) -> Iterator[Flooded]:
    """Run broker, mail server and service; every tag has had a quiet value when the block begins."""
    mqtt_port, http_port, smtp_port, box = free_port(), free_port(), free_port(), box or Mailbox()
    config = configuration(folder, mqtt_port, http_port, smtp_port, channels)
    with (
        broker(folder / "broker", mqtt_port),
        mail_server(box, smtp_port),
        service(config, http_port) as running,
    ):
        running.start()
        until(running.ready)
        with publishing(mqtt_port) as plant:
            site = Flooded(running, plant, box)
            until(lambda: _is_heard(site))
            yield site


def _is_heard(site: Flooded) -> bool:
    """Whether every tag has a value; says it again, for the service may not have subscribed yet."""
    site.set(TAGS, QUIET)
    latest = site.service.get("/v1/latest")["latest"]
    return len(latest) == len(TAGS)
