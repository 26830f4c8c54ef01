"""An MQTT broker for the demo: mosquitto where it is installed, else one from a library, both as a child process."""

import getpass
import logging
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.servers.ports import free_port

logger = logging.getLogger(__name__)

_START_WITHIN_S: Final = 15.0
_STOP_WITHIN_S: Final = 5.0
_ATTEMPTS: Final = 3  # a free port may be taken before the broker binds it
_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")  # not on everybody's PATH


class BrokerFailed(RuntimeError):
    """No broker could be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker on the loopback. `protocol` is the newest that it speaks: "5" or "3.1.1"."""

    port: int
    protocol: str
    kind: str  # mosquitto or embedded
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the broker; twice does no harm."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(directory: Path, *, embedded: bool = False) -> Broker:
    """Start a broker with its configuration, log and persistence in `directory`; `embedded` forbids mosquitto."""
    directory.mkdir(parents=True, exist_ok=True)
    program = None if embedded else find_mosquitto()
    if program is None:
        reason = "asked for" if embedded else "mosquitto is not installed"
        logger.warning("%s: the embedded broker is used, MQTT 3.1.1, nothing is kept for a client that is away", reason)
    for _ in range(_ATTEMPTS):
        port = free_port()
        if program is None:
            broker = Broker(port, "3.1.1", "embedded", _launch(directory, _embedded_command(port)))
        else:
            broker = Broker(port, "5", "mosquitto", _launch(directory, _mosquitto_command(program, directory, port)))
        if _answers(broker):
            logger.info("MQTT broker: %s on port %d, MQTT %s", broker.kind, port, broker.protocol)
            return broker
        broker.stop()
    last_words = (directory / "broker.log").read_text(errors="replace")[-2000:]
    message = f"the MQTT broker did not start; its log ends with:\n{last_words}"
    raise BrokerFailed(message)


def find_mosquitto() -> str | None:
    """Where mosquitto is, if it is installed."""
    found = shutil.which("mosquitto")
    if found is not None:
        return found
    return next((f"{place}/mosquitto" for place in _PLACES if Path(place, "mosquitto").exists()), None)


def _mosquitto_command(program: str, directory: Path, port: int) -> list[str]:
    configuration = directory / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\n"
        "allow_anonymous true\n"  # reachable from this machine alone
        f"user {getpass.getuser()}\n"  # started as root it would else become somebody who may not write here
        "persistence true\n"
        f"persistence_location {directory.resolve()}/\n"
        "max_queued_messages 100000\n"  # what a client misses while it is away
        "max_inflight_messages 1000\n"
        "log_dest stderr\n"
    )
    return [program, "-c", str(configuration)]


def _embedded_command(port: int) -> list[str]:
    return [sys.executable, "-m", "simulators.servers.embedded_broker", str(port)]


def _launch(directory: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    with (directory / "broker.log").open("ab") as log:
        # A session of its own: Ctrl-C reaches the demo, which ends its broker last.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own command line


def _answers(broker: Broker) -> bool:
    """Wait until the broker accepts connections; False once it has ended or takes too long."""
    give_up_s = time.monotonic() + _START_WITHIN_S
    while broker.process.poll() is None and time.monotonic() < give_up_s:
        try:
            socket.create_connection(("127.0.0.1", broker.port), 0.5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return broker.process.poll() is None
    return False
