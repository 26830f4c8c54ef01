"""The plant as a process of its own: physics on the scaled clock, OPC UA and MQTT.

`python -m simulators.plant_process --opcua-port 4840 --mqtt-port 1883 --speed 360 --wall-origin NS --plant-origin NS`

Prints one line of JSON, `{"ready": true, "opcua": URL, …}`, once clients may connect; ends on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.time import SECOND_NS, ScaledTime
from simulators.campaign import Campaign, Moment, updates
from simulators.clock import ScaledClock
from simulators.demo.plan import SPEED, demo_scenario, normal_scenario
from simulators.instruments.kinds import KINDS
from simulators.servers.mqtt import MqttPublisher
from simulators.servers.opcua import NodeSpec, OpcUaServer, Security
from simulators.servers.ports import free_port
from simulators.tags import PlantTags, plant_tags

logger = logging.getLogger(__name__)

_TICK_S: Final = 0.1  # of the wall's clock
_LONGEST_RUN_S: Final = 0.1  # of physics before the servers get their turn
_TURN_S: Final = 10  # of plant time, at least one step; then it looks at the clock again
_BEHIND_S: Final = 2.0  # of the wall's clock: then it says so
_SAY_AGAIN_S: Final = 10.0
_SCENARIOS: Final = {"demo": demo_scenario, "normal": normal_scenario}


def node_specs(tags: PlantTags | None = None) -> list[NodeSpec]:
    """The nodes of the OPC UA server: what is not published over MQTT."""
    tags = tags or plant_tags()
    measured = [
        NodeSpec(
            tag.name,
            float,
            tag.description,
            tag.unit,
            KINDS[tag.instrument.kind].low,
            KINDS[tag.instrument.kind].high,
        )
        for tag in tags.measured
        if tag.topic is None
    ]
    return [*measured, *(NodeSpec(tag.name, tag.kind, tag.description) for tag in tags.states)]


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the plant's values go; None: there is no such server."""

    tags: PlantTags
    opcua: OpcUaServer | None
    mqtt: MqttPublisher | None
    plant_origin_ns: int

    async def send(self, moments: Iterable[Moment]) -> None:
        """Publish everything that is new at some moments."""
        rows = [row for moment in moments for row in updates(moment, self.tags, self.plant_origin_ns)]
        topics = {tag.name: tag.topic for tag in self.tags.measured if tag.topic is not None}
        for row in rows:
            if self.mqtt is not None and row.name in topics and row.time_ns is not None:
                self.mqtt.publish(topics[row.name], float(row.value), row.time_ns)
        if self.opcua is not None:
            await self.opcua.write([row for row in rows if row.name not in topics])


class Pacer:
    """Keeps the campaign at the plant's clock, and says when it cannot."""

    def __init__(self, campaign: Campaign, clock: ScaledClock) -> None:
        self._campaign = campaign
        self._clock = clock
        self._said_s = -_SAY_AGAIN_S

    def catch_up(self) -> list[Moment]:
        """Run to the clock's time, or as far as one turn goes."""
        due = (self._clock.now_ns() - self._clock.scaled.plant_origin_ns) // SECOND_NS
        turn_ends = time.monotonic() + _LONGEST_RUN_S
        moments: list[Moment] = []
        while self._campaign.second + self._campaign.step_s <= due and time.monotonic() < turn_ends:
            moments.extend(self._campaign.advance(min(due, self._campaign.second + _TURN_S)))
        self._complain(due - self._campaign.second)
        return moments

    def _complain(self, behind_s: int) -> None:
        now_s = time.monotonic()
        if behind_s > _BEHIND_S * self._clock.speed and now_s >= self._said_s + _SAY_AGAIN_S:
            self._said_s = now_s
            logger.warning("the plant is %d s behind its own clock: this machine is too slow for the speed", behind_s)


async def run(arguments: argparse.Namespace) -> None:
    """Serve the plant until a signal asks to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    plant_origin_ns = arguments.plant_origin
    clock = ScaledClock(ScaledTime(arguments.wall_origin, plant_origin_ns, arguments.speed))
    security = Security(arguments.security, {arguments.user: _password(arguments)}) if arguments.security else None
    server = OpcUaServer(arguments.opcua_port or free_port(), node_specs(), security)
    campaign = Campaign(_SCENARIOS[arguments.plan](arguments.seed, arguments.step))
    with ExitStack() as stack:
        mqtt = None
        if arguments.mqtt_port:
            mqtt = stack.enter_context(MqttPublisher("127.0.0.1", arguments.mqtt_port, arguments.protocol))
        async with server:
            outlets = Outlets(campaign.tags, server, mqtt, plant_origin_ns)
            await outlets.send([campaign.opening])
            _say_ready(server.url, arguments)
            pacer = Pacer(campaign, clock)
            while not stop.is_set():
                await outlets.send(pacer.catch_up())
                await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), _TICK_S)
    except TimeoutError:
        return


def _password(arguments: argparse.Namespace) -> str:
    password: str = arguments.password_file.read_text().strip()
    return password


def _say_ready(url: str, arguments: argparse.Namespace) -> None:
    ready = {"ready": True, "opcua": url, "mqtt_port": arguments.mqtt_port, "speed": arguments.speed}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    now_ns = time.time_ns()
    options = argparse.ArgumentParser(prog="simulators.plant_process", description="A simulated plant.")
    options.add_argument("--opcua-port", type=int, default=0, help="0: a free one, told in the ready line")
    options.add_argument("--mqtt-port", type=int, default=0, help="of a broker on the loopback; 0: no MQTT")
    options.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="of MQTT")
    options.add_argument("--speed", type=float, default=SPEED, help="plant seconds per second")
    options.add_argument("--wall-origin", type=int, default=now_ns, help="ns UTC; may lie ahead")
    options.add_argument("--plant-origin", type=int, default=now_ns, help="ns UTC: the plant's time at the wall origin")
    options.add_argument("--step", type=int, choices=(1, 5), default=5, help="plant seconds; 1 costs 5 times as much")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--plan", choices=sorted(_SCENARIOS), default="demo")
    options.add_argument("--security", type=Path, help="folder for the certificate: Basic256Sha256 and a user")
    options.add_argument("--user", default="historian")
    options.add_argument("--password-file", type=Path, help="with --security")
    return options


def main(words: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    options = parser()
    arguments = options.parse_args(words)
    if arguments.security and not arguments.password_file:
        options.error("--security needs --password-file")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.WARNING)  # it tells every session and subscription
    asyncio.run(run(arguments))


if __name__ == "__main__":
    main()
