"""How log lines look: one event a line, as text or as JSON; nothing from outside can begin a line of its own."""

import datetime as dt
import logging
import re
import sys
from typing import Literal

import orjson

Format = Literal["text", "json"]

FIELDS = ("source", "tag", "unit", "batch", "alarm", "mirror", "channel")
"""What a line may say of what it is about, beside its message: given as `extra`."""

_PASSWORD = re.compile(r"(\w+://)[^\s/@]*:[^\s/@]*@")
_TOKEN = re.compile(r"\b(Bearer|Token)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}  # ends of lines to some, not to JSON
_CONTROL |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


def set_up(form: Format) -> None:
    """Have every logger of this process write to standard error in a form; again changes the form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    for known in root.handlers[:]:
        root.removeHandler(known)
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def is_json() -> bool:
    """Whether whoever reads our log awaits objects."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)


def without_secrets(text: str) -> str:
    """The text without passwords in addresses, and without tokens of headers."""
    return _TOKEN.sub(r"\1 ***", _PASSWORD.sub(r"\1***@", text))


class TextLines(logging.Formatter):
    """Time, level, logger and message; the stack of an exception follows on lines of its own, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        message = str(_sound(without_secrets(record.getMessage()))).translate(_CONTROL)
        line = f"{_time_of(record)} {record.levelname} {record.name}: {message}"
        stack = _stack_of(self, record)
        return line if stack is None else "\n".join([line, *(f"  {part.translate(_CONTROL)}" for part in stack)])


class JsonLines(logging.Formatter):
    """A JSON object a line: time, level, logger, process, message, what it is about, and the exception as one text."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        told: dict[str, object] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": without_secrets(record.getMessage()),
        }
        told |= {name: str(getattr(record, name)) for name in FIELDS if hasattr(record, name)}
        stack = _stack_of(self, record)
        if stack is not None:
            told["exception"] = "\n".join(stack)
        return orjson.dumps({name: _sound(value) for name, value in told.items()}).decode().translate(_LINE_ENDS)


def _time_of(record: logging.LogRecord) -> str:
    """RFC 3339, UTC, ms."""
    at = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stack_of(formatter: logging.Formatter, record: logging.LogRecord) -> list[str] | None:
    if record.exc_info and record.exc_info[0] is not None:
        return without_secrets(formatter.formatException(record.exc_info)).splitlines()
    return None


def _sound(value: object) -> object:
    """Text that is no Unicode (half a surrogate, from a name of a file) is shown as escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
