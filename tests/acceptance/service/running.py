"""Starts and kills real processes for the acceptance tests: the service, servers, a broker."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.patience import LIMIT_S

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
ROOT = Path(__file__).parents[3]

_LAST_WORDS = 2_000


def until(condition: Callable[[], object], within_s: float = LIMIT_S, every_s: float = 0.1) -> object:
    """The first true answer; fails when there is none in time, and at once when a service has ended by itself."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        answer = condition()
        if answer:
            return answer
        for each in _RUNNING:
            each.demand_running()
        time.sleep(every_s)
    raise AssertionError(f"not within {within_s} s: {condition}")


@contextlib.contextmanager
def python_process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process that prints `ready`; ended on leaving."""
    process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        yield process
    finally:
        process.kill()
        process.wait(LIMIT_S)
        process.stdout.close()


@contextlib.contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    """A real mosquitto with persistence of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        "max_queued_messages 100000\nuser root\n",
    )
    process = subprocess.Popen(
        [str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(port))
        yield
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Api:
    """The HTTP interface at a port of the loopback."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=LIMIT_S) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: dict, token: str) -> tuple[int, dict]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Service(Api):
    """`thermowell run` as a process with its children."""

    def __init__(self, config: Path, port: int, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: what its processes have besides this one's."""
        super().__init__(port)
        self.config = config
        self._environment = {**os.environ, **(environment or {})}
        self.log = (config.parent / "service.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def demand_running(self) -> None:
        """Fail, with the last that it said, if the service has ended although nobody told it to."""
        code = None if self._process is None else self._process.poll()
        assert code is None, f"the service has ended with {code}:\n{self.said()[-_LAST_WORDS:]}"

    def said(self) -> str:
        """Its log."""
        return Path(self.log.name).read_text(errors="replace")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "run", "--config", str(self.config)],
            stderr=self.log,
            cwd=ROOT,
            env=self._environment,
            start_new_session=True,
        )
        _RUNNING.add(self)

    def kill(self) -> None:
        """SIGKILL to all of it at once, as a power cut of the machine's processes would."""
        assert self._process is not None
        _RUNNING.discard(self)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(LIMIT_S)
        self._process = None

    def stop(self) -> int:
        assert self._process is not None
        _RUNNING.discard(self)
        self._process.terminate()
        code = self._process.wait(LIMIT_S)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self.kill()
        self.log.close()


_RUNNING: set[Service] = set()


@contextlib.contextmanager
def service(config: Path, port: int, environment: Mapping[str, str] | None = None) -> Iterator[Service]:
    running = Service(config, port, environment)
    try:
        yield running
    finally:
        running.close()
        print(running.said()[-20_000:])
