"""What became of every value that the servers gave out: kept, in a recorded gap, or lost; and what was never sent."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from struct import Struct
from typing import Final

from domain import status as codes
from domain.entries import Gap
from domain.ports import Rows, Store
from domain.tags import Tag
from historian.journal.reader import ReadOnlyJournal

_EVER: Final = (-(1 << 62), 1 << 62)
_DOUBLE: Final = Struct("<d")
_MOST_GAPS: Final = 1_000_000
_MOST_TEXTS: Final = 10_000_000

Key = tuple[int | None, str | bytes | None, int]
"""A value by its time (None: it was sent without one), its text or the bits of its number, and its status."""


@dataclass(frozen=True, slots=True)
class TagAccount:
    """What became of a tag's values. `sent` = `kept` + `in_gap` + `lost`; text values count too.

    A value is the same by its source time, its bits and its status. `in_gap`: absent, and a recorded gap says so.
    """

    sent: int
    kept: int
    in_gap: int
    lost: int
    doubled: int  # stored twice
    invented: int  # stored, and never sent


def number_key(time_ns: int | None, value: float, status: int) -> Key:
    """The key of a number; whether a queue overflowed before it is no part of what was sent."""
    return time_ns, _DOUBLE.pack(value), _plain(status)


def text_key(time_ns: int | None, value: str | None, status: int) -> Key:
    """The key of a text."""
    return time_ns, value, _plain(status)


def _plain(status: int) -> int:
    if status & codes.OVERFLOW == codes.OVERFLOW:
        status &= ~codes.OVERFLOW
    return status & ~codes.TIME_ORIGIN


@dataclass(slots=True)
class Sent:
    """What was sent of one tag. `at_ns` is when, by the plant's clock: gaps of what has no time are sought there.

    `by_sending`: so are all others. A broker's gap tells when it was not heard: what a device sent then is in it,
    however old the time that it bears.
    """

    by_sending: bool = False
    keys: Counter[Key] = field(default_factory=Counter)
    at_ns: dict[Key, int] = field(default_factory=dict)

    def add(self, key: Key, at_ns: int) -> None:
        """A value was sent; one that has a time is the same, however often it is sent."""
        if key[0] is None:
            self.keys[key] += 1
        else:
            self.keys[key] = 1
        self.at_ns.setdefault(key, at_ns)

    def is_in(self, gaps: Iterable[Gap], key: Key) -> bool:
        """Whether a gap says that this may be missing."""
        time_ns = self.at_ns[key] if key[0] is None or self.by_sending else key[0]
        return any(gap.start_ns <= time_ns and (gap.end_ns is None or time_ns <= gap.end_ns) for gap in gaps)


def account(sent: Sent, stored: Counter[Key], gaps: Iterable[Gap]) -> TagAccount:
    """Compare what was sent of a tag with what is stored of it."""
    kept = sum(min(count, stored[key]) for key, count in sent.keys.items())
    absent = [key for key, count in sent.keys.items() if stored[key] < count]
    missing = sum(sent.keys[key] - stored[key] for key in absent)
    in_gap = sum(sent.keys[key] - stored[key] for key in absent if sent.is_in(gaps, key))
    doubled = sum(stored[key] - count for key, count in sent.keys.items() if stored[key] > count)
    invented = sum(count for key, count in stored.items() if key not in sent.keys)
    return TagAccount(sum(sent.keys.values()), kept, in_gap, missing - in_gap, doubled, invented)


def absent_keys(sent: Sent, stored: Counter[Key], gaps: Iterable[Gap]) -> list[Key]:
    """What was lost, for a message that names it."""
    return [k for k, count in sent.keys.items() if stored[k] < count and not sent.is_in(gaps, k)]


def gaps_of(tag: Tag, gaps: Sequence[Gap], late_ns: int = 0) -> list[Gap]:
    """The gaps that count for a tag; withdrawn ones have no length. They may begin `late_ns` too late."""
    own = [gap for gap in gaps if gap.source == tag.source and gap.tag in (None, tag.id) and gap.end_ns != gap.start_ns]
    return [replace(gap, start_ns=gap.start_ns - late_ns) for gap in own] if late_ns else own


def all_gaps(reader: ReadOnlyJournal) -> list[Gap]:
    """Every gap, as last written."""
    return list(reader.gaps(None, None, *_EVER, _MOST_GAPS))


def stored_keys(tag: Tag, store: Store, reader: ReadOnlyJournal) -> Counter[Key]:
    """Everything that is kept of a tag."""
    rows = store.read(int(tag.id), *_EVER, versions=True)
    keys = Counter(_number_keys(rows))
    keys.update(
        text_key(time_ns, text, status) for time_ns, text, status in reader.texts(int(tag.id), *_EVER, _MOST_TEXTS)
    )
    return keys


def _number_keys(rows: Rows) -> Iterable[Key]:
    bits = rows.value.astype("<f8").tobytes()
    for place, (time_ns, status) in enumerate(zip(rows.time_ns.tolist(), rows.status.tolist(), strict=True)):
        known = None if status & codes.TIME_FROM_RECEIPT else time_ns
        yield known, bits[8 * place : 8 * place + 8], _plain(status)
