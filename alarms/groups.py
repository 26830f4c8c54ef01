"""Which alarms followed which: episodes with their first-out. A pure fold over transitions, so history can be asked.

Alarms of one first-in group (without one: of one unit) that are annunciated within `FOLLOWS_NS` of the last one make
an episode. What comes later begins another; so does whatever comes after `LONGEST_NS`, else a unit that is never quiet
would have one episode a day. The first-out is the alarm whose onset came first: its delay may be the longer one. An
onset counts as far as it lies within `FOLLOWS_NS` before the first annunciation: what crept up for an hour did not
begin what broke a minute ago.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from alarms.wording import ANYBODY, Reader
from domain.alarms import Transition
from domain.performance import Episode, is_annunciation, words_of
from domain.rules import Priority
from domain.time import MINUTE_NS, SECOND_NS, format_duration

FOLLOWS_NS = 2 * MINUTE_NS
LONGEST_NS = 30 * MINUTE_NS
NO_GROUP = "plant"
"""The group of what belongs to no unit: sources, mirrors, the service itself."""


def group_of(transition: Transition) -> str:
    """The group whose alarms are told together."""
    return transition.first_in_group or transition.unit or NO_GROUP


class _Growing:
    """An episode that may go on."""

    def __init__(self, first: Transition, follows_ns: int) -> None:
        self._follows_ns = follows_ns
        self._id, self._group, self._first_out = first.id, group_of(first), first
        self._alarms = {first.alarm: None}
        self._annunciated = 1
        self._begun_ns = self._newest_ns = first.at_ns
        self._worst = first.priority
        self._first_out_ns = self._onset_ns(first)

    def is_over(self, at_ns: int) -> bool:
        """Whether what is annunciated then begins another."""
        return at_ns - self._newest_ns > self._follows_ns or at_ns - self._begun_ns > LONGEST_NS

    def join(self, transition: Transition) -> None:
        """Take one that followed; it is the first-out if its onset was before."""
        onset_ns = self._onset_ns(transition)
        if transition.alarm not in self._alarms and onset_ns < self._first_out_ns:
            self._first_out, self._first_out_ns = transition, onset_ns
        self._alarms[transition.alarm] = None
        self._annunciated += 1
        # Evidence of another tag may be older than what was said first.
        self._begun_ns = min(self._begun_ns, transition.at_ns)
        self._newest_ns = max(self._newest_ns, transition.at_ns)
        self._worst = min(self._worst, transition.priority)

    def _onset_ns(self, transition: Transition) -> int:
        since_ns = transition.since_ns
        if since_ns is None or not self._begun_ns - self._follows_ns <= since_ns <= transition.at_ns:
            return transition.at_ns
        return since_ns

    def told(self) -> Episode:
        """As it is now."""
        return Episode(
            id=self._id,
            group=self._group,
            first_out=self._first_out,
            alarms=tuple(self._alarms),
            annunciated=self._annunciated,
            begun_ns=self._begun_ns,
            newest_ns=self._newest_ns,
            worst=self._worst,
        )


class Episodes:
    """Folds transitions in the order in which they were said; remembers at most `most` episodes."""

    def __init__(self, follows_ns: int = FOLLOWS_NS, most: int = 1_000) -> None:
        self._follows_ns = follows_ns
        self._told: deque[_Growing] = deque(maxlen=most)
        self._newest: dict[str, _Growing] = {}  # by group

    def take(self, transition: Transition) -> None:
        """Let a transition begin or join an episode, if it asks for a person."""
        if not is_annunciation(transition):
            return
        group = group_of(transition)
        known = self._newest.get(group)
        if known is not None and not known.is_over(transition.at_ns):
            known.join(transition)
            return
        self._newest[group] = begun = _Growing(transition, self._follows_ns)
        self._told.append(begun)

    def newest_first(self) -> list[Episode]:
        """Every episode that is remembered, what began last first."""
        return [each.told() for each in reversed(self._told)]


def episodes_of(transitions: Iterable[Transition], follows_ns: int = FOLLOWS_NS) -> list[Episode]:
    """The episodes of transitions in the order in which they were said, newest first."""
    fold = Episodes(follows_ns)
    for transition in transitions:
        fold.take(transition)
    return fold.newest_first()


def first_out_of(transitions: Iterable[Transition]) -> Transition | None:
    """What began all of them: the first-out of the first episode; None where nothing asks for a person."""
    episodes = episodes_of(transitions)
    return _first(episodes).first_out if episodes else None


def _first(episodes: Sequence[Episode]) -> Episode:
    return min(reversed(episodes), key=lambda each: each.begun_ns)


def sentence_of(episode: Episode, reader: Reader = ANYBODY) -> str:
    """`R101.TT high; 29 followed in 40 s`."""
    first = words_of(episode.first_out)
    if not episode.followed:
        return first
    lasted_ns = episode.newest_ns - episode.first_out.at_ns
    if lasted_ns < SECOND_NS:
        return reader.says("followed at once", what=first, count=episode.followed)
    return reader.says("followed", what=first, count=episode.followed, lasted=format_duration(lasted_ns))


def digest_of_flood(transitions: Sequence[Transition], reader: Reader = ANYBODY) -> list[str]:
    """A flood in a few lines: what began it where, and how much there is by priority and by unit, worst first."""
    asked = [each for each in transitions if is_annunciation(each)]
    if not asked:
        return []
    episodes = episodes_of(asked)
    first = _first(episodes)
    others = sorted(
        (each for each in episodes if each is not first), key=lambda each: (each.worst, -each.followed, each.begun_ns)
    )
    lines = [reader.says("flood first", what=sentence_of(first, reader))]
    lines += [reader.says("flood then", group=each.group, what=sentence_of(each, reader)) for each in others[:_GROUPS]]
    if len(others) > _GROUPS:
        lines.append(reader.says("flood more", count=len(others) - _GROUPS))
    priorities = {
        reader.says(f"priority {int(each)}").lower(): count for each, count in _by_priority(asked).items() if count
    }
    lines.append(reader.says("flood priorities", counts=_counts(priorities)))
    lines.append(reader.says("flood units", counts=_counts(by_unit(asked))))
    return lines


_GROUPS = 8
_UNITS = 12


def by_priority(annunciations: Iterable[Transition]) -> dict[str, int]:
    """How many of each priority that there is, the worst first."""
    return {priority.name.lower(): count for priority, count in _by_priority(annunciations).items() if count}


def _by_priority(annunciations: Iterable[Transition]) -> dict[Priority, int]:
    counts = dict.fromkeys(Priority, 0)
    for each in annunciations:
        counts[each.priority] += 1
    return counts


def by_unit(annunciations: Iterable[Transition]) -> dict[str, int]:
    """How many of each unit, the most first."""
    counts: dict[str, int] = {}
    for each in annunciations:
        counts[group_of(each)] = counts.get(group_of(each), 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _counts(counts: dict[str, int]) -> str:
    told = [f"{count} {name}" for name, count in counts.items()]
    return ", ".join(told[:_UNITS]) + (f" and {len(told) - _UNITS} more" if len(told) > _UNITS else "")
