import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Position
from domain.errors import DamagedFile, NewerFormat, RetryLater
from domain.samples import SampleBatch
from historian.chunks.store import ChunkStore
from historian.verify import verify
from historian.view import HistoryView
from tests.checks.store import T0_NS, S, batch
from tests.properties.test_store import same
from tests.unit.historian.chunks import writer
from tests.unit.historian.chunks.rigs import ListedJournal

FLIPS = 100
NAME = "2025-10.db"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("original")
    make(data)
    return data


@pytest.fixture
def file(original: Path, tmp_path: Path) -> Path:
    """The sealed file of a copy in `tmp_path`."""
    shutil.copytree(original / "history", tmp_path / "history")
    return tmp_path / "history" / NAME


def make(data: Path) -> None:
    """A data directory with shared, own and listed segments, patches, older versions and a tail."""
    with ChunkStore.open(data / "history", policy=writer.POLICY) as store:
        for number in range(1, 121):
            store.write(Position(number), writer.entry(number))
            store.flush()
        store.seal()
        second = np.arange(40, dtype=np.int64)
        shared = SampleBatch(
            "plant",
            T0_NS,
            np.repeat(np.arange(20, 23, dtype=np.uint32), 40),
            T0_NS + np.tile(second, 3) * S,
            None,
            np.tile(second, 3) / 10,
            np.zeros(120, np.uint32),
        )
        store.write(Position(121), shared)
        store.seal()
        store.write(Position(122), batch((20, 5, 99.0), (21, 5.5, 1.0), (22, 5, 0.0, 0x8000_0000)))
        store.seal()
        store.write(Position(123), batch((1, 500, 1.0)))
        store.flush(everything=True)


def test_a_sound_record_is_counted(file: Path, tmp_path: Path) -> None:

    report = verify(tmp_path)

    assert report.damages == []
    assert (report.files, report.waiting) == (1, 1)
    assert report.rows > 1000


def test_a_flipped_byte_is_found_or_changes_nothing(file: Path, tmp_path: Path) -> None:
    """Free space within pages may hold anything; whatever can be read is proved."""
    sound = file.read_bytes()
    expected = answers(file.parent)
    chosen = random.Random(3)
    missed = []
    for _ in range(FLIPS):
        offset, bit = chosen.randrange(len(sound)), 1 << chosen.randrange(8)
        damaged = bytearray(sound)
        damaged[offset] ^= bit
        file.write_bytes(damaged)
        for beside in file.parent.glob(f"{NAME}-*"):
            beside.unlink()
        if not verify(tmp_path).damages and not unchanged(expected, file.parent):
            missed.append(offset)

    assert missed == []


def answers(history: Path) -> list[object]:
    view = HistoryView(history, ListedJournal())
    view.refresh()
    how = (T0_NS - 999 * S, T0_NS + 999 * S)
    tags = [*range(8), 20, 21, 22]
    found: list[object] = [view.read(tag, *how, versions=True) for tag in tags]
    found += [view.aggregate(tag, *how, 3) for tag in tags]
    found.append(view.latest())
    view.close()
    return found


def unchanged(expected: list[object], history: Path) -> bool:
    try:
        for one, other in zip(expected, answers(history), strict=True):
            same(one, other)
    except (AssertionError, DamagedFile, RetryLater):
        return False
    return True


@pytest.mark.parametrize("column", ["times", "places", "columns", "tags", "column_hashes", "hash"])
def test_damage_is_named_by_file_segment_tag_and_time(file: Path, tmp_path: Path, column: str) -> None:
    with sqlite3.connect(file) as connection:
        query = f"SELECT id, {column} FROM segment WHERE kind=0 AND layout=0 ORDER BY id DESC LIMIT 1"
        number, payload = connection.execute(query).fetchone()
        damaged = bytearray(payload)
        damaged[len(damaged) // 2] ^= 4
        connection.execute(f"UPDATE segment SET {column}=? WHERE id=?", (bytes(damaged), number))
    connection.close()

    damage = verify(tmp_path).damages[0]

    assert (damage.file, damage.segment) == (NAME, number)
    assert set(damage.tags) <= {20, 21, 22}
    assert damage.tags
    assert damage.start_ns == T0_NS
    assert str(damage).startswith(f"{NAME}: segment {number}: tag")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE chunk SET summary=zeroblob(57) WHERE tag=21", "hash"),
        ("UPDATE chunk SET high_place=high_place+1 WHERE tag=21 AND kind=1", "hash"),
        ("DELETE FROM chunk WHERE tag=21 AND kind=0", "not those of its tags"),
        ("UPDATE edge SET bits=bits+1 WHERE tag=21", "edge"),
        ("DELETE FROM edge WHERE tag=21", "edge"),
        ("DELETE FROM chain WHERE number=(SELECT max(number) FROM chain)", "chain"),
        ("UPDATE chain SET rows=rows+1 WHERE number=2", "chain"),
        ("DELETE FROM segment WHERE id=2", "missing"),
        ("UPDATE segment SET base=0 WHERE kind=1", "hash"),
    ],
)
def test_tampering_with_a_table_is_found(file: Path, tmp_path: Path, statement: str, said: str) -> None:
    with sqlite3.connect(file) as connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()

    assert any(said in str(damage) for damage in verify(tmp_path).damages)


def test_a_file_that_is_gone_or_cut_short_is_named(file: Path, tmp_path: Path) -> None:
    file.write_bytes(file.read_bytes()[:8192])
    cut = verify(tmp_path).damages
    file.unlink()
    gone = verify(tmp_path).damages

    assert cut[0].file == NAME
    assert [str(damage) for damage in gone] == [f"{NAME}: is missing, and the state knows it"]


def test_an_older_copy_of_a_file_does_not_pass(file: Path, tmp_path: Path) -> None:
    shutil.copy(file, tmp_path / "copy")
    with ChunkStore.open(file.parent, policy=writer.POLICY) as store:
        store.write(Position(200), writer.entry(200))
        store.seal()
    shutil.copy(tmp_path / "copy", file)

    assert "no commit" in str(verify(tmp_path).damages)


def test_a_damaged_tail_is_named(file: Path, tmp_path: Path) -> None:
    with sqlite3.connect(file.parent / "state.db") as connection:
        connection.execute("UPDATE tail SET columns=zeroblob(length(columns))")
    connection.close()

    assert "tail" in str(verify(tmp_path).damages[0])
    with pytest.raises(DamagedFile, match="tail"):
        ChunkStore.open(file.parent)


def test_a_file_of_a_newer_program_is_left_alone(file: Path) -> None:
    for name in (NAME, "state.db"):
        with sqlite3.connect(file.parent / name) as connection:
            connection.execute("PRAGMA user_version=99")
        connection.close()
        with pytest.raises(NewerFormat, match=name):
            ChunkStore.open(file.parent)
        with sqlite3.connect(file.parent / name) as connection:
            connection.execute("PRAGMA user_version=1")
        connection.close()

    ChunkStore.open(file.parent).close()


def test_an_empty_directory_is_sound(tmp_path: Path) -> None:
    assert verify(tmp_path).is_sound
