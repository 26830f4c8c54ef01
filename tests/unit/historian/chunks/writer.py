"""A process that writes a fixed list of entries into a store and is killed somewhere: `python -m … DIRECTORY`.

It prints each cursor after it moved, as a witness of what it promised.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from domain.entries import Position
from domain.samples import SampleBatch
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from tests.checks.store import T0_NS, S

ENTRIES = 400
POLICY = Policy(rows_per_chunk=40, settle_ns=20 * S, check_every_ns=2 * S, checkpoint_every_ns=15 * S)


def entry(number: int) -> SampleBatch:
    """Rows of eight tags: most on time, some late, some repeated, some corrected."""
    random = np.random.default_rng(number)
    rows = 30
    tag = np.tile(np.arange(8, dtype=np.uint32), 4)[:rows]
    second = number + np.arange(rows) // 8 / 4 - np.where(random.random(rows) < 0.1, random.integers(0, 60, rows), 0)
    value = np.round(random.normal(70, 1, rows), 1)
    status = np.where(random.random(rows) < 0.05, 0x8000_0000, 0).astype(np.uint32)
    if number > 3:
        value[:2] = (70.0, 71.0)  # often the same key again
        second[:2] = number // 5
    return SampleBatch(
        "plant", T0_NS + number * S, tag, T0_NS + np.round(second * S).astype(np.int64), None, value, status
    )


def main(arguments: Sequence[str]) -> None:
    """Write what the store does not have yet."""
    with ChunkStore.open(Path(arguments[0]), policy=POLICY) as store:
        for number in range(store.cursor() + 1, ENTRIES + 1):
            store.write(Position(number), entry(number))
            before = store.cursor()
            after = store.flush(everything=number % 41 == 0)
            if after != before:
                sys.stdout.write(f"{after}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
