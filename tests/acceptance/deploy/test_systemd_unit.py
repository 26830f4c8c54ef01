"""The systemd unit: every option is one that systemd knows, and the sandbox lets the service do what it does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.exits import REFUSED
from service.supervise import _STOP_WITHIN_S
from tests.acceptance.service.running import Api, until
from tests.patience import LIMIT_S
from tests.ports import free_port
from tests.unit.deploy.reading import ROOT, project, text_of

UNIT = "deploy/systemd/thermowell.service"
GROUPS_OF_THE_FILTER = re.compile(r"^SystemCallFilter=(~?)(.+)$", re.MULTILINE)
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd here: the unit is not checked by it"
)


def setting(name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", text_of(UNIT), re.MULTILINE)
    return value


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], check=False, capture_output=True, text=True, timeout=LIMIT_S)


def complaints(folder: Path, text: str) -> str:
    """What systemd says of a unit with this text, whose program is one that exists here."""
    unit = folder / "thermowell.service"
    unit.write_text(text.replace("/opt/thermowell/bin/thermowell", shutil.which("true") or "/bin/true"))
    done = analyze("verify", "--man=no", str(unit))
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "thermowell" in line)


@needs_systemd
def test_systemd_knows_every_option(tmp_path: Path) -> None:
    text = text_of(UNIT)

    assert complaints(tmp_path, text) == ""
    assert "Unknown key" in complaints(tmp_path, text.replace("LockPersonality=", "LockPersonalty="))


@needs_systemd
def test_the_unit_of_a_role_is_made_by_the_command_in_the_docs(tmp_path: Path) -> None:
    (line,) = re.findall(r"^sed .*thermowell@.service$", text_of("docs/production.md"), re.MULTILINE)
    command = line.partition(" > ")[0]
    made = subprocess.run(["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert "thermowell run --role %i --config /etc/thermowell/thermowell.yaml" in made
    assert complaints(tmp_path, made) == ""


@needs_systemd
def test_the_sandbox_is_as_tight_as_it_was(tmp_path: Path) -> None:
    """systemd's own measure, 0 (closed) to 10 (open), told in tenths; it was 1.2 when this was written."""
    unit = tmp_path / "thermowell.service"
    unit.write_text(text_of(UNIT))
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(unit))

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_the_unit_starts_and_stops_the_service_as_the_service_expects_it() -> None:
    (script,) = project()["project"]["scripts"]

    assert setting("ExecStart") == f"/opt/thermowell/bin/{script} run --config /etc/thermowell/thermowell.yaml"
    assert setting("RestartPreventExitStatus") == str(REFUSED)
    assert int(setting("TimeoutStopSec").removesuffix("s")) >= 2 * _STOP_WITHIN_S
    assert setting("KillMode") == "mixed", "the supervisor stops the others in their order"
    assert setting("WorkingDirectory") == f"/var/lib/{setting('StateDirectory')}"
    assert setting("ProtectSystem") == "strict"
    assert setting("User") not in ("", "root")


def calls_of(group: str) -> set[str]:
    """The system calls of one of systemd's groups, those of the groups in it included."""
    lines = analyze("syscall-filter", "--no-pager", group).stdout.splitlines()[1:]
    words = {line.strip() for line in lines if line.strip() and not line.strip().startswith("#")}
    inner = [calls_of(word) for word in words if word.startswith("@")]
    return {word for word in words if not word.startswith("@")}.union(*inner)


def forbidden() -> set[str]:
    allowed: set[str] = set()
    for minus, groups in GROUPS_OF_THE_FILTER.findall(text_of(UNIT)):
        told = set[str]().union(*(calls_of(word) if word.startswith("@") else {word} for word in groups.split()))
        allowed = allowed - told if minus else allowed | told
    # SQLite gives a new file to the owner of its database, but only as root, which the unit's user is not.
    only_root = {"fchown"} if os.geteuid() == 0 else set()
    return calls_of("@known") - allowed - only_root


@pytest.mark.soak
@needs_systemd
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here: the unit's filter is not tried")
def test_the_service_makes_no_system_call_that_the_unit_forbids(tmp_path: Path) -> None:
    """Started, ready, asked for its page and stopped; strace stops it at the forbidden calls only."""
    port = free_port()
    config = tmp_path / "thermowell.yaml"
    config.write_text(f"site: north\ndata: data\nhttp: {{listen: '127.0.0.1:{port}'}}\n")
    seen = tmp_path / "calls"
    names = ",".join(f"?{name}" for name in sorted(forbidden()))
    # With -D it is the service that is our child, and gets our signal.
    traced = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-o",
        str(seen),
        "-e",
        f"trace={names}",
        "-e",
        "signal=none",
    ]
    command = [*traced, sys.executable, "-m", "service.cli", "run", "--config", str(config)]
    with (tmp_path / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        until(Api(port).ready)
        Api(port).get("/v1/ledger")
        process.terminate()
        process.wait(LIMIT_S)
    finally:
        process.kill()
        process.wait(LIMIT_S)

    assert "mount" in names
    assert "openat" not in names.split(",")
    assert {line.split("(")[0].split()[-1] for line in seen.read_text().splitlines()} == set()
