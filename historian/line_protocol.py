"""Samples as InfluxDB's line protocol: one line a row, ns since 1970, made column by column.

A row is a point in the site's measurement; a later version of it (another value or status at the same time) is a point
in `SITE_corrections`, because InfluxDB overwrites a point by another of equal measurement, tags and time.

A field has one type for good, so each type has a field of its own:

value      float     a number; the shortest text that reads back to the same double
boolean    boolean   what a boolean tag says
integer    integer   an integer beyond 2^53, which a double would change
unsigned   unsigned  an integer beyond 2^63
text       string    any other text, structures as JSON
status     integer   the OPC UA StatusCode, of every row; alone where there is no value
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain import status
from domain.entries import TextBatch
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable

CORRECTIONS = "_corrections"
"""What the measurement of corrections has behind the site's name."""

EARLIEST_NS, LATEST_NS = -(2**63) + 2, 2**63 - 2
"""The times that InfluxDB can hold."""

_CONTROLS = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})
_IN_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_IN_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_IN_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\"})
_DIGITS = re.compile(r"-?[0-9]{1,20}")
_COMMA, _BRACKET = b",]"


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines in one piece of memory, each with its newline; `ends` (length n) are where they end."""

    body: bytes
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """How many lines."""
        return len(self.ends)

    def part(self, start: int, stop: int) -> "Lines":
        """The lines from `start` to before `stop`."""
        first = int(self.ends[start - 1]) if start else 0
        ends = self.ends[start:stop]
        return Lines(self.body[first : int(ends[-1])] if len(ends) else b"", ends - first)

    def text(self) -> str:
        """The lines as text."""
        return self.body.decode()


def joined(parts: Sequence[Lines]) -> Lines:
    """All lines, in order."""
    parts = [part for part in parts if len(part)]
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.body) for part in parts)])
    ends = [part.ends + start for part, start in zip(parts, starts[:-1].tolist(), strict=True)]
    return Lines(b"".join(part.body for part in parts), np.concatenate([*ends, np.empty(0, np.int64)]))


@dataclass(frozen=True, slots=True, eq=False)
class Versions:
    """Which version of its tag and time each row is (2: the first correction), and its place in the journal."""

    number: NDArray[np.int64]
    entry: NDArray[np.int64]
    row: NDArray[np.int64]

    def rows(self, chosen: NDArray[np.bool_]) -> "Versions":
        """The chosen rows."""
        return Versions(self.number[chosen], self.entry[chosen], self.row[chosen])


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row of a `TextBatch`; `version` 1 is the first of its tag and time."""

    tag: int
    time_ns: int
    value: str | None
    status: int
    version: int = 1
    entry: int = 0
    row: int = 0


def text_rows(at: int, batch: TextBatch) -> list[TextRow]:
    """The rows of an entry, each as if it were the first of its tag and time."""
    columns = zip(batch.tag, batch.time_ns, batch.value, batch.status, strict=True)
    return [TextRow(*of_row, 1, at, row) for row, of_row in enumerate(columns)]


class LineProtocol:
    """Renders rows; what a tag's lines have in common is made once.

    `measurement` is the site, `unit_of` names a tag's unit of equipment where it has one. A simulated plant's points
    carry `simulated=yes`.
    """

    def __init__(
        self,
        measurement: str,
        tags: Iterable[Tag],
        unit_of: Mapping[str, str],
        *,
        simulated: bool = False,
    ) -> None:
        mark = b",simulated=yes" if simulated else b""  # the keys in alphabetical order, as InfluxDB likes them
        self._first = _bytes(_measurement(measurement)) + mark
        self._correction = _bytes(_measurement(measurement + CORRECTIONS)) + mark
        self._unit_of = unit_of
        self._tags = TagTable(tags)
        self._heads: _Heads | None = None

    def define(self, tag: Tag) -> None:
        """Take a new tag, or a new version of one."""
        self._tags.put(tag)
        self._heads = None

    def render(self, batch: SampleBatch, versions: Versions | None = None) -> Lines:
        """A line for each row, in any order; with `versions` they are corrections.

        Rows whose time InfluxDB cannot hold are left out; UnknownTag if a tag was not defined.
        """
        kept = (batch.time_ns >= EARLIEST_NS) & (batch.time_ns <= LATEST_NS)
        if not kept.all():
            batch, versions = batch.rows(kept), versions and versions.rows(kept)
        if not len(batch):
            return joined([])
        heads = self._heads_of(batch.tag)
        has_value = np.isfinite(batch.value)
        is_boolean = heads.is_boolean[batch.tag] & ((batch.value == 0) | (batch.value == 1))
        parts = []
        for form, chosen in ((_NUMBER, has_value & ~is_boolean), (_BOOLEAN, is_boolean), (_NO_VALUE, ~has_value)):
            if chosen.all():
                parts.append(self._lines(heads, batch, versions, form))
            elif chosen.any():
                parts.append(self._lines(heads, batch.rows(chosen), versions and versions.rows(chosen), form))
        return joined(parts)

    def render_texts(self, rows: Iterable[TextRow]) -> Lines:
        """A line for each text row, one by one: texts are few."""
        lines = [self._text_line(row) for row in rows if EARLIEST_NS <= row.time_ns <= LATEST_NS]
        return Lines(b"".join(lines), np.cumsum([len(line) for line in lines], dtype=np.int64))

    def _lines(self, heads: "_Heads", batch: SampleBatch, versions: Versions | None, form: int) -> Lines:
        parts: list[pa.Array | pa.Scalar] = []
        if versions is None:
            parts.append(heads.first.take(pa.array(batch.tag)))
        else:
            parts += [pa.scalar(self._correction), heads.of_tag.take(pa.array(batch.tag))]
            parts += [pa.scalar(b",version="), _column(versions.number, b" ")]
            parts += [pa.scalar(b"entry="), _column(versions.entry, b"i"), pa.scalar(b",row=")]
            parts += [_column(versions.row, b"i"), pa.scalar(b",")]
        if form == _NUMBER:
            parts += [pa.scalar(b"value="), _column(batch.value, b",")]
        elif form == _BOOLEAN:
            parts.append(_BOOLEANS.take(pa.array(batch.value.astype(np.int8))))
        parts += [_status_column(status.raw(batch.status)), _column(batch.time_ns, b"\n")]
        lines = pc.binary_join_element_wise(*parts, b"")
        _, offsets, body = lines.buffers()
        ends = np.frombuffer(offsets, np.int32, len(lines) + 1)[1:].astype(np.int64)
        return Lines(body.slice(0, int(ends[-1])).to_pybytes(), ends)

    def _text_line(self, row: TextRow) -> bytes:
        tag = self._tags[row.tag]
        fields = f"{_written(row.value, is_text=tag.kind == 'text')}status={row.status & _RAW}i {row.time_ns}\n"
        head = _tag_keys(tag, self._unit_of)
        if row.version == 1:
            return self._first + _bytes(f"{head} {fields}")
        return self._correction + _bytes(f"{head},version={row.version} entry={row.entry}i,row={row.row}i,{fields}")

    def _heads_of(self, tags: NDArray[np.uint32]) -> "_Heads":
        if self._heads is None:
            self._heads = self._made_heads()
        known = self._heads.known
        highest = int(tags.max())
        if highest >= len(known) or not known[tags].all():
            for missing in np.unique(tags):
                assert self._tags[int(missing)]  # raises UnknownTag
        return self._heads

    def _made_heads(self) -> "_Heads":
        count = len(self._tags)
        of_tag, known, is_boolean = [b""] * count, np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        for tag in self._tags:
            of_tag[tag.id] = _bytes(_tag_keys(tag, self._unit_of))
            known[tag.id], is_boolean[tag.id] = True, tag.kind == "boolean"
        first = [self._first + keys + b" " for keys in of_tag]
        return _Heads(pa.array(first, pa.binary()), pa.array(of_tag, pa.binary()), known, is_boolean)


