"""What stays take of the budgets of their batches, and which batches were made of which."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from detectors.cases import Evidence, Json
from detectors.holds.budgets import Budgets, Live, less
from detectors.holds.clocks import NOTHING, Span
from detectors.holds.measures import Measures
from detectors.holds.stays import RENAMES_KEPT, Moment, Stay, Waiting
from detectors.holds.table import BudgetRow, budget_row_of
from domain.entries import RowPosition
from domain.findings import Conclusion, Finding
from domain.genealogy import BatchLink, Kinship

_CHILDREN_KEPT = 4096


class Booking:
    """Puts what stays take to the accounts of their batches, and judges those."""

    def __init__(self, budgets: Budgets, measures: Measures, waiting: Mapping[str, Waiting]) -> None:
        self._budgets = budgets
        self._measures = measures
        self._waiting = waiting
        self._parents: dict[str, dict[str, None]] = {}  # of the batches that wait

    def link(self, concluded: Sequence[Conclusion]) -> None:
        """Take links of batches: a child inherits what its parent has taken of every budget by then."""
        for link in concluded:
            if isinstance(link, BatchLink):
                if link.kinship is not Kinship.TRANSFER:  # what a transfer began in may have been emptied unseen
                    self._parents.setdefault(link.child, {})[link.parent] = None
                self._budgets.inherit(link.parent, link.child, self._live_of)
        while len(self._parents) > _CHILDREN_KEPT:
            del self._parents[next(iter(self._parents))]

    def _live_of(self, budget: str, batch: str) -> list[Live]:
        return self._live(budget).get(batch, [])

    def _live(self, budget: str) -> dict[str, list[Live]]:
        """The stays that run now and count to a budget, by batch, as the last heartbeat or event saw them."""
        found: dict[str, list[Live]] = {}
        for waiting in self._waiting.values():
            stay = waiting.stay
            if waiting.hold.budget != budget or stay is None or stay.is_judged or not stay.batch:
                continue
            until = self._measures.seen(stay) if stay.stop is None else stay.stop
            spent = less(self._measures.used(waiting.hold, stay, until), stay.credit)
            found.setdefault(stay.batch, []).append(Live(_part(waiting, stay), waiting.hold.unit, spent, until))
        return found

    def book(self, waiting: Waiting, stay: Stay, stop: Moment, position: RowPosition) -> list[Finding]:
        """Put what a stay has taken to its batch's account, and judge that."""
        budget = waiting.hold.budget
        if budget is None or not stay.batch:
            return []
        spent = less(self._measures.used(waiting.hold, stay, stop), stay.credit)
        self._budgets.account(budget, stay.batch).parts[_part(waiting, stay)] = spent
        live = self._live(budget).get(stay.batch, [])
        return self._budgets.judge(budget, stay.batch, live, stop.time_ns, position, waiting.hold.unit)

    def judge(self, now_ns: int, position: RowPosition) -> list[Finding]:
        """Say what the budgets of all batches that wait have come to."""
        found: list[Finding] = []
        for name in self._budgets.budgets:
            live = self._live(name)
            for batch, stays in live.items():
                found += self._budgets.judge(name, batch, stays, now_ns, position, stays[-1].unit)
        return found

    def book_again(self, waiting: Waiting, stay: Stay, position: RowPosition, why: Evidence) -> list[Finding]:
        """Put what a stay has taken, as it is known now, in the place of what was booked, and of what was inherited."""
        budget = waiting.hold.budget
        if budget is None or not stay.batch:
            return []
        if stay.renames:
            stay.credit = self._measures.used(waiting.hold, stay, _first(stay.renames[-1][1], stay.stop))
        changed = self._budgets.correct(budget, _part(waiting, stay), partial(self._share, waiting, stay))
        if stay.is_judged and stay.stop is not None:
            known = self._share(waiting, stay, stay.batch, None)
            assert known is not None
            self._budgets.account(budget, stay.batch).parts[_part(waiting, stay)] = known
            changed = [stay.batch, *(each for each in changed if each != stay.batch)]
        seen_ns = self._measures.seen(stay).time_ns if stay.stop is None else stay.stop.time_ns
        at_ns = max(seen_ns, stay.last_seen_ns or seen_ns)
        found: list[Finding] = []
        for batch in changed:
            live = self._live(budget).get(batch, [])
            then_ns = max([at_ns, *(each.until.time_ns for each in live)])
            found += self._budgets.judge_again(budget, batch, live, then_ns, position, waiting.hold.unit, why)
        return found

    def _share(self, waiting: Waiting, stay: Stay, batch: str, cut: Moment | None) -> Span | None:
        """What a stay took while it was a batch, up to a cut; None: it is not known any more when it was that."""
        hold, strip = waiting.hold, self._measures.strip(waiting.hold)
        until = self._measures.seen(stay) if stay.stop is None else stay.stop
        since: Moment | None = None
        for place, (name, renamed) in enumerate(stay.renames):
            if name == batch:
                if place == 0 and len(stay.renames) == RENAMES_KEPT:
                    return None
                until = _first(renamed, stay.stop)
                break
            since = _first(renamed, stay.stop)
        else:
            if batch != stay.batch:
                return None
        until = _first(until, cut)
        if strip is not None and until != stay.stop and strip.forgot(until.time_ns):
            return None
        begun = NOTHING if since is None else self._measures.used(hold, stay, since)
        return less(self._measures.used(hold, stay, until), begun)

    def unbook(self, waiting: Waiting, stay: Stay) -> None:
        """Take back what was booked of a stay: it goes on."""
        if waiting.hold.budget is not None:
            self._budgets.account(waiting.hold.budget, stay.batch).parts.pop(_part(waiting, stay), None)

    def rename(self, waiting: Waiting, stay: Stay, batch: str, now_ns: int) -> None:
        """What waits became another batch where it is; what it has waited as the other counts to that one's budget."""
        now = replace(stay.start, time_ns=now_ns, earliest_ns=now_ns, stamp=self._measures.stamp(stay.start.source))
        used = self._measures.used(waiting.hold, stay, now)
        if waiting.hold.budget is not None:
            account = self._budgets.account(waiting.hold.budget, stay.batch)
            account.parts[_part(waiting, stay)] = less(used, stay.credit)
        stay.renames.append((stay.batch, now))
        del stay.renames[:-RENAMES_KEPT]
        parent, stay.batch, stay.credit = stay.batch, batch, used
        self._budgets.inherit(parent, batch, self._live_of)  # it waited on since it was told to be made of it

    def is_made_of(self, batch: str, parent: str) -> bool:
        """Whether a batch was made of another; a transfer into what was there does not count."""
        return parent in self._parents.get(batch, {})

    def table(self, now_ns: int) -> tuple[BudgetRow, ...]:
        """How the batches that wait stand with their budgets."""
        return tuple(
            budget_row_of(budget, batch, self._budgets.account(name, batch), stays, now_ns)
            for name, budget in self._budgets.budgets.items()
            for batch, stays in self._live(name).items()
        )

    def state(self) -> dict[str, Json]:
        """All of it, by its places in the state of holds."""
        return {
            "budgets": self._budgets.state(),
            "parents": [[child, list(parents)] for child, parents in self._parents.items()],
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._budgets.load(state["budgets"])
        self._parents = {child: dict.fromkeys(parents) for child, parents in state["parents"]}

    def forget_said(self) -> None:
        """Begin to announce anew: the limits are others."""
        self._budgets.forget_said()


def _first(one: Moment, other: Moment | None) -> Moment:
    return one if other is None or one.time_ns <= other.time_ns else other


def _part(waiting: Waiting, stay: Stay) -> tuple[str, int, int]:
    return waiting.hold.name, int(stay.start.position.entry), stay.start.position.row
