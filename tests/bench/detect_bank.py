"""Rows `detect_bank…`: every rule and drift detector on 10,000 tags, a tick of one second at a time.

The plant of `detect`, ten times as large: 500 units of 20 tags at 1 Hz. The first row compares samples per CPU-second with
river's ADWIN and PageHinkley alone, fed one by one in the same run; it is meant to be 100 or more. The second compares
with river's detectors of the same kinds as ours, as in `detect`. The third is the CPU time of a tick, with all windows of
a minute that it closes, against a millisecond (the ratio is stated over measured).
"""

import statistics
import time

import numpy as np
from river.drift import ADWIN, PageHinkley

from detectors.bank import Bank
from domain.entries import Position
from domain.samples import SampleBatch
from tests.bench.detect import PER_UNIT, entries_of, made_bank, peer_of

UNITS = 500
TAGS = UNITS * PER_UNIT
WARM, MEASURED, PEER = 75, 180, 3
REPETITIONS = 3
STATED_MS = 1.0


def run() -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make the rows."""
    entries = entries_of(UNITS, WARM + MEASURED)
    bank = made_bank(UNITS)
    for position, entry in enumerate(entries[:WARM], start=1):
        bank.update(Position(position), entry)
    state = bank.snapshot()
    ticks, peer, alike = [], [], []
    for _ in range(REPETITIONS):
        ticks.append(_ours(bank, state, entries))
        peer.append(_peer(entries))
        alike.append(peer_of(entries[WARM : WARM + PEER]))
    mean_ms = statistics.median(float(each.mean()) for each in ticks)
    median_ms = statistics.median(float(np.median(each)) for each in ticks)
    worst_ms = max(float(each.max()) for each in ticks)
    figure, other = TAGS / mean_ms * 1e3, statistics.median(peer)
    tick = f"{TAGS:,} tags; median {median_ms:.2f} ms, worst {worst_ms:.1f} ms (all windows of a minute close at once)"
    return {
        "detect_bank": {
            "ours": figure,
            "peer": other,
            "ratio": figure / other,
            "unit": "samples per CPU-second",
            "note": f"median of {REPETITIONS}; {tick}; peer: river ADWIN + PageHinkley one by one",
        },
        "detect_bank_alike": {
            "ours": figure,
            "peer": statistics.median(alike),
            "ratio": figure / statistics.median(alike),
            "unit": "samples per CPU-second",
            "note": "as above; peer: river's detectors of the same kinds, as in `detect`",
        },
        "detect_bank_tick": {
            "ours": mean_ms,
            "peer": STATED_MS,
            "ratio": STATED_MS / mean_ms,
            "unit": "CPU ms per tick of 1 s",
            "note": f"mean of {MEASURED} ticks; {tick}",
        },
    }


def _ours(bank: Bank, state: bytes, entries: list[SampleBatch]) -> np.ndarray:
    bank.restore(state)
    ticks = np.empty(MEASURED)
    for number, entry in enumerate(entries[WARM:]):
        started = time.process_time()
        bank.update(Position(WARM + 1 + number), entry)
        ticks[number] = time.process_time() - started
    return ticks * 1e3


def _peer(entries: list[SampleBatch]) -> float:
    adwin, cusum = [ADWIN() for _ in range(TAGS)], [PageHinkley() for _ in range(TAGS)]
    rows = [entry.value.tolist() for entry in entries[WARM : WARM + PEER]]
    started = time.process_time()
    for values in rows:
        for tag, value in enumerate(values):
            adwin[tag].update(value)
            cusum[tag].update(value)
    return PEER * TAGS / (time.process_time() - started)
