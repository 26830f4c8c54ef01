"""What people do to alarms: asked of the core, one or many at once, and each answered by itself.

The alarm state has one writer, and it is not the web process: it writes requests, wakes the core, and waits a little
for what the core makes of them.
"""

import asyncio
import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from api.context import Context
from api.shapes import Shape, transition_shape
from api.times import TimeForm
from domain.alarms import AlarmFacts, Transition
from domain.entries import ActionKind, PersonAction
from domain.ports import Person
from domain.rationalisation import class_of, may_shelve
from domain.time import format_time

APPLIED_WITHIN_S = 2.0
EACH_WITHIN_S = 0.02
"""So much longer is waited for each alarm when there are many."""
LOOK_EVERY_S = 0.05
_READ_AT_ONCE = 5_000

DONE_AS: Mapping[ActionKind, str] = {
    ActionKind.ACKNOWLEDGE: "acknowledged",
    ActionKind.SHELVE: "shelved",
    ActionKind.UNSHELVE: "unshelved",
    ActionKind.COMMENT: "commented",
    ActionKind.OUT_OF_SERVICE: "out_of_service",
    ActionKind.RETURN_TO_SERVICE: "returned_to_service",
    ActionKind.RESET: "reset",
}
"""Each deed, and the transition that it makes."""


class Outcome(enum.StrEnum):
    """What became of a deed on one alarm."""

    DONE = "done"
    ALREADY = "already"  # it was so before, or somebody else was first: `detail` says who
    UNKNOWN = "unknown"  # there is no such alarm
    REFUSED = "refused"  # the core says why
    WAITING = "waiting"  # the request is durable; the core has not applied it yet


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person does to some alarms, with the same words."""

    person: Person
    kind: ActionKind
    comment: str
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a deed on one alarm; `request` is empty where nothing was asked of the core."""

    alarm: str
    outcome: Outcome
    detail: str = ""
    request: str = ""
    transition: Transition | None = None

    def shape(self) -> Shape:
        """It as a member of an answer."""
        made = None if self.transition is None else transition_shape(self.transition, TimeForm.NS)
        told: Shape = {"alarm": self.alarm, "outcome": self.outcome.value, "detail": self.detail}
        return told | {"request": self.request, "transition": made}


async def act(here: Context, alarms: Sequence[str], deed: Deed) -> list[Answered]:
    """Do something to some alarms; the answers are in their order, and none of them depends on another."""
    found, before = await here.lanes.light.run(lambda: _as_they_are(here, alarms))
    answers = {alarm: _at_once(here, alarm, past, deed) for alarm, past in found.items()}
    answers |= {alarm: _unknown(alarm) for alarm in alarms if alarm not in found}
    asked = {
        alarm: PersonAction(
            here.deps.new_id(), here.now_ns(), deed.person.name, deed.kind, alarm, deed.comment, deed.until_ns
        )
        for alarm in dict.fromkeys(alarms)
        if answers[alarm] is None
    }
    if asked:
        await here.lanes.light.run(lambda: here.deps.records.request_all(list(asked.values()), deed.person))
        answers |= await _awaited(here, asked, before)
    return [told for alarm in dict.fromkeys(alarms) if (told := answers[alarm]) is not None]


async def _awaited(here: Context, asked: Mapping[str, PersonAction], before: str | None) -> dict[str, Answered]:
    """What the core makes of requests; `before` is the newest transition from before they were made."""
    waiting, answers = dict(asked), dict[str, Answered]()
    for _ in range(round((APPLIED_WITHIN_S + EACH_WITHIN_S * len(asked)) / LOOK_EVERY_S)):
        here.deps.wake_core()  # again and again: it takes a hundred requests at once
        answers |= await here.lanes.light.run(partial(_found, here, waiting, before))
        waiting = {alarm: action for alarm, action in waiting.items() if alarm not in answers}
        if not waiting:
            return answers
        await asyncio.sleep(LOOK_EVERY_S)
    detail = "the request is durable; the core has not applied it yet"
    late = {alarm: Answered(alarm, Outcome.WAITING, detail, action.id) for alarm, action in waiting.items()}
    return answers | late


