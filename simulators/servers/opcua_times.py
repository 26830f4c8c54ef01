"""Times as asyncua wants them."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(time_ns: int) -> datetime:
    """UTC ns as a datetime; OPC UA's own resolution is 100 ns, a datetime's 1 µs."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def to_ns(when: datetime) -> int:
    """A datetime of asyncua's, with or without its zone, as UTC ns."""
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1) * 1000
