"""Reads recorded values from CSV and Parquet: one tag a file (as this service exports it), long, or a column a tag.

A time column is `time`, `timestamp` or `datetime` (ISO 8601, or Parquet's own type), or `time_ns`, `time_us`,
`time_ms`, `time_s` (numbers since 1970, UTC). With a `value` column each row is one value, of the tag in `tag` (or
`name`), else of the file's tag; without one, every other column is a tag. `status` is a StatusCode, `quality` (or
`severity`) a word.
"""

import contextlib
import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from domain.status import BAD, BAD_NO_DATA, GOOD, UNCERTAIN
from domain.time import SECOND_NS, parse_time_ns
from simulators.outlets import Value

_UNITS: Final = {"time_ns": 1, "time_us": 1_000, "time_ms": 1_000_000, "time_s": SECOND_NS}
_ISO_TIMES: Final = ("time", "timestamp", "datetime")
_TAGS: Final = ("tag", "name")
_QUALITIES: Final = ("quality", "severity")
_WORDS: Final = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}
_OF_EXPORT: Final = frozenset({"time_origin", "entry", "row"})
_NULLS: Final = frozenset({"", "null", "none", "nan"})
_BOOLEANS: Final = {"true": True, "false": False}
_BAD_MOST: Final = 20  # bad lines that are told
_ROWS_AT_ONCE: Final = 50_000


class ReplayError(Exception):
    """A file that cannot be replayed; the message names it, and the line or the columns."""


@dataclass(slots=True)
class Column:
    """The values of one tag, in the order of its file. `kind`: float, bool or str; None: nothing but nulls yet."""

    tag: str
    kind: type | None = None
    unit: str = ""
    time_ns: list[int] = field(default_factory=list)
    value: list[Value | None] = field(default_factory=list)
    status: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Recording:
    """What was read: columns by tag, and what is wrong, each with its file and line (of `bad_count` the first ones)."""

    columns: dict[str, Column] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    bad_count: int = 0
    rows: int = 0

    def complain(self, problem: str) -> None:
        """Note a bad line."""
        self.bad_count += 1
        if len(self.bad) < _BAD_MOST:
            self.bad.append(problem)


@dataclass(frozen=True, slots=True)
class Limits:
    """Which rows are taken: start ≤ time < end; more than `rows` of them are refused."""

    start_ns: int
    end_ns: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Header:
    """Where the columns of a file are."""

    time: int
    ns_per_unit: int  # 0: ISO 8601
    value: int | None
    tag: int | None
    status: int | None
    quality: int | None
    tags: tuple[tuple[int, str], ...]  # of a file with a column a tag


_Row = Sequence[object]


def read_file(path: Path, limits: Limits, recording: Recording) -> None:
    """Add a file's rows to a recording; ReplayError for a file that cannot be read at all."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            _read_parquet(path, limits, recording)
        else:
            _read_csv(path, limits, recording)
    except OSError as problem:
        raise ReplayError(f"{path}: {problem.strerror or problem}") from None
    except (UnicodeDecodeError, pa.ArrowInvalid, csv.Error) as problem:
        raise ReplayError(f"{path}: {problem}") from None


def _read_csv(path: Path, limits: Limits, recording: Recording) -> None:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        names = next(lines, None)
        if names is None:
            raise ReplayError(f"{path}: the file is empty")
        header = _header(path, names)
        rows = ((f"{path}:{lines.line_num}", row) for row in lines if row)
        _take(rows, header, (path.stem, ""), len(names), limits, recording)


def _read_parquet(path: Path, limits: Limits, recording: Recording) -> None:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        header = _header(path, names)
        _take(_parquet_rows(path, file), header, _tag_of(path, file.schema_arrow), len(names), limits, recording)


def _parquet_rows(path: Path, file: pq.ParquetFile) -> Iterator[tuple[str, _Row]]:
    number = 0
    for batch in file.iter_batches(_ROWS_AT_ONCE):
        for row in zip(*(_plain(column) for column in batch.columns), strict=True):
            number += 1
            yield f"{path}: row {number}", row


def _plain(column: pa.Array) -> Iterable[object]:
    """A column's values as Python's; times as integer ns, which `datetime` cannot hold."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
    values: Iterable[object] = column.to_pylist()
    return values


def _tag_of(path: Path, schema: pa.Schema) -> tuple[str, str]:
    """Name and unit of the tag of an exported file, by its metadata; else the file's name."""
    try:
        definition = json.loads((schema.metadata or {})[b"thermowell"])
        return str(definition["name"]), str(definition.get("unit", ""))
    except (KeyError, ValueError, TypeError):
        return path.stem, ""


