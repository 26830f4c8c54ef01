"""What stands in a payload: JSON documents, numbers, texts and statuses, each read by one rule."""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from collector.mqtt.routes import MISSING, Json, Missing
from domain.errors import BadMessage
from domain.status import BAD, GOOD, TIME_ORIGIN, UNCERTAIN

_EXACT: Final = 2**53  # beyond it a double no longer holds every integer
_NUMBERS: Final = (float, int, bool)
_STATUS_WORDS: Final = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}


def parse_json(payload: bytes) -> Json:
    """A payload as JSON, also with NaN and Infinity, which JSON does not know and devices send."""
    try:
        document: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        try:
            document = json.loads(payload)
        except (ValueError, RecursionError):
            raise BadMessage(f"the payload is no JSON: {_beginning(payload)}") from None
    return document


def parse_text(payload: bytes) -> Json:
    """The payload of a tag that takes all of it as its text: a JSON text, array or object, else as it is written."""
    try:
        document: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        document = 0
    if not isinstance(document, bool | int | float):
        return document
    try:  # 0042 and 1.50 are texts here: not as a number would print
        return payload.decode()
    except UnicodeDecodeError:
        raise BadMessage(f"the payload is no UTF-8 text: {_beginning(payload)}") from None


def read_number(raw: object) -> float | str:
    """A number's value; its digits where a double cannot hold it; NaN for null. BadMessage tells what was found."""
    if raw is None:
        return float("nan")
    if isinstance(raw, int) and abs(raw) > _EXACT:
        return str(raw)
    if isinstance(raw, _NUMBERS):
        return float(raw)
    raise BadMessage(f"a number is wanted, and {shown(raw)} was found")


def read_text(raw: object) -> str | None:
    """A text's value; other values as JSON writes them; None for null."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        try:
            return json.dumps(raw, separators=(",", ":"))
        except RecursionError:
            raise BadMessage("its value is nested too deeply") from None
    return raw if raw.isascii() else raw.encode("utf-8", "backslashreplace").decode()


def read_status(raw: Json | Missing) -> int:
    """A StatusCode from the wire: Good without one, a word, or the code as a number."""
    if raw is MISSING or raw is None:
        return GOOD
    if isinstance(raw, str) and raw.lower() in _STATUS_WORDS:
        return _STATUS_WORDS[raw.lower()]
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 2**32:
        return raw & ~TIME_ORIGIN
    raise BadMessage(f"its status is {shown(raw)}, neither a StatusCode nor Good, Uncertain or Bad")


def shown(raw: object) -> str:
    """What was found, for a reason that a person reads."""
    if isinstance(raw, dict):
        return f"an object with {', '.join(sorted(map(repr, raw))[:8]) or 'no members'}"
    if isinstance(raw, list):
        return "an array"
    if isinstance(raw, str):
        return f"the text {raw[:40]!r}"
    return {"None": "null", "True": "true", "False": "false"}.get(repr(raw), repr(raw)[:40])


def _beginning(payload: bytes) -> str:
    return repr(payload[:60].decode("utf-8", "backslashreplace")) if payload else "it is empty"


def column(raw: list[object]) -> NDArray[np.int64] | NDArray[np.float64] | None:
    """Numbers as an array of int64 or float64; None if anything else is among them."""
    try:
        numbers = np.array(raw)
    except (ValueError, OverflowError):  # nested lists of unequal lengths; integers beyond any type
        return None
    if numbers.ndim != 1 or numbers.dtype.kind not in "if":
        return None
    return numbers


def number_column(raw: list[object]) -> tuple[NDArray[np.float64], Sequence[int]]:
    """Values of the rows, and the rows that `read_number` must judge: no number, not finite, or beyond 2^53."""
    numbers = column(raw)
    odd: set[int] = set()
    if numbers is None:
        odd = {row for row, value in enumerate(raw) if type(value) not in _NUMBERS}
        odd |= {row for row, value in enumerate(raw) if type(value) is int and abs(value) > _EXACT}
        numbers = np.array([0.0 if row in odd else value for row, value in enumerate(raw)], dtype=np.float64)
    # Written so that NaN is not plain. A double beyond 2^53 may have been an integer: the row itself knows.
    plain = (numbers >= -_EXACT) & (numbers <= _EXACT)
    if not plain.all():
        odd.update(np.flatnonzero(~plain).tolist())
    return numbers.astype(np.float64), sorted(odd)
