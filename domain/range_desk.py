"""What a person sees and does who takes part in a range change: proposals, their differences, signatures and steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.approvals import Proposal
from domain.entries import PersonAction, RecipeApproved
from domain.people import Person
from domain.range_steps import RangeStep
from domain.signatures import Shown


@dataclass(frozen=True, slots=True)
class RangeChange:
    """A proposal and how it stands; `differences` are from the version in force, and empty once it is decided."""

    proposal: Proposal
    state: str  # waits for review, waits for approval, approved, rejected, withdrawn, another was approved
    sha256: str  # of the content that its signatures are bound to
    in_force: int | None
    differences: tuple[str, ...]
    signatures: tuple[Shown, ...]
    reviewed_by: tuple[str, ...]
    closed_by: str = ""
    closed_because: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody may still take a step."""
        return self.state.startswith("waits")


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A range of one phase run that says something else than it said."""

    batch: str
    phase: str
    tag: str
    rule: str  # nor.high
    before_ns: int  # how long outside
    after_ns: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a proposal would have said of the phase runs since a time."""

    runs: int
    otherwise: tuple[Otherwise, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """With what a person takes a step: what proves them once more, why, and from when on an approval is valid."""

    secret: str
    reason: str
    valid_from_ns: int | None = None


class RangeDesk(Protocol):
    """Range changes, for the page and the API. Calls block: never on an event loop."""

    def drafts(self, now_ns: int) -> Sequence[tuple[str, int]]:
        """Products whose file nobody has proposed as it is, each with the file's version."""
        ...

    def changes(self, now_ns: int) -> Sequence[RangeChange]:
        """The newest proposals, newest first."""
        ...

    def change(self, id_: str, now_ns: int) -> RangeChange | None:
        """One of them."""
        ...

    def reviewers(self, approved: RecipeApproved) -> Sequence[str]:
        """Who had reviewed what was approved."""
        ...

    def weigh(self, id_: str, since_ns: int, now_ns: int) -> Weighed:
        """What a proposal would have said of recent batches; takes seconds. Refused: there is no such proposal."""
        ...

    def propose(self, product: str, person: Person, said: Said, now_ns: int) -> Proposal:
        """Put the file's recipe forward, signed. Refused says why not."""
        ...

    def step(self, step: RangeStep, id_: str, person: Person, said: Said, now_ns: int) -> PersonAction | None:
        """Take a step, signed; what the core is asked for, if anything. Refused says why not."""
        ...
