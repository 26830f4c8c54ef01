"""The node-opcua server: installed once into build/, from a lock that names no host."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import LIMIT_S

SOURCE = Path(__file__).parent / "node_server"
INSTALLED = Path(__file__).parents[3] / "build" / "node_opcua_server"


@pytest.fixture(scope="session")
def node_server() -> list[str]:
    """The command that starts it, without its arguments; skips with the reason where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node-opcua part skipped: node and npm are not installed here")
    _install(npm)
    return [node, str(INSTALLED / "server.js")]


def _install(npm: str) -> None:
    INSTALLED.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCE / "package-lock.json").read_text()
    done = INSTALLED / "installed.json"
    shutil.copy(SOURCE / "server.js", INSTALLED)
    if done.exists() and json.loads(done.read_text()) == json.loads(wanted):
        return
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(SOURCE / name, INSTALLED)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=INSTALLED, check=True, capture_output=True, timeout=LIMIT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        told = (error.stderr or b"").decode(errors="replace")[-300:]
        pytest.skip(f"node-opcua part skipped: npm could not install it ({type(error).__name__}: {told})")
    done.write_text(wanted)
