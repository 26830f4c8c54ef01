"""Rows `detect_bank…`: every rule and drift detector on 10,000 tags, a tick of one second at a time.

The plant of `detect`, ten times as large: 500 units of 20 tags at 1 Hz. What is compared with river, in the same run:

- `detect_bank`: the whole bank against ADWIN and PageHinkley alone, one by one. Theirs is one judgement of a mean; ours
  are ranges, rates, silence, standstill, phases and three charts. So it is no comparison of like with like, in river's
  favour.
- `detect_bank_alike`: the whole bank against a river detector for each kind of judgement that ours makes, as in `detect`;
  it is meant to be 100 or more. river judges each sample where our charts take the mean of a minute, and an ADWIN, which
  has no twin in the bank, is among them: that is in ours. What river has no word for (phases, gaps, late rows,
  durations, findings) only ours does.

`detect_bank_tick` is the CPU time of a tick, with all windows of a minute that it closes, against a millisecond (the
ratio is stated over measured). `detect_bank_everything` is the same for the plant of `everything`, in which all that can be
judged is switched on: the median tick; heartbeats, and the ticks that close windows, stand in its note.
"""

import statistics
import time

import numpy as np
from river.drift import ADWIN, PageHinkley

from detectors.bank import Bank
from domain.entries import Entry, Position
from domain.samples import SampleBatch
from tests.bench import everything
from tests.bench.detect import PER_UNIT, entries_of, made_bank, peer_of

UNITS = 500
TAGS = UNITS * PER_UNIT
WARM, MEASURED, PEER = 75, 180, 3
EVERYTHING_WARM = 640  # by then no scatter is learnt any more
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
            "note": f"median of {REPETITIONS}; {tick}; peer: river ADWIN + PageHinkley alone, one by one; ours: the whole bank",
        },
        "detect_bank_alike": {
            "ours": figure,
            "peer": statistics.median(alike),
            "ratio": figure / statistics.median(alike),
            "unit": "samples per CPU-second",
            "note": "the whole bank; peer: a river detector for each kind of judgement, as in `detect`, one by one",
        },
        "detect_bank_tick": {
            "ours": mean_ms,
            "peer": STATED_MS,
            "ratio": STATED_MS / mean_ms,
            "unit": "CPU ms per tick of 1 s",
            "note": f"mean of {MEASURED} ticks; ranges, rate, stale, frozen, drift and context; {tick}",
        },
        "detect_bank_everything": _everything(),
    }


def _everything() -> dict[str, object]:
    """Ticks of the plant in which all is switched on, once its habits are learnt."""
    bank = everything.made_bank()
    seconds = everything.entries_of(EVERYTHING_WARM + MEASURED)
    ticks, others, number = [], 0.0, 0
    for second, entries in enumerate(seconds):
        for entry in entries:
            number += 1
            took_ms = _took_ms(bank, number, entry)
            if second >= EVERYTHING_WARM and isinstance(entry, SampleBatch):
                ticks.append(took_ms)
            elif second >= EVERYTHING_WARM:
                others += took_ms
    median_ms = statistics.median(ticks)
    note = (
        f"median of {MEASURED} ticks, mean {statistics.mean(ticks):.2f} ms, worst {max(ticks):.1f} ms; heartbeats "
        f"{others / MEASURED:.2f} ms a second; {everything.TAGS:,} tags, every rule, all of health, relations, set points, additions "
        f"and dwells in {everything.UNITS} units, {2 * everything.HOLDS} holds, a model of {everything.MODELLED} units"
    )
    ratio = STATED_MS / median_ms
    return {"ours": median_ms, "peer": STATED_MS, "ratio": ratio, "unit": "CPU ms per tick of 1 s", "note": note}


def _took_ms(bank: Bank, number: int, entry: Entry) -> float:
    started = time.process_time()
    bank.update(Position(number), entry)
    return (time.process_time() - started) * 1e3


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
