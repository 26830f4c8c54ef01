"""Budgets: what several holds of one batch take together, and what it inherits from the batches that it was made of.

A batch begins with as much as its oldest parent had taken when it was made (the largest of them, never their sum). What
it inherits is kept by the stays that took it, so that a correction of one of them reaches every descendant.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from detectors.cases import Case, Evidence, Json, Origin, case_from, open_case
from detectors.holds.clocks import NOTHING, Span
from detectors.holds.stays import Moment, moment_from
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.holds import Budget
from domain.time import format_duration

_BATCHES_KEPT = 512  # of one budget; the one that was longest not heard of goes first

Part = tuple[str, int, int]
"""A hold and where its stay's start stands in the journal."""


_LINEAGES_KEPT = 16
"""Ways on which a batch has come from its ancestors; what the least of more had taken stays as a figure."""


@dataclass(slots=True)
class Taken:
    """What a stay took under the name of one batch, as far as a descendant inherits it."""

    spent: Span
    until: Moment | None  # the stay ran on when the descendant was made; None: it was over

    def state(self) -> Json:
        """All of it."""
        return [list(self.spent), None if self.until is None else self.until.state()]


Lineage = dict[tuple[str, Part], Taken]
"""One way from an ancestor to a batch: what was taken on it, by batch and stay."""


@dataclass(slots=True, eq=False)
class Account:
    """What one batch has taken of one budget."""

    least: Span = NOTHING  # inherited, and not known any more by which stays
    lineages: list[Lineage] = field(default_factory=list)
    parts: dict[Part, Span] = field(default_factory=dict)  # stays that have ended
    warned: int = 0
    is_proven: bool = False  # that it is over its limit was said, and is certain even in the best case
    cases: dict[str, Case] = field(default_factory=dict)
    said: dict[str, Case] = field(default_factory=dict)  # cleared, the newest: judged again makes its next version

    @property
    def inherited(self) -> Span:
        """The most that any of its parents had taken."""
        found = self.least
        for lineage in self.lineages:
            found = largest(found, _sum(lineage))
        return found

    def descend(self, lineage: Lineage) -> None:
        """Inherit what was taken on another way; the newest of those over the same stays counts."""
        self.lineages = [each for each in self.lineages if each.keys() != lineage.keys()]
        self.lineages.append(lineage)
        if len(self.lineages) > _LINEAGES_KEPT:
            gone = min(self.lineages, key=lambda each: _worst_ns(_sum(each)))
            self.lineages.remove(gone)
            self.least = largest(self.least, _sum(gone))

    def correct(self, batch: str, part: Part, share: "Callable[[str, Moment | None], Span | None]") -> bool:
        """Take what a stay took as it is known now, under each name that it had; whether that is something else."""
        before = self.inherited, self.parts.get(part)
        known = share(batch, None) if part in self.parts else None
        if known is not None:
            self.parts[part] = known
        for lineage in self.lineages:
            for (of, each), taken in lineage.items():
                if each == part:
                    taken.spent = share(of, taken.until) or taken.spent
        return before != (self.inherited, self.parts.get(part))

    def total(self, live: list[Span]) -> Span:
        """All of it; `live` are the stays that run."""
        return added([self.inherited, *self.parts.values(), *live])


