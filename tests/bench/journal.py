"""Row `journal_written`: bytes that reach the disk per value at 5,000 values/s, against the limit of 50.

The journal itself, as the service runs it: messages of 50 values, one commit for what 100 ms bring, a heartbeat every
second, a trim every two, the checkpoints of the log included. The time is not waited for, as bytes do not depend on it: each
commit gets exactly the rows of its interval. Bytes are the kernel's count for this process (`write_bytes`), after a
warm-up in which the log reaches its size.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from domain.entries import Heartbeat, Position
from domain.samples import SampleBatch
from historian.journal import SqliteJournal
from tests.bench.workload import batches, hours

VALUES_PER_S = 5_000
MESSAGE_ROWS = 50
LIMIT_BYTES = 50.0
WARM_S, MEASURED_S = 40, 80
TRIM_EVERY_S = 2
BUILD = Path(__file__).parents[2] / "build"


def run() -> dict[str, dict[str, object]]:
    """Measure at 100 ms, and at 250 ms for the note."""
    messages = list(itertools.islice(_messages(), (WARM_S + MEASURED_S) * VALUES_PER_S // MESSAGE_ROWS))
    BUILD.mkdir(exist_ok=True)
    written, cpu_ms = asyncio.run(_written_per_value(messages, 0.1))
    slower, _ = asyncio.run(_written_per_value(messages, 0.25))
    untrimmed, _ = asyncio.run(_written_per_value(messages, 0.1, trims=False))
    note = (
        f"/proc/self/io write_bytes over {MEASURED_S} s of commits of {VALUES_PER_S // 10} values (100 ms), trim and "
        f"checkpoints included; {untrimmed:.1f} without trim; {slower:.1f} at 250 ms; {cpu_ms:.2f} ms CPU a commit; peer: the limit"
    )
    return {
        "journal_written": {
            "ours": written,
            "peer": LIMIT_BYTES,
            "ratio": LIMIT_BYTES / written,
            "unit": "bytes written per value",
            "note": note,
        },
    }


def _messages() -> Iterator[SampleBatch]:
    for arrivals in hours(1):
        yield from batches(arrivals, MESSAGE_ROWS)


async def _written_per_value(
    messages: list[SampleBatch], interval_s: float, *, trims: bool = True
) -> tuple[float, float]:
    """Bytes per value, and CPU milliseconds per commit of this whole process."""
    rows = round(VALUES_PER_S * interval_s)
    per_commit = rows // MESSAGE_ROWS
    warm, total = round(WARM_S / interval_s), round((WARM_S + MEASURED_S) / interval_s)
    bytes_before, cpu_before_s = 0, 0.0
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        journal = SqliteJournal.open(Path(folder) / "journal.db", flush_interval_s=0.0)
        for commit in range(total):
            if commit == warm:
                bytes_before, cpu_before_s = _written_bytes(), time.process_time()
            beats = _heartbeats(commit, interval_s)
            last = await journal.append(*beats, *messages[commit * per_commit : (commit + 1) * per_commit])
            if trims and commit % round(TRIM_EVERY_S / interval_s) == 0:
                await journal.trim(Position(last - 1))
        written = _written_bytes() - bytes_before
        cpu_s = time.process_time() - cpu_before_s
        journal.close()
    if written == 0:
        raise RuntimeError(f"the kernel counts no bytes written in {BUILD}: it is no disk")
    commits = total - warm
    return written / (commits * rows), cpu_s / commits * 1e3


def _heartbeats(commit: int, interval_s: float) -> list[Heartbeat]:
    now_ns = round(commit * interval_s * 1e9)
    return [Heartbeat("plant", now_ns, connected=True)] if commit % round(1 / interval_s) == 0 else []


def _written_bytes() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        name, value = line.split(": ")
        if name == "write_bytes":
            return int(value)
    raise RuntimeError("/proc/self/io has no write_bytes")
