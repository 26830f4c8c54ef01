"""The simulated plant as journal entries, without a network: what the collectors would write, in their order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from domain.entries import Entry, Heartbeat, TextBatch
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import SECOND_NS, ScaledTime
from service.config.build import Configuration, load
from simulators.campaign import Campaign, Moment, updates
from simulators.demo.configuration import NOWHERE, demo_config

ORIGIN_NS = 1_790_000_000 * SECOND_NS
PUBLISHED_EVERY_S = 40  # of plant time: 100 ms of ours, or so


def demo_rules(folder: Path) -> Configuration:
    """The demo's configuration, read and checked as the service does it, its tags with ids."""
    file = folder / "thermowell.yaml"
    file.write_text(
        demo_config(NOWHERE, "it's data", ScaledTime(ORIGIN_NS, ORIGIN_NS, 360.0)),
        encoding="utf-8",
    )
    configuration = load(file)
    return replace(configuration, tags=tuple(replace(tag, id=TagId(id_)) for id_, tag in enumerate(configuration.tags)))


def entries(campaign: Campaign, tags: Sequence[Tag], until_s: int) -> Iterator[Entry]:
    """Deliveries and heartbeats of both sources up to a second of plant time."""
    by_name = {tag.name: tag for tag in tags}
    waiting = [campaign.opening]
    for second in range(PUBLISHED_EVERY_S, until_s + 1, PUBLISHED_EVERY_S):
        waiting.extend(campaign.advance(second))
        yield from _delivered(campaign, waiting, by_name, second)
        waiting = []
        now_ns = ORIGIN_NS + second * SECOND_NS
        for source in ("train", "floor"):
            yield Heartbeat(source, now_ns, connected=True, heard_ns=now_ns)


def _delivered(campaign: Campaign, moments: Sequence[Moment], by_name: dict[str, Tag], second: int) -> Iterator[Entry]:
    """One notification of each source: all values of one tag, then all of the next, as a server sends them."""
    received_ns = ORIGIN_NS + second * SECOND_NS
    rows: dict[str, list[tuple[int, float, int]]] = {}
    texts: list[tuple[int, int, str]] = []
    for update in (row for moment in moments for row in updates(moment, campaign.tags, ORIGIN_NS)):
        if update.name not in by_name or update.time_ns is None:
            continue
        if isinstance(update.value, str):
            texts.append((by_name[update.name].id, update.time_ns, update.value))
        else:
            rows.setdefault(update.name, []).append((update.time_ns, float(update.value), update.status))
    for source in ("train", "floor"):
        chosen = [
            (by_name[name].id, *row) for name, told in rows.items() if by_name[name].source == source for row in told
        ]
        if chosen:
            tag, time_ns_, value_, status_ = zip(*chosen, strict=True)
            yield SampleBatch(
                source,
                received_ns,
                np.array(tag, np.uint32),
                np.array(time_ns_, np.int64),
                None,
                np.array(value_, np.float64),
                np.array(status_, np.uint32),
            )
    if texts:
        ids, times, told_texts = zip(*texts, strict=True)
        yield TextBatch("train", received_ns, ids, times, None, told_texts, (0,) * len(ids))
