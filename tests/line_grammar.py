"""Reads line protocol as InfluxDB documents it: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/.

Written from the grammar, apart from what writes lines, so that the two can be held against each other. One character
at a time; anything that the grammar does not allow raises.
"""

import re
from dataclasses import dataclass

FieldValue = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A field with the suffix u."""

    value: int


@dataclass(frozen=True, slots=True)
class ReadPoint:
    """One line, read."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, FieldValue | Unsigned]
    time_ns: int


_FLOAT = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"-?\d+i")
_UNSIGNED = re.compile(r"\d+u")
_BOOLEANS = {"t": True, "T": True, "true": True, "True": True, "TRUE": True}
_BOOLEANS |= {"f": False, "F": False, "false": False, "False": False, "FALSE": False}


def lines_of(body: str) -> list[str]:
    """The lines of a body without comments: a newline inside a quoted string ends none."""
    lines, start, quoted, at = [], 0, False, 0
    in_fields = False
    while at < len(body):
        character = body[at]
        if character == "\\" and at + 1 < len(body):
            at += 2
            continue
        if character == " " and not quoted:
            in_fields = True
        elif character == '"' and in_fields:
            quoted = not quoted
        elif character == "\n" and not quoted:
            lines.append(body[start:at])
            start, in_fields = at + 1, False
        at += 1
    lines.append(body[start:])
    return [line for line in lines if line and not line.startswith("#")]


def parse_line(line: str) -> ReadPoint:
    """Read one line; ValueError says where it breaks the grammar."""
    at, measurement = _name(line, 0, ", ", escapable=", ")
    if not measurement or line.startswith("#"):
        raise ValueError(f"no measurement: {line!r}")
    tags: dict[str, str] = {}
    while line[at] == ",":
        at, key = _name(line, at + 1, "=, ", escapable=",= ")
        if line[at] != "=":
            raise ValueError(f"tag without value: {line!r}")
        at, value = _name(line, at + 1, "=, ", escapable=",= ")
        if line[at] == "=" or not key or not value or key in tags:
            raise ValueError(f"tag set: {line!r}")
        tags[key] = value
    fields: dict[str, FieldValue | Unsigned] = {}
    at += 1
    while True:
        at, key = _name(line, at, "=, ", escapable=",= ")
        if line[at] != "=" or not key or key in fields:
            raise ValueError(f"field set: {line!r}")
        at, fields[key] = _value(line, at + 1)
        if at == len(line) or line[at] == " ":
            break
        if line[at] != ",":
            raise ValueError(f"field set at {at}: {line!r}")
        at += 1
    time = line[at + 1 :]
    if not re.fullmatch(r"-?\d{1,19}", time):
        raise ValueError(f"time {time!r}: {line!r}")
    return ReadPoint(measurement, tags, fields, int(time))


def _name(line: str, at: int, ends: str, *, escapable: str) -> tuple[int, str]:
    """A name up to an unescaped end; a backslash before anything else is a backslash."""
    name = []
    while line[at] not in ends:
        if line[at] == "\\" and line[at + 1] in escapable:
            at += 1
        elif line[at] == "\n":
            raise ValueError(f"a newline in a name: {line!r}")
        name.append(line[at])
        at += 1
    return at, "".join(name)


def _value(line: str, at: int) -> tuple[int, FieldValue | Unsigned]:
    if line[at] == '"':
        return _string(line, at + 1)
    end = at
    while end < len(line) and line[end] not in ", ":
        end += 1
    text = line[at:end]
    if text in _BOOLEANS:
        return end, _BOOLEANS[text]
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text[:-1]) < 2**63:
        return end, int(text[:-1])
    if _UNSIGNED.fullmatch(text) and int(text[:-1]) < 2**64:
        return end, Unsigned(int(text[:-1]))
    if _FLOAT.fullmatch(text):
        return end, float(text)
    raise ValueError(f"field value {text!r}: {line!r}")


def _string(line: str, at: int) -> tuple[int, str]:
    text = []
    while line[at] != '"':
        if line[at] == "\\" and line[at + 1] in '"\\':
            at += 1
        text.append(line[at])
        at += 1
    return at + 1, "".join(text)