def _header(path: Path, names: Sequence[str]) -> _Header:
    """Find the columns; ReplayError names those that there are."""
    at = {name.strip().lower(): index for index, name in enumerate(names)}
    if len(at) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1} or set(names))
        raise ReplayError(f"{path}: two columns have the same name: {', '.join(twice)}")
    time = next((name for name in (*_UNITS, *_ISO_TIMES) if name in at), None)
    if time is None:
        wanted = ", ".join((*_ISO_TIMES, *_UNITS))
        raise ReplayError(f"{path}: no column is a time (one of {wanted}); there are {', '.join(map(repr, names))}")
    quality = next((at[name] for name in _QUALITIES if name in at), None)
    tag = next((at[name] for name in _TAGS if name in at), None)
    known = {*_UNITS, *_ISO_TIMES, *_QUALITIES, *_OF_EXPORT, "status"}
    tags = tuple((index, names[index].strip()) for name, index in at.items() if name not in known)
    if "value" in at:
        tags = ()
    elif tag is not None or not tags:
        raise ReplayError(f"{path}: no column 'value', and no tags; there are {', '.join(map(repr, names))}")
    return _Header(at[time], _UNITS.get(time, 0), at.get("value"), tag, at.get("status"), quality, tags)


def _take(
    rows: Iterable[tuple[str, _Row]],
    header: _Header,
    file_tag: tuple[str, str],
    width: int,
    limits: Limits,
    recording: Recording,
) -> None:
    """Take the rows of one file; what cannot be read is noted with its place."""
    for place, row in rows:
        if len(row) != width:
            recording.complain(f"{place}: {len(row)} columns, but the first line names {width}")
            continue
        try:
            time_ns = _time(row[header.time], header.ns_per_unit)
            if not limits.start_ns <= time_ns < limits.end_ns:
                continue
            for tag, unit, raw, status in _values(row, header, file_tag):
                _put(recording, tag, unit, time_ns, raw, status)
        except ValueError as problem:
            recording.complain(f"{place}: {problem}")
        if recording.rows > limits.rows:
            raise ReplayError(f"{place}: more than {limits.rows:,} values: take a shorter time with start and end")


def _values(row: _Row, header: _Header, file_tag: tuple[str, str]) -> Iterator[tuple[str, str, object, int]]:
    """(tag, unit, value, status) of a row; an empty field among many tags is no value."""
    if header.value is None:
        for index, tag in header.tags:
            if row[index] is not None and row[index] != "":
                yield tag, "", row[index], GOOD
        return
    name, unit = file_tag
    if header.tag is not None:
        name, unit = str(row[header.tag] or "").strip(), ""
        if not name:
            message = "it names no tag"
            raise ValueError(message)
    yield name, unit, row[header.value], _status(row, header)


def _put(recording: Recording, tag: str, unit: str, time_ns: int, raw: object, status: int) -> None:
    column = recording.columns.get(tag)
    if column is None:
        column = recording.columns[tag] = Column(tag, unit=unit)
    value = _value(raw)
    if value is not None:
        kind = type(value)
        if column.kind is None:
            column.kind = kind
        elif column.kind is str:
            value = str(raw)
        elif kind is not column.kind:
            names = {float: "a number", bool: "true or false", str: "a text"}
            message = f"tag {tag!r}: {raw!r} is {names[kind]}, its values before were {names[column.kind]}"
            raise ValueError(message)
    elif not status & BAD:
        status = BAD_NO_DATA
    column.time_ns.append(time_ns)
    column.value.append(value)
    column.status.append(status)
    recording.rows += 1


def _time(raw: object, ns_per_unit: int) -> int:
    """UTC ns of a time as it was read; ValueError tells what was found."""
    if isinstance(raw, datetime):
        return round((raw if raw.tzinfo else raw.replace(tzinfo=UTC)).timestamp() * SECOND_NS)
    if isinstance(raw, str) and ns_per_unit == 0:
        text = raw.strip()
        if text.lstrip("-").isdigit():
            message = f"the time {text!r} is a number: name its column time_ns, time_us, time_ms or time_s"
            raise ValueError(message)
        return parse_time_ns(text)
    if isinstance(raw, bool) or raw is None or raw == "":
        message = "it has no time"
        raise ValueError(message)
    try:
        if isinstance(raw, int) or (isinstance(raw, str) and raw.strip().lstrip("-").isdigit()):
            return int(raw) * (ns_per_unit or 1)
        number = float(str(raw))
    except ValueError:
        message = f"the time {raw!r} is no number"
        raise ValueError(message) from None
    if not math.isfinite(number):
        message = f"the time {raw!r} is no time"
        raise ValueError(message)
    return round(number * (ns_per_unit or 1))


def _value(raw: object) -> Value | None:
    """A float, bool or text; None for null and NaN."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, (int, float)):
        return None if math.isnan(raw) else float(raw)
    text = "" if raw is None else str(raw).strip()
    if text.lower() in _NULLS:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    return _BOOLEANS.get(text.lower(), text)


def _status(row: _Row, header: _Header) -> int:
    """The StatusCode of a row: its code (decimal, or hexadecimal with 0x), else its quality's."""
    raw = row[header.status] if header.status is not None else None
    if raw not in (None, ""):
        try:
            code = int(str(raw), 0)
        except ValueError:
            code = -1
        if 0 <= code < 2**32:
            return code
        message = f"the status {raw!r} is no StatusCode"
        raise ValueError(message)
    word = row[header.quality] if header.quality is not None else None
    if word in (None, ""):
        return GOOD
    try:
        return _WORDS[str(word).strip().lower()]
    except KeyError:
        message = f"the quality {word!r} is neither Good, Uncertain nor Bad"
        raise ValueError(message) from None
