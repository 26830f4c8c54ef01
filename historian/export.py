"""Complete copies for other programs: CSV and Parquet, exact, streamed.

Both have the same columns: the time as ISO 8601 (UTC) and as integer nanoseconds since 1970, the value, the status as
hexadecimal OPC UA code and as its severity, and the row's place in the journal. A value is written so that reading it
gives the same double; every version of a row is there if `versions` is asked for, else the row in force.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.entries import Position
from domain.ports import Rows
from domain.status import raw, severity_name
from domain.tags import Tag
from domain.time import format_time

COLUMNS = ("time", "time_ns", "value", "status", "severity", "time_origin", "entry", "row")
_ORIGINS = ("source", "server", "receipt", "receipt")  # by the two bits of `status.TIME_ORIGIN`
_FORMAT = "thermowell samples 1"


class Pieces(Protocol):
    """A history that gives long answers in pieces."""

    def read_pieces(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None = None, versions: bool = False
    ) -> Iterator[Rows]:
        """Rows with start ≤ time < end, in order."""
        ...


def write_csv(history: Pieces, tag: Tag, start_ns: int, end_ns: int, target: Path, *, versions: bool = False) -> int:
    """Write a tag's rows as CSV (RFC 4180, UTF-8, the first line names the columns); return their number."""
    count = 0
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for rows in history.read_pieces(tag.id, start_ns, end_ns, versions=versions):
            writer.writerows(zip(*_columns(rows), strict=True))
            count += len(rows)
    return count


def write_parquet(
    history: Pieces, tag: Tag, start_ns: int, end_ns: int, target: Path, *, versions: bool = False
) -> int:
    """Write a tag's rows as Parquet, one row group a piece; return their number.

    `time` is a timestamp in ns, UTC. The tag's definition is JSON in the file's metadata under `thermowell`.
    """
    schema = pa.schema(
        [
            pa.field("time", pa.timestamp("ns", tz="UTC")),
            pa.field("time_ns", pa.int64()),
            pa.field("value", pa.float64(), metadata={"unit": tag.unit, "reference": tag.reference}),
            pa.field("status", pa.string()),
            pa.field("severity", pa.string()),
            pa.field("time_origin", pa.string()),
            pa.field("entry", pa.int64()),
            pa.field("row", pa.int32()),
        ],
        metadata={"thermowell": _definition(tag, start_ns, end_ns), "format": _FORMAT},
    )
    count = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for rows in history.read_pieces(tag.id, start_ns, end_ns, versions=versions):
            status, severity, origin = _status_columns(rows)
            columns = [
                pa.array(rows.time_ns).cast(pa.timestamp("ns", tz="UTC")),
                pa.array(rows.time_ns),
                pa.array(rows.value, from_pandas=False),
                pa.array(status),
                pa.array(severity),
                pa.array(origin),
                pa.array(rows.entry),
                pa.array(rows.row),
            ]
            writer.write_table(pa.table(columns, schema=schema))
            count += len(rows)
    return count


def _columns(rows: Rows) -> Iterator[list[str] | list[int]]:
    """CSV's columns; `repr` of a float is the shortest text that reads back as the same double."""
    times: list[int] = rows.time_ns.tolist()
    yield [format_time(time_ns) for time_ns in times]
    yield times
    yield [repr(value) for value in rows.value.tolist()]
    yield from _status_columns(rows)
    yield rows.entry.tolist()
    yield rows.row.tolist()


def _status_columns(rows: Rows) -> tuple[list[str], list[str], list[str]]:
    """The codes as they were on the wire, their severity, and where the time came from."""
    codes, index = np.unique(rows.status, return_inverse=True)
    on_wire = raw(codes).tolist()
    chosen = index.tolist()
    texts = [f"0x{code:08X}" for code in on_wire]
    names = [severity_name(code) for code in on_wire]
    origins = [_ORIGINS[(code >> 12) & 3] for code in codes.tolist()]
    return [texts[i] for i in chosen], [names[i] for i in chosen], [origins[i] for i in chosen]


def _definition(tag: Tag, start_ns: int, end_ns: int) -> str:
    return json.dumps({**asdict(tag), "start_ns": start_ns, "end_ns": end_ns}, ensure_ascii=False, sort_keys=True)
