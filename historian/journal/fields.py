"""The fields of a JSON entry, each with the type it must have; DamagedFile names the one that has not."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

import orjson

from domain.errors import DamagedFile, UnknownEntry

Writable = Mapping[str, object]
Choice = TypeVar("Choice", bound=StrEnum)


def to_json(fields: Writable) -> bytes:
    """Compact JSON. Lone surrogates and integers beyond 64 bits, which orjson refuses, are escaped and spelt out."""
    try:
        return orjson.dumps(fields)
    except TypeError:
        return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()


def number_text(number: float | None) -> float | str | None:
    """A number for JSON, which knows no NaN and no infinity: those by name."""
    return number if number is None or math.isfinite(number) else repr(number)


def not_known(what: str) -> str:
    """What to say of an entry whose checksum is right, and that this program cannot read nevertheless."""
    return f"{what} of entries is not known here; it is whole, so a newer program may have written it: run that one"


class Fields:
    """What an entry's JSON says."""

    def __init__(self, text: bytes) -> None:
        try:
            found = _parse(text)
        except ValueError as error:
            raise DamagedFile(f"no JSON: {error}") from error
        if not isinstance(found, dict):
            raise DamagedFile("JSON, but no object")
        self._found: dict[str, object] = found

    def text(self, name: str) -> str:
        """A string."""
        value = self._get(name)
        if not isinstance(value, str):
            raise _mistyped(name, "text", value)
        return value

    def text_or_empty(self, name: str) -> str:
        """A string that older programs did not write."""
        return self.text(name) if name in self._found else ""

    def one_of(self, choices: type[Choice], name: str) -> Choice:
        """A member of an enum of strings, by its value. UnknownEntry where it has no such member."""
        text = self.text(name)
        try:
            return choices(text)
        except ValueError as error:
            raise UnknownEntry(not_known(f"{name} {text!r}")) from error

    def integer(self, name: str) -> int:
        """A whole number."""
        value = self._get(name)
        if not isinstance(value, int):
            raise _mistyped(name, "a whole number", value)
        return value

    def integer_or_none(self, name: str) -> int | None:
        """A whole number, or null."""
        return None if self._get(name) is None else self.integer(name)

    def number_or_none(self, name: str) -> float | None:
        """A number as `number_text` writes it, or null."""
        value = self._get(name)
        if isinstance(value, str) and value in {"nan", "inf", "-inf"}:
            return float(value)
        if value is None or isinstance(value, int | float):
            return value
        raise _mistyped(name, "a number", value)

    def decimal_or_none(self, name: str) -> Decimal | None:
        """A finite decimal number, written as text so that no digit is lost, or null."""
        if self._get(name) is None:
            return None
        try:
            number = Decimal(self.text(name))
        except InvalidOperation:
            raise _mistyped(name, "a decimal number", self.text(name)) from None
        if not number.is_finite():
            raise DamagedFile(f"field {name!r} is {number}, not a decimal number")
        return number

    def truth(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise _mistyped(name, "true or false", value)
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self._get(name)
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise _mistyped(name, "a list of whole numbers", value)
        return tuple(value)

    def integers_or_none(self, name: str) -> tuple[int, ...] | None:
        """A list of whole numbers, or null."""
        return None if self._get(name) is None else self.integers(name)

    def texts(self, name: str) -> tuple[str | None, ...]:
        """A list of strings and nulls."""
        value = self._get(name)
        if not isinstance(value, list) or not all(item is None or isinstance(item, str) for item in value):
            raise _mistyped(name, "a list of texts", value)
        return tuple(value)

    def names(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        found = tuple(item for item in self.texts(name) if item is not None)
        if len(found) < len(self.texts(name)):
            raise DamagedFile(f"field {name!r} has a null, not a name")
        return found

    def _get(self, name: str) -> object:
        try:
            return self._found[name]
        except KeyError:
            raise DamagedFile(f"no field {name!r}") from None


def _parse(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # what `to_json` could not give to orjson either


def _mistyped(name: str, wanted: str, value: object) -> DamagedFile:
    return DamagedFile(f"field {name!r} is {type(value).__name__}, not {wanted}")
