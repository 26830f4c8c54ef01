"""Range changes as the page and the API show and take them; the rules are those of `service.ranges.changing`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.approvals import CLOSING, Proposal
from domain.entries import ActionKind, PersonAction, RecipeApproved
from domain.errors import DamagedFile, Refused
from domain.people import Person
from domain.ports import Signer
from domain.range_desk import RangeChange, Said, Weighed
from domain.range_steps import KIND, RangeStep, content_of, reviewers
from domain.recipe_content import recipe_of
from domain.recipes import Recipe
from domain.signatures import canonical, hash_of
from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.database import SqlRecords
from service.config.build import Configuration
from service.ranges.changing import Hand, approve, close, propose, review
from service.ranges.difference import difference
from service.ranges.impact import Past, impact
from service.ranges.standing import judging_recipes, standings_of

MOST_CHANGES = 50
_MOST_RUNS = 10_000
_TO_PROPOSE = frozenset({"not proposed", "rejected", "withdrawn"})


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read once for every proposal that is shown."""

    approved: Sequence[RecipeApproved]
    closings: Mapping[str, PersonAction]
    in_force: Mapping[str, Recipe]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Range changes of a configuration. Calls block: never on an event loop."""

    configuration: Configuration
    records: SqlRecords
    signing: Signer
    journal: ReadOnlyJournal
    history: HistoryView

    def drafts(self, now_ns: int) -> list[tuple[str, int]]:
        """Products whose file could be proposed as it is, each with the file's version."""
        taken = {(each.product, each.version) for each in self.records.approved_versions()}
        return [
            (each.product, each.draft_version)
            for each in standings_of(self.configuration, self.records, now_ns)
            if each.draft in _TO_PROPOSE
            and each.draft_version is not None
            and (each.product, each.draft_version) not in taken
        ]

    def changes(self, now_ns: int) -> list[RangeChange]:
        """The newest proposals, newest first."""
        known = self._known(now_ns)
        return [self._change(each, known) for each in self.records.proposals(MOST_CHANGES)]

    def change(self, id_: str, now_ns: int) -> RangeChange | None:
        """One of them."""
        proposal = self.records.proposal(id_)
        return None if proposal is None else self._change(proposal, self._known(now_ns))

    def reviewers(self, approved: RecipeApproved) -> list[str]:
        """Who had reviewed what was approved."""
        proposal = self.records.proposal(approved.proposal)
        return [] if proposal is None else self._reviewers(proposal)

    def _reviewers(self, proposal: Proposal) -> list[str]:
        return list(dict.fromkeys(reviewers(proposal, self.records.signatures_of(KIND, proposal.id))))

    def _known(self, now_ns: int) -> _Known:
        standings = standings_of(self.configuration, self.records, now_ns)
        return _Known(
            self.records.approved_versions(),
            {each.subject: each for each in self.records.closings()},
            {each.product: recipe_of(each.in_force.content) for each in standings if each.in_force is not None},
        )

    def _change(self, proposal: Proposal, known: _Known) -> RangeChange:
        closing = known.closings.get(proposal.id)
        reviewed_by = self._reviewers(proposal)
        state = _state(proposal, known, reviewed=bool(reviewed_by))
        before = known.in_force.get(proposal.product)
        content = content_of(proposal)
        return RangeChange(
            proposal,
            state,
            hash_of(canonical(content)),
            None if before is None else before.version,
            _differences(before, proposal) if state.startswith("waits") else (),
            tuple(self.signing.signatures_of(KIND, proposal.id, content)),
            tuple(reviewed_by),
            "" if closing is None else closing.person,
            "" if closing is None else closing.comment,
        )

    def weigh(self, id_: str, since_ns: int, now_ns: int) -> Weighed:
        """What a proposal would have said of recent batches; takes seconds. Refused: there is no such proposal."""
        proposal = self.records.proposal(id_)
        if proposal is None:
            raise Refused(f"there is no proposal {id_!r}")
        listed = self.records.list_phases(since_ns, None, None, _MOST_RUNS)
        runs = [run for run in listed if run.start_ns >= since_ns]
        before = {f"{one.product} v{one.version}": one for one in judging_recipes(self.configuration, self.records)}
        past = Past(runs, self.history, TagTable(self.journal.tags()), self.configuration.rulebook.units)
        return Weighed(len(runs), tuple(impact(past, before, recipe_of(proposal.content), now_ns)))

    def propose(self, product: str, person: Person, said: Said, now_ns: int) -> Proposal:
        """Put the file's recipe forward, signed. Refused says why not."""
        recipe = self.configuration.rulebook.recipes.get(product)
        if recipe is None:
            raise Refused(f"no recipe is named {product!r}")
        return propose(self.records, recipe, Hand(self.signing, person, said.secret), said.reason, now_ns)

    def step(self, step: RangeStep, id_: str, person: Person, said: Said, now_ns: int) -> PersonAction | None:
        """Take a step, signed; what the core is asked for, if anything. Refused says why not."""
        hand = Hand(self.signing, person, said.secret)
        match step:
            case RangeStep.REVIEW:
                review(self.records, id_, hand, said.reason)
                return None
            case RangeStep.APPROVE:
                return approve(self.records, id_, hand, said.reason, said.valid_from_ns, now_ns)
            case RangeStep.REJECT:
                return close(self.records, id_, hand, ActionKind.REJECT_RANGES, said.reason, now_ns)
            case RangeStep.WITHDRAW:
                return close(self.records, id_, hand, ActionKind.WITHDRAW_RANGES, said.reason, now_ns)


def _differences(before: Recipe | None, proposal: Proposal) -> tuple[str, ...]:
    try:
        return tuple(difference(before, recipe_of(proposal.content)))
    except DamagedFile as error:  # of another release: it is shown as what it is, and cannot be approved
        return (f"its content cannot be read: {error}",)


def _state(proposal: Proposal, known: _Known, *, reviewed: bool) -> str:
    if proposal.id in known.closings:
        return CLOSING[known.closings[proposal.id].kind]
    for each in known.approved:
        if (each.product, each.version) == (proposal.product, proposal.version):
            return "approved" if each.proposal == proposal.id else "another was approved"
    return "waits for approval" if reviewed else "waits for review"
