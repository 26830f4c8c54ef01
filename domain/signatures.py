"""Electronic signatures: who stands behind exactly which content, when, and as what (21 CFR 11.50, 11.70; Annex 11 14).

A signature is bound to the SHA-256 of the content as canonical JSON. Nothing marks it as void later: whether it still
stands is found by comparing hashes whenever it is shown, so a content that has changed shows as unsigned by itself.
"""

import enum
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.approvals import same_person
from domain.errors import Refused

Content = Mapping[str, object]
"""What is signed: members that JSON can say, without floats that are no numbers."""

LONGEST_CONTENT = 4_000_000  # characters
LONGEST_REASON = 2_000
_MOST_CHANGES = 20


class Meaning(enum.StrEnum):
    """What somebody says by signing (21 CFR 11.50 (a) (3))."""

    PERFORMED = "performed"
    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as it was given; `content` is the canonical JSON that it is bound to, `hash` its SHA-256."""

    id: str
    kind: str  # of what is signed: `ranges`, `batch`, `disposition`
    subject: str  # its id
    meaning: str
    person: str
    printed: str  # the name as it is printed
    role: str  # that the person held
    at_ns: int
    reason: str
    hash: str
    content: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A signature beside the content as it is now: `changes` names what differs, and is empty while it stands."""

    signature: Signature
    changes: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether what was signed is what is there."""
        return not self.changes

    @property
    def manifest(self) -> str:
        """What is printed wherever the signed thing is shown, without the time."""
        one = self.signature
        return f"{one.meaning} by {one.printed} ({one.role}): {one.reason}"


def canonical(content: Content) -> str:
    """A content as text: JSON with sorted keys and no blanks. ValueError for a number that is none."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(text: str) -> str:
    """What names a content: the SHA-256 of its canonical text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def shown(signatures: Sequence[Signature], content: Content) -> list[Shown]:
    """Signatures beside the content that is there now."""
    text = canonical(content)
    now = hash_of(text)
    return [Shown(one, () if one.hash == now else tuple(changes(one.content, text))) for one in signatures]


def changes(before: str, after: str) -> list[str]:
    """Where two canonical texts differ: `path: old → new`, at most twenty; never empty where they differ at all."""
    found = list(_differing("", json.loads(before), json.loads(after)))
    if len(found) > _MOST_CHANGES:
        found = [*found[:_MOST_CHANGES], f"and {len(found) - _MOST_CHANGES} more"]
    return found or ["its form"]


def _differing(path: str, before: object, after: object) -> Sequence[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted({*before, *after})
            for line in _differing(f"{path}.{key}" if path else key, before.get(key), after.get(key))
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for at, (one, other) in pairs for line in _differing(f"{path}[{at}]", one, other)]
    return [] if before == after else [f"{path or 'it'}: {_brief(before)} → {_brief(after)}"]


def _brief(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 80 else f"{text[:77]}…"


def demand_other_person(meaning: str, person: str, actors: Collection[str]) -> None:
    """Refused where somebody would review, approve or reject what they did themselves: the one place of this rule."""
    if meaning in (Meaning.PERFORMED, Meaning.PROPOSED, Meaning.WITHDRAWN):
        return
    for actor in actors:
        if same_person(person, actor):
            raise Refused(f"{person} did it, so another person has to say that it is {meaning}")
