"""`thermowell bench firehose`: a server whose own cost does not hide the client's, over OPC UA or MQTT."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from simulators.servers.firehose_direct import DirectFirehose
from simulators.servers.firehose_mqtt import MqttLoad, Sent, publish_mqtt
from simulators.servers.firehose_opcua import NAMESPACE, OpcUaFirehose, OpcUaLoad
from simulators.servers.ports import free_port
from simulators.told import tell

logger = logging.getLogger(__name__)

_TELL_EVERY_S: Final = 5.0
_MQTT_PORT: Final = 1883
_TAGS_MOST: Final = 100_000
_RATE_MOST: Final = 1e8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much, how fast and over what."""
    parser.add_argument("--tags", type=_number(int, 1, _TAGS_MOST), default=10_000)
    parser.add_argument(
        "--rate",
        type=_number(float, 0, _RATE_MOST),
        default=200_000.0,
        help="values a second to each subscriber; 0: as many as it takes",
    )
    parser.add_argument("--port", type=_number(int, 0, 65_535), default=0, help="OPC UA or --direct; 0: a free one")
    parser.add_argument("--mqtt", metavar="URL", help="publish to this broker, mqtt://[user:password@]host[:port]")
    parser.add_argument("--direct", action="store_true", help="MQTT without a broker: subscribers connect to --port")
    parser.add_argument("--qos", type=int, choices=(0, 1), default=1, help="of MQTT")
    parser.add_argument("--window", type=_number(int, 1, 65_534), default=4_000, help="messages without PUBACK")
    parser.add_argument("--mixed", action="store_true", help="OPC UA: also Float, Int32 and Boolean tags")
    parser.add_argument("--secure", action="store_true", help="OPC UA: also offer Basic256Sha256")
    parser.add_argument(
        "--step",
        type=_number(float, 0, 86_400),
        default=0.0,
        metavar="S",
        help="source times: so much later with each scan; 0: the clock's",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=_number(float, 0, 1e9), help="stop after so long; default: until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    """Serve until time is up or a signal comes; one line of JSON when ready, one with the counts at the end."""
    if options.mqtt and options.direct:
        logger.error("--mqtt publishes to a broker, --direct needs none: choose one")
        return 2
    try:
        if options.mqtt or options.direct:
            return _run_mqtt(options)
        load = OpcUaLoad(
            options.port or free_port(), options.tags, options.rate, options.mixed, options.step, options.seed
        )
        with _certificates(options.secure) as folder:
            asyncio.run(serve_opcua(load, options.seconds, folder))
    except (OSError, ValueError) as problem:
        logger.error("the firehose ended: %s", problem)  # noqa: TRY400 - a person reads it, the place says nothing
        return 1
    return 0


async def serve_opcua(load: OpcUaLoad, seconds: float | None = None, certificates: Path | None = None) -> None:
    """Serve OPC UA until `seconds` are over or SIGTERM or SIGINT comes; OSError if it cannot listen."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with OpcUaFirehose(load, certificates) as hose:
        tally = _Tally(lambda: {"sent": hose.sent})
        tell({"ready": True, "opcua": hose.url, "namespace": NAMESPACE, "tags": load.tags, "pid": os.getpid()})
        ends_s = loop.time() + seconds if seconds is not None else float("inf")
        while not stop.is_set() and loop.time() < ends_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(_TELL_EVERY_S, ends_s - loop.time()))
            tally.tell()
        tell(tally.total())


