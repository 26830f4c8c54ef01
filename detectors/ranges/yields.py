"""What batches gave against what their recipes expect, in exact decimals: yield = product / theoretical.

A yield is judged when no unit holds the batch any more and no amount has come for `WAIT_NS`: three drums are weighed
one after the other, and the first one alone would look like a loss. A correction of what was judged is judged at once.
What cannot be told is `yield.indeterminate`, an event. Nothing is chained: each yield has a theoretical mass of its
own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Case, Json, Origin, case_from, open_case, recipe_version
from detectors.context.units import Role, Unit, pin_state, pinned_from
from detectors.part import Part
from detectors.ranges.amounts import Amount, Outcome, outcome_of, words_of
from detectors.versions import Versions
from domain.entries import BatchEvent, EventKind, Heartbeat, RowPosition
from domain.findings import Finding, Stage
from domain.recipes import ExpectedYield, Recipe
from domain.time import HOUR_NS

WAIT_NS = HOUR_NS
"""So long after the last amount, by our clock, a batch that is over is judged."""

MOST_BATCHES = 256
"""Batches whose amounts are kept; of those that no unit holds the oldest goes first."""

MOST_AMOUNTS = 512
"""Amounts kept of a batch; with more its yields are indeterminate."""

_TELLS = (EventKind.CHARGE, EventKind.TRANSFER_END)


@dataclass(slots=True, eq=False)
class Account:
    """One batch: what judges it, what went in and out, and what was said of it."""

    recipe: Recipe | None = None
    amounts: list[Amount] = field(default_factory=list)
    is_whole: bool = True  # every amount was heard: the batch did not run when it was first seen
    is_full: bool = False
    was_held: bool = False
    is_judged: bool = False
    unit: str = ""  # that it left last
    left_ns: int = 0
    said: dict[str, tuple[Case, str]] = field(default_factory=dict)  # by rule and yield: with its newest words

    @property
    def expects(self) -> tuple[ExpectedYield, ...]:
        """The yields that its recipe expects."""
        return () if self.recipe is None else tuple(self.recipe.yields.values())

    @property
    def unknown(self) -> str:
        """Why the amounts that are known may not be all of them."""
        if not self.is_whole:
            return "it ran when it was first seen, and what was told before is not known"
        return f"more than {MOST_AMOUNTS} amounts were told of it" if self.is_full else ""


class Yields(Part):
    """Every batch that is on a unit or has amounts, with what its recipe expects it to give."""

    name = "yields"

    def __init__(self, origin: Origin, units: Mapping[str, Unit], versions: Versions) -> None:
        self._origin = origin
        self._units = units
        self._versions = versions
        self._accounts: dict[str, Account] = {}
        self._waiting: dict[str, int | None] = {}  # batches to be judged: since when nothing has changed

    def take(self, event: BatchEvent, position: RowPosition) -> list[Finding]:
        """Take the amount that an event tells, or the one that it corrects."""
        if event.kind not in _TELLS or not event.material:
            return []
        place = event.unit if event.kind is EventKind.CHARGE else event.from_unit
        batch = event.batch
        ids: tuple[tuple[str, str], ...] = ((event.source, event.id),)
        if event.corrects:
            found = self._find(event)
            if found is None:
                return [self._uncorrected(event, position)]
            known, index = found
            before = self._accounts[known].amounts.pop(index)
            batch, ids = batch or known, (*before.ids, *ids)
        elif not batch and place in self._units:
            batch = self._units[place].last(Role.BATCH)
        if not batch:
            return []
        account = self._account(batch, is_new=all(unit.batch != batch for unit in self._units.values()))
        is_charge = event.kind is EventKind.CHARGE
        account.is_full |= len(account.amounts) >= MOST_AMOUNTS
        if not account.is_full:
            account.amounts.append(Amount(ids, is_charge, place, event.material, event.amount, event.amount_unit))
        if event.corrects:
            return self._corrected({known, batch}, event.recorded_ns, position)
        self._waiting[batch] = None
        return []

    def _find(self, event: BatchEvent) -> tuple[str, int] | None:
        """Where the amount is that an event corrects: of its own source, else of any."""
        every = [
            (batch, index, each)
            for batch, account in self._accounts.items()
            for index, each in enumerate(account.amounts)
        ]
        own = [(batch, index) for batch, index, each in every if (event.source, event.corrects) in each.ids]
        others = [(batch, index) for batch, index, each in every if event.corrects in [id_ for _, id_ in each.ids]]
        return next(iter([*own, *others]), None)

    def _uncorrected(self, event: BatchEvent, position: RowPosition) -> Finding:
        subject = event.unit or event.from_unit or event.batch or event.id
        case = open_case(self._origin, "context.impossible", subject, event.time_ns, position, None, event.unit)
        case.batch = event.batch
        case.id = f"context.impossible/{subject}/{event.batch}/corrects/{event.id}/{position.entry}.{position.row}"
        message = f"Event {event.id} corrects the amount of event {event.corrects}, which nobody told, or too long ago."
        evidence = {"what": "corrects", "event": event.id, "event_source": event.source}
        return case.say(Stage.CLEARED, event.time_ns, message, evidence, event.time_ns)

    def _corrected(self, batches: set[str], at_ns: int, position: RowPosition) -> list[Finding]:
        """Judge again what was judged; what was not yet waits."""
        found: list[Finding] = []
        for batch in sorted(batches):
            if self._accounts[batch].is_judged and batch not in self._waiting:
                found += self._judge(batch, at_ns, position)
            else:
                self._waiting[batch] = None
        return found

    def moved(self, unit: Unit, left: str) -> None:
        """A unit's batch has settled; `left` is the one that it held before."""
        change = unit.batch_changed
        if change is None:
            return
        before = self._accounts.get(left)
        if before is not None:
            before.unit, before.left_ns = unit.model.name, change.time_ns
            self._waiting[left] = None
        if not unit.batch:
            return
        is_elsewhere = any(each.batch == unit.batch for each in self._units.values() if each is not unit)
        account = self._account(unit.batch, is_new=not is_elsewhere)
        account.recipe = account.recipe or unit.recipe
        account.is_whole &= account.was_held or change.unseen_ns is not None
        account.was_held = True

    def _account(self, batch: str, *, is_new: bool) -> Account:
        """A batch's account; one that is made when it is not new may lack amounts."""
        known = self._accounts.get(batch)
        if known is not None:
            return known
        made = self._accounts[batch] = Account(is_whole=is_new)
        if len(self._accounts) > MOST_BATCHES:
            held = self._held()
            oldest = next((each for each in self._accounts if each not in held), next(iter(self._accounts)))
            del self._accounts[oldest]
            self._waiting.pop(oldest, None)
        return made

    def _held(self) -> set[str]:
        return {batch for unit in self._units.values() for batch in (unit.batch, unit.last(Role.BATCH))}

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Judge the batches that no unit holds and of which nothing has come for long enough."""
        if not self._waiting:
            return []
        held, now_ns = self._held(), heartbeat.now_ns
        found: list[Finding] = []
        for batch, since_ns in list(self._waiting.items()):
            if batch in held or not self._accounts[batch].was_held:
                self._waiting[batch] = None
            elif not self._accounts[batch].expects:
                del self._waiting[batch]
            elif since_ns is None or now_ns < since_ns:
                self._waiting[batch] = now_ns
            elif now_ns - since_ns >= WAIT_NS:
                del self._waiting[batch]
                found += self._judge(batch, now_ns, position)
        return found

    def _judge(self, batch: str, at_ns: int, position: RowPosition) -> list[Finding]:
        """Every yield that the batch's recipe expects."""
        account = self._accounts[batch]
        account.is_judged = True
        found: list[Finding] = []
        for expected in account.expects:
            outcome = outcome_of(expected, account.amounts, account.unknown)
            for side in ("low", "high", "indeterminate"):
                found += self._say(batch, expected, outcome, side, at_ns, position)
        return found

    def _say(
        self, batch: str, expected: ExpectedYield, outcome: Outcome, side: str, at_ns: int, position: RowPosition
    ) -> list[Finding]:
        """The first or the next version of what is so, or of what was said to be so and is not any more."""
        account, rule = self._accounts[batch], f"yield.{side}"
        key = f"{rule}/{expected.name}"
        known = account.said.get(key)
        if (known is None and outcome.side != side) or account.recipe is None:
            return []
        message = words_of(batch, expected, outcome, recipe_version(account.recipe))
        if known is not None and known[1] == message:
            return []
        case = known[0] if known is not None else self._case(rule, expected, batch, position)
        account.said[key] = (case, message)
        case.rules_hash, case.detector_hash = self._origin.rules_hash, self._origin.detector_hash
        case.ranges_version = self._origin.ranges_version(account.recipe)
        withdrawn = {} if outcome.side == side else {"withdrawn": "other amounts"}
        return [case.say(Stage.CLEARED, at_ns, message, {**outcome.evidence, **withdrawn}, case.onset_ns)]

    def _case(self, rule: str, expected: ExpectedYield, batch: str, position: RowPosition) -> Case:
        account = self._accounts[batch]
        case = open_case(self._origin, rule, expected.name, account.left_ns, position, None, account.unit)
        case.batch = batch
        case.id = f"{rule}/{expected.name}/{batch}/{position.entry}.{position.row}"
        return case

    def state(self) -> Json:
        """All of it; recipes by name."""
        return {
            "accounts": {batch: _account_state(account) for batch, account in self._accounts.items()},
            "waiting": self._waiting,
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._accounts = {batch: self._account_from(told) for batch, told in state["accounts"].items()}
        self._waiting = dict(state["waiting"])

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Amounts depend on no rule; what was said of them goes on, by the limits that the batch has now."""
        self.load(state, arrays)

    def _account_from(self, told: Json) -> Account:
        said = {key: (case_from(case), words) for key, (case, words) in told["said"].items()}
        amounts = [
            Amount(
                tuple((source, id_) for source, id_ in ids),
                is_charge,
                place,
                material,
                None if amount is None else Decimal(amount),
                unit,
            )
            for ids, is_charge, place, material, amount, unit in told["amounts"]
        ]
        return Account(
            **{**told, "recipe": pinned_from(told["recipe"], self._versions), "amounts": amounts, "said": said}
        )


def _account_state(account: Account) -> Json:
    amounts = [
        [each.ids, each.is_charge, each.place, each.material, _digits(each.amount), each.unit]
        for each in account.amounts
    ]
    return {
        "recipe": pin_state(account.recipe),
        "amounts": amounts,
        "is_whole": account.is_whole,
        "is_full": account.is_full,
        "was_held": account.was_held,
        "is_judged": account.is_judged,
        "unit": account.unit,
        "left_ns": account.left_ns,
        "said": {key: [case.state(), words] for key, (case, words) in account.said.items()},
    }


def _digits(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
