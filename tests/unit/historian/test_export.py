import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from domain.entries import Position
from domain.status import TIME_FROM_SERVER
from domain.tags import Tag, TagId
from historian.chunks.store import ChunkStore
from historian.export import COLUMNS, write_csv, write_parquet
from tests.checks.store import INF, NAN, T0_NS, S, batch

TAG = Tag(TagId(3), "5f0c", 2, "R101.PT", "train1", "nsu=urn:plant;s=R101.PT", unit="bar", reference="gauge")
SAMPLES = [
    (3, 0, 0.1 + 0.2),
    (3, 0.0015, -0.0, 0x4000_0000),
    (3, 2, NAN, 0x8031_0000),
    (3, 3, INF, TIME_FROM_SERVER),
    (3, 4, 1e-310),
    (4, 1, 9.0),
]


@pytest.fixture
def store(tmp_path: Path) -> ChunkStore:
    store = ChunkStore.open(tmp_path / "history")
    store.write(Position(5), batch(*SAMPLES))
    store.seal()
    store.write(Position(6), batch((3, 0, 1.5)))
    return store


def test_csv_has_exact_values_times_and_codes(store: ChunkStore, tmp_path: Path) -> None:
    count = write_csv(store, TAG, T0_NS, T0_NS + 9 * S, tmp_path / "x.csv")

    lines = (tmp_path / "x.csv").read_text().splitlines()
    rows = list(csv.DictReader(lines))
    assert count == len(rows) == 5
    assert tuple(rows[0]) == COLUMNS
    assert [row["value"] for row in rows] == ["1.5", "-0.0", "nan", "inf", "1e-310"]
    assert rows[1]["time"] == "2025-10-09T09:00:00.001500Z"
    assert [int(row["time_ns"]) for row in rows][:2] == [T0_NS, T0_NS + 1_500_000]
    assert rows[2]["status"] == "0x80310000"
    assert [row["severity"] for row in rows] == ["Good", "Uncertain", "Bad", "Good", "Good"]
    assert (rows[3]["status"], rows[3]["time_origin"]) == ("0x00000000", "server")
    assert (rows[1]["entry"], rows[1]["row"]) == ("5", "1")


def test_parquet_has_the_same_rows_to_the_bit(store: ChunkStore, tmp_path: Path) -> None:
    count = write_parquet(store, TAG, T0_NS, T0_NS + 9 * S, tmp_path / "x.parquet", versions=True)

    table = pq.read_table(tmp_path / "x.parquet")
    expected = store.read(3, T0_NS, T0_NS + 9 * S, versions=True)
    assert count == table.num_rows == 6
    assert tuple(table.column_names) == COLUMNS
    value = table["value"].to_numpy()
    assert value.view(np.int64).tolist() == expected.value.view(np.int64).tolist()
    assert table["time_ns"].to_pylist() == expected.time_ns.tolist()
    assert table["time"].cast("int64").to_pylist() == expected.time_ns.tolist()
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    assert json.loads(table.schema.metadata[b"thermowell"])["unit"] == "bar"
    assert table.schema.field("value").metadata[b"unit"] == b"bar"


def test_an_empty_stretch_is_a_file_without_rows(store: ChunkStore, tmp_path: Path) -> None:
    assert write_parquet(store, TAG, 0, S, tmp_path / "x.parquet") == 0
    assert write_csv(store, TAG, 0, S, tmp_path / "x.csv") == 0
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 0
