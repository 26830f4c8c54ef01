"""Row `metrics`: what a scrape of `/metrics` costs with 100 sources, as a share of Prometheus' usual 15 s between scrapes.

No figure has a tag as a label, so tags cost nothing there; that is checked with 10,000 of them behind the journal's
tally. Counted is the processor time of the web process: reading and decoding the core's report, and writing the text.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

from api.exposition import exposition
from domain.figures import FIGURES, Figure, Reading, Spread
from domain.ports import Delivery
from domain.samples import SampleBatch
from service.gauges import as_json, figures_of, read_report
from service.machine import build_figures, process_figures
from service.tally import SourceTally

SOURCES, TAGS = 100, 10_000
EVERY_S, SHARE = 15.0, 0.005
TIMES = 20


def run() -> dict[str, dict[str, object]]:
    """The mean of some scrapes."""
    told = [reading for name, figure in FIGURES.items() for reading in _readings(name, figure)]
    told += _of_tags()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = {"wall_ns": time.time_ns() + 3600 * 10**9, "figures": as_json(told)}
        (folder / "core.json").write_bytes(orjson.dumps(report))
        _scrape(folder)
        begun_s = time.process_time()
        for _ in range(TIMES):
            text = _scrape(folder)
        used_s = (time.process_time() - begun_s) / TIMES
    limit_ms = SHARE * EVERY_S * 1000
    note = (
        f"CPU per scrape of {len(text):,} bytes, {text.count(b'source='):,} series by {SOURCES} sources, {TAGS:,} tags: "
        f"{used_s / EVERY_S:.2%} of {EVERY_S:g} s; peer: {SHARE:.1%} of it"
    )
    row = {"ours": used_s * 1000, "peer": limit_ms, "ratio": limit_ms / (used_s * 1000), "unit": "ms", "note": note}
    return {"metrics": row}


def _scrape(folder: Path) -> bytes:
    readings = [*build_figures(), *process_figures("web"), *figures_of(read_report(folder))]
    return exposition(readings, "")[0]


def _readings(name: str, figure: Figure) -> list[Reading]:
    """A figure by source for each source; others twice per label, as there are few of those."""
    count = SOURCES if "source" in figure.labels else 2 if figure.labels else 1
    value = Spread([7] * (len(figure.bounds) + 1), 3.25) if figure.kind == "histogram" else float(os.getpid())
    return [Reading(name, value, tuple(f"{label} {which}" for label in figure.labels)) for which in range(count)]


def _of_tags() -> list[Reading]:
    """What the tally of the sources says after every tag has come once."""
    tally = SourceTally()
    now_ns = time.time_ns()
    for ids in np.array_split(np.arange(TAGS, dtype=np.uint32), SOURCES):
        source = f"source {ids[0]}"
        times, codes = np.full(len(ids), now_ns), np.zeros(len(ids), np.uint32)
        batch = SampleBatch(source, now_ns, ids, times, None, np.zeros(len(ids)), codes)
        tally.delivered(Delivery(source, [batch], len(ids), lambda: None))
    return list(tally.figures())
