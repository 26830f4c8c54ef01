"""The demo's plant as a process of its own: physics on the scaled clock, OPC UA and MQTT.

`python -m simulators.plant_process --opcua-port 4840 --mqtt-port 1883 --speed 360 --wall-origin NS --plant-origin NS`

Prints one line of JSON, `{"ready": true, "opcua": URL, …}`, once clients may connect; ends on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from simulators.demo.plan import SPEED, demo_scenario, normal_scenario
from simulators.scenario import Scenario
from simulators.servers.mqtt import Login
from simulators.serving import ServeOptions, serve

_SCENARIOS: Final = {"demo": demo_scenario, "normal": normal_scenario}


def scenario_of(arguments: argparse.Namespace) -> Scenario:
    """What the command line asks for."""
    scenario = _SCENARIOS[arguments.plan](arguments.seed, arguments.step)
    servers = replace(
        scenario.servers,
        mqtt=scenario.servers.mqtt if arguments.mqtt_port else "",
        protocol=arguments.protocol,
        security=arguments.security is not None,
    )
    return replace(scenario, start_ns=arguments.plant_origin, speed=arguments.speed, servers=servers)


def options_of(arguments: argparse.Namespace) -> ServeOptions:
    """How it is served: bare, to whoever the demo starts beside it."""
    return ServeOptions(
        opcua_port=arguments.opcua_port,
        broker_port=arguments.mqtt_port or None,
        broker_host=arguments.mqtt_host,
        broker_login=None
        if arguments.mqtt_user is None
        else Login(arguments.mqtt_user, _read(arguments.mqtt_password_file)),
        protocol=arguments.protocol,
        control_port=0 if arguments.clock_file else None,
        clock_file=arguments.clock_file,
        paused=arguments.clock_file is not None,
        networks=False,
        wall_origin_ns=arguments.wall_origin,
        certificates=arguments.security,
        users={arguments.user: _read(arguments.password_file)} if arguments.security else {},
    )


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    now_ns = time.time_ns()
    options = argparse.ArgumentParser(prog="simulators.plant_process", description="A simulated plant.")
    options.add_argument("--opcua-port", type=int, default=0, help="0: a free one, told in the ready line")
    options.add_argument("--mqtt-port", type=int, default=0, help="of a broker; 0: no MQTT")
    options.add_argument("--mqtt-host", default="127.0.0.1", help="where the broker is")
    options.add_argument("--mqtt-user", help="as whom the broker knows the plant")
    options.add_argument("--mqtt-password-file", type=Path, help="with --mqtt-user")
    options.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="of MQTT")
    options.add_argument("--speed", type=float, default=SPEED, help="plant seconds per second")
    options.add_argument("--wall-origin", type=int, default=now_ns, help="ns UTC; may lie ahead")
    options.add_argument("--plant-origin", type=int, default=now_ns, help="ns UTC: the plant's time at the wall origin")
    options.add_argument(
        "--clock-file", type=Path, help="keep the clock there; it stands until the control interface lets it run"
    )
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
    if arguments.mqtt_user and not arguments.mqtt_password_file:
        options.error("--mqtt-user needs --mqtt-password-file")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.WARNING)  # it tells every session and subscription
    # Who watches the demo finds its faults by the service.
    logging.getLogger("simulators.live").setLevel(logging.WARNING)
    asyncio.run(serve(scenario_of(arguments), options_of(arguments)))


if __name__ == "__main__":
    main()
