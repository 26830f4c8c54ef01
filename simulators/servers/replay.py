"""`thermowell bench replay`: recorded values once more, at any speed, over OPC UA or MQTT."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from domain.time import format_time, parse_time_ns
from simulators.outlets import Outlet
from simulators.servers.mqtt_outlets import STYLES, open_outlet
from simulators.servers.opcua import NodeSpec, OpcUaServer
from simulators.servers.ports import free_port
from simulators.servers.replay_feed import Replay, feed
from simulators.servers.replay_files import ReplayError
from simulators.told import tell

logger = logging.getLogger(__name__)

_SETTLE_S: Final = 1.0  # after the last value, for clients to get it
_MQTT_PORT: Final = 1883


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, from when to when, how fast and where to."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV or Parquet")
    parser.add_argument("--start", type=_time, default=-(2**63), metavar="TIME", help="ISO 8601, UTC unless it says so")
    parser.add_argument("--end", type=_time, default=2**63 - 1, metavar="TIME", help="the first time that is left out")
    parser.add_argument("--speed", type=float, default=1.0, help="recorded seconds per second; 0: as fast as it goes")
    parser.add_argument(
        "--shift",
        default="none",
        metavar="none|now|TIME",
        help="of times; now: those of sending; TIME: the first value has it, the others keep their distance",
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave bad lines out and tell of them")
    parser.add_argument("--opcua-port", type=int, metavar="PORT", help="serve OPC UA; 0: a free port")
    parser.add_argument("--mqtt", metavar="URL", help="publish to this broker, mqtt://host[:port]")
    parser.add_argument("--style", choices=STYLES, default="json", help="of MQTT")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="before the first value, for clients to come"
    )


def run(options: argparse.Namespace) -> int:
    """Replay until the end or a signal; a line of JSON when ready, one with the count at the end."""
    try:
        first_ns = None if options.shift in ("none", "now") else _time(options.shift)
        replay = Replay(
            options.files,
            start_ns=options.start,
            end_ns=options.end,
            speed=options.speed,
            first_ns=first_ns,
            skip_bad=options.skip_bad,
        )
        for line in replay.bad:
            logger.warning("left out: %s", line)
        asyncio.run(_serve(replay, options))
    except (ReplayError, argparse.ArgumentTypeError, OSError) as problem:
        logger.error("%s", problem)  # noqa: TRY400 - a person reads it, the place in the program says nothing
        return 1
    return 0


async def _serve(replay: Replay, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _outlets(replay, options) as (outlets, where):
        range_ = {"first": format_time(replay.first_ns), "last": format_time(replay.last_ns)}
        tell({"ready": True, **where, "tags": len(replay.tags), "values": replay.rows, **range_})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(options.wait, 0.001))
        sent = await feed(replay, outlets, stop, now=options.shift == "now") if not stop.is_set() else 0
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _SETTLE_S)
        tell({"done": True, "sent": sent})


@contextlib.asynccontextmanager
async def _outlets(
    replay: Replay, options: argparse.Namespace
) -> AsyncIterator[tuple[list[Outlet], dict[str, object]]]:
    """The servers that were asked for; OPC UA on a free port if none was."""
    async with contextlib.AsyncExitStack() as stack:
        outlets: list[Outlet] = []
        where: dict[str, object] = {}
        if options.mqtt:
            host, port = _address(options.mqtt)
            outlets.append(stack.enter_context(open_outlet(options.style, replay.tags, host, port, patient=True)))
            where["mqtt"] = f"mqtt://{host}:{port}"
        if options.opcua_port is not None or not options.mqtt:
            nodes = [NodeSpec(tag.name, tag.kind, "replayed") for tag in replay.tags]
            server = await stack.enter_async_context(OpcUaServer(options.opcua_port or free_port(), nodes))
            outlets.append(server)
            where["opcua"] = server.url
        yield outlets, where


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url if "//" in url else f"//{url}")
    if parts.scheme not in ("", "mqtt", "tcp") or not parts.hostname:
        raise ReplayError(f"{url!r} is no address of a broker: mqtt://host:port is")
    return parts.hostname, parts.port or _MQTT_PORT


def _time(text: str) -> int:
    try:
        return parse_time_ns(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def main(words: list[str] | None = None) -> int:
    """Run from the command line: `python -m simulators.servers.replay`."""
    parser = argparse.ArgumentParser(prog="simulators.servers.replay", description=__doc__)
    add_arguments(parser)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.WARNING)
    return run(parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main())
