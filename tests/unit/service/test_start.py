"""What a start loads: libraries that take long to load are for those whose configuration asks for them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import LIMIT_S

ROOT = Path(__file__).parents[3]
ON_DEMAND = frozenset(
    {
        *("PIL", "amqtt", "apprise", "asyncua", "icalendar", "influxdb_client", "joserfc", "matplotlib", "paho"),
        *("pint", "psycopg", "pyarrow", "recurring_ical_events", "river", "scipy", "weasyprint"),
    }
)
OF_PROCESSES = frozenset({"alembic", "argon2", "cryptography", "fastapi", "jinja2", "sqlalchemy", "uvicorn"})
PLANT = """
site: works
sources:
  train1: {opcua: {url: "opc.tcp://127.0.0.1:4840/", publishing_interval: 500ms}}
  floor: {mqtt: {url: "mqtt://127.0.0.1:1883", topics: [plant/#]}}
tags:
  R101.TT:
    source: train1
    node: "nsu=urn:example:plant;s=R101.TT"
    unit: degC
    sensor: {range: [-50, 200]}
    rate: 2 delta_degC/min
  R101.PT: {source: train1, node: "nsu=urn:example:plant;s=R101.PT", unit: bar, reference: gauge}
  T7.LT: {source: floor, topic: plant/t7/level, value: /v, time: /t, unit: m3}
notify: {console: {url: "console://"}}
"""


def loaded_by(program: str, *arguments: str) -> set[str]:
    """The libraries that a Python process has in the end, of those that are in question."""
    told = f"{program}\nimport json, sys\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", told, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in modules}


COMMAND = """
import sys
from service.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert ended.code == 0
"""


def test_the_help_loads_no_library():
    assert not loaded_by(COMMAND, "--help") & (ON_DEMAND | OF_PROCESSES | {"numpy", "pydantic"})


def test_a_check_loads_what_reads_the_file_and_nothing_that_runs_a_service(tmp_path: Path):
    file = tmp_path / "thermowell.yaml"
    file.write_text(PLANT, encoding="utf-8")

    loaded = loaded_by(COMMAND, "check", str(file))

    assert "pydantic" in loaded
    assert not loaded & (ON_DEMAND | OF_PROCESSES)


@pytest.mark.parametrize("process", ["core", "web"])
def test_a_process_loads_sources_databases_and_channels_when_it_is_told_of_some(process: str):
    assert not loaded_by(f"import service.{process}") & ON_DEMAND
