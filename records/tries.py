"""Tries of passwords that failed, so that guessing gets slower and then stops for a time.

A try is counted before the password is looked at, and taken back when it was right: many at once gain nothing.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, func, insert, select, update

from domain.people import WITH_A_NAME, Patience, TooSoon, Tries, name_key
from records.tables import tries

MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Counter:
    """What failures are counted for: a name, an address, a session."""

    key: str
    patience: Patience
    is_shared: bool = False  # by people who have nothing to do with each other


def counter(kind: str, what: str, patience: Patience, *, is_shared: bool = False) -> Counter:
    """A counter by a hash of what it is for: somebody may type a password where the name belongs."""
    key = hashlib.sha256(f"{kind}\n{what}".encode("utf-8", "surrogatepass")).hexdigest()
    return Counter(key, patience, is_shared)


def of_name(name: str) -> Counter:
    """The counter of a name, whether anybody has it or not."""
    return counter("name", name_key(name), WITH_A_NAME)


def begin_try(connection: Connection, counters: Sequence[Counter], now_ns: int) -> None:
    """Count a failure with each; TooSoon where one of them has to wait, and then nothing is counted."""
    wait_ns = max(counter.patience.open_at_ns(tried(connection, counter)) - now_ns for counter in counters)
    if wait_ns > 0:
        wait_s = math.ceil(wait_ns / 1e9)
        raise TooSoon(f"too many tries failed; the next one is looked at in {wait_s} s", wait_s)
    for one in counters:
        counted = one.patience.counted(tried(connection, one), now_ns)
        values = {"failures": counted.failures, "last_ns": counted.last_ns}
        changed = connection.execute(update(tries).where(tries.c.key == one.key).values(**values))
        if changed.rowcount == 0:
            _make_room(connection, now_ns)
            connection.execute(insert(tries).values(key=one.key, **values))


def was_right(connection: Connection, counters: Sequence[Counter], begun_ns: int) -> None:
    """Forget the failures; of what is shared, this try alone."""
    for one in counters:
        if one.is_shared:
            take_back(connection, one, begun_ns)
        else:
            forget(connection, one)


def take_back(connection: Connection, counter: Counter, begun_ns: int) -> None:
    """As if the try that began then had not been: what it had waited for does not begin anew."""
    found = tried(connection, counter)
    left = Tries(max(found.failures - 1, 0), found.last_ns)
    if found.last_ns == begun_ns:
        left = replace(left, last_ns=begun_ns - (counter.patience.open_at_ns(left) - left.last_ns))
    changed = update(tries).where(tries.c.key == counter.key)
    connection.execute(changed.values(failures=left.failures, last_ns=left.last_ns))


def forget(connection: Connection, counter: Counter) -> None:
    """As if nobody had tried."""
    connection.execute(delete(tries).where(tries.c.key == counter.key))


def tried(connection: Connection, counter: Counter) -> Tries:
    """What is counted."""
    row = connection.execute(select(tries.c.failures, tries.c.last_ns).where(tries.c.key == counter.key)).one_or_none()
    return Tries() if row is None else Tries(row.failures, row.last_ns)


def locked_names(connection: Connection, names: Iterable[str], now_ns: int) -> dict[str, int]:
    """Which of some names are locked now, each with until when."""
    many = select(tries.c.key, tries.c.failures, tries.c.last_ns).where(tries.c.failures >= WITH_A_NAME.lock_at)
    failed = {row.key: Tries(row.failures, row.last_ns) for row in connection.execute(many)}
    counted = {name: failed.get(of_name(name).key, Tries()) for name in names}
    until_ns = {name: WITH_A_NAME.open_at_ns(found) for name, found in counted.items() if WITH_A_NAME.locks(found)}
    return {name: end_ns for name, end_ns in until_ns.items() if end_ns > now_ns}


def _make_room(connection: Connection, now_ns: int) -> None:
    """A bound on the table: what is forgotten goes, and if that is not enough the oldest."""
    if (connection.execute(select(func.count()).select_from(tries)).scalar() or 0) < MOST_KEYS:
        return
    connection.execute(delete(tries).where(tries.c.last_ns < now_ns - WITH_A_NAME.forgotten_after_ns))
    oldest = select(tries.c.key).order_by(tries.c.failures, tries.c.last_ns).limit(MOST_KEYS // 10)
    connection.execute(delete(tries).where(tries.c.key.in_(oldest)))
