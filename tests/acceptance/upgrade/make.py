"""Makes a data folder with the program of an older commit: `python -m tests.acceptance.upgrade.make COMMIT NAME`.

The program runs from a worktree of that commit, as a real service on a real mosquitto, with the libraries that are
installed now. It is given samples, late and repeated ones too, an alarm that a person acknowledges and one that stands;
`NAME.tar.xz` is then the folder as it stopped, with `told.json`: what went in, and what plain SQL finds in the files.
Takes a minute; run it from the top of a clone.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.service.running import Api, broker, until
from tests.acceptance.service.test_database_away import Plant, plant_at
from tests.patience import LIMIT_S
from tests.ports import free_port

FOLDERS = Path(__file__).parent / "folders"
BROKER_PORT = 1  # where nobody listens: in the folder that is kept
CONFIGURATION = """\
site: north
http: {{listen: 127.0.0.1:{http}}}
heartbeat: 500ms
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", topics: [plant/#]}}}}}}
tags:
  TT: {{source: floor, topic: plant/tt, value: /v, time: /t, time_unit: ns, unit: degC, limits: {{high: 50}}}}
"""


def make(commit: str, name: str) -> Path:
    """Run the program of the commit, and pack what it leaves."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, program = Path(scratch) / "plant", Path(scratch) / "program"
        folder.mkdir()
        subprocess.run(["git", "worktree", "add", "--detach", str(program), commit], check=True, capture_output=True)
        try:
            sent = _run(folder, program)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(program)], check=True)
        told = {"commit": _short(commit), "sent": sent, **_found(folder / "data")}
        (folder / "told.json").write_text(json.dumps(told, indent=1))
        (folder / "thermowell.yaml").write_text(CONFIGURATION.format(http=0, mqtt=BROKER_PORT))
        FOLDERS.mkdir(exist_ok=True)
        packed = FOLDERS / f"{name}.tar.xz"
        with tarfile.open(packed, "w:xz", preset=9) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file() and "run" not in file.parts and file.suffix != ".lock":
                    archive.add(file, file.relative_to(folder))
    return packed


def _run(folder: Path, program: Path) -> list[float]:
    ports = {"http": free_port(), "mqtt": free_port()}
    config = folder / "thermowell.yaml"
    config.write_text(CONFIGURATION.format(**ports))
    environment = {**os.environ, "PYTHONPATH": str(program)}

    def command(verb: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "service.cli", verb, "--config", str(config), *words]

    @contextlib.contextmanager
    def service() -> Iterator[None]:
        process = subprocess.Popen(command("run"), cwd=program, env=environment)
        try:
            until(api.ready)
            yield
        finally:
            process.terminate()
            process.wait(LIMIT_S)

    api = Api(ports["http"])
    with broker(folder.parent / "broker", ports["mqtt"]), plant_at(ports["mqtt"]) as plant, service():
        asked = command("token", "add", "Ada")
        done = subprocess.run(asked, cwd=program, env=environment, check=True, capture_output=True, text=True)
        token = done.stdout.split()[-1]
        plant.says(20.0, retain=True)
        until(lambda: _values(folder) >= 1)
        plant.says(*(20.0 + number / 100 for number in range(200)), 60.0)
        until(lambda: _alarms(folder) == 1)
        until(lambda: api.post("/v1/alarms/TT~high/acknowledge", {"comment": "seen"}, token)[0] < 300)
        plant.says(20.0)
        until(lambda: _alarms(folder) >= 3)
        _late(plant)
        plant.says(70.0)
        until(lambda: _alarms(folder) >= 4)
        time.sleep(35)  # a snapshot is written
        plant.says(71.0, 72.0)
        time.sleep(3)
    return plant.sent


def _late(plant: Plant) -> None:
    """A value from the past, and one that comes twice."""
    old = json.dumps({"v": 33.0, "t": time.time_ns() - 10 * 10**9})
    for _ in range(2):
        plant._client.publish("plant/tt", old, qos=1).wait_for_publish(10)
    plant.sent.append(33.0)


def _asked(file: Path, question: str) -> list[list[object]]:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return [list(row) for row in connection.execute(question)]


def _values(folder: Path) -> int:
    found = _asked(folder / "data" / "journal.db", "SELECT ifnull(sum(rows), 0) FROM passing WHERE kind = 1")
    return int(str(found[0][0]))


def _alarms(folder: Path) -> int:
    return len(_asked(folder / "data" / "records.db", "SELECT id FROM transitions WHERE alarm = 'TT~high'"))


def _found(data: Path) -> dict[str, object]:
    """What stands in the files, by plain SQL; rows as they are."""
    journal, records = data / "journal.db", data / "records.db"
    return {
        "journal_format": _asked(journal, "PRAGMA user_version")[0][0],
        "records_format": int(str(_asked(records, "SELECT value FROM about WHERE name = 'format'")[0][0])),
        "state_format": int.from_bytes(bytes.fromhex(_state(records)[8:12]), "little"),
        "first_in_journal": _asked(journal, "SELECT min(position) FROM passing")[0][0],
        "last_in_journal": _asked(journal, "SELECT max(position) FROM passing")[0][0],
        "findings": _asked(records, "SELECT id, version FROM findings ORDER BY id, version"),
        "transitions": _asked(records, "SELECT id, number, what FROM transitions ORDER BY id"),
        "audit": _asked(records, "SELECT count(*) FROM audit")[0][0],
        "people": [row[0] for row in _asked(records, "SELECT name FROM accounts ORDER BY name")],
        "cursors": _asked(records, "SELECT name, position FROM cursors ORDER BY name"),
    }


def _state(records: Path) -> str:
    return str(_asked(records, "SELECT hex(state) FROM snapshots WHERE name = 'judging'")[0][0])


def _short(commit: str) -> str:
    done = subprocess.run(["git", "rev-parse", "--short=12", commit], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    made = make(sys.argv[1], sys.argv[2])
    print(f"{made}: {made.stat().st_size} B")