@dataclass(frozen=True, slots=True)
class Live:
    """A stay that runs now and counts to a budget."""

    part: Part
    unit: str
    spent: Span
    until: Moment


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a batch stands with a budget."""

    budget: Budget
    account: Account
    batch: str
    unit: str
    total: Span

    def evidence(self) -> Evidence:
        """What a person needs to check a statement about it."""
        return {
            "elapsed_min_ns": self.total.low_ns,
            "elapsed_max_ns": self.total.high_ns,
            "inherited_min_ns": self.account.inherited.low_ns,
            "inherited_max_ns": self.account.inherited.high_ns,
            "limit_ns": self.budget.limit_ns,
            "stays": len(self.account.parts),
            "study": self.budget.study or None,
        }


class Budgets:
    """All budgets of the rulebook."""

    def __init__(self, budgets: dict[str, Budget], origin: Origin) -> None:
        self._origin = origin
        self.budgets = budgets
        self._accounts: dict[str, dict[str, Account]] = {name: {} for name in budgets}

    def account(self, budget: str, batch: str) -> Account:
        """A batch's account, made where there is none."""
        accounts = self._accounts[budget]
        account = accounts.pop(batch, None) or Account()
        accounts[batch] = account
        while len(accounts) > _BATCHES_KEPT:
            del accounts[next(iter(accounts))]
        return account

    def inherit(self, parent: str, child: str, live: Callable[[str, str], list[Live]]) -> None:
        """A batch comes to be of another; `live` gives the stays of a batch that run now, by budget."""
        for name in self.budgets:
            known = self._accounts[name].get(parent) or Account()
            own: Lineage = {(parent, part): Taken(spent, None) for part, spent in known.parts.items()}
            own |= {(parent, each.part): Taken(each.spent, each.until) for each in live(name, parent)}
            ways = known.lineages or [{}]
            if not own and not known.lineages and known.least == NOTHING:
                continue
            account = self.account(name, child)
            for way in ways:
                account.descend({key: replace(taken) for key, taken in (way | own).items()})
            if known.least != NOTHING:
                account.least = largest(account.least, added([known.least, _sum(own)]))

    def correct(self, name: str, part: Part, share: Callable[[str, Moment | None], Span | None]) -> list[str]:
        """Take what a stay took as it is known now; the batches of which that changes what they have taken."""
        accounts = self._accounts[name].items()
        return [batch for batch, account in accounts if account.correct(batch, part, share)]

    def judge(
        self,
        name: str,
        batch: str,
        live: list[Live],
        at_ns: int,
        position: RowPosition,
        unit: str,
        why: Evidence | None = None,
    ) -> list[Finding]:
        """Say what a batch's budget has come to; without a stay that runs what was open is closed."""
        budget, account = self.budgets[name], self.account(name, batch)
        total = account.total([each.spent for each in live])
        named = _Standing(budget, account, batch, unit, total)
        found: list[Finding] = []
        worst_ns = _worst_ns(total)
        if worst_ns > budget.limit_ns:
            if "hold.breach" not in account.cases:
                message = self._over(budget, batch, total)
                found.append(self._say(named, "hold.breach", message, at_ns, position))
                found += self._clear(named, "hold.warning", at_ns)
            elif not account.is_proven and total.low_ns > budget.limit_ns:
                message = self._over(budget, batch, total)
                found.append(account.cases["hold.breach"].say(Stage.OPEN, at_ns, message, named.evidence()))
            account.is_proven = total.low_ns > budget.limit_ns
        else:
            found += self._disproved(named, at_ns, why)
            due = sum(worst_ns >= budget.limit_ns - before_ns for before_ns in budget.warn_before_ns)
            if due > account.warned and live:
                found += self._clear(named, "hold.warning", at_ns)
                account.warned = due
                left = format_duration(budget.limit_ns - worst_ns)
                message = (
                    f"{name}: {_long(total)} are used, {left} are left of {format_duration(budget.limit_ns)}, "
                    f"batch {batch}."
                )
                found.append(self._say(named, "hold.warning", message, at_ns, position))
        if not live:
            for rule in list(account.cases):
                found += self._clear(named, rule, at_ns)
        return found

    def _over(self, budget: Budget, batch: str, total: Span) -> str:
        over = "over" if total.low_ns > budget.limit_ns else "perhaps over"
        limit = format_duration(budget.limit_ns)
        return f"{budget.name}: {_long(total)} are used, {over} the limit of {limit}, batch {batch}."

    def _say(self, now: "_Standing", rule: str, message: str, at_ns: int, position: RowPosition) -> Finding:
        case = open_case(self._origin, rule, now.budget.name, at_ns, position, None, now.unit)
        case.batch = now.batch
        case.id = f"{rule}/{now.budget.name}/{now.batch}//{position.entry}.{position.row}"
        now.account.cases[rule] = case
        return case.say(Stage.OPEN, at_ns, message, now.evidence())

    def _disproved(self, now: "_Standing", at_ns: int, why: Evidence | None) -> list[Finding]:
        """Take a breach back that was one in the worst case, which is now known not to be."""
        if "hold.breach" not in now.account.cases or now.account.is_proven:
            return []  # what was certain once is no less by a clock that was set back
        case = now.account.cases.pop("hold.breach")
        now.account.said.pop("hold.breach", None)
        now.account.warned = 0
        message = f"{now.budget.name}: {_long(now.total)} are used, not over the limit after all, batch {now.batch}."
        evidence = {**now.evidence(), **(why or {}), "withdrawn": "disproved"}
        return [case.say(Stage.CLEARED, at_ns, message, evidence, at_ns)]

    def _clear(self, now: "_Standing", rule: str, at_ns: int) -> list[Finding]:
        case = now.account.cases.pop(rule, None)
        if case is None:
            return []
        limit = format_duration(now.budget.limit_ns)
        message = f"{now.budget.name}: {_long(now.total)} are used of {limit}, batch {now.batch}."
        now.account.said[rule] = case
        return [case.say(Stage.CLEARED, at_ns, message, now.evidence(), at_ns)]

    def judge_again(
        self, name: str, batch: str, live: list[Live], at_ns: int, position: RowPosition, unit: str, why: Evidence
    ) -> list[Finding]:
        """Say anew what a budget has come to, because a stay that is over took more or less than was thought."""
        account = self.account(name, batch)
        before = account.cases.get("hold.breach") or account.said.get("hold.breach")
        known = None if before is None else (before.id, before.version)
        is_over = bool(before) and not account.cases and not live  # what was said of it gets a version, no successor
        found = [] if is_over else self.judge(name, batch, live, at_ns, position, unit, why)
        case = account.cases.get("hold.breach") or account.said.get("hold.breach")
        if case is None or (case.id, case.version) != known:
            return found  # it has been told by now
        now = _Standing(self.budgets[name], account, batch, unit, account.total([each.spent for each in live]))
        evidence = {**now.evidence(), **why}
        if _worst_ns(now.total) > now.budget.limit_ns:
            stage = Stage.OPEN if "hold.breach" in account.cases else Stage.CLEARED
            message = self._over(now.budget, batch, now.total)
        else:
            stage = Stage.CLEARED
            message = f"{name}: {_long(now.total)} are used, not over the limit after all, batch {batch}."
            evidence["withdrawn"] = "judged again"
            account.cases.pop("hold.breach", None)
            account.said.pop("hold.breach", None)  # if it is one again that is another
            account.warned, account.is_proven = 0, False
        end_ns = at_ns if stage is Stage.CLEARED else None
        return [*found, case.say(stage, at_ns, f"{message} It was judged again.", evidence, end_ns)]

    def state(self) -> Json:
        """All of it."""
        return {
            name: [
                [
                    batch,
                    list(account.inherited),
                    [[list(part), list(spent)] for part, spent in account.parts.items()],
                    account.warned,
                    {rule: case.state() for rule, case in account.cases.items()},
                    {rule: case.state() for rule, case in account.said.items()},
                    account.is_proven,
                    list(account.least),
                    [
                        [[of, list(part), *taken.state()] for (of, part), taken in lineage.items()]
                        for lineage in account.lineages
                    ],
                ]
                for batch, account in accounts.items()
            ]
            for name, accounts in self._accounts.items()
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told, as far as the rules still have the budget."""
        for name, accounts in state.items():
            if name in self._accounts:
                self._accounts[name] = {
                    batch: Account(
                        Span(*(newer[2] if newer[2:] else inherited)),
                        [_lineage_from(lineage) for lineage in newer[3]] if newer[3:] else [],
                        {(part[0], part[1], part[2]): Span(*spent) for part, spent in parts},
                        warned,
                        bool(newer[1:] and newer[1]),
                        {rule: case_from(case) for rule, case in cases.items()},
                        {rule: case_from(case) for rule, case in (newer[0] if newer else {}).items()},
                    )
                    for batch, inherited, parts, warned, cases, *newer in accounts  # older programs kept less
                }

    def forget_said(self) -> None:
        """Begin to announce anew: the limits are others."""
        for accounts in self._accounts.values():
            for account in accounts.values():
                account.warned, account.is_proven, account.cases, account.said = 0, False, {}, {}


def _lineage_from(state: Json) -> Lineage:
    return {
        (of, (part[0], part[1], part[2])): Taken(Span(*spent), None if until is None else moment_from(until))
        for of, part, spent, until in state
    }


def _sum(lineage: Lineage) -> Span:
    return added([taken.spent for taken in lineage.values()])


def _worst_ns(total: Span) -> int:
    return total.low_ns if total.high_ns is None else total.high_ns


def added(spans: list[Span]) -> Span:
    """All together."""
    highs = [span.high_ns for span in spans if span.high_ns is not None]
    return Span(sum(span.low_ns for span in spans), sum(highs) if len(highs) == len(spans) else None)


def largest(one: Span, other: Span) -> Span:
    """The larger of each bound."""
    high_ns = None if one.high_ns is None or other.high_ns is None else max(one.high_ns, other.high_ns)
    return Span(max(one.low_ns, other.low_ns), high_ns)


def less(one: Span, credit: Span) -> Span:
    """What came after a part of it."""
    if one.high_ns is None or credit.high_ns is None:
        return Span(max(0, one.low_ns - credit.low_ns), None)
    return Span(max(0, one.low_ns - credit.low_ns), max(0, one.high_ns - credit.high_ns))


def _long(total: Span) -> str:
    low = format_duration(total.low_ns)
    if total.high_ns is None:
        return f"at least {low}"
    high = format_duration(total.high_ns)
    return low if low == high else f"{low} to {high}"
