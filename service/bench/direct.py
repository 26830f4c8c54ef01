"""The detectors and the alarm book on a plant's values, with nothing in between: no wire, no journal, no disk.

Quick, and blind to faults of the network and of servers. It says what the rules find; what collecting and keeping do to
the values is the world's to say (`service.bench.world`).
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from alarms.book import AlarmBook
from collector.mqtt.events import read_events
from detectors.bank import Bank
from domain.alarms import Transition
from domain.entries import Entry, Heartbeat, Position, TextBatch
from domain.findings import Finding
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable
from domain.time import SECOND_NS
from service.bench.suppliers import PUBLISH
from service.bench.world import Concluded, Happening, WorldResult
from service.config.build import Configuration
from service.tag_table import define
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import Message

_DELIVERED_EVERY_S: Final = 5


def run_direct(
    happenings: Iterable[Happening],
    configuration: Configuration,
    *,
    start_ns: int,
    seconds: int,
    directory: Path,  # noqa: ARG001  nothing is kept
    seed: int = 0,  # noqa: ARG001  nothing is left to chance
) -> WorldResult:
    """Let the plant happen to the detectors for `seconds` of plant time; nobody counts what was kept."""
    began_s = time.process_time()
    tags = TagTable()
    define(tags, configuration.tags, start_ns, lambda: "direct")
    bank, book = Bank(configuration.rulebook, tags), AlarmBook(configuration.rulebook)
    findings: list[Concluded] = []
    transitions: list[Transition] = []
    entries = _entries(happenings, configuration, tags, start_ns, seconds)
    for position, (now_ns, entry) in enumerate(entries, 1):
        concluded = [each for each in bank.update(Position(position), entry) if isinstance(each, Finding)]
        findings += [Concluded(finding, now_ns) for finding in concluded]
        transitions += book.apply(*concluded)
        if isinstance(entry, Heartbeat):
            transitions += book.tick(entry.now_ns)
    cpu_s = time.process_time() - began_s
    return WorldResult(tuple(findings), tuple(transitions), (), (), (), {}, seconds, cpu_s)


def _entries(
    happenings: Iterable[Happening], configuration: Configuration, tags: TagTable, start_ns: int, seconds: int
) -> Iterator[tuple[int, Entry]]:
    """Deliveries every few seconds, source by source, and heartbeats; each with the time of its receipt."""
    by_name = {tag.name: tag for tag in tags}
    waiting: list[Update] = []
    told: list[Message] = []
    teller = next((name for name, each in configuration.sources.items() if each.mqtt is not None), "")
    upcoming = iter(happenings)
    happening = next(upcoming, None)
    beat_every_s = max(1, configuration.heartbeat_ns // SECOND_NS)
    for second in range(0, seconds + 1, _DELIVERED_EVERY_S):
        while happening is not None and happening.second <= second:
            waiting += happening.updates
            told += happening.messages
            happening = next(upcoming, None)
        now_ns = start_ns + second * SECOND_NS
        for source in configuration.sources:
            own = [update for update in waiting if update.name in by_name and by_name[update.name].source == source]
            yield from ((now_ns, entry) for entry in _delivered(source, now_ns, own, by_name))
        waiting.clear()
        for message in told:
            events, _ = read_events((message.topic.encode(), message.payload, 1, PUBLISH), teller, now_ns)
            yield from ((now_ns, event) for event in events)
        told.clear()
        if second % beat_every_s == 0:
            for source in configuration.sources:
                yield now_ns, Heartbeat(source, now_ns, connected=True, heard_ns=now_ns, skew_ns=0)


def _delivered(source: str, now_ns: int, updates: Sequence[Update], by_name: Mapping[str, Tag]) -> Iterator[Entry]:
    numbers = [update for update in updates if not isinstance(update.value, str)]
    texts = [update for update in updates if isinstance(update.value, str)]
    if numbers:
        yield SampleBatch(
            source,
            now_ns,
            np.array([by_name[each.name].id for each in numbers], np.uint32),
            np.array([now_ns if each.time_ns is None else each.time_ns for each in numbers], np.int64),
            None,
            np.array([each.value for each in numbers], np.float64),
            np.array([each.status for each in numbers], np.uint32),
        )
    if texts:
        yield TextBatch(
            source,
            now_ns,
            tuple(int(by_name[each.name].id) for each in texts),
            tuple(now_ns if each.time_ns is None else each.time_ns for each in texts),
            None,
            tuple(str(each.value) for each in texts),
            tuple(each.status for each in texts),
        )
