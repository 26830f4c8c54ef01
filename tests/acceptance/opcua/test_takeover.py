"""SIGKILL of the collecting process: the next one takes the subscription over, and nobody can tell."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from domain.entries import Gap, Position
from domain.errors import RetryLater
from domain.samples import SampleBatch
from historian.journal import ReadOnlyJournal
from tests.patience import LIMIT_S
from tests.ports import free_port

TAGS = 5
KILLS = 3


@contextmanager
def running(command: list[str], ready: str = "") -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if ready:
            assert any(line.decode().strip() == ready for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait(LIMIT_S)
        process.stdout.close()


def rows_and_gaps(journal: Path) -> tuple[Counter[tuple[int, float, int, int]], list[Gap]]:
    rows: Counter[tuple[int, float, int, int]] = Counter()
    gaps: dict[str, Gap] = {}
    at = Position(0)
    with closing(ReadOnlyJournal(journal)) as reader:
        while entries := reader.read(at, 1000):
            for at, entry in entries:  # noqa: B007  # the next read begins there
                if isinstance(entry, SampleBatch):
                    columns = (entry.tag, entry.value, entry.time_ns, entry.status)
                    rows.update(zip(*(column.tolist() for column in columns), strict=True))
                elif isinstance(entry, Gap):
                    gaps[entry.id] = entry
    return rows, [gap for gap in gaps.values() if gap.end_ns != gap.start_ns]


def wait_for(journal: Path, more_than: int, limit_s: float = LIMIT_S) -> int:
    """Wait until the journal has more rows; how many it has."""
    count = 0
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with suppress(RetryLater):  # there is no journal yet
            count = rows_and_gaps(journal)[0].total()
        if count > more_than:
            return count
        time.sleep(0.1)
    pytest.fail(f"no more than {more_than} rows within {limit_s} s")


def test_kills_within_the_lifetime_lose_nothing_double_nothing_and_leave_no_gap(node_server, tmp_path):
    truth, journal, port = tmp_path / "truth", tmp_path / "journal.db", free_port()
    serve = [*node_server, str(port), str(TAGS), "20", str(truth), str(tmp_path / "pki")]
    collect = [sys.executable, "-m", "tests.acceptance.opcua.collect", str(port), str(TAGS), str(journal)]
    count = 0
    with running(serve, ready="ready"):
        for kill in range(KILLS):
            with running(collect) as process:
                count = wait_for(journal, count + 100)
                time.sleep(0.03 * kill)
                process.send_signal(signal.SIGKILL)
            time.sleep(0.3)
        with running(collect):
            wait_for(journal, count + 200)
            time.sleep(0.5)

    rows, gaps = rows_and_gaps(journal)
    given = [line.split() for line in truth.read_text().splitlines()]
    there = {(tag, value) for tag, value, _, _ in rows}
    first, last = min(value for _, value in there), max(value for _, value in there)
    lost = [line for line in given if first <= float(line[1]) <= last and (int(line[0]), float(line[1])) not in there]
    assert lost == []
    assert [row for row, times in rows.items() if times > 1] == []
    assert gaps == []
