"""How often somebody may ask for what writes: buckets that fill with time, for a bounded number of askers."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from api.problems import Problem

MOST_ASKERS = 10_000


class Rate:
    """At most `burst` at once and `each_s` on average, for each asker."""

    def __init__(self, what: str, *, burst: int, each_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._what, self._burst, self._each_s, self._now_s = what, burst, each_s, now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and as of when

    def take(self, asker: str) -> None:
        """Count one; Problem 429 says when there is room again."""
        now_s = self._now_s()
        left, as_of_s = self._left.pop(asker, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - as_of_s) * self._each_s)
        if left < 1:
            self._left[asker] = (left, now_s)
            wait_s = math.ceil((1 - left) / self._each_s)
            raise too_many(f"too many {self._what}; ask again in {wait_s} s", wait_s)
        self._left[asker] = (left - 1, now_s)
        while len(self._left) > MOST_ASKERS:
            self._left.popitem(last=False)


def too_many(detail: str, wait_s: int) -> Problem:
    """Asked for too often."""
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(wait_s)})


class Rates:
    """The limits of one running interface."""

    def __init__(self) -> None:
        self.entering = Rate("tries to sign in", burst=30, each_s=0.5)
        self.writing = Rate("writes", burst=200, each_s=20)
