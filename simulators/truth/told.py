"""Fields of a JSON object, each checked: TypeError names the field and what it holds."""

from collections.abc import Mapping

Json = Mapping[str, object]


def text(row: Json, field: str) -> str:
    """A text."""
    value = row.get(field)
    if not isinstance(value, str):
        raise TypeError(f"{field} is {value!r}, not a text")
    return value


def whole(row: Json, field: str) -> int:
    """A whole number."""
    value = row.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{field} is {value!r}, not a whole number")
    return value


def moment(row: Json, field: str) -> int | None:
    """UTC ns, or nothing."""
    return None if row.get(field) is None else whole(row, field)


def number(row: Json, field: str) -> float | None:
    """A number, or nothing."""
    value = row.get(field)
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise TypeError(f"{field} is {value!r}, not a number")
    return None if value is None else float(value)


def flag(row: Json, field: str) -> bool:
    """True or false."""
    value = row.get(field)
    if not isinstance(value, bool):
        raise TypeError(f"{field} is {value!r}, neither true nor false")
    return value


def texts(row: Json, field: str) -> tuple[str, ...]:
    """A list of texts; nothing is none."""
    value = row.get(field, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{field} is {value!r}, not a list of texts")
    return tuple(value)


def rows(row: Json, field: str) -> list[Json]:
    """A list of objects; nothing is none."""
    value = row.get(field, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise TypeError(f"{field} is {value!r}, not a list of objects")
    return value


def mapping(row: Json, field: str) -> Json:
    """An object; nothing is an empty one."""
    value = row.get(field, {})
    if not isinstance(value, dict):
        raise TypeError(f"{field} is {value!r}, not an object")
    return value
