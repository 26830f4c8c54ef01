"""The steps of a range change, each signed: proposed, reviewed, approved; by three people (ICH Q7 12.2, 21 CFR 11.10).

The proposer neither reviews nor approves, and who reviewed does not approve: review and approval are two distinct
people's, and neither is the proposer.
"""

import enum
import json
from collections.abc import Sequence

from domain.approvals import Proposal, same_person
from domain.people import Person
from domain.roles import Permission
from domain.signatures import Content, Meaning, Signature, canonical, hash_of

KIND = "ranges"
"""What is signed: the subject is the proposal's id."""


class RangeStep(enum.StrEnum):
    """What somebody may do with a proposal that waits."""

    REVIEW = "review"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


NEEDS = {
    RangeStep.REVIEW: Permission.REVIEW_RANGES,
    RangeStep.APPROVE: Permission.APPROVE_RANGES,
    RangeStep.REJECT: Permission.REVIEW_RANGES,
    RangeStep.WITHDRAW: Permission.PROPOSE_RANGES,
}
"""What each step needs, beside the permission to sign."""


def steps_for(person: Person, proposal: Proposal, signatures: Sequence[Signature]) -> tuple[RangeStep, ...]:
    """The steps that somebody could take next with a proposal that waits."""
    is_own = same_person(person.name, proposal.person)
    fits = {
        RangeStep.REVIEW: not is_own
        and not any(same_person(each, person.name) for each in reviewers(proposal, signatures)),
        RangeStep.APPROVE: not fault_of_approver(proposal, person.name, signatures),
        RangeStep.REJECT: not is_own,
        RangeStep.WITHDRAW: is_own,
    }
    return tuple(step for step in RangeStep if fits[step] and may_take(person, step))


def may_take(person: Person, step: RangeStep) -> bool:
    """Whether a person's role and token grant a step."""
    return person.may(NEEDS[step]) and person.may(Permission.SIGN)


def content_of(proposal: Proposal) -> Content:
    """What the signatures of a proposal are bound to: the whole recipe, and under which change and study."""
    return {
        "proposal": proposal.id,
        "product": proposal.product,
        "version": proposal.version,
        "change": proposal.change,
        "study": proposal.study,
        "proposer": proposal.person,
        "hash": proposal.hash,
        "recipe": _parsed(proposal.content),
    }


def _parsed(content: str) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return content


def reviewers(proposal: Proposal, signatures: Sequence[Signature]) -> list[str]:
    """Who has reviewed this very content, in order; the proposer does not count."""
    wanted = hash_of(canonical(content_of(proposal)))
    return [
        one.person
        for one in signatures
        if one.meaning == Meaning.REVIEWED and one.hash == wanted and not same_person(one.person, proposal.person)
    ]


def fault_of_approver(proposal: Proposal, approver: str, signatures: Sequence[Signature]) -> str:
    """Why somebody cannot approve a proposal as far as its steps go; empty if they can."""
    if same_person(proposal.person, approver):
        return f"{approver} proposed it: a second person approves"
    found = reviewers(proposal, signatures)
    if not found:
        return "nobody has reviewed it: another person than the proposer reviews, and a third approves"
    if all(same_person(each, approver) for each in found):
        return f"{approver} reviewed it: another person approves"
    return ""
