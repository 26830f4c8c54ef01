"""Exit codes, and what the supervisor does about each."""

import sys
import time
from pathlib import Path

import pytest

from domain.errors import ConfigError, DiskBudgetSpent, InUse, MayHaveArrived, NewerFormat, Refused, RetryLater
from service import cli, supervise
from service.exits import code_of
from service.supervise import Supervisor
from tests.patience import LIMIT_S


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError(()), 2),
        (Refused("no"), 2),
        (InUse("another runs it"), 2),
        (NewerFormat("newer"), 2),
        (RetryLater("away"), 75),
        (MayHaveArrived("no answer"), 75),
        (DiskBudgetSpent("full"), 75),
        (OSError(98, "Address already in use"), 75),
        (ZeroDivisionError(), 70),
        (ExceptionGroup("both", [RetryLater("away"), ExceptionGroup("in it", [Refused("no")])]), 2),
        (ExceptionGroup("both", [Refused("no"), KeyError("defect")]), 70),
    ],
)
def test_each_error_says_whether_to_start_again(error: Exception, code: int) -> None:
    assert code_of(error) == code


def test_a_defect_is_told_with_its_stack_and_what_was_foreseen_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(error: Exception) -> tuple[object, str]:
        def load(_: Path) -> None:
            raise error

        monkeypatch.setattr("service.cli.check.load", load)
        with pytest.raises(SystemExit) as ended:
            cli.main(["check", str(tmp_path / "any.yaml")])
        return ended.value.code, capsys.readouterr().err

    assert failing(RetryLater("the database is away")) == (75, "thermowell: the database is away\n")
    code, told = failing(ZeroDivisionError("ours"))
    assert (code, "Traceback" in told, "ours" in told) == (70, True, True)


class Script:
    """A stand-in for the service's processes: each start takes the next exit code of its role, the last one again."""

    def __init__(self, folder: Path, codes: dict[str, list[int]]) -> None:
        self.folder = folder
        self.program = folder / "process.py"
        self.program.write_text(
            f"""\
import pathlib, sys, time
role = sys.argv[sys.argv.index("--role") + 1].partition(",")[0]
starts = pathlib.Path({str(folder)!r}) / role
with starts.open("a") as file:
    file.write("started\\n")
codes = {codes!r}.get(role, [])
number = min(len(starts.read_text().split()), len(codes)) - 1
if number < 0 or codes[number] < 0:
    time.sleep(60)
sys.exit(codes[number])
"""
        )

    def starts(self, role: str) -> int:
        file = self.folder / role
        return len(file.read_text().split()) if file.exists() else 0


def supervised(script: Script, monkeypatch: pytest.MonkeyPatch, enough: object = None) -> int:
    """Supervise until the supervisor ends by itself, or `enough` says so."""
    monkeypatch.setattr(supervise, "_SHORTEST_PAUSE_S", 0.01)
    monkeypatch.setattr(supervise, "_LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(supervise.signal, "signal", lambda *_: None)
    supervisor = Supervisor(script.folder / "any.yaml")
    supervisor._command = [sys.executable, str(script.program)]
    for child in supervisor._children:
        child.pause_s = 0.01
    deadline_s = time.monotonic() + LIMIT_S

    def look(pause_s: float) -> None:
        assert time.monotonic() < deadline_s
        supervisor._stopping |= callable(enough) and bool(enough())
        wait(pause_s)

    wait = time.sleep
    monkeypatch.setattr(supervise.time, "sleep", look)
    return supervisor.run()


def test_what_may_go_better_later_is_started_again_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(tmp_path, {"core": [75, 70, 1, 75, -1]})

    code = supervised(script, monkeypatch, lambda: script.starts("core") == 5)

    assert (code, script.starts("web")) == (0, 1)


def test_what_is_refused_at_the_beginning_ends_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(tmp_path, {"core": [75, 2]})

    assert supervised(script, monkeypatch) == 2
    assert script.starts("core") == 2


def test_a_process_that_ran_and_is_refused_later_takes_nobody_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "_STEADY_S", -1.0)
    script = Script(tmp_path, {"web": [2, 2, -1]})
    script.program.write_text(script.program.read_text().replace("sys.exit", "time.sleep(0.5); sys.exit"))

    code = supervised(script, monkeypatch, lambda: script.starts("web") == 3)

    assert (code, script.starts("core")) == (0, 1)
