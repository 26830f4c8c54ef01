"""A model as people use it: trained on the record, approved by a second person, and it judges on through a kill."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.mqtt.broker import Publisher, publishing
from tests.acceptance.service.running import MOSQUITTO, ROOT, Service, broker, service, until
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
]

BEGAN = (datetime.now(UTC) - timedelta(minutes=30)).replace(microsecond=0)
CELLS, PAUSE, NORMAL = 40, 10, 12


def configuration(folder: Path, mqtt_port: int, http_port: int) -> Path:
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: dosing
heartbeat: 1s
http: {{listen: 127.0.0.1:{http_port}}}
sources:
  floor:
    mqtt: {{url: "mqtt://127.0.0.1:{mqtt_port}", topics: [plant/#], events: [plant/batches]}}
units:
  R101: {{events: true, parameters: {{TT: R101.TT, PT: R101.PT}}}}
tags:
  R101.TT: {{source: floor, topic: plant/tt, value: /v, time: /t, unit: degC}}
  R101.PT: {{source: floor, topic: plant/pt, value: /v, time: /t, unit: bar, reference: gauge}}
models:
  dose: {{kind: multivariate, units: [R101], phase: dose, parameters: [TT, PT], every: 1s, stale: 60s, lags: 1}}
"""
    )
    return file


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def event(number: int, kind: str, seconds: float, **more: object) -> str:
    told = {"id": f"{kind}-{number}", "event": kind, "time": at(seconds), "unit": "R101", "batch": f"B-{number}"}
    return json.dumps({**told, **more})


def cells(plant: Publisher, number: int, first: int, last: int, off: float = 0.0) -> None:
    """Rows of a dose: the pressure follows the temperature, but for what it is off by."""
    random = np.random.default_rng(number)
    swings = np.cumsum(random.normal(0, 0.3, CELLS)) * 0.8
    noise = random.normal(0, 0.002, CELLS)
    begins = number * (CELLS + PAUSE)
    for cell in range(first, last):
        when = at(begins + cell + 0.5)
        plant.send("plant/tt", json.dumps({"v": 60 + swings[cell], "t": when}))
        plant.send("plant/pt", json.dumps({"v": 0.2 + 0.02 * swings[cell] + noise[cell] + off, "t": when}))


def starts(plant: Publisher, number: int) -> None:
    seconds = number * (CELLS + PAUSE)
    plant.send("plant/batches", event(number, "batch_start", seconds))
    plant.send("plant/batches", event(number, "phase_start", seconds, phase="dose"))


def ends(plant: Publisher, number: int) -> None:
    seconds = number * (CELLS + PAUSE) + CELLS
    plant.send("plant/batches", event(number, "phase_end", seconds, phase="dose"))
    plant.send("plant/batches", event(number, "batch_end", seconds + 1))


def thermowell(*words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def said(running: Service) -> list[dict]:
    found = running.get("/v1/findings?unit=R101")["findings"]
    return [each for each in found if each["rule"].startswith("model.")]


def test_a_trained_model_judges_once_a_second_person_approved_it_and_a_replay_says_the_same(tmp_path: Path):
    mqtt_port, http_port = free_port(), free_port()
    config, file = configuration(tmp_path, mqtt_port, http_port), str(tmp_path / "dose.npz")
    with broker(tmp_path / "broker", mqtt_port), service(config, http_port) as running:
        running.start()
        until(running.ready)
        until(lambda: any(each["connected"] for each in running.get("/v1/ledger")["heartbeats"]))
        with publishing(mqtt_port) as plant:
            for number in range(NORMAL):
                starts(plant, number)
                cells(plant, number, 0, CELLS)
                ends(plant, number)
            until(lambda: batch_ended(running, NORMAL - 1))
            people = {}
            for name, role in (("Ada", "process engineer"), ("Ruth", "QA")):
                told = thermowell("token", "--config", str(config), "add", name, "--role", role)
                people[name] = tmp_path / name
                people[name].write_text(told.split()[-1])

            def models(who: str, *words: str, code: int = 0) -> str:
                return thermowell(
                    "models", "--config", str(config), "--token-file", str(people[who]), *words, code=code
                )

            span = ("--from", at(-1), "--to", at(NORMAL * (CELLS + PAUSE)))
            assert f"of {NORMAL} runs" in models("Ada", "train", "dose", *span, "--out", file)
            assert not any(json.loads(models("Ruth", "evaluate", file, *span))["alarms"].values())
            assert "a second person approves" in models("Ada", "approve", file, "--reason", "CR-7", code=2)
            assert "judges from the next run" in models("Ruth", "approve", file, "--reason", "CR-7")
            assert "judges, approved by Ruth" in models("Ruth", "list")

            starts(plant, NORMAL)
            cells(plant, NORMAL, 0, 15)
            cells(plant, NORMAL, 15, 25, off=0.1)
            before = until(lambda: said(running))
            running.kill()
            cells(plant, NORMAL, 25, CELLS, off=0.1)
            ends(plant, NORMAL)
        running.start()
        until(running.ready)
        until(lambda: batch_ended(running, NORMAL))
        after = until(lambda: [each for each in said(running) if each["stage"] == "cleared"])
        running.kill()

    assert [each["rule"] for each in before if "PT" in each["message"]] == ["model.spe"]
    assert {each["id"] for each in before} <= {each["id"] for each in after}
    assert after[0]["evidence"]["approver"] == "Ruth"
    thermowell("replay", str(config))


def batch_ended(running: Service, number: int) -> bool:
    try:
        return running.get(f"/v1/batches/B-{number}").get("end_ns") is not None
    except OSError:
        return False
