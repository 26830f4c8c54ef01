"""Rows `state_ms` and `state_bytes`: a snapshot of the detectors at 10,000 tags, against stated limits.

The plant of `detect`, ten times as large, after three minutes. A
snapshot is made on the judge's thread every 30 s: 150 ms are half a percent of its time; 32 MB in 30 s are 1 MB/s.
"""

import statistics
import time

from domain.entries import Position
from tests.bench.detect import PER_UNIT, entries_of, made_bank

UNITS, SECONDS = 500, 180
LIMIT_MS, LIMIT_BYTES = 150.0, 32e6
REPETITIONS = 3


def run() -> dict[str, dict[str, object]]:
    """Feed the plant, then take snapshots and put them back."""
    bank = made_bank(UNITS)
    for position, entry in enumerate(entries_of(UNITS, SECONDS), start=1):
        bank.update(Position(position), entry)
    took_ms, back_ms = [], []
    state = b""
    for _ in range(REPETITIONS):
        started_s = time.process_time()
        state = bank.snapshot()
        took_ms.append(1000 * (time.process_time() - started_s))
        other = made_bank(UNITS)
        started_s = time.process_time()
        other.restore(state)
        back_ms.append(1000 * (time.process_time() - started_s))
    assert other.snapshot() == state
    ms = statistics.median(took_ms)
    note = f"{UNITS * PER_UNIT} tags, every rule; median of {REPETITIONS}; restored in {statistics.median(back_ms):.0f} ms; peer: the limit"
    return {
        "state_ms": {
            "ours": ms,
            "peer": LIMIT_MS,
            "ratio": LIMIT_MS / ms,
            "unit": "ms of CPU a snapshot",
            "note": note,
        },
        "state_bytes": {
            "ours": len(state),
            "peer": LIMIT_BYTES,
            "ratio": LIMIT_BYTES / len(state),
            "unit": "bytes a snapshot",
            "note": note,
        },
    }
