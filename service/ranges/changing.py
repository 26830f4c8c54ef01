"""Putting a draft forward, and approving, rejecting or withdrawing it: each with a personal token and a reason."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from domain.approvals import CLOSING, Proposal, fault_of, fault_of_closing, studies_of
from domain.entries import ActionKind, PersonAction, RecipeApproved
from domain.errors import Refused
from domain.ports import Person, Signer
from domain.range_steps import KIND, NEEDS, RangeStep, content_of, fault_of_approver
from domain.recipe_content import canonical, hash_of
from domain.recipes import Recipe
from domain.roles import Permission
from domain.signatures import Meaning, Signature
from domain.time import SECOND_NS, format_time
from service.acting import approval_of

_LATEST_NS = (1 << 63) - 1
CLOCKS_DIFFER_NS = 5 * SECOND_NS


class RangeRecords(Protocol):
    """The records as far as they keep versions of ranges."""

    def propose(self, proposal: Proposal) -> None:
        """Keep a draft."""
        ...

    def proposal(self, id_: str) -> Proposal | None:
        """A proposal, if there is one by that id."""
        ...

    def approved_versions(self, limit: int = 1_000) -> Sequence[RecipeApproved]:
        """What was approved, newest first."""
        ...

    def closings(self) -> Sequence[PersonAction]:
        """The rejections and withdrawals that counted, newest first."""
        ...

    def signatures_of(self, kind: str, subject: str) -> Sequence[Signature]:
        """What was signed of one thing, oldest first."""
        ...

    def request(self, action: PersonAction, by: Person | None = None) -> None:
        """Ask the core."""
        ...


@dataclass(frozen=True, slots=True)
class Hand:
    """Who takes a step, with what they prove themselves by at signing, and where the signature goes."""

    signing: Signer
    person: Person
    secret: str

    def sign(self, proposal: Proposal, meaning: Meaning, reason: str) -> None:
        """Sign a proposal's content. Refused as `domain.ports.Signer` says."""
        actors = () if meaning in (Meaning.PROPOSED, Meaning.WITHDRAWN) else (proposal.person,)
        self.signing.sign(KIND, proposal.id, content_of(proposal), meaning, self.person, self.secret, reason, actors)


def propose(records: RangeRecords, recipe: Recipe, hand: Hand, reason: str, now_ns: int) -> Proposal:
    """Put a draft forward. Refused: no role, no reason, no change number, nothing new, or a number that is taken."""
    person = hand.person
    _must_change(person, reason, Permission.PROPOSE_RANGES)
    if not recipe.change.strip():
        raise Refused(f"recipe {recipe.product!r} has no change number: what is to be approved needs one")
    content = canonical(recipe)
    made = Proposal(
        id=f"{_slug(recipe.product)}.v{recipe.version}.{hash_of(content)[:8]}",
        at_ns=now_ns,
        product=recipe.product,
        version=recipe.version,
        change=recipe.change,
        study=studies_of(recipe),
        person=person.name,
        reason=reason.strip(),
        content=content,
        hash=hash_of(content),
    )
    first_id = made.id
    for approved in records.approved_versions():
        if (approved.product, approved.version) == (made.product, made.version):
            same = approved.hash == made.hash
            why = "is approved already" if same else "was approved with another content: raise the version"
            raise Refused(f"{made.product} v{made.version} {why}")
    closed = {each.subject: CLOSING[each.kind] for each in records.closings()}
    again = 1
    while (known := records.proposal(made.id)) is not None:
        if known.id not in closed:
            raise Refused(f"{known.person} proposed {made.product} v{made.version} as it is already: {known.id}")
        again += 1
        made = replace(made, id=f"{first_id}-{again}")
    hand.sign(made, Meaning.PROPOSED, reason)
    records.propose(made)
    return made


def review(records: RangeRecords, proposal_id: str, hand: Hand, reason: str) -> Proposal:
    """Sign that a proposal was reviewed. Refused: no role, no reason, no proposal that is open, the own one."""
    _must_change(hand.person, reason, Permission.REVIEW_RANGES)
    proposal = _proposal(records, proposal_id)
    _must_be_open(records, proposal)
    _must_not_be_approved(records, proposal)
    hand.sign(proposal, Meaning.REVIEWED, reason)
    return proposal


