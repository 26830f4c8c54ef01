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
_QUEUED_MOST: Final = 100_000  # messages for a client that is away
_CONFIGURATION: Final = "mosquitto.conf"
_PERSISTENCE: Final = "mosquitto.db"
_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")  # not on everybody's PATH


class BrokerFailed(RuntimeError):
    """No broker could be started; the message says why."""


@dataclass(slots=True)
class Broker:
    """A running broker on the loopback. `protocol` is the newest that it speaks: "5" or "3.1.1"."""

    port: int
    protocol: str
    kind: str  # mosquitto or embedded
    directory: Path
    program: str | None  # None: the embedded one
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the broker; twice does no harm."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def halt(self, *, saving: bool) -> None:
        """End it for a while, in peace with what it keeps saved, or by force and with all of that lost."""
        if saving:
            self.stop()
            return
        self.process.kill()
        self.process.wait()
        (self.directory / _PERSISTENCE).unlink(missing_ok=True)

    def resume(self) -> None:
        """Start it again on the same port, where it does not run; BrokerFailed."""
        if self.process.poll() is None:
            return
        for _ in range(_ATTEMPTS):
            self.process = _launch(self.directory, _command(self.program, self.directory, self.port))
            if _answers(self):
                return
            self.stop()
        raise BrokerFailed(_why(self.directory))

    def limit_queues(self, messages: int | None) -> None:
        """Keep at most so many messages for a client that is away; None: as usual. BrokerFailed if it cannot.

        mosquitto reads this setting at its start alone: it is restarted, and keeps its sessions.
        """
        if self.program is None:
            message = "the embedded broker keeps nothing for a client that is away: it has no queue to limit"
            raise BrokerFailed(message)
        _write_configuration(self.directory, self.port, _QUEUED_MOST if messages is None else messages)
        if self.process.poll() is None:
            self.halt(saving=True)
            self.resume()


def start(directory: Path, *, embedded: bool = False) -> Broker:
    """Start a broker with its configuration, log and persistence in `directory`; `embedded` forbids mosquitto."""
    directory.mkdir(parents=True, exist_ok=True)
    program = None if embedded else find_mosquitto()
    if program is None:
        reason = "asked for" if embedded else "mosquitto is not installed"
        logger.warning("%s: the embedded broker is used, MQTT 3.1.1, nothing is kept for a client that is away", reason)
    protocol, kind = ("3.1.1", "embedded") if program is None else ("5", "mosquitto")
    for _ in range(_ATTEMPTS):
        port = free_port()
        if program is not None:
            _write_configuration(directory, port, _QUEUED_MOST)
        broker = Broker(
            port, protocol, kind, directory, program, _launch(directory, _command(program, directory, port))
        )
        if _answers(broker):
            logger.info("MQTT broker: %s on port %d, MQTT %s", broker.kind, port, broker.protocol)
            return broker
        broker.stop()
    raise BrokerFailed(_why(directory))


def _why(directory: Path) -> str:
    last_words = (directory / "broker.log").read_text(errors="replace")[-2000:]
    return f"the MQTT broker did not start; its log ends with:\n{last_words}"


def find_mosquitto() -> str | None:
    """Where mosquitto is, if it is installed."""
    found = shutil.which("mosquitto")
    if found is not None:
        return found
    return next((f"{place}/mosquitto" for place in _PLACES if Path(place, "mosquitto").exists()), None)


def _write_configuration(directory: Path, port: int, queued_most: int) -> None:
    (directory / _CONFIGURATION).write_text(
        f"listener {port} 127.0.0.1\n"
        "allow_anonymous true\n"  # reachable from this machine alone
        f"user {getpass.getuser()}\n"  # started as root it would else become somebody who may not write here
        "persistence true\n"
        f"persistence_location {directory.resolve()}/\n"
        f"persistence_file {_PERSISTENCE}\n"
        f"max_queued_messages {queued_most}\n"  # what a client misses while it is away
        "max_inflight_messages 1000\n"
        "log_dest stderr\n"
    )


def _command(program: str | None, directory: Path, port: int) -> list[str]:
    if program is None:
        return [sys.executable, "-m", "simulators.servers.embedded_broker", str(port)]
    return [program, "-c", str(directory / _CONFIGURATION)]


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