def _found(here: Context, waiting: Mapping[str, PersonAction], before: str | None) -> dict[str, Answered]:
    # First who is settled: what these made is then committed, and is among what is read after.
    settled = here.deps.settled([action.id for action in waiting.values()])
    made = here.deps.records.transitions(None, _READ_AT_ONCE, after=before)
    mine = {each.alarm: each for each in made if each.alarm in waiting and _is_of(each, waiting[each.alarm])}
    answers: dict[str, Answered] = {}
    for alarm, action in waiting.items():
        if alarm in mine:
            answers[alarm] = Answered(alarm, Outcome.DONE, "", action.id, mine[alarm])
        elif settled.get(action.id):
            answers[alarm] = Answered(alarm, Outcome.REFUSED, settled[action.id], action.id)
        elif action.id in settled:  # the core had nothing to say: somebody was first
            detail = who_was_first(alarm, action.kind, here.deps.records.transitions(alarm, 20))
            answers[alarm] = Answered(alarm, Outcome.ALREADY, detail, action.id)
    return answers


def _is_of(transition: Transition, action: PersonAction) -> bool:
    said = transition.person == action.person and transition.comment == action.comment.strip()
    return said and transition.what == DONE_AS[action.kind] and transition.at_ns == action.at_ns


def _as_they_are(here: Context, alarms: Iterable[str]) -> tuple[dict[str, list[Transition]], str | None]:
    """The past of each alarm that there is, newest first, and the newest transition of all."""
    records = here.deps.records
    latest = records.transitions(None, 1)
    past = {alarm: list(records.transitions(alarm, 20)) for alarm in dict.fromkeys(alarms)}
    return {alarm: found for alarm, found in past.items() if found}, latest[0].id if latest else None


def _unknown(alarm: str) -> Answered:
    return Answered(alarm, Outcome.UNKNOWN, f"no alarm has the id {alarm!r}")


def _at_once(here: Context, alarm: str, past: Sequence[Transition], deed: Deed) -> Answered | None:
    """The answer that is clear without the core; None: the core decides."""
    alarm_class = class_of(here.deps.rulebook, past[0].alarm_class)
    if deed.kind is ActionKind.SHELVE and not may_shelve(alarm_class, deed.person.role):
        detail = f"{alarm!r}: alarms of class {alarm_class.name!r} are shelved by {' or '.join(alarm_class.shelve)}"
        return Answered(alarm, Outcome.REFUSED, detail)
    if not is_so(past[0].facts, deed.kind):
        return None
    return Answered(alarm, Outcome.ALREADY, who_was_first(alarm, deed.kind, past))


def is_so(facts: AlarmFacts, kind: ActionKind) -> bool:
    """Whether nothing is left to do."""
    match kind:
        case ActionKind.ACKNOWLEDGE:
            return facts.acknowledged
        case ActionKind.UNSHELVE:
            return facts.shelved_until_ns is None
        case ActionKind.OUT_OF_SERVICE:
            return facts.out_of_service
        case ActionKind.RETURN_TO_SERVICE:
            return not facts.out_of_service
        case ActionKind.RESET:
            return not facts.latched
    return False


_SO = {
    ActionKind.ACKNOWLEDGE: "is acknowledged already",
    ActionKind.UNSHELVE: "is not shelved",
    ActionKind.OUT_OF_SERVICE: "is out of service already",
    ActionKind.RETURN_TO_SERVICE: "is not out of service",
    ActionKind.RESET: "is not latched",
}


def who_was_first(alarm: str, kind: ActionKind, past: Sequence[Transition]) -> str:
    """Say why nothing was left to do, and who had done it; `past` is newest first."""
    so = f"{alarm!r} {_SO.get(kind, 'is so already')}"
    for each in past:
        if each.what == DONE_AS[kind] and each.occurrence == past[0].occurrence and each.person:
            return f"{so}: {each.person} was first, at {format_time(each.at_ns)[11:19]} UTC: “{each.comment}”"
    return so
