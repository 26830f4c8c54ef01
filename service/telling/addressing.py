"""Who a name is when a notice has to be told: the seam between what is decided and who hears of it.

The judge addresses a notice to a name alone: a channel of `notify:`, a person of `people:`, a rota. It knows no wall
clock, so it cannot know who is on duty, or asleep. The telling side looks a name up when the notice is due:

    notice T@leads ─ rota's resolver ─► T@ada ─ person's resolver ─► T@ada/ada_mail ─► channel
                                   └──► T@deputy#1, due in 5 min, unless acknowledged ─► …

A `Resolver` answers, for one notice at one moment of the wall, which notices stand in its place. Children are made by
`child_of`, so that their ids are stable: who is named twice, by a rota and by the judge, hears of it once. They are
written in one transaction with their parent's end (`passed on`), and each is a row of the outbox: looked up itself when
it is due, if its name is in the directory, else sent to the channel of that name. A step of an escalation is a child
that is due later and `unless_acknowledged`; it survives a crash as any row does.

To add a kind of name: write a resolver, put it under its names into the `Directory` (`service.tellers.directory_of`).
A name that leads to nobody is given up: audited, counted, and with that an alarm. Nobody is told nothing in silence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from domain.alarms import Notice, Transition
from records.outbox import DEAD, NoticeResult, PassedOn, Planned, WaitingNotice

_BETWEEN = " > "
_LONGEST_WAY = 8  # names that a notice passes, from the judge's to a channel's, at one look


@dataclass(frozen=True, slots=True)
class Resolution:
    """What stands in the place of a notice that was addressed to a name; `why`, for whoever asks who was told.

    `is_dropped`: nothing does, because nobody needs it any more.
    """

    children: Sequence[Planned]
    why: str
    is_dropped: bool = False


class Resolver(Protocol):
    """Knows who a name is."""

    def __call__(self, notice: Notice, said: Transition | None, now_ns: int) -> Resolution:
        """Tell who hears of it. `said`: what it is about, if the records have it; `now_ns`: the wall's. No I/O."""
        ...


Directory = Mapping[str, Resolver]
"""Who each name is that is no channel."""


def child_of(
    notice: Notice, name: str, *, due_ns: int = 0, step: str = "", unless_acknowledged: bool | None = None
) -> Planned:
    """The same notice to another name; `step` tells apart what is told again to the same name, on purpose."""
    step = step or notice.id.partition("#")[2]
    child = replace(
        notice,
        id=f"{notice.transition}@{name}{'#' if step else ''}{step}",
        channel=name,
        via=_BETWEEN.join(names_before(notice)),
        unless_acknowledged=notice.unless_acknowledged if unless_acknowledged is None else unless_acknowledged,
    )
    return Planned(child, due_ns)


def names_before(notice: Notice) -> list[str]:
    """The names that a notice came by, and the one that it is addressed to."""
    return [*filter(None, notice.via.split(_BETWEEN)), notice.channel]


def not_needed(notice: Notice, newest: Transition | None) -> str:
    """Why a notice that waited for its time is not needed any more; empty: it is."""
    if not notice.unless_acknowledged or newest is None or not newest.facts.acknowledged:
        return ""
    return f"acknowledged by {newest.person}" if newest.person else "acknowledged"


@dataclass(frozen=True, slots=True)
class Looked:
    """How many notices were passed on, and how many lead to nobody, by name."""

    passed: int
    nobody: Mapping[str, int]


class AddressRecords(Protocol):
    """What looking names up needs of the records. Calls block."""

    def waiting_channels(self) -> Sequence[str]:
        """The channels and names that something waits for."""
        ...

    def waiting_notices(
        self, now_ns: int, limit: int = 100, channel: str | None = None, person: str | None = None
    ) -> Sequence[WaitingNotice]:
        """Notices whose time has come, oldest first."""
        ...

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        """The newest transitions of an alarm, newest first."""
        ...

    def transitions_by_id(self, ids: Sequence[str]) -> Mapping[str, Transition]:
        """Those of some transitions that there are."""
        ...

    def pass_notices_on(self, passed: Sequence[PassedOn]) -> None:
        """Put children in the places of notices, in one transaction."""
        ...

    def drop_notices(self, ids: Sequence[str], why: str) -> None:
        """Leave what is not needed any more."""
        ...

    def notice_result(self, ids: Sequence[str], result: NoticeResult) -> None:
        """How it ended."""
        ...


def still_needed(records: AddressRecords, waiting: Sequence[WaitingNotice]) -> list[WaitingNotice]:
    """Those of some notices that are needed; the others are dropped in the records. Blocks."""
    needed: list[WaitingNotice] = []
    for each in waiting:
        why = ""
        if each.notice.unless_acknowledged:
            newest = records.transitions(each.notice.alarm, 1)
            why = not_needed(each.notice, newest[0] if newest else None)
        if why:
            records.drop_notices([each.notice.id], why)
        else:
            needed.append(each)
    return needed


class Addressing:
    """Looks up the names that notices are addressed to. Every call blocks."""

    def __init__(self, records: AddressRecords, directory: Directory) -> None:
        self._records = records
        self._directory = directory

    @property
    def names(self) -> frozenset[str]:
        """The names that it knows."""
        return frozenset(self._directory)

    def look_up(self, now_ns: int, limit: int = 200) -> Looked:
        """Look up what is due, until all of it stands under the names of channels."""
        passed, nobody = 0, Counter[str]()
        for _ in range(_LONGEST_WAY):
            due = 0
            for name in sorted(self.names.intersection(self._records.waiting_channels())):
                there, lost = self._look_up(name, now_ns, limit)
                due += there + lost
                passed += there
                nobody[name] += lost
            if not due:
                break
        return Looked(passed, +nobody)

    def _look_up(self, name: str, now_ns: int, limit: int) -> tuple[int, int]:
        """Look up what is due for a name; return how many were passed on, and how many lead to nobody."""
        waiting = still_needed(self._records, self._records.waiting_notices(now_ns, limit, name))
        if not waiting:
            return 0, 0
        said = self._records.transitions_by_id([each.notice.transition for each in waiting])
        found: list[PassedOn] = []
        for notice in (each.notice for each in waiting):
            resolution = self._directory[notice.channel](notice, said.get(notice.transition), now_ns)
            if resolution.is_dropped:
                self._records.drop_notices([notice.id], resolution.why)
            else:
                found.append(_passed_on(notice, resolution))
        passed = [each for each in found if each.children]
        if passed:
            self._records.pass_notices_on(passed)
        nobody = [each for each in found if not each.children]
        for each in nobody:
            self._records.notice_result([each.id], NoticeResult(DEAD, f"{name} leads to nobody: {each.why}"))
        return len(passed), len(nobody)


def _passed_on(notice: Notice, resolution: Resolution) -> PassedOn:
    """What takes a notice's place; whoever is already on its way is not told again."""
    before = names_before(notice)
    children = [each for each in resolution.children if each.due_ns or each.notice.channel not in before]
    why = resolution.why
    if resolution.children and not children:
        why = f"{why}; that is a circle: {_BETWEEN.join(before)}"
    return PassedOn(notice.id, children, why)
