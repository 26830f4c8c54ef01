import ast
import sys
from pathlib import Path

import pytest

from tests.acceptance.plugin.running import PLUGIN, examples, run_foreign

SPARKPLUG = """
import queue

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

pytestmark = pytest.mark.thermowell(mqtt="sparkplug", paused=True, seed=5)


def test_a_unit_is_a_device(plant, sparkplug_edge):
    heard = queue.SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe("spBv1.0/#")
    client.on_subscribe = lambda *_: heard.put("subscribed")
    client.on_message = lambda _client, _userdata, message: heard.put(message.topic)
    client.connect(sparkplug_edge.host, sparkplug_edge.port)
    client.loop_start()
    try:
        while heard.get(timeout=30) != "subscribed":
            pass
        plant.advance("2min")
        topics = {heard.get(timeout=30) for _ in range(12)}
    finally:
        client.disconnect()
        client.loop_stop()

    assert sparkplug_edge.topic("DDATA", "R101") in topics


def test_the_plant_says_how_it_stands(plant):
    before = plant.now
    plant.advance("10min")

    assert (plant.now - before).total_seconds() == 600
    assert set(plant.units) >= {"R101", "T101"}
    assert plant.status["seed"] == 5
    assert plant.catalogue["cooling_lost"]["targets"]


def test_a_fault_is_mended_at_the_end_of_its_block(plant):
    with plant.broken("cooling_lost", "R101", left=0.5) as fault:
        during = fault.state

    assert (during, fault.state) == ("active", "over")


def test_what_cannot_be_is_refused_by_name(plant):
    from pytest_thermowell import Refused

    with pytest.raises(Refused, match="no_such_thing"):
        plant.inject("no_such_thing", "R101")
    with pytest.raises(Refused) as refusal:
        plant.inject("cooling_lost", "R999")
    assert refusal.value.field == "target"


def test_a_slow_network_takes_its_time(network, opcua_server):
    import socket
    import time
    from urllib.parse import urlsplit

    address = urlsplit(opcua_server.url)
    with network.slow("opcua", delay=0.3):
        with socket.create_connection((address.hostname, address.port), 10) as connection:
            connection.settimeout(10)
            started = time.monotonic()
            connection.sendall(b"HELF\\x20\\x00\\x00\\x00" + bytes(20) + b"\\xff" * 4)
            connection.recv(100)
            took = time.monotonic() - started

    assert took > 0.5
"""


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    ran = run_foreign(tmp_path, *examples())

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 passed" in ran.stdout


def test_a_sparkplug_client_and_everything_that_a_plant_can_be_asked(tmp_path: Path) -> None:
    ran = run_foreign(tmp_path, SPARKPLUG)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("no-such-program", "there is no program 'no-such-program'"),
        (f"{sys.executable} -c 'import sys; sys.exit(\"no licence\")'", "no licence"),
    ],
)
def test_a_bench_that_does_not_start_is_explained(tmp_path: Path, command: str, complaint: str) -> None:
    ran = run_foreign(tmp_path, "def test(plant): pass", command=command)

    assert ran.returncode == 1
    assert complaint in ran.stdout


def test_a_wrong_marker_is_explained(tmp_path: Path) -> None:
    modules = [
        f"import pytest\npytestmark = pytest.mark.thermowell({arguments})\ndef test(plant): pass"
        for arguments in ("mqtt='fax'", "colour=1")
    ]
    ran = run_foreign(tmp_path, *modules)

    assert ran.returncode == 1
    assert "mqtt is one of json, uns, sparkplug" in ran.stdout
    assert "unexpected keyword argument 'colour'" in ran.stdout


def test_a_wrong_scope_is_refused(tmp_path: Path) -> None:
    ran = run_foreign(tmp_path, "def test(plant): pass", ini="thermowell_scope = month\n")

    assert "thermowell_scope is 'month'" in ran.stdout + ran.stderr


def test_the_plugin_needs_pytest_and_nothing_else() -> None:
    modules = {
        name.partition(".")[0]
        for file in (PLUGIN / "pytest_thermowell").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert modules - set(sys.stdlib_module_names) == {"pytest", "pytest_thermowell"}
