import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain.entries import Position
from domain.errors import RetryLater
from historian.chunks.store import ChunkStore
from historian.memory import MemoryStore
from historian.verify import verify
from tests.checks.store import T0_NS, S, batch
from tests.patience import LIMIT_S
from tests.properties.test_store import same
from tests.unit.historian.chunks import writer

KILLS = 5
LONGEST_RUN_S = 1.2


def start(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", writer.__name__, str(directory)], stdout=subprocess.PIPE, text=True)


def killed_after(directory: Path, delay_s: float) -> list[int]:
    """The cursors that the process promised before it was killed."""
    process = start(directory)
    try:
        time.sleep(delay_s)
    finally:
        process.kill()
    promised, _ = process.communicate(timeout=LIMIT_S)
    # The last line may be cut short by the kill.
    return [int(line) for line in promised.split("\n")[:-1]]


def test_nothing_is_lost_or_doubled_by_kills_at_any_moment(tmp_path: Path) -> None:
    directory = tmp_path / "history"
    moments = random.Random(5)
    for _ in range(KILLS):
        promised = killed_after(directory, moments.uniform(0.4, LONGEST_RUN_S))
        with ChunkStore.open(directory, policy=writer.POLICY) as store:
            assert store.cursor() >= max(promised, default=0)
    finished = start(directory)
    assert finished.wait(timeout=LIMIT_S) == 0
    finished.communicate()
    expected = MemoryStore()
    for number in range(1, writer.ENTRIES + 1):
        expected.write(Position(number), writer.entry(number))

    with ChunkStore.open(directory, policy=writer.POLICY) as store:
        for number in range(store.cursor() + 1, writer.ENTRIES + 1):
            store.write(Position(number), writer.entry(number))
        store.seal()
        for tag in range(8):
            how = (tag, T0_NS - 999 * S, T0_NS + 999 * S)
            same(expected.read(*how, versions=True), store.read(*how, versions=True))
            same(expected.aggregate(*how, 11), store.aggregate(*how, 11))
        same(expected.latest(), store.latest())
        assert store.counts() == expected.counts()
    assert verify(tmp_path).damages == []


@pytest.mark.parametrize("commits", range(4))
def test_a_crash_between_the_commits_of_a_seal_changes_no_count(tmp_path: Path, commits: int) -> None:
    """As after a kill: some files are ahead of the cursor, and the entries come again."""
    directory = tmp_path / "history"
    month_s = 31 * 86_400
    entries = [
        batch(*((tag, month_s * (tag % 3) + at, float(at)) for tag in range(6)), (0, 0, 9.0), (0, 0, 9.0))
        for at in range(5)
    ]
    store = ChunkStore.open(directory, policy=writer.POLICY)
    for at, given in enumerate(entries, 1):
        store.write(Position(at), given)
        if at == 2:
            store.flush(everything=True)
    break_sealing_after(store, commits)
    with pytest.raises(KeyboardInterrupt):
        store.seal()
    store.close()
    expected = MemoryStore()

    with ChunkStore.open(directory, policy=writer.POLICY) as again:
        assert again.cursor() == 2
        for at, given in enumerate(entries, 1):
            expected.write(Position(at), given)
            again.write(Position(at), given)
        assert sum(again.counts().values()) == sum(expected.counts().values())
        same(expected.latest(), again.latest())
        again.seal()
        assert again.counts() == expected.counts()
    assert verify(tmp_path).damages == []


def break_sealing_after(store: ChunkStore, commits: int) -> None:
    original = store._sealer.seal

    def seal(*arguments: object, **named: object) -> object:
        for number, step in enumerate(original(*arguments, **named)):  # type: ignore[arg-type]
            if number == commits:
                raise KeyboardInterrupt
            yield step
        raise KeyboardInterrupt

    store._sealer.seal = seal  # type: ignore[assignment,method-assign]


def test_one_process_writes(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path), pytest.raises(RetryLater, match="another process"):
        ChunkStore.open(tmp_path)
