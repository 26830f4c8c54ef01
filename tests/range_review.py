"""A proposal's review, as somebody signed it."""

from domain.approvals import Proposal
from domain.range_steps import KIND, content_of
from domain.signatures import Meaning, Signature, canonical, hash_of


def review_of(proposal: Proposal, person: str = "Ruth") -> Signature:
    """Signed the moment it was put forward."""
    content = canonical(content_of(proposal))
    said = (KIND, proposal.id, Meaning.REVIEWED, person, person, "QA", proposal.at_ns, "read")
    return Signature(f"review of {proposal.id} by {person}", *said, hash_of(content), content)