def _proposal(records: RangeRecords, proposal_id: str) -> Proposal:
    proposal = records.proposal(proposal_id)
    if proposal is None:
        raise Refused(f"there is no proposal {proposal_id!r}")
    return proposal


def _must_not_be_approved(records: RangeRecords, proposal: Proposal) -> None:
    for approved in records.approved_versions():
        if (approved.product, approved.version) == (proposal.product, proposal.version):
            raise Refused(f"{proposal.product} v{proposal.version} is approved already")


def _slug(product: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", product).strip("-") or "recipe"


def _must_change(person: Person, reason: str, permission: Permission) -> None:
    person.must(permission)
    if not reason.strip():
        raise Refused("a reason is needed, in words")


def approve(
    records: RangeRecords, proposal_id: str, hand: Hand, reason: str, valid_from_ns: int | None, now_ns: int
) -> PersonAction:
    """Ask the core to put a reviewed proposal in force, by default from now on; it answers by the request's id.

    Refused: no role, no reason, no such proposal, not reviewed, the own proposal or review, a time in the past, or a
    number that is taken.
    """
    person = hand.person
    _must_change(person, reason, Permission.APPROVE_RANGES)
    proposal = _proposal(records, proposal_id)
    action = PersonAction(
        str(uuid.uuid4()),
        now_ns,
        person.name,
        ActionKind.APPROVE_RANGES,
        proposal.id,
        reason.strip(),
        _valid_from(valid_from_ns, now_ns),
    )
    fault = fault_of(approval_of(proposal, action))
    if fault:
        raise Refused(f"{proposal.id}: {fault}")
    _must_be_open(records, proposal)
    _must_not_be_approved(records, proposal)
    fault = fault_of_approver(proposal, person.name, records.signatures_of(KIND, proposal.id))
    if fault:
        raise Refused(f"{proposal.id}: {fault}")
    hand.sign(proposal, Meaning.APPROVED, reason)
    records.request(action, person)
    return action


def _valid_from(wanted_ns: int | None, now_ns: int) -> int:
    """From when on it judges: not in the past; what two clocks may differ by counts as now."""
    if wanted_ns is None or now_ns - CLOCKS_DIFFER_NS <= wanted_ns < now_ns:
        return now_ns
    if wanted_ns < now_ns:
        raise Refused(f"{format_time(wanted_ns)} is in the past: ranges are valid from now on at the earliest")
    if wanted_ns > _LATEST_NS:
        raise Refused(f"{wanted_ns} ns is later than times can be kept")
    return wanted_ns


def close(
    records: RangeRecords, proposal_id: str, hand: Hand, kind: ActionKind, reason: str, now_ns: int
) -> PersonAction:
    """Ask the core to reject or withdraw a proposal, which nobody can approve from then on.

    Refused: no role, no reason, no such proposal, one that is approved or closed, another one's to withdraw, an own one
    to reject.
    """
    person = hand.person
    step = RangeStep.REJECT if kind is ActionKind.REJECT_RANGES else RangeStep.WITHDRAW
    _must_change(person, reason, NEEDS[step])
    proposal = _proposal(records, proposal_id)
    action = PersonAction(str(uuid.uuid4()), now_ns, person.name, kind, proposal.id, reason.strip())
    fault = fault_of_closing(proposal, action)
    if fault:
        raise Refused(f"{proposal.id}: {fault}")
    _must_be_open(records, proposal)
    if any(approved.proposal == proposal.id for approved in records.approved_versions()):
        raise Refused(f"{proposal.id} is approved already")
    hand.sign(proposal, Meaning.REJECTED if kind is ActionKind.REJECT_RANGES else Meaning.WITHDRAWN, reason)
    records.request(action, person)
    return action


def _must_be_open(records: RangeRecords, proposal: Proposal) -> None:
    for each in records.closings():
        if each.subject == proposal.id:
            why = f"{CLOSING[each.kind]} by {each.person}: {each.comment}"
            raise Refused(f"{proposal.id} was {why}")