_NUMBER, _BOOLEAN, _NO_VALUE = range(3)
_BOOLEANS = pa.array([b"boolean=false,", b"boolean=true,"], pa.binary())
_RAW = ~status.TIME_ORIGIN & 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, eq=False)
class _Heads:
    """By dense id: how a tag's lines begin, its keys alone, whether there is such a tag, and whether it is boolean."""

    first: pa.BinaryArray
    of_tag: pa.BinaryArray
    known: NDArray[np.bool_]
    is_boolean: NDArray[np.bool_]


def _column(numbers: NDArray[np.float64] | NDArray[np.int64], end: bytes) -> pa.BinaryArray:
    """The shortest texts of numbers that read back the same, each with one character behind it.

    orjson writes the whole array at once; its commas are where the texts end, and become `end`.
    """
    written = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)
    text = np.frombuffer(written, np.uint8)[1:].copy()
    ends = np.flatnonzero((text == _COMMA) | (text == _BRACKET))
    text[ends] = end[0]
    offsets = np.zeros(len(numbers) + 1, np.int32)
    offsets[1:] = ends + 1
    return pa.Array.from_buffers(pa.binary(), len(numbers), [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def _status_column(codes: NDArray[np.uint32]) -> pa.BinaryArray | pa.Scalar:
    """The field of the status, up to the time; few codes differ."""
    distinct, which = np.unique(codes, return_inverse=True) if codes.any() else (codes[:1], None)
    texts = [f"status={code}i ".encode() for code in distinct.tolist()]
    return pa.scalar(texts[0]) if which is None else pa.array(texts, pa.binary()).take(pa.array(which))


def field_of(value: str | None, *, is_text: bool) -> str:
    """The field of a text row, or nothing; digits of a tag that is no text are an integer."""
    if value is None:
        return ""
    if not is_text and _DIGITS.fullmatch(value):
        number = int(value)
        if -(2**63) <= number < 2**63:
            return "integer"
        if 0 <= number < 2**64:
            return "unsigned"
    return "text"


def _written(value: str | None, *, is_text: bool) -> str:
    """The field and its value with the comma behind it, or nothing."""
    match field_of(value, is_text=is_text):
        case "integer":
            return f"integer={int(value or 0)}i,"
        case "unsigned":
            return f"unsigned={int(value or 0)}u,"
        case "text":
            return f'text="{(value or "").translate(_IN_TEXT)}",'
        case _:
            return ""


def _tag_keys(tag: Tag, unit_of: Mapping[str, str]) -> str:
    unit = f",unit={_escaped(unit_of[tag.name], _IN_TAG)}" if tag.name in unit_of else ""
    return f",tag={_escaped(tag.name, _IN_TAG)}{unit}"


def _measurement(name: str) -> str:
    """A line that begins with # would be a comment, taken and forgotten."""
    escaped = _escaped(name, _IN_MEASUREMENT)
    return f"\\{escaped}" if escaped.startswith("#") else escaped


def stored_name(name: str) -> str:
    """How InfluxDB has a name: control characters as escapes, and a blank behind a backslash at the end.

    That backslash would escape what follows, and nothing could be written for it.
    """
    plain = name.translate(_CONTROLS)
    return f"{plain} " if plain.endswith("\\") else plain


def _escaped(name: str, special: dict[int, str]) -> str:
    return stored_name(name).translate(special)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
