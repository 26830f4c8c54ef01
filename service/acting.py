"""People's requests: written by the web process, put into the journal in their place by the core."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Protocol

from domain.approvals import CLOSING, Proposal, fault_of_closing
from domain.entries import ActionKind, BatchEvent, Entry, PersonAction, RecipeApproved
from domain.range_steps import KIND, fault_of_approver
from domain.signatures import Signature
from service.absence import Absence
from service.collecting import Intake

log = logging.getLogger(__name__)


class Requests(Protocol):
    """The waiting requests of people, and the proposals that some of them approve."""

    def waiting_requests(self) -> Sequence[PersonAction]:
        """Requests that are not answered yet, oldest first."""
        ...

    def proposal(self, id_: str) -> Proposal | None:
        """A proposal, if there is one by that id."""
        ...

    def signatures_of(self, kind: str, subject: str) -> Sequence[Signature]:
        """What was signed of one thing, oldest first."""
        ...

    def request_done(self, id_: str, error: str | None = None) -> None:
        """Answer a request."""
        ...

    def waiting_events(self) -> Sequence[BatchEvent]:
        """Events of batches that are not answered yet, oldest first."""
        ...


async def take_requests(requests: Requests, journal: Intake, woken: asyncio.Event, poll_s: float = 1.0) -> None:
    """Journal each waiting request once; the judge applies and answers it. Woken, or every `poll_s`."""
    journaled: set[str] = set()
    absence = Absence(log, "requests of people wait")
    while True:
        with absence.outlasted():
            asked, entries = await asyncio.to_thread(_news, requests, journaled)
            if entries:
                await journal.append(*entries)
            journaled = asked
        try:
            async with asyncio.timeout(poll_s):
                await woken.wait()
        except TimeoutError:
            continue
        woken.clear()


def _news(requests: Requests, journaled: Collection[str]) -> tuple[set[str], list[Entry]]:
    """What waits, each by its kind and id, and what of it is to be journaled."""
    waiting, events = requests.waiting_requests(), requests.waiting_events()
    fresh = [action for action in waiting if f"action {action.id}" not in journaled]
    news = [event for event in events if f"event {event.id}" not in journaled]
    asked = {f"action {action.id}" for action in waiting} | {f"event {event.id}" for event in events}
    return asked, [*_entries(requests, fresh), *news]


def _entries(requests: Requests, actions: Sequence[PersonAction]) -> list[Entry]:
    """What is journaled of requests; one that is about no proposal, or cannot close its, is refused on the spot."""
    entries: list[Entry] = []
    for action in actions:
        if action.kind is not ActionKind.APPROVE_RANGES and action.kind not in CLOSING:
            entries.append(action)
            continue
        proposal = requests.proposal(action.subject)
        fault = "" if proposal is None else fault_of_closing(proposal, action)
        if proposal is None:
            requests.request_done(action.id, f"there is no proposal {action.subject!r}")
        elif action.kind is ActionKind.APPROVE_RANGES:
            unfit = fault_of_approver(proposal, action.person, requests.signatures_of(KIND, proposal.id))
            if unfit:
                requests.request_done(action.id, unfit)
            else:
                entries.append(approval_of(proposal, action))
        elif fault:
            requests.request_done(action.id, fault)
        else:
            entries.append(action)
    return entries


def approval_of(proposal: Proposal, action: PersonAction) -> RecipeApproved:
    """The approval of a proposal, with the whole content that judges from then on."""
    return RecipeApproved(
        id=action.id,
        at_ns=action.at_ns,
        product=proposal.product,
        version=proposal.version,
        change=proposal.change,
        study=proposal.study,
        valid_from_ns=action.at_ns if action.until_ns is None else action.until_ns,
        proposal=proposal.id,
        proposer=proposal.person,
        approver=action.person,
        reason=action.comment,
        content=proposal.content,
        hash=proposal.hash,
    )