def _run_mqtt(options: argparse.Namespace) -> int:
    host, port, user, password = _address(options.mqtt) if options.mqtt else ("127.0.0.1", options.port, "", "")
    load = MqttLoad(
        host, port, options.tags, options.rate, options.qos, options.window, options.step, options.seed, user, password
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.mqtt:
        _publish(load, stop, options.seconds)
    else:
        _serve_directly(load, stop, options.seconds)
    return 0


def _publish(load: MqttLoad, stop: threading.Event, seconds: float | None) -> None:
    sent = Sent()
    told: list[_Tally] = []

    def connected() -> None:
        tell({"ready": True, "broker": f"mqtt://{load.host}:{load.port}", "tags": load.tags, "pid": os.getpid()})
        told.append(_Tally(lambda: _counts(sent)))
        threading.Thread(target=_watch, args=(told[0], stop, seconds), name="tally", daemon=True).start()

    publish_mqtt(load, stop, sent, connected)
    tell(told[0].total())


def _serve_directly(load: MqttLoad, stop: threading.Event, seconds: float | None) -> None:
    with DirectFirehose(load) as hose:
        tally = _Tally(lambda: _counts(hose.sent))
        tell({"ready": True, "mqtt": f"mqtt://{load.host}:{hose.port}", "tags": load.tags, "pid": os.getpid()})
        _watch(tally, stop, seconds)
        total = tally.total()
    tell(total)


def _watch(tally: "_Tally", stop: threading.Event, seconds: float | None) -> None:
    """Tell of the rate until somebody stops it or time is up."""
    ends_s = time.monotonic() + seconds if seconds is not None else float("inf")
    while not stop.wait(max(min(_TELL_EVERY_S, ends_s - time.monotonic()), 0.0)):
        tally.tell()
        if time.monotonic() >= ends_s:
            stop.set()


def _counts(sent: Sent) -> dict[str, float]:
    return {"sent": sent.messages, "acknowledged": sent.acknowledged, "given_up": sent.given_up}


class _Tally:
    """Says how many values went, and at what cost."""

    def __init__(self, counts: Callable[[], Mapping[str, float]]) -> None:
        self._counts = counts
        self._started_s, self._cpu_s = time.monotonic(), time.process_time()
        self._told_s, self._told = self._started_s, 0.0

    def tell(self) -> None:
        """Log the rate since the last time."""
        now_s, sent = time.monotonic(), self._counts()["sent"]
        if sent > self._told:
            logger.info("%s values/s", f"{(sent - self._told) / max(now_s - self._told_s, 1e-9):,.0f}")
        self._told_s, self._told = now_s, sent

    def total(self) -> dict[str, object]:
        """All counts, the time and the CPU time since the start."""
        spent = {"seconds": time.monotonic() - self._started_s, "cpu_s": time.process_time() - self._cpu_s}
        return {"done": True, **self._counts(), **{name: round(value, 3) for name, value in spent.items()}}


def _address(url: str) -> tuple[str, int, str, str]:
    """Host, port, user and password; ValueError names what is wrong with a URL."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    if parts.scheme not in ("", "mqtt", "tcp") or not parts.hostname:
        message = f"{url!r} is no address of a broker: mqtt://host:port is"
        raise ValueError(message)
    return parts.hostname, parts.port or _MQTT_PORT, unquote(parts.username or ""), unquote(parts.password or "")


@contextlib.contextmanager
def _certificates(wanted: bool) -> Iterator[Path | None]:  # noqa: FBT001 - the switch of the command line
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="firehose-") as folder:
        yield Path(folder)


_Number = TypeVar("_Number", int, float)


def _number(kind: Callable[[str], _Number], least: float, most: float) -> Callable[[str], _Number]:
    """A number of the command line within limits."""

    def read(text: str) -> _Number:
        with contextlib.suppress(ValueError):
            value = kind(text)
            if least <= value <= most:
                return value
        message = f"{text!r} is no number from {least:g} to {most:g}"
        raise argparse.ArgumentTypeError(message)

    return read


def main(words: list[str] | None = None) -> int:
    """Run from the command line: `python -m simulators.servers.firehose`."""
    parser = argparse.ArgumentParser(prog="simulators.servers.firehose", description=__doc__)
    add_arguments(parser)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.ERROR)  # it tells every session, and each fault that is answered
    return run(parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main())
