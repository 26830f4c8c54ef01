"""`thermowell bench serve` and the verbs that steer it, as a person uses them."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import main
from service.config.build import load
from tests.acceptance.service.running import ROOT
from tests.patience import LIMIT_S


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def ready(folder: Path) -> Iterator[dict]:
    """A plant whose clock stands, and its ready line."""
    words = ["bench", "serve", "a-short-spike", "--paused", "--seed", "3", "--config", str(folder / "thermowell.yaml")]
    command = [sys.executable, "-m", "service.cli", *words]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        assert readable, (folder / "log").read_text()
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        process.stdout.close()


def steer(capsys: pytest.CaptureFixture[str], ready: dict, *words: str) -> tuple[int, dict | str]:
    """A verb's exit code, and its answer or complaint."""
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words, "--control", ready["control"]])
    told = capsys.readouterr()
    return ended.value.code, json.loads(told.out) if told.out else told.err


def test_the_ready_line_says_where_the_servers_are(ready):
    assert ready["ready"] is True
    assert ready["opcua"].startswith("opc.tcp://127.0.0.1:")
    assert ready["mqtt"].startswith("mqtt://127.0.0.1:")


def test_the_configuration_of_a_service_that_watches_it_is_written(ready, folder):
    configuration = load(folder / "thermowell.yaml")

    assert configuration.sources["train"].opcua.url == ready["opcua"]
    assert configuration.sources["floor"].mqtt.url == ready["mqtt"]


def test_the_plant_is_advanced(ready, capsys):
    _, before = steer(capsys, ready, "status")
    code, after = steer(capsys, ready, "advance", "1min")
    _, later = steer(capsys, ready, "advance", "60")

    assert (code, after["second"] - before["second"], later["second"] - after["second"]) == (0, 60, 60)


def test_the_plants_clock_goes_on_and_is_stopped(ready, capsys):
    code, _ = steer(capsys, ready, "speed", "10")
    _, resumed = steer(capsys, ready, "resume")
    _, paused = steer(capsys, ready, "pause")

    assert (code, resumed["speed"], resumed["paused"], paused["paused"]) == (0, 10.0, False, True)


def test_a_fault_is_injected_seen_and_cleared(ready, capsys):
    code, fault = steer(capsys, ready, "inject", "bias", "R101.TT", "size=2 delta_degF", "--lasts", "10min")
    _, after = steer(capsys, ready, "advance", "1min")
    states = {each["id"]: each["state"] for each in after["faults"]}
    cleared, _ = steer(capsys, ready, "clear", fault["id"])

    assert (code, fault["settings"]["size"]) == (0, pytest.approx(2 / 1.8))
    assert (states[fault["id"]], cleared) == ("active", 0)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["inject", "biass", "R101.TT"], "did you mean 'bias'?"),
        (["inject", "bias", "R101.TT", "size=2 bar"], "'2 bar' cannot be converted"),
        (["inject", "bias", "R109.TT", "size=2"], "R109.TT"),
        (["clear", "nothing"], "there is no fault 'nothing'"),
        (["advance", "soon"], "soon"),
        (["advance", "-5min"], "'-5min' is negative"),
        (["inject", "bias", "R101.TT", "size=2", "--after", "-5min"], "after: '-5min' is negative"),
        (["inject", "bias", "R101.TT", "size=2", "--id", "a b"], "'a b' is no name of a fault"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(ready, capsys, words, reason):
    code, told = steer(capsys, ready, *words)

    assert (code, reason in told) == (2, True)


def test_without_an_address_the_verb_says_where_to_get_one(capsys, monkeypatch):
    monkeypatch.delenv("THERMOWELL_BENCH", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["bench", "status"])

    assert (ended.value.code, "--control URL" in capsys.readouterr().err) == (2, True)
