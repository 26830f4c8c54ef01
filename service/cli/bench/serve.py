"""Serve a scenario's plant on real servers until stopped, on a scaled clock.

One line of JSON says where the servers are, once clients may connect. `thermowell bench advance`, `inject`, `clear` and
`status` steer it meanwhile (or HTTP, or the OPC UA methods of the object Bench). With --config the configuration of a
service that watches it is written, too: `thermowell run --config FILE` on the plant's own clock.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from domain.errors import Refused
from service.bench.cache import profiles_folder
from service.bench.reading import find, read_scenario
from service.bench.service_config import Addresses, service_config
from service.cli.bench.running import seed
from simulators.live import NotPossible
from simulators.scenario import Scenario
from simulators.serving import ServeOptions, make_out, serve
from simulators.truth.normal import profile_of
from simulators.truth.profile import Profile

_MOST_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which scenario, where, how fast."""
    parser.add_argument("scenario", metavar="FILE", help="a file, or a name of the library")
    parser.add_argument("--seed", type=seed, metavar="N", help="another one than the scenario's")
    parser.add_argument(
        "--speed", type=float, metavar="TIMES", help="plant seconds per second; default: the scenario's"
    )
    parser.add_argument(
        "--paused", action="store_true", help="the plant's clock stands until it is advanced or resumed"
    )
    parser.add_argument("--opcua-port", type=_port, default=0, metavar="PORT", help="0 (the default): a free one")
    parser.add_argument("--mqtt-port", type=_port, default=0, metavar="PORT")
    parser.add_argument("--control-port", type=_port, default=0, metavar="PORT")
    parser.add_argument(
        "--broker-port", type=_port, metavar="PORT", help="of a broker that runs; default: one is started"
    )
    parser.add_argument("--embedded-broker", action="store_true", help="not mosquitto, also where it is installed")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="whoever steers must know what is in it")
    parser.add_argument("--no-network", action="store_true", help="no proxies: the network cannot be broken")
    parser.add_argument("--config", type=Path, metavar="FILE", help="write a thermowell.yaml that watches this plant")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the truth there at the end")


def run(options: argparse.Namespace) -> int:
    """Serve; 130 is Ctrl-C's, 0 SIGTERM's."""
    scenario = read_scenario(find(options.scenario))
    if options.seed is not None:
        scenario = replace(scenario, seed=options.seed)
    if options.out is not None:
        _make_out(options.out)  # before a long look at normal batches
    clock_file = None if options.config is None else options.config.with_suffix(".clock.json").absolute()
    serving = ServeOptions(
        opcua_port=options.opcua_port,
        mqtt_port=options.mqtt_port,
        broker_port=options.broker_port,
        control_port=options.control_port,
        token="" if options.token_file is None else _token(options.token_file),
        networks=not options.no_network,
        speed=options.speed,
        paused=options.paused,
        seed=scenario.seed,
        clock_file=clock_file,
        out=options.out,
        embedded_broker=options.embedded_broker,
        profile=None if options.out is None else _profile(scenario),
    )

    def say(ready: Mapping[str, object]) -> None:
        if options.config is not None and clock_file is not None:
            options.config.write_text(_configuration(scenario, ready, clock_file), encoding="utf-8")
            ready = {**ready, "config": str(options.config)}
        print(json.dumps(ready), flush=True)

    try:
        asyncio.run(serve(scenario, serving, say))
    except NotPossible as error:
        raise Refused(f"{scenario.file}: {error}") from error
    except OSError as error:
        raise Refused(f"the plant cannot be served: {error}") from error
    return 0


def _configuration(scenario: Scenario, ready: Mapping[str, object], clock_file: Path) -> str:
    """The configuration of a service that watches the plant where it is served."""
    addresses = Addresses(
        opcua_url=str(ready.get("opcua", "")),
        mqtt_url=str(ready.get("mqtt", "")),
        data=f"./{scenario.name}-data",
    )
    protocol = str(ready.get("mqtt_protocol", scenario.servers.protocol))
    served = replace(scenario, servers=replace(scenario.servers, protocol=protocol))
    return service_config(served, addresses, str(clock_file))


def _profile(scenario: Scenario) -> Profile:
    """What is normal on this plant; it takes some time when it is asked for first."""
    print("looking at normal batches first, so that the truth can say what could be seen", file=sys.stderr, flush=True)
    return profile_of(scenario, profiles_folder())


def _make_out(folder: Path) -> None:
    try:
        make_out(folder)
    except OSError as error:
        raise Refused(str(error)) from error


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return port


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(f"{file}: the token cannot be read: {error}") from error
