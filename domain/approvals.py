"""Approved versions of ranges: who may make one, and what makes it worth nothing (domain rule 3, ICH Q7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.entries import ActionKind, PersonAction, RecipeApproved
from domain.errors import DamagedFile
from domain.recipe_content import canonical, hash_of, recipe_of
from domain.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Proposal:
    """A draft that somebody put forward; `id` is its own, `hash` its content's."""

    id: str
    at_ns: int
    product: str
    version: int
    change: str
    study: str
    person: str
    reason: str
    content: str
    hash: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an approval once it had its place in the journal; `error` is why it counts for nothing."""

    approved: RecipeApproved
    error: str = ""


CLOSING = {ActionKind.REJECT_RANGES: "rejected", ActionKind.WITHDRAW_RANGES: "withdrawn"}
"""Deeds after which a proposal cannot be approved any more, and what it is then."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of a rejection or a withdrawal in its place in the journal; `error`: why it counts for nothing."""

    action: PersonAction
    error: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """A proposal that was rejected or withdrawn: by whom, when and why the action says."""

    proposal: Proposal
    action: PersonAction

    @property
    def state(self) -> str:
        """`rejected` or `withdrawn`."""
        return CLOSING[self.action.kind]


def fault_of_closing(proposal: Proposal, action: PersonAction) -> str:
    """Why somebody cannot close a proposal; empty if they can. Who proposed withdraws, another person rejects."""
    if not action.comment.strip():
        return "it has no reason"
    is_own = same_person(proposal.person, action.person)
    if action.kind is ActionKind.REJECT_RANGES and is_own:
        return f"{action.person} proposed it, and may withdraw it"
    if action.kind is ActionKind.WITHDRAW_RANGES and not is_own:
        return f"{proposal.person} proposed it: another person rejects it"
    return ""


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are written."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def studies_of(recipe: Recipe) -> str:
    """The studies that stand behind a recipe's ranges, each once, in the order of their names."""
    found = {phase.duration_study for phase in recipe.phases.values()}
    for phase in recipe.phases.values():
        found |= {each.study for each in phase.parameters.values()}
        found |= {each.study for each in phase.rates.values()} | {each.study for each in phase.dwells.values()}
    found |= {each.study for each in recipe.yields.values()}
    return ", ".join(sorted(found - {""}))


def fault_of(entry: RecipeApproved) -> str:
    """Why an approval counts for nothing by itself; empty if it counts."""
    return _fault_of_deed(entry) or _fault_of_content(entry)


def _fault_of_deed(entry: RecipeApproved) -> str:
    if not entry.approver.strip() or not entry.proposer.strip():
        return "nobody stands behind it"
    if same_person(entry.approver, entry.proposer):
        return f"{entry.approver} proposed it: a second person approves"
    if not entry.reason.strip():
        return "it has no reason"
    if not entry.change.strip():
        return "it has no change number"
    return "it would be valid from a time in the past" if entry.valid_from_ns < entry.at_ns else ""


def _fault_of_content(entry: RecipeApproved) -> str:
    if hash_of(entry.content) != entry.hash:
        return "its content is not what was approved: the hash differs"
    try:
        recipe = recipe_of(entry.content)
    except DamagedFile as error:
        return str(error)
    if canonical(recipe) != entry.content:
        return "its content is not in the canonical form"
    told = (entry.product, entry.version, entry.change)
    return "" if (recipe.product, recipe.version, recipe.change) == told else "its content is of another version"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the ranges of one product stand: what judges, what will, what waits, and what its file says."""

    product: str
    required: bool  # whether only what is approved judges
    in_force: RecipeApproved | None
    later: tuple[RecipeApproved, ...]  # by the time from which they are valid
    waiting: tuple[Proposal, ...]  # for a second person, newest first
    closed: tuple[Closed, ...]  # rejected or withdrawn, newest first
    draft_version: int | None  # of the file; None: the file does not know the product
    draft: str  # the file's content: in force, valid later, waits for approval, rejected, withdrawn, not proposed, none


def standings(
    drafts: Mapping[str, Recipe],
    approved: Sequence[RecipeApproved],
    proposals: Sequence[Proposal],
    now_ns: int,
    *,
    required: bool,
    closings: Sequence[PersonAction] = (),
) -> list[Standing]:
    """How every product stands at a time; `approved`, `proposals` and `closings` newest first, as records give them."""
    by_id = {each.id: each for each in proposals}
    closed = [Closed(by_id[each.subject], each) for each in closings if each.subject in by_id]
    products = sorted({*drafts, *(each.product for each in approved), *(each.product for each in proposals)})
    return [
        _standing(
            product,
            drafts.get(product),
            [each for each in reversed(approved) if each.product == product],
            [each for each in proposals if each.product == product],
            [each for each in closed if each.proposal.product == product],
            now_ns,
            required=required,
        )
        for product in products
    ]


def _standing(
    product: str,
    draft: Recipe | None,
    approved: list[RecipeApproved],
    proposals: list[Proposal],
    closed: list[Closed],
    now_ns: int,
    *,
    required: bool,
) -> Standing:
    valid = [each for each in approved if each.valid_from_ns <= now_ns]
    in_force = max(reversed(valid), key=lambda each: each.valid_from_ns) if valid else None
    later = sorted((each for each in approved if each.valid_from_ns > now_ns), key=lambda each: each.valid_from_ns)
    decided, gone = {each.version for each in approved}, {each.proposal.id for each in closed}
    waiting = [each for each in proposals if each.version not in decided and each.id not in gone]
    return Standing(
        product,
        required,
        in_force,
        tuple(later),
        tuple(waiting),
        tuple(closed),
        None if draft is None else draft.version,
        _draft_state(draft, in_force, later, waiting, closed),
    )


def _draft_state(
    draft: Recipe | None,
    in_force: RecipeApproved | None,
    later: list[RecipeApproved],
    waiting: list[Proposal],
    closed: list[Closed],
) -> str:
    if draft is None:
        return "none"
    written = hash_of(canonical(draft))
    if in_force is not None and in_force.hash == written:
        return "in force"
    if any(each.hash == written for each in later):
        return "valid later"
    if any(each.hash == written for each in waiting):
        return "waits for approval"
    return next((each.state for each in closed if each.proposal.hash == written), "not proposed")
