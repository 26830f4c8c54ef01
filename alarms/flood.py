"""When so much happens that single messages hide it: digests instead, for one recipient. Pure: times are arguments.

Everything is told; only the number of messages is bounded. Times are the wall's, because people live by it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alarms.wording import ANYBODY, Reader, digest_words
from domain.alarms import Notice
from domain.rules import Priority
from domain.time import HOUR_NS, MINUTE_NS

FLOOD_ABOVE = 10
"""Messages in ten minutes; what comes beyond them is a flood (ISA-18.2), and goes into digests."""
FLOOD_WINDOW_NS = 10 * MINUTE_NS
CHATTER_ABOVE = 3
"""Messages of one alarm in half an hour; what it says beyond them waits for a digest, unless it got worse."""
CHATTER_WINDOW_NS = 30 * MINUTE_NS

_FIRST_PAUSE_NS = MINUTE_NS  # between digests; doubles with each digest of the last hour
_LONGEST_PAUSE_NS = 2 * MINUTE_NS  # while there is news
_LONGEST_CHATTER_PAUSE_NS = 15 * MINUTE_NS  # while the same alarms only come and go
_ALARMS_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent at once: one notice, or the digest of several."""

    notices: tuple[Notice, ...]
    title: str
    text: str

    held_back: bool = False  # it waited for others, or for its alarm to calm down


class FloodGate:
    """Decides for one recipient what goes out now; what it holds back stays in the outbox until the next time.

    What was kept over the recipient's quiet hours (notices of kind "quiet") is one digest as soon as they end.
    """

    def __init__(self, reader: Reader = ANYBODY) -> None:
        self._reader = reader
        self._singles_ns: deque[int] = deque(maxlen=FLOOD_ABOVE)
        self._digests_ns: deque[int] = deque(maxlen=64)
        self._said: dict[str, deque[tuple[int, Priority]]] = {}  # by alarm, the one that spoke last at the end
        self._seen_ns = 0  # the newest time that it was given

    def admit(self, now_ns: int, waiting: Sequence[Notice]) -> list[Letter]:
        """What to send of all that waits: single letters while they are few, else one digest when it is due."""
        self._forget(now_ns)
        quiet = [notice for notice in waiting if notice.kind == "quiet"]
        letters = [digest_of(quiet, self._reader, quiet=True)] if quiet else []
        waiting = [notice for notice in waiting if notice.kind != "quiet"]
        calm, chatter = self._sorted(waiting)
        if len(calm) > FLOOD_ABOVE - len(self._singles_ns):
            calm, held_back, news = [], list(waiting), True
        else:
            held_back, news = chatter, False
        letters += [letter_of(notice) for notice in calm]
        if held_back and self._digest_is_due(now_ns, held_back, news=news):
            letters.append(digest_of(held_back, self._reader))
        return letters

    def told(self, now_ns: int, letter: Letter) -> None:
        """Count a letter that went out, or may have."""
        if letter.held_back:
            self._digests_ns.append(now_ns)
        else:
            self._singles_ns.append(now_ns)
        for notice in letter.notices:
            said = self._said.pop(notice.alarm, None) or deque(maxlen=CHATTER_ABOVE)
            said.append((now_ns, notice.priority))
            self._said[notice.alarm] = said
        while len(self._said) > _ALARMS_REMEMBERED:
            del self._said[next(iter(self._said))]

    def _sorted(self, waiting: Sequence[Notice]) -> tuple[list[Notice], list[Notice]]:
        """What may go alone, and what an alarm says too often."""
        calm: list[Notice] = []
        chatter: list[Notice] = []
        heard: dict[str, list[Priority]] = {}
        for notice in waiting:
            alarm = notice.alarm
            before = heard.setdefault(alarm, [priority for _, priority in self._said.get(alarm, ())])
            often = len(before) >= CHATTER_ABOVE and notice.priority >= min(before)
            (chatter if often else calm).append(notice)
            before.append(notice.priority)
        return calm, chatter

    def _forget(self, now_ns: int) -> None:
        if now_ns < self._seen_ns:  # else nothing would be told until the clock is there once more
            self._set_back(self._seen_ns - now_ns)
        self._seen_ns = now_ns
        while self._singles_ns and self._singles_ns[0] <= now_ns - FLOOD_WINDOW_NS:
            self._singles_ns.popleft()
        while self._digests_ns and self._digests_ns[0] <= now_ns - HOUR_NS:
            self._digests_ns.popleft()
        for alarm, said in list(self._said.items()):
            while said and said[0][0] <= now_ns - CHATTER_WINDOW_NS:
                said.popleft()
            if not said:
                del self._said[alarm]

    def _set_back(self, by_ns: int) -> None:
        """The clock was set back by so much: what was told keeps its age."""
        self._singles_ns = deque((at_ns - by_ns for at_ns in self._singles_ns), FLOOD_ABOVE)
        self._digests_ns = deque((at_ns - by_ns for at_ns in self._digests_ns), self._digests_ns.maxlen)
        for said in self._said.values():
            for place, (at_ns, priority) in enumerate(said):
                said[place] = at_ns - by_ns, priority

    def _digest_is_due(self, now_ns: int, held_back: Sequence[Notice], *, news: bool) -> bool:
        if not self._digests_ns:
            return True
        told = [priority for said in self._said.values() for _, priority in said]
        if min(notice.priority for notice in held_back) < min(told, default=Priority.EVENT):
            return True  # worse than anything told lately
        longest_ns = _LONGEST_PAUSE_NS if news else _LONGEST_CHATTER_PAUSE_NS
        pause_ns = min(_FIRST_PAUSE_NS << (len(self._digests_ns) - 1), longest_ns)
        return now_ns - self._digests_ns[-1] >= pause_ns


class OpenGate:
    """Lets everything out at once, each by itself: what takes it is no person."""

    def admit(self, now_ns: int, waiting: Sequence[Notice]) -> list[Letter]:
        """A letter for each."""
        del now_ns
        return [letter_of(notice) for notice in waiting]

    def told(self, now_ns: int, letter: Letter) -> None:
        """Nothing is counted."""


def letter_of(notice: Notice) -> Letter:
    """A notice as a message of its own."""
    return Letter((notice,), notice.title, notice.text)


def digest_of(notices: Sequence[Notice], reader: Reader = ANYBODY, *, quiet: bool = False) -> Letter:
    """Several notices as one message. `quiet`: they were kept over the hours in which the reader is not disturbed."""
    if len(notices) == 1:
        return replace(letter_of(notices[0]), held_back=True)
    title, text = digest_words(notices, reader, quiet=quiet)
    return Letter(tuple(notices), title, text, held_back=True)
