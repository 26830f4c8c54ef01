"""Show a source's live values without storing anything."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from collector.opcua.source import OpcUaSource
from domain.entries import Entry, Gap, Heartbeat, Quarantined, TagDefined, TextBatch
from domain.errors import Refused
from domain.samples import SampleBatch
from domain.status import raw, severity_name
from domain.tags import Tag, TagTable
from domain.time import SECOND_NS, format_time
from service.clock import make_clock
from service.config.build import Configuration, load
from service.sources import make_source
from service.tag_table import define


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which source, and for how long."""
    parser.add_argument("source", help="its name in the configuration")
    parser.add_argument("--config", type=Path, default=Path("thermowell.yaml"), metavar="FILE")
    parser.add_argument("--seconds", type=float, default=10.0)


def run(options: argparse.Namespace) -> int:
    """Print what comes; exit 1 if nothing came."""
    configuration = load(options.config)
    if options.source not in configuration.sources:
        message = f"no source is named {options.source!r}; there are {', '.join(configuration.sources)}"
        raise Refused(message)
    return asyncio.run(_try(configuration, options.source, options.seconds))


async def _try(configuration: Configuration, name: str, seconds: float) -> int:
    clock = make_clock(configuration.clock)
    table = TagTable()
    define(table, configuration.tags, clock.now_ns())
    configuration = _beside_the_service(configuration, name)
    source = make_source(configuration, name, table.of_source(name), clock, None)
    if isinstance(source, OpcUaSource):
        source.leave_nothing()
    printed = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for delivery in source.deliveries():
                printed += _show(delivery.entries, table)
                delivery.acknowledge()
    if not printed:
        heartbeat = source.heartbeat(clock.now_ns())
        reason = heartbeat.detail if isinstance(heartbeat, Heartbeat) else ""
        print(f"{name}: nothing came within {seconds:g} s: {reason or 'connected, but silent'}", file=sys.stderr)
    return 0 if printed else 1


def _beside_the_service(configuration: Configuration, name: str) -> Configuration:
    """The same source with a session of its own, so that the running service keeps its messages."""
    section = configuration.sources[name]
    if section.mqtt is None:
        return configuration
    trying = section.mqtt.model_copy(update={"client_id": f"thermowell-try-{name}", "session_expiry": SECOND_NS})
    changed = section.model_copy(update={"mqtt": trying})
    return replace(configuration, sources={**configuration.sources, name: changed})


def _show(entries: Iterable[Entry], table: TagTable) -> int:
    """Print entries; how many values there were."""
    values = 0
    for entry in entries:
        if isinstance(entry, SampleBatch):
            columns = (entry.tag.tolist(), entry.time_ns.tolist(), entry.value.tolist(), raw(entry.status).tolist())
            for id_, time_ns, value, status in zip(*columns, strict=True):
                _line(table[id_], time_ns, f"{value:.10g}", status)
            values += len(entry)
        elif isinstance(entry, TextBatch):
            for id_, time_ns, text, status in zip(entry.tag, entry.time_ns, entry.value, entry.status, strict=True):
                _line(table[id_], time_ns, repr(text), status)
            values += len(entry)
        elif isinstance(entry, TagDefined):
            table.put(entry.tag)
            print(f"{entry.tag.name}: {entry.tag.configured or 'is'} pinned to {entry.tag.address}")
        elif isinstance(entry, Quarantined):
            print(f"{entry.address}: refused: {entry.reason}")
        elif isinstance(entry, Gap):
            print(f"gap: {entry.cause} {entry.detail}")
    return values


def _line(tag: Tag, time_ns: int, value: str, status: int) -> None:
    quality = "" if status == 0 else f"  {severity_name(status)} 0x{status:08X}"
    print(f"{format_time(time_ns)}  {tag.name} = {value} {tag.unit}{quality}")
