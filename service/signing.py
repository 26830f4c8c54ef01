"""Signing: who signs proves once more to be that person, and what they sign is bound to its content's hash."""

import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from domain.audit import AuditEntry
from domain.errors import Refused
from domain.identity import Proofs, Wanted
from domain.people import NO_PROOF, PROOF_WANTED, Door, NotLetIn, PeopleDesk, Person, ProofWanted
from domain.roles import Permission
from domain.signatures import (
    LONGEST_CONTENT,
    LONGEST_REASON,
    Content,
    Shown,
    Signature,
    canonical,
    demand_other_person,
    hash_of,
    shown,
)
from records.signatures import KIND

log = logging.getLogger(__name__)

Proof = Callable[[Person, str, str], str]
"""Whether a secret is a person's: the name as it is printed, or Refused. Counts failures, and locks out.

The last is the SHA-256 of all that is signed, for who proves themselves elsewhere and for that alone.
"""


class SignedRecords(Protocol):
    """The records as far as they keep signatures."""

    def sign(self, signature: Signature) -> None:
        """Keep a signature, with its record in the audit trail."""
        ...

    def signatures_of(self, kind: str, subject: str) -> Sequence[Signature]:
        """What was signed of one thing, oldest first."""
        ...

    def audit(self, entry: AuditEntry) -> None:
        """Put a deed into the audit trail."""
        ...


class Signing:
    """Gives signatures and shows them. Calls block: never on an event loop."""

    def __init__(self, records: SignedRecords, proof: Proof, now_ns: Callable[[], int]) -> None:
        self._records = records
        self._proof = proof
        self._now_ns = now_ns

    def made(
        self,
        kind: str,
        subject: str,
        content: Content,
        meaning: str,
        person: Person,
        secret: str,
        reason: str,
        actors: Collection[str] = (),
    ) -> Signature:
        """A signature that is not written yet. Refused: no role, no reason, the own deed, or a secret that is wrong."""
        person.must(Permission.SIGN)
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise Refused(f"a reason is needed, in at most {LONGEST_REASON} characters")
        demand_other_person(meaning, person.name, actors)
        text = canonical(content)
        if len(text) > LONGEST_CONTENT:
            raise Refused(f"{kind} {subject!r} is too long to be signed: {len(text)} characters")
        now_ns, told = self._now_ns(), hash_of(text)
        said = {"kind": kind, "subject": subject, "meaning": str(meaning), "reason": reason.strip(), "hash": told}
        printed = self._proven(kind, subject, person, secret, hash_of(canonical(said)), now_ns)
        return Signature(
            id=str(uuid.uuid4()),
            kind=kind,
            subject=subject,
            meaning=str(meaning),
            person=person.name,
            printed=printed,
            role=person.role,
            at_ns=now_ns,
            reason=reason.strip(),
            hash=told,
            content=text,
            origin=person.origin,
        )

    def sign(
        self,
        kind: str,
        subject: str,
        content: Content,
        meaning: str,
        person: Person,
        secret: str,
        reason: str,
        actors: Collection[str] = (),
    ) -> Signature:
        """Sign a content, durably. `actors` did what is reviewed, approved or rejected. Refused as `made` says."""
        signature = self.made(kind, subject, content, meaning, person, secret, reason, actors)
        self._records.sign(signature)
        return signature

    def signatures_of(self, kind: str, subject: str, content: Content) -> Sequence[Shown]:
        """Every signature of a thing beside its content as it is now, oldest first."""
        return shown(self._records.signatures_of(kind, subject), content)

    def _proven(self, kind: str, subject: str, person: Person, secret: str, digest: str, now_ns: int) -> str:
        try:
            return self._proof(person, secret, digest)
        except ProofWanted:  # the first half of signing; nothing is refused
            raise
        except Refused as error:
            what = f"refused: {error}"
            entry = AuditEntry(f"refused {uuid.uuid4()}", now_ns, person.name, KIND, f"{kind} {subject}", what)
            self._records.audit(entry)
            raise


def proof_by_token(person_of: Callable[[str], Person | None]) -> Proof:
    """A person proves to be one by the personal token."""

    def proven(person: Person, secret: str, _: str) -> str:
        held = person_of(secret)
        if held is None or held.name != person.name:
            raise Refused("the personal token is not this person's")
        return held.name

    return proven


def proof_by_password(people: PeopleDesk, proofs: Proofs | None = None) -> Proof:
    """Prove by the password, whose failures count like those of a login; a directory is asked for its people's.

    Who signs in by an identity provider proves themselves there, which `proofs` knows. ProofWanted where they have not.
    """

    def proven(person: Person, secret: str, digest: str) -> str:
        if people.is_by_provider(person.name) and not people.asks_elsewhere(person.name):
            if proofs is None:
                raise NotLetIn(NO_PROOF.format(person.name))
            if not proofs.used(Wanted(person.name, digest)):
                raise ProofWanted(PROOF_WANTED.format(person.name))
            return person.printed
        known = people.check_password(person.name, secret, Door(person.origin))
        if known.role != person.role:
            raise Refused(f"{person.name} has another role by now than when this was asked: {known.role}")
        return known.printed

    return proven
