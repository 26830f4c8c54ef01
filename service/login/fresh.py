"""Proofs at the moment of signing, by people whose login is elsewhere: asked for, given there, and used once.

Each is of one person and of exactly what is signed. They are kept in memory: a web process that starts anew asks again.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.identity import NotProven, Wanted
from domain.people import name_key

ASKED_LASTS_S, GIVEN_LASTS_S = 600.0, 120.0
MOST = 1000


@dataclass(frozen=True, slots=True)
class _Kept:
    wanted: Wanted
    until_s: float  # of the clock that only goes on
    is_given: bool


class FreshProofs:
    """`Proofs`: one for each person at a time, so that the next deed that asks takes the place of the one before."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def used(self, wanted: Wanted) -> bool:
        """Whether that was proven just now, which it is not any more then; else it is asked for from now on."""
        key = name_key(wanted.person)
        with self._lock:
            kept = self._current(key)
            self._kept.pop(key, None)
            if kept is not None and kept.is_given and kept.wanted == wanted:
                return True
            self._kept[key] = _Kept(wanted, self._now_s() + ASKED_LASTS_S, is_given=False)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
            return False

    def wanted(self, person: str) -> Wanted | None:
        """What that person is asked to prove themselves for."""
        with self._lock:
            kept = self._current(name_key(person))
            return None if kept is None or kept.is_given else kept.wanted

    def give(self, wanted: Wanted) -> None:
        """That person has proven themselves for it. NotProven where something else is asked for by now."""
        key = name_key(wanted.person)
        with self._lock:
            kept = self._current(key)
            if kept is None or kept.is_given or kept.wanted != wanted:
                raise NotProven("this proof is for what nobody asks for any more")
            self._kept[key] = replace(kept, until_s=self._now_s() + GIVEN_LASTS_S, is_given=True)

    def _current(self, key: str) -> _Kept | None:
        kept = self._kept.get(key)
        return kept if kept is not None and self._now_s() <= kept.until_s else None
