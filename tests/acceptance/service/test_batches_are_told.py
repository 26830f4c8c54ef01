"""A plant whose batches are told over a real broker and over HTTP: kept through a kill, judged, walked and shown."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.mqtt.broker import publishing
from tests.acceptance.service.running import MOSQUITTO, ROOT, Service, broker, service, until
from tests.ports import free_port

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

BEGAN = datetime.now(UTC) - timedelta(minutes=30)


def configuration(folder: Path, mqtt_port: int, http_port: int) -> Path:
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: floor
heartbeat: 1s
http: {{listen: 127.0.0.1:{http_port}}}
sources:
  floor:
    mqtt: {{url: "mqtt://127.0.0.1:{mqtt_port}", topics: [plant/#], events: [plant/batches]}}
units:
  R101: {{events: true}}
  R102: {{events: true}}
  T201: {{events: true}}
tags:
  T7.LT: {{source: floor, topic: plant/level, value: /v}}
holds:
  crude: {{kind: intermediate, unit: T201, start: first_transfer_in, stop: first_transfer_out, limit: 10min}}
"""
    )
    return file


def told(id_: str, kind: str, minutes: float, **more: object) -> dict[str, object]:
    return {"id": id_, "event": kind, "time": (BEGAN + timedelta(minutes=minutes)).isoformat(), **more}


def reactor(unit: str, batch: str, minutes: float) -> list[dict[str, object]]:
    """A batch on a reactor, its phase, and its transfer into the tank."""
    return [
        told(f"{batch}-1", "batch_start", minutes, unit=unit, batch=batch),
        told(f"{batch}-2", "phase_start", minutes, unit=unit, batch=batch, phase="react"),
        told(f"{batch}-3", "phase_end", minutes + 5, unit=unit, batch=batch, phase="react"),
        told(f"{batch}-4", "transfer_start", minutes + 5, **{"from": unit, "to": "T201"}),
        told(
            f"{batch}-5",
            "transfer_end",
            minutes + 6,
            **{"from": unit, "to": "T201", "amount": 80.5, "amount_unit": "kg"},
        ),
        told(f"{batch}-6", "batch_end", minutes + 7, unit=unit, batch=batch),
    ]


def token(config: Path) -> str:
    made = subprocess.run(
        [sys.executable, "-m", "service.cli", "token", "--config", str(config), "add", "MES", "--role", "service"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.split()[-1]


def batch(running: Service, name: str) -> dict:
    try:
        return running.get(f"/v1/batches/{name}")
    except OSError:
        return {}


def test_parallel_reactors_feed_a_tank_and_its_batch_knows_them(tmp_path: Path):
    mqtt_port, http_port = free_port(), free_port()
    config = configuration(tmp_path, mqtt_port, http_port)
    with broker(tmp_path / "broker", mqtt_port), service(config, http_port) as running:
        running.start()
        until(running.ready)
        until(lambda: any(each["connected"] for each in running.get("/v1/ledger")["heartbeats"]))
        with publishing(mqtt_port) as plant:
            plant.send("plant/batches", json.dumps(told("m", "batch_start", 0, unit="T201", batch="M-1")))
            plant.send("plant/batches", *map(json.dumps, reactor("R101", "B-1", 1)))
            until(lambda: batch(running, "B-1").get("end_ns"))
            running.kill()
            # Told twice, and while nobody is there: it counts once, and the broker keeps it.
            plant.send("plant/batches", *map(json.dumps, [*reactor("R101", "B-1", 1), *reactor("R102", "B-2", 2)]))
            plant.send("plant/batches", '{"id": "x"}', "no event")
        running.start()
        until(running.ready)
        until(lambda: batch(running, "B-2").get("end_ns"))
        key = token(config)
        rework = told("rw", "rework", 20, parents=["M-1"], children=["M-1R"])
        first = running.post("/v1/batches/events", rework, key)
        again = running.post("/v1/batches/events", rework, key)
        until(lambda: batch(running, "M-1R"))
        until(lambda: running.get("/v1/findings?subject=crude")["findings"])

        assert (first[0], again) == (200, first)
        back = running.get("/v1/batches/M-1R/genealogy?direction=back")
        assert [(link["parent"], link["child"], link["kinship"]) for link in back["links"]] == [
            ("M-1", "M-1R", "rework"),
            ("B-1", "M-1", "transfer"),
            ("B-2", "M-1", "transfer"),
        ]
        assert running.get("/v1/batches/B-1/genealogy?direction=forward")["batches"] == ["M-1", "M-1R"]
        kept = [each for each in running.get("/v1/batches/B-1")["events"] if each["event"] == "batch_start"]
        assert [(each["id"], each["source"]) for each in kept] == [("B-1-1", "floor")]
        (hold,) = running.get("/v1/findings?subject=crude")["findings"]
        assert hold["rule"] == "hold.breach"
        refused = [each["reason"] for each in running.get("/v1/quarantine")["quarantine"]]
        assert sorted(refused) == [
            "topic 'plant/batches': 'event' is missing",
            "topic 'plant/batches': the payload is no JSON",
        ]
        (source,) = running.get("/v1/ledger")["sources"]
        assert (source["quarantined"], source["unaccounted"]) == (2, 0)
