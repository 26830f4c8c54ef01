"""Show it all: a simulated reactor train, collected, stored, judged, alarmed and shown, faster than real time."""

import argparse
import contextlib
import json
import logging
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Refused
from domain.people import Person
from domain.time import DAY_NS, HOUR_NS
from records.database import SqlRecords
from service.files import Files
from simulators.demo.configuration import Addresses, demo_config
from simulators.demo.plan import SPEED
from simulators.servers import broker, mailbox
from simulators.servers.control_client import ControlClient

log = logging.getLogger(__name__)

_MARK = ".thermowell-demo"
_START_WITHIN_S = 90.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, how fast and how long."""
    parser.add_argument("--data", type=Path, default=Path("demo-data"), metavar="DIR", help="emptied at the start")
    parser.add_argument("--port", type=int, default=8087, help="of the page; another one if it is taken")
    parser.add_argument("--speed", type=float, default=SPEED, help="plant seconds per second")
    parser.add_argument("--seconds", type=float, help="stop after so long; default: until Ctrl-C")
    parser.add_argument("--embedded-broker", action="store_true", help="not mosquitto, also where it is installed")


def run(options: argparse.Namespace) -> int:
    """Start broker, mailbox, plant and service; tell where the page is; stop all at the end."""
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    data = _emptied(options.data.absolute())
    port = _free_or_other(options.port)
    with contextlib.ExitStack() as stack:
        mqtt = broker.start(data / "broker", embedded=options.embedded_broker)
        stack.callback(mqtt.stop)
        mail = mailbox.start(data / "mail")
        stack.callback(mail.stop)
        plant_origin = time.time_ns() // HOUR_NS * HOUR_NS
        clock_file = data / "clock.json"
        clock = ("--speed", str(options.speed), "--plant-origin", str(plant_origin), "--clock-file", str(clock_file))
        plant, control = stack.enter_context(_plant(mqtt, clock))
        config = data / "thermowell.yaml"
        config.write_text(
            demo_config(Addresses(plant, mqtt.port, mqtt.protocol, port, mail.port), "data", clock_file.name),
            encoding="utf-8",
        )
        with contextlib.closing(SqlRecords.open(Files(data / "data").made().records)) as records:
            visitor = _let_in(records)
        service = stack.enter_context(_process("service.cli", "run", "--config", str(config)))
        _wait_for_page(service, port)
        ControlClient(control).resume()  # the plant's clock has stood until there was something to look at it with
        _announce(port, visitor, mqtt, data, options.speed)
        with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            service.wait(options.seconds)
    return 0


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who may act in the demo."""

    name: str
    password: str
    link: str


def _let_in(records: SqlRecords) -> Visitor:
    """An account with a new password, and a link that signs it in."""
    name, password = "visitor", secrets.token_urlsafe(12)
    by = Person("demo", "", "cli")
    records.people.add(name, "Demo Visitor", "shift lead", by, "to try it out")
    records.people.give_password(name, password, by)
    return Visitor(name, password, records.people.entrance(name, by, DAY_NS))


def _interrupt() -> None:
    raise KeyboardInterrupt


def _emptied(folder: Path) -> Path:
    """The demo's folder, new; a folder that is not the demo's is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            message = f"{folder} is not empty and not from a demo; give another one with --data"
            raise Refused(message)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    return folder


def _free_or_other(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
            log.warning("port %d is taken; the page is on %d", port, probe.getsockname()[1])
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _process(*words: str, stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a child, ended on leaving."""
    process = subprocess.Popen([sys.executable, "-m", *words], stdout=stdout)  # noqa: S603  our own programs
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _plant(mqtt: broker.Broker, clock: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The simulated plant, its clock standing; yields the addresses of its OPC UA server and of its control."""
    words = ("simulators.plant_process", "--mqtt-port", str(mqtt.port), "--protocol", mqtt.protocol, *clock)
    with _process(*words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with process.stdout as output:
            line = output.readline()
            if not line:
                message = f"the simulated plant did not start (exit code {process.wait(10)})"
                raise Refused(message)
            ready = json.loads(line)
            yield str(ready["opcua"]), str(ready["control"])


def _wait_for_page(service: subprocess.Popen[bytes], port: int) -> None:
    """Return once the page answers; Refused when it does not."""
    page = f"http://127.0.0.1:{port}/"
    deadline_s = time.monotonic() + _START_WITHIN_S
    while not _answers(f"{page}-/ready"):
        if service.poll() is not None or time.monotonic() > deadline_s:
            message = "the service did not start; its log is above"
            raise Refused(message)
        time.sleep(0.2)


def _announce(port: int, visitor: Visitor, mqtt: broker.Broker, data: Path, speed: float) -> None:
    """Say where everything is."""
    page = f"http://127.0.0.1:{port}/"
    print(
        f"""
  Thermowell demo: a SIMULATED plant, {speed:g} times faster than real time (broker: {mqtt.kind})

      page    {page}
      sign in {page}login#{visitor.link}
              once, to acknowledge alarms; or on the page as {visitor.name} with the password
              {visitor.password}
      mail    {data / "mail"}   what a shift lead would get
      data    {data / "data"}

  Within two minutes: R101's pH drifts (a warning comes first) and leaves its validated range;
  the crude in T201 is held over its limit. Ctrl-C stops everything.
""",
        flush=True,
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own page on the loopback
            return bool(answer.status == 200)
    except OSError:
        return False
