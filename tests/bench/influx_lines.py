"""Row `influx_lines`: CPU per row of making line protocol, against influxdb-client's `Point` in the same run.

The same rows of the bench's plant (1,000 tags at 1 Hz, late and Bad ones among them) with the same tags and fields. Entries
of 5,000 rows, as a mirror meets them that catches up; the note tells what entries of 100 rows cost, and gzip.
"""

import itertools
import time
import zlib

from influxdb_client import Point

from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from historian.line_protocol import LineProtocol, joined
from tests.bench.workload import TAGS, TAGS_PER_DEVICE, batches, hours

LIMIT = 20.0
ROWS, PEER_ROWS, ROUNDS = 5_000, 5_000, 3
NAMES = [f"R{tag // TAGS_PER_DEVICE:03d}.P{tag % TAGS_PER_DEVICE:02d}" for tag in range(TAGS)]
UNITS = {name: name[:4] for name in NAMES}


def run() -> dict[str, dict[str, object]]:
    """Measure; the best of some rounds each."""
    arrivals = next(hours(1))
    some = list(itertools.islice(batches(arrivals, ROWS), 40))
    small = list(itertools.islice(batches(arrivals, 100), 1000))
    protocol = LineProtocol(
        "plant", [Tag(TagId(id_), f"{id_}", 1, name, "plant", name) for id_, name in enumerate(NAMES)], UNITS
    )
    bodies = [protocol.render(batch).body for batch in some]
    ours = min(_ours_us(protocol, some) for _ in range(ROUNDS))
    in_small = min(_ours_us(protocol, small) for _ in range(ROUNDS))
    peer = min(_peer_us(some[0]) for _ in range(ROUNDS))
    started = time.process_time()
    packed = sum(len(zlib.compress(body, 1)) for body in bodies)
    gzip_us = (time.process_time() - started) / sum(map(len, some)) * 1e6
    size = sum(map(len, bodies))
    note = (
        f"entries of {ROWS} rows, {in_small:.2f} in entries of 100; gzip {gzip_us:.2f} more, {size / packed:.1f} times "
        f"smaller; peer: Point(…).tag(…).field(…).time(…).to_line_protocol(); at least {LIMIT:g} is asked"
    )
    return {
        "influx_lines": {
            "ours": ours,
            "peer": peer,
            "ratio": peer / ours,
            "unit": "µs CPU per row",
            "note": note,
        },
    }


def _ours_us(protocol: LineProtocol, entries: list[SampleBatch]) -> float:
    started = time.process_time()
    lines = sum(len(joined([protocol.render(batch)])) for batch in entries)
    return (time.process_time() - started) / lines * 1e6


def _peer_us(batch: SampleBatch) -> float:
    rows = list(
        zip(batch.tag.tolist(), batch.time_ns.tolist(), batch.value.tolist(), batch.status.tolist(), strict=True)
    )
    started = time.process_time()
    for tag, time_ns, value, status in rows[:PEER_ROWS]:
        name = NAMES[tag]
        point = Point("plant").tag("tag", name).tag("unit", UNITS[name]).field("value", value).field("status", status)
        point.time(time_ns).to_line_protocol()
    return (time.process_time() - started) / min(len(rows), PEER_ROWS) * 1e6
